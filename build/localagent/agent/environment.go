package agent

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

// pair is a name with a value, where the order of several matters.
type pair struct{ key, value string }

// surroundings are all that a step's environment is made from.
type surroundings struct {
	// worker is the environment of the agent itself.
	worker []string
	// env is the step's own env, expanded.
	env             []pair
	public, secrets []variables.Variable
	inputs          []pair
	endpoints       []Endpoint
	files           []SecureFile
	task            []variables.Variable
	// prepend are the folders of task.prependpath, the last one first in PATH.
	prepend []string
}

// forNode is the environment of a task, in the order of NodeHandler.cs: what
// comes later wins. Since agent 5.277 inputs come after variables, so that a
// variable named INPUT_KEY cannot replace an input.
func (s surroundings) forNode() ([]string, error) {
	e := environment{}
	e.addAll(s.env)
	e.addPublic(s.public)
	e.add("VSTS_PUBLIC_VARIABLES", names(s.public))
	for _, v := range s.secrets {
		e.add("SECRET_"+v.EnvName(), v.Value)
	}
	e.add("VSTS_SECRET_VARIABLES", names(s.secrets))
	for _, in := range s.inputs {
		e.add("INPUT_"+variables.EnvName(in.key), in.value)
	}
	for _, endpoint := range s.endpoints {
		e.addEndpoint(endpoint)
	}
	for _, f := range s.files {
		e.add("SECUREFILE_NAME_"+f.ID, f.Name)
		e.add("SECUREFILE_TICKET_"+f.ID, f.Ticket)
	}
	for _, v := range s.task {
		e.add("VSTS_TASKVARIABLE_"+v.EnvName(), v.Value)
	}
	e.prepend(s)
	return e.over(s.worker)
}

// forScript is the environment of a script step. In Azure Pipelines that is a
// task too (CmdLine, Bash), whose library has deleted its own inputs and all
// secrets before the script starts; the step's env is how a script gets one.
func (s surroundings) forScript() ([]string, error) {
	e := environment{}
	e.addAll(s.env)
	e.addPublic(s.public)
	for _, endpoint := range s.endpoints {
		if endpoint.system() {
			e.add("ENDPOINT_URL_"+endpoint.key(), endpoint.URL)
		}
	}
	e.prepend(s)
	all, err := e.over(s.worker)
	return slices.DeleteFunc(all, vaulted), err
}

// vaulted reports whether azure-pipelines-task-lib removes the entry from the
// environment and keeps it for itself (internal.ts, _loadData).
func vaulted(entry string) bool {
	name, value, _ := strings.Cut(entry, "=")
	for _, prefix := range []string{"INPUT_", "ENDPOINT_AUTH_", "SECUREFILE_TICKET_", "SECRET_", "VSTS_TASKVARIABLE_"} {
		if strings.HasPrefix(name, prefix) && value != "" {
			return true
		}
	}
	return false
}

func names(vars []variables.Variable) string {
	list := []string{}
	for _, v := range vars {
		list = append(list, v.Name)
	}
	return toJSON(list)
}

// environment collects entries; of two with one name the later wins, in the
// place of the first.
type environment struct {
	entries []pair
	err     error
}

func (e *environment) add(name, value string) {
	if name == "" || strings.Contains(name+value, "\x00") {
		e.err = fmt.Errorf("environment variable %q or its value holds a NUL character, or the name is empty", name)
		return
	}
	if i := e.index(name); i >= 0 {
		e.entries[i].value = value
		return
	}
	e.entries = append(e.entries, pair{name, value})
}

func (e *environment) index(name string) int {
	return slices.IndexFunc(e.entries, func(p pair) bool { return sameEnvName(p.key, name) })
}

func (e *environment) addAll(entries []pair) {
	for _, p := range entries {
		e.add(p.key, p.value)
	}
}

func (e *environment) addPublic(public []variables.Variable) {
	for _, v := range public {
		if strings.EqualFold(v.Name, jobStatusVariable) {
			e.add(v.Name, v.Value)
		}
		e.add(v.EnvName(), v.Value)
	}
}

func (e *environment) addEndpoint(endpoint Endpoint) {
	key := endpoint.key()
	e.add("ENDPOINT_URL_"+key, endpoint.URL)
	e.add("ENDPOINT_AUTH_"+key, toJSON(endpoint.Auth))
	if endpoint.Auth.Scheme != "" {
		e.add("ENDPOINT_AUTH_SCHEME_"+key, endpoint.Auth.Scheme)
		for _, name := range sorted(endpoint.Auth.Parameters) {
			e.add("ENDPOINT_AUTH_PARAMETER_"+key+"_"+variables.EnvName(name), endpoint.Auth.Parameters[name])
		}
	}
	if endpoint.system() {
		return
	}
	e.add("ENDPOINT_DATA_"+key, toJSON(endpoint.Data))
	for _, name := range sorted(endpoint.Data) {
		e.add("ENDPOINT_DATA_"+key+"_"+variables.EnvName(name), endpoint.Data[name])
	}
}

// prepend puts the folders of task.prependpath before PATH: that of a variable,
// else of the step's env, else of the agent. A PATH that was empty gets no
// separator, which would mean the current folder.
func (e *environment) prepend(s surroundings) {
	if len(s.prepend) == 0 {
		return
	}
	folders := slices.Clone(s.prepend)
	slices.Reverse(folders)
	first := strings.Join(folders, string(os.PathListSeparator))
	current, _ := lookupEnv(s.worker, "PATH")
	if i := e.index("PATH"); i >= 0 {
		current = e.entries[i].value
	}
	for _, v := range append(slices.Clone(s.public), s.secrets...) {
		if strings.EqualFold(v.Name, "PATH") {
			current = v.Value
		}
	}
	switch {
	case current == "":
		current = first
	case !strings.HasPrefix(current, first+string(os.PathListSeparator)):
		current = first + string(os.PathListSeparator) + current
	}
	e.add("PATH", current)
}

// over lays the entries over the agent's own environment.
func (e *environment) over(worker []string) ([]string, error) {
	if e.err != nil {
		return nil, e.err
	}
	all := environment{}
	for _, entry := range worker {
		// Windows has entries such as "=C:=C:\dir".
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			all.add(name, value)
		}
	}
	all.addAll(e.entries)
	all.add("TF_BUILD", "True")
	list := make([]string, len(all.entries))
	for i, p := range all.entries {
		list[i] = p.key + "=" + p.value
	}
	return list, all.err
}

// lookupEnv finds a variable in an environment; the last entry counts.
func lookupEnv(environ []string, name string) (value string, ok bool) {
	for _, entry := range slices.Backward(environ) {
		if key, value, found := strings.Cut(entry, "="); found && sameEnvName(key, name) {
			return value, true
		}
	}
	return "", false
}

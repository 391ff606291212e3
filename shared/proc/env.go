package proc

import "strings"

// lookupID is the variable by which the agent finds processes that a job has
// left behind (JobExtension.cs); without it, what escapes us escapes the agent.
const lookupID = "VSTS_PROCESS_LOOKUP_ID"

// privatePrefixes begin the names of the variables in which the agent hands
// inputs, secrets and state to a task. They are the task's own.
var privatePrefixes = []string{"INPUT_", "SECRET_", "ENDPOINT_AUTH_", "SECUREFILE_", "VSTS_TASKVARIABLE_"}

// Only returns the variables of environ that are named, for Cmd.Env. Names are
// compared as the operating system does. The agent's private variables (INPUT_,
// SECRET_, ENDPOINT_AUTH_, SECUREFILE_, VSTS_TASKVARIABLE_) are left out even when
// named, and VSTS_PROCESS_LOOKUP_ID is kept even when not: it lets the agent clean
// up at the end of the job. The result is never nil; to give a program more, such
// as a token it needs, append to it.
func Only(environ []string, names ...string) []string {
	return only(environ, append(names, lookupID), foldNames)
}

func only(environ, names []string, fold bool) []string {
	same := func(a, b string) bool { return a == b }
	if fold {
		same = strings.EqualFold
	}
	out := []string{}
	for _, kv := range environ {
		key, _, ok := strings.Cut(kv, "=")
		if !ok || key == "" || private(key) {
			continue
		}
		for _, name := range names {
			if same(key, name) {
				out = append(out, kv)
				break
			}
		}
	}
	return out
}

// private reports whether the agent means key for the task alone. Case does not
// count on any system: a program may look names up without it.
func private(key string) bool {
	for _, prefix := range privatePrefixes {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// lookup returns the value that a program sees for key: the last one.
func lookup(environ []string, key string, fold bool) string {
	value := ""
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		if k == key || fold && strings.EqualFold(k, key) {
			value = v
		}
	}
	return value
}

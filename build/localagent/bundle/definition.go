package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// maxDefinition is far above the largest task.json of Microsoft's own tasks
// (about 200 kB).
const maxDefinition = 4 << 20

// Definition is the part of a task.json that decides how a step runs.
type Definition struct {
	ID           string
	Name         string
	FriendlyName string
	Description  string
	Author       string
	HelpURL      string
	HelpMarkDown string
	Version      Version
	Inputs       []Input
	// PreJob, Main and PostJob are nil when the task has no such stage.
	PreJob, Main, PostJob Handlers
	// OutputVariables are redirected to <step name>.<variable>.
	OutputVariables []string
	Restrictions    Restrictions
}

// Version is a task's version. Major is what pipelines ask for.
type Version struct{ Major, Minor, Patch int }

// String returns the version with dots, as the agent names folders.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

func (v Version) compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

func (v Version) matches(want string) bool {
	return want == v.String() || want == strconv.Itoa(v.Major)
}

// Input is one input a task declares.
type Input struct {
	Name     string
	Aliases  []string
	Type     string
	Default  string
	Required bool
	// Conditional is set when a visibleRule decides whether the input is shown:
	// the server then requires it only when it is visible.
	Conditional bool
}

// Handlers are the ways a stage can be run, by the name task.json gives them.
type Handlers map[string]Handler

// Handler is what to run for a stage.
type Handler struct {
	Target           string
	WorkingDirectory string
}

// Restrictions limit what logging commands the steps of a task may use.
type Restrictions struct {
	// Commands is true for mode "restricted".
	Commands bool
	// Variables are the patterns of variables that may be set, nil when all may.
	Variables []string
}

// manifest is task.json as it is written; Go matches field names without
// regard to case, as the agent's JSON.NET does.
type manifest struct {
	ID, Name, FriendlyName, Description, Author, HelpURL, HelpMarkDown string

	Version struct{ Major, Minor, Patch text }
	Inputs  []struct {
		Name, Type, VisibleRule string
		Aliases                 []string
		DefaultValue, Required  text
	}
	PreJobExecution, Execution, PostJobExecution map[string]json.RawMessage

	OutputVariables []struct{ Name string }
	Restrictions    struct {
		Commands          struct{ Mode string }
		SettableVariables *struct{ Allowed []string }
	}
}

// text is a string that authors also write as a bare number or boolean.
// JSON.NET turns true into "True", so that is what tasks get to see.
type text string

// UnmarshalJSON accepts a string, a number, a boolean or null.
func (t *text) UnmarshalJSON(data []byte) error {
	switch s := string(data); {
	case s == "null":
		*t = ""
	case s == "true":
		*t = "True"
	case s == "false":
		*t = "False"
	case strings.HasPrefix(s, `"`):
		return json.Unmarshal(data, (*string)(t))
	case strings.HasPrefix(s, "{"), strings.HasPrefix(s, "["):
		return errors.New("expected a string, a number or a boolean")
	default:
		*t = text(s)
	}
	return nil
}

var (
	guidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	namePattern = regexp.MustCompile(`^[A-Za-z0-9\-]+$`)
)

func readDefinition(files fs.FS, folder string) (Definition, error) {
	data, err := readSmall(files, path.Join(folder, "task.json"), maxDefinition)
	if err != nil {
		return Definition{}, err
	}
	var m manifest
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &m); err != nil {
		return Definition{}, fmt.Errorf("not a valid task.json: %w", err)
	}
	// Both become part of a folder's name, so they are checked before use.
	if !guidPattern.MatchString(m.ID) {
		return Definition{}, fmt.Errorf("id %q is not a GUID", m.ID)
	}
	if !namePattern.MatchString(m.Name) {
		return Definition{}, fmt.Errorf("name %q may only have letters, digits and hyphens", m.Name)
	}
	return m.definition()
}

func (m *manifest) definition() (Definition, error) {
	d := Definition{
		ID: strings.ToLower(m.ID), Name: m.Name, FriendlyName: m.FriendlyName, Description: m.Description,
		Author: m.Author, HelpURL: m.HelpURL, HelpMarkDown: m.HelpMarkDown,
		Restrictions: Restrictions{Commands: strings.EqualFold(m.Restrictions.Commands.Mode, "restricted")},
	}
	if s := m.Restrictions.SettableVariables; s != nil {
		d.Restrictions.Variables = append([]string{}, s.Allowed...)
	}
	for _, o := range m.OutputVariables {
		if o.Name != "" {
			d.OutputVariables = append(d.OutputVariables, o.Name)
		}
	}
	for _, in := range m.Inputs {
		d.Inputs = append(d.Inputs, Input{
			Name: strings.TrimSpace(in.Name), Aliases: in.Aliases, Type: in.Type, Default: string(in.DefaultValue),
			Required: strings.EqualFold(string(in.Required), "true"), Conditional: in.VisibleRule != "",
		})
	}
	if err := d.setVersion(m.Version.Major, m.Version.Minor, m.Version.Patch); err != nil {
		return Definition{}, err
	}
	var err [3]error
	d.PreJob, err[0] = handlers("prejobexecution", m.PreJobExecution)
	d.Main, err[1] = handlers("execution", m.Execution)
	d.PostJob, err[2] = handlers("postjobexecution", m.PostJobExecution)
	return d, errors.Join(err[:]...)
}

func (d *Definition) setVersion(parts ...text) error {
	for i, field := range []*int{&d.Version.Major, &d.Version.Minor, &d.Version.Patch} {
		n, err := strconv.Atoi(string(parts[i]))
		if err != nil || n < 0 {
			return fmt.Errorf("version needs the numbers Major, Minor and Patch, got %q", parts[i])
		}
		*field = n
	}
	return nil
}

// knownHandlers are the handlers that agents know (ExecutionData in TaskManager.cs).
// They pass over any other, whatever it holds.
var knownHandlers = []string{
	"Node24", "Node20_1", "Node16", "Node10", "Node", "AgentPlugin",
	"AzurePowerShell", "PowerShell", "PowerShell3", "PowerShellExe", "Process",
}

func handlers(stage string, raw map[string]json.RawMessage) (Handlers, error) {
	if raw == nil {
		return nil, nil
	}
	all := Handlers{}
	for name, data := range raw {
		if !slices.ContainsFunc(knownHandlers, func(known string) bool { return ordinal.Equal(known, name) }) {
			continue
		}
		var h Handler
		if err := json.Unmarshal(data, &h); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", stage, name, err)
		}
		all[name] = h
	}
	return all, nil
}

// readSmall reads a file that must not be larger than limit.
func readSmall(files fs.FS, name string, limit int64) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return data, nil
}

// Package taskjson is the model of a task.json: what the agent, the server and
// the classic editor read in it, as Go values.
//
// Parse promises that nothing of the file is lost or hidden: keys that stand
// twice are refused (JSON readers disagree on which one counts, and the agent's
// reads keys in any case), as is text after the end. Whether the values make
// sense is package check's business.
package taskjson

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Task is a task.json.
type Task struct {
	ID                  string    `json:"id"`
	Name                string    `json:"name"`
	FriendlyName        string    `json:"friendlyName"`
	Description         string    `json:"description"`
	HelpURL             string    `json:"helpUrl"`
	HelpMarkDown        string    `json:"helpMarkDown"`
	Author              string    `json:"author"`
	Category            string    `json:"category"`
	Version             Version   `json:"version"`
	RunsOn              []string  `json:"runsOn"`
	Visibility          []string  `json:"visibility"`
	Demands             []string  `json:"demands"`
	MinimumAgentVersion string    `json:"minimumAgentVersion"`
	InstanceNameFormat  string    `json:"instanceNameFormat"`
	Groups              []Group   `json:"groups"`
	Inputs              []Input   `json:"inputs"`
	Bindings            []Binding `json:"dataSourceBindings"`
	Outputs             []Output  `json:"outputVariables"`
	Pre                 Handlers  `json:"prejobexecution"`
	Main                Handlers  `json:"execution"`
	Post                Handlers  `json:"postjobexecution"`

	Restrictions *Restrictions `json:"restrictions"`

	// Has are the keys of the top level, as they are written.
	Has map[string]json.RawMessage `json:"-"`
}

// Version is a task's version. The numbers are json.Number because the schema
// lets them be any number.
type Version struct {
	Major json.Number `json:"Major"`
	Minor json.Number `json:"Minor"`
	Patch json.Number `json:"Patch"`
}

// Group is a foldable group of inputs in the classic editor.
type Group struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	VisibleRule string `json:"visibleRule"`
}

// Binding fills an input's list in the editor from a service connection.
type Binding struct {
	Target         string `json:"target"`
	EndpointID     string `json:"endpointId"`
	DataSourceName string `json:"dataSourceName"`
	EndpointURL    string `json:"endpointUrl"`
}

// Output is an output variable.
type Output struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Restrictions are what the agent lets the task's logging commands do.
type Restrictions struct {
	Commands *struct {
		Mode string `json:"mode"`
	} `json:"commands"`
	Variables *struct {
		Allowed []string `json:"allowed"`
	} `json:"settableVariables"`
}

// Handlers are a stage's handlers (Node24, ...) and their fields.
type Handlers map[string]map[string]any

// Stage is one of the three stages a task can have.
type Stage struct {
	Key      string // in task.json
	Target   string // the launcher's file for it
	Handlers Handlers
}

// Stages returns the stages that t has, in the order they run.
func (t *Task) Stages() []Stage {
	all := []Stage{
		{"prejobexecution", "pre.js", t.Pre},
		{"execution", "main.js", t.Main},
		{"postjobexecution", "post.js", t.Post},
	}
	return slices.DeleteFunc(all, func(s Stage) bool {
		_, has := t.Has[s.Key]
		return !has
	})
}

// Input returns the input of that name.
func (t *Task) Input(name string) (Input, bool) {
	i := slices.IndexFunc(t.Inputs, func(in Input) bool { return in.Name == name })
	if i < 0 {
		return Input{}, false
	}
	return t.Inputs[i], true
}

// Sourced reports whether a data source fills the list of the input.
func (t *Task) Sourced(input string) bool {
	return slices.ContainsFunc(t.Bindings, func(b Binding) bool { return b.Target == input })
}

// Closed reports whether in is a pick list or radio button whose value can only
// be one of its options.
func (t *Task) Closed(in Input) bool {
	return in.Picks() && !strings.EqualFold(in.Property("EditableOptions"), "true") && !t.Sourced(in.Name)
}

// Parse reads a task.json. It fails when data is not one JSON object in which
// every key stands once. A value of a wrong type is left zero, as package schema
// reports it together with everything else that is wrong.
func Parse(data []byte) (*Task, error) {
	if err := strict(data); err != nil {
		return nil, err
	}
	t := new(Task)
	if err := json.Unmarshal(data, &t.Has); err != nil || t.Has == nil {
		return nil, errors.New("it is not a JSON object")
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(data, t); err != nil && !errors.As(err, &mistyped) {
		return nil, err
	}
	return t, nil
}

package taskjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Input is one input of a task.
type Input struct {
	Name         string         `json:"name"`
	Aliases      []string       `json:"aliases"`
	Type         string         `json:"type"`
	Label        string         `json:"label"`
	Default      Default        `json:"defaultValue"`
	Required     bool           `json:"required"`
	HelpMarkDown string         `json:"helpMarkDown"`
	GroupName    string         `json:"groupName"`
	VisibleRule  string         `json:"visibleRule"`
	Options      Options        `json:"options"`
	Properties   map[string]any `json:"properties"`
}

// Picks reports whether in offers options.
func (in Input) Picks() bool { return in.Type == "pickList" || in.Type == "radio" }

// Secret reports whether in takes a secret. There is no type for that: a secret
// can only come by $(name) in a string, so the help text has to say it, with the
// words "secret variable", and those words are the mark.
func (in Input) Secret() bool {
	return strings.Contains(strings.ToLower(in.HelpMarkDown), "secret variable")
}

// Property returns a property of in as text, empty when it has none.
func (in Input) Property(name string) string {
	value, ok := in.Properties[name]
	if !ok {
		return ""
	}
	return fmt.Sprint(value)
}

// Env returns the environment variable in which the agent hands over in
// (VarUtil.cs ConvertToEnvVariableFormat).
func (in Input) Env() string {
	return "INPUT_" + strings.ToUpper(strings.NewReplacer(".", "_", " ", "_").Replace(in.Name))
}

// Default is an input's defaultValue, as the agent hands it over.
type Default string

// UnmarshalJSON takes a string, or a boolean for its name.
func (d *Default) UnmarshalJSON(data []byte) error {
	var yes bool
	if json.Unmarshal(data, &yes) == nil && string(data) != "null" {
		*d = Default(strconv.FormatBool(yes))
		return nil
	}
	var text string
	_ = json.Unmarshal(data, &text) // what is neither stays empty, as Parse promises
	*d = Default(text)
	return nil
}

// Options are the options of a pick list in the file's order.
type Options []Option

// Option is a value, and the text that stands for it in the editor.
type Option struct{ Value, Text string }

// UnmarshalJSON takes an object of strings.
func (o *Options) UnmarshalJSON(data []byte) error {
	*o = nil
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var text any
		if err := d.Decode(&text); err != nil {
			return err
		}
		shown, _ := text.(string)
		*o = append(*o, Option{key.(string), shown})
	}
	return nil
}

// Has reports whether value is one of the options.
func (o Options) Has(value string) bool {
	for _, option := range o {
		if option.Value == value {
			return true
		}
	}
	return false
}

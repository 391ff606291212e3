// Package schema holds a task.json against Microsoft's own JSON Schema of it,
// which is kept here unchanged (SOURCE.md says where it comes from).
//
// The schema is necessary and not sufficient: it demands no field at the top,
// knows nothing of references between fields, and tfx does not read it. Package
// check has the rest.
package schema

import (
	"bytes"
	_ "embed" // the schema itself
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed tasks.schema.json
var text []byte

const url = "https://raw.githubusercontent.com/Microsoft/azure-pipelines-task-lib/master/tasks.schema.json"

// Violation is one place where a document breaks the schema.
type Violation struct {
	At     []string // the keys and indexes that lead there
	Reason string   // what the schema says about it
}

// Validate returns where doc, the JSON in data, breaks the schema, ordered by
// place. The error is about data or the schema itself not being usable.
func Validate(data []byte) ([]Violation, error) {
	schema, err := compile()
	if err != nil {
		return nil, fmt.Errorf("compiling tasks.schema.json: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	err = schema.Validate(doc)
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &invalid):
		return nil, err
	}
	found := flatten(invalid, message.NewPrinter(language.English))
	slices.SortStableFunc(found, func(a, b Violation) int { return slices.Compare(a.At, b.At) })
	return found, nil
}

var compile = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(offline{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, err
	}
	return c.Compile(url)
})

// offline keeps a $ref of a future schema from being fetched while tests run.
type offline struct{}

func (offline) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not part of this repository", url)
}

// flatten takes the leaves of the tree of reasons. The branches of an anyOf are
// one reason: each is true only together with the others.
func flatten(e *jsonschema.ValidationError, p *message.Printer) []Violation {
	if len(e.Causes) == 0 {
		return leaf(e, p)
	}
	var found []Violation
	for _, cause := range e.Causes {
		found = append(found, flatten(cause, p)...)
	}
	if _, any := e.ErrorKind.(*kind.AnyOf); !any {
		return found
	}
	reasons := make([]string, len(found))
	for i := range found {
		reasons[i] = found[i].Reason
	}
	return []Violation{{e.InstanceLocation, strings.Join(reasons, ", or ")}}
}

// leaf is one reason, told at the field that it is about.
func leaf(e *jsonschema.ValidationError, p *message.Printer) []Violation {
	var fields []string
	var reason string
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		fields, reason = k.Missing, "is missing"
	case *kind.AdditionalProperties:
		fields, reason = k.Properties, "is not a field that belongs here"
	default:
		return []Violation{{e.InstanceLocation, e.ErrorKind.LocalizedString(p)}}
	}
	found := make([]Violation, len(fields))
	for i, field := range fields {
		found[i] = Violation{append(slices.Clone(e.InstanceLocation), field), reason}
	}
	return found
}

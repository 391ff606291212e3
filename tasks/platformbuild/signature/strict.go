package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

const maxDepth = 64

var errForm = errors.New("it is not JSON that can be read in one way only")

// decode reads an object of JSON. json.Unmarshal would take the last of repeated names and any upper or lower case
// of them, where another reader takes the first or none: what is signed must not mean two things.
func decode(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, errForm
	}
	r := &reader{json.NewDecoder(bytes.NewReader(text)), 0}
	value, err := r.value()
	if err != nil {
		return nil, errForm
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return nil, errForm
	}
	o, ok := value.(object)
	if !ok {
		return nil, errForm
	}
	return o, nil
}

// object is an object of JSON.
type object map[string]any

// get is what an object has by a name; nil if it has another one that some readers take for it, as Go's do.
func (o object) get(name string) any {
	for other := range o {
		if other != name && strings.EqualFold(other, name) {
			return nil
		}
	}
	return o[name]
}

// object, list and text are what an object has by a name; the zero value if that is missing, or something else.
func (o object) object(name string) object {
	found, _ := o.get(name).(object)
	return found
}

func (o object) list(name string) []any {
	found, _ := o.get(name).([]any)
	return found
}

func (o object) text(name string) string {
	found, _ := o.get(name).(string)
	return found
}

type reader struct {
	*json.Decoder
	depth int
}

func (r *reader) value() (any, error) {
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	if r.depth++; r.depth > maxDepth {
		return nil, errForm
	}
	defer func() { r.depth-- }()
	switch token {
	case json.Delim('{'):
		return r.fields()
	case json.Delim('['):
		return r.items()
	}
	return token, nil
}

func (r *reader) fields() (any, error) {
	o := object{}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if _, twice := o[name]; !ok || twice {
			return nil, errForm
		}
		if o[name], err = r.value(); err != nil {
			return nil, err
		}
	}
	_, err := r.Token()
	return o, err
}

func (r *reader) items() (any, error) {
	list := []any{}
	for r.More() {
		item, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := r.Token()
	return list, err
}

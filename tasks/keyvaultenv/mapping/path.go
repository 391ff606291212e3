package mapping

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
)

const maxPath = 500

// Step is one step of a path into a JSON document: to a value of an object by its key, or
// to an element of an array.
type Step struct {
	Key   string // as it stands in the path: "a", or "[0]" for an element
	Index int    // of the element; -1 for a key
}

// Steps splits a path: keys with dots between them, each followed by any number of [0]. A
// key that holds a dot itself needs nothing special, see the package decode.
func Steps(path string) ([]Step, error) {
	switch {
	case path == "":
		return nil, errors.New("there is none")
	case len(path) > maxPath:
		return nil, errors.New("it is longer than 500 characters")
	case strings.ContainsFunc(path, unicode.IsControl):
		return nil, errors.New("it has control characters in it")
	}
	var steps []Step
	for i, part := range strings.Split(path, ".") {
		key, indices, _ := strings.Cut(part, "[")
		if key == "" && (i > 0 || indices == "") {
			return nil, errors.New("a key is empty; it has the form a.b[0].c")
		}
		if key != "" {
			steps = append(steps, Step{key, -1})
		}
		if len(key) == len(part) {
			continue
		}
		for index := range strings.SplitSeq(indices, "[") {
			digits, ok := strings.CutSuffix(index, "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil {
				return nil, errors.New("in brackets stands the number of an element: a.b[0].c")
			}
			steps = append(steps, Step{"[" + digits + "]", int(n)})
		}
	}
	return steps, nil
}

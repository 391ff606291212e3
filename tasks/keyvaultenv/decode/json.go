package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
)

// find returns the value at a path of a JSON document: a string as it is, anything else as it
// is written there.
func find(document, path string) (string, error) {
	steps, err := mapping.Steps(path)
	if err != nil {
		return "", fmt.Errorf("the path is not one: %w", err)
	}
	document = strings.TrimPrefix(document, "\ufeff")
	if !json.Valid([]byte(document)) {
		return "", errors.New("the secret is not a JSON document, so it has no values at paths")
	}
	value, ok := walk(json.RawMessage(document), steps)
	if !ok {
		return "", fmt.Errorf("%w %s", ErrNoValue, path)
	}
	return text(value)
}

// walk follows the steps. A key with a dot in it is found where no shorter key leads on:
// {"a.b": 1} at a.b. Each value is visited at most once, as its keys spell a part of the path.
func walk(value json.RawMessage, steps []mapping.Step) (json.RawMessage, bool) {
	if len(steps) == 0 {
		return value, true
	}
	switch value[strings.IndexFunc(string(value), notSpace)] {
	case '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return nil, false
		}
		for n := 1; n <= len(steps); n++ {
			if inner, ok := object[key(steps[:n])]; ok {
				if found, ok := walk(inner, steps[n:]); ok {
					return found, true
				}
			}
		}
	case '[':
		var array []json.RawMessage
		index := steps[0].Index
		if index < 0 {
			n, err := strconv.ParseUint(steps[0].Key, 10, 31) // a.0 is a[0] in many tools
			if err != nil {
				return nil, false
			}
			index = int(n)
		}
		if json.Unmarshal(value, &array) == nil && index < len(array) {
			return walk(array[index], steps[1:])
		}
	}
	return nil, false
}

func notSpace(r rune) bool { return !strings.ContainsRune(" \t\r\n", r) }

// key is the part of the path that the steps were.
func key(steps []mapping.Step) string {
	var b strings.Builder
	for i, s := range steps {
		if i > 0 && s.Index < 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.Key)
	}
	return b.String()
}

// text returns a JSON value as the text of a variable.
func text(value json.RawMessage) (string, error) {
	raw := strings.TrimFunc(string(value), func(r rune) bool { return !notSpace(r) })
	if raw == "null" {
		return "", fmt.Errorf("%w: it is null", ErrNoValue)
	}
	if !strings.HasPrefix(raw, `"`) {
		return raw, nil
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", errors.New("the value at the path is not readable")
	}
	// Half of a surrogate pair is no character, and would be replaced by one that was not there.
	if replaced := strings.Count(s, "\ufffd"); replaced != strings.Count(raw, "\ufffd")+escapedReplacements(raw) {
		return "", errors.New("the value at the path has an escape or a byte in it that is no character")
	}
	return s, nil
}

// escapedReplacements counts \ufffd in the source of a JSON string, which is one that is meant.
func escapedReplacements(raw string) int {
	count := 0
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i+6 <= len(raw) && strings.EqualFold(raw[i:i+6], `\ufffd`) {
			count++
		}
		i++ // what is escaped, which may be a backslash
	}
	return count
}

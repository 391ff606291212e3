package lockfile

import (
	"encoding/json"
	"strings"
)

// jsonReader turns JSON that was found valid into maps, slices and strings; numbers
// and truth values stay as they are written, null is nil. It is here because it
// refuses keys that are there twice, and takes a quarter of the time of
// encoding/json's tokens, for which a lock file of 2 MB is a tenth of a second.
type jsonReader struct {
	rest string
	last bool // of a key that is there twice the last value counts, as in JavaScript
}

// next returns the first byte that is not white space, or 0 at the end.
func (r *jsonReader) next() byte {
	r.rest = strings.TrimLeft(r.rest, " \t\r\n")
	if r.rest == "" {
		return 0
	}
	return r.rest[0]
}

// skip drops the next byte, and reports whether it was this one.
func (r *jsonReader) skip(c byte) bool {
	if r.next() != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *jsonReader) value(depth int) (any, error) {
	switch r.next() {
	case '{', '[':
		if depth == 0 {
			return nil, errDeep
		}
		if r.rest[0] == '[' {
			return r.list(depth - 1)
		}
		return r.object(depth - 1)
	case '"':
		return r.text(), nil
	}
	end := strings.IndexAny(r.rest, ",]} \t\r\n")
	if end < 0 {
		end = len(r.rest)
	}
	literal := r.rest[:end]
	r.rest = r.rest[end:]
	if literal == "null" {
		return nil, nil
	}
	return literal, nil
}

func (r *jsonReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.skip('{') || r.skip(',') {
		if r.next() != '"' {
			break // empty
		}
		key := r.text()
		if _, ok := object[key]; ok && !r.last {
			return nil, duplicate(key)
		}
		r.skip(':')
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		object[key] = v
	}
	r.skip('}')
	return object, nil
}

func (r *jsonReader) list(depth int) (any, error) {
	list := []any{}
	for r.skip('[') || r.skip(',') {
		if len(list) == 0 && r.next() == ']' {
			break // empty
		}
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	r.skip(']')
	return list, nil
}

// text reads a string. Without escapes it is a part of the file.
func (r *jsonReader) text() string {
	end := 1
	for r.rest[end] != '"' {
		if r.rest[end] == '\\' {
			end++
		}
		end++
	}
	quoted := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if !strings.Contains(quoted, `\`) {
		return quoted[1:end]
	}
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		return quoted // cannot be: it was found valid
	}
	return text
}

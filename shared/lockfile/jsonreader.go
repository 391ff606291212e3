package lockfile

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxNodes bounds how many values JSON has: each takes more memory than a byte or
// two of the file. Lock files have one in 25 bytes or so, 200,000 in 5 MB.
const maxNodes = 1 << 20

// jsonReader reads JSON (RFC 8259) in one pass: it checks the syntax, counts lines,
// and refuses keys that are there twice. It is here because encoding/json does
// neither of the last two, and its tokens take ten times as long.
type jsonReader struct {
	data  string
	at    int
	line  int32
	last  bool   // of a key that is there twice the last value counts, as in JavaScript
	nodes int    // how many there are
	stack []node // of all objects and lists that are not at their end
	slab  slab[node]
	boxes slab[object]
}

// readJSON parses the JSON of a file into fields. If lenient, the last of equal keys counts.
func readJSON(file string, data []byte, lenient bool) (fields, error) {
	root, err := parseNode(string(data), lenient)
	if err != nil {
		return fields{}, &FormatError{file, err.Error()}
	}
	return document(file, root)
}

// parseNode parses the text of one JSON value. Its errors can be shown.
func parseNode(text string, lenient bool) (node, error) {
	r := &jsonReader{data: text, line: 1, last: lenient}
	root, err := r.value(maxDepth)
	if err != nil {
		return node{}, err
	}
	if r.next(); r.at < len(r.data) {
		return node{}, r.syntax()
	}
	return root, nil
}

// syntax is an error in the next byte.
func (r *jsonReader) syntax() error {
	return fmt.Errorf("it is not JSON: wrong at byte %d", min(r.at+1, len(r.data)))
}

// next returns the first byte that is not white space, or 0 at the end.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; c {
		case '\n':
			r.line++
		case ' ', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) value(depth int) (node, error) {
	if r.nodes++; r.nodes > maxNodes {
		return node{}, fmt.Errorf("it has more than %d values", maxNodes)
	}
	switch c := r.next(); {
	case c == '{' || c == '[':
		if depth == 0 {
			return node{}, errDeep
		}
		r.at++
		if c == '[' {
			return r.list(depth - 1)
		}
		return r.object(depth - 1)
	case c == '"':
		text, err := r.text()
		return node{kind: isText, text: text}, err
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	}
	return r.literal()
}

func (r *jsonReader) literal() (node, error) {
	for _, literal := range [...]string{"true", "false", "null"} {
		if end := r.at + len(literal); end <= len(r.data) && r.data[r.at:end] == literal {
			r.at = end
			if literal == "null" {
				return node{}, nil
			}
			return node{kind: isText, text: literal}, nil
		}
	}
	for _, c := range []byte(r.data[r.at:min(r.at+5, len(r.data))]) {
		if c < 'a' || c > 'z' {
			break
		}
		r.at++
	}
	return node{}, r.syntax()
}

func (r *jsonReader) number() (node, error) {
	start := r.at
	r.accept("-")
	digits := r.accept("0")
	if !digits {
		digits = r.digits()
	}
	if digits && r.accept(".") {
		digits = r.digits()
	}
	if digits && r.accept("eE") {
		r.accept("+-")
		digits = r.digits()
	}
	if !digits {
		return node{}, r.syntax()
	}
	return node{kind: isText, text: r.data[start:r.at]}, nil
}

// accept skips the next byte if it is one of these.
func (r *jsonReader) accept(set string) bool {
	for i := range len(set) {
		if r.at < len(r.data) && r.data[r.at] == set[i] {
			r.at++
			return true
		}
	}
	return false
}

func (r *jsonReader) digits() bool {
	start := r.at
	for r.at < len(r.data) && '0' <= r.data[r.at] && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// object reads what follows a brace.
func (r *jsonReader) object(depth int) (node, error) {
	start := len(r.stack)
	var index map[string]int32
	for more := r.next() != '}'; more; {
		if r.next() != '"' {
			return node{}, r.syntax()
		}
		line := r.line
		key, err := r.text()
		if err != nil {
			return node{}, err
		}
		if r.next() != ':' {
			return node{}, r.syntax()
		}
		r.at++
		v, err := r.value(depth)
		if err != nil {
			return node{}, err
		}
		v.key, v.line = key, line
		if index, err = r.member(start, index, v); err != nil {
			return node{}, err
		}
		if more, err = r.more('}'); err != nil {
			return node{}, err
		}
	}
	r.at++
	return node{kind: isObject, inner: r.finish(start, index)}, nil
}

// member adds a value to the object whose first one is at start.
func (r *jsonReader) member(start int, index map[string]int32, v node) (map[string]int32, error) {
	members := r.stack[start:]
	if index == nil && len(members) == manyKeys {
		index = make(map[string]int32, 2*manyKeys)
		for i := range members {
			index[members[i].key] = int32(i)
		}
	}
	found := -1
	if index == nil {
		found = findKey(members, v.key)
	} else if i, ok := index[v.key]; ok {
		found = int(i)
	}
	switch {
	case found >= 0 && !r.last:
		return nil, duplicate(v.key)
	case found >= 0:
		members[found] = v
		return index, nil
	case index != nil:
		index[v.key] = int32(len(members))
	}
	r.stack = append(r.stack, v)
	return index, nil
}

// more skips a comma, or stands at the closing bracket.
func (r *jsonReader) more(closing byte) (bool, error) {
	switch r.next() {
	case ',':
		r.at++
		return true, nil
	case closing:
		return false, nil
	}
	return false, r.syntax()
}

// list reads what follows a bracket.
func (r *jsonReader) list(depth int) (node, error) {
	start := len(r.stack)
	for more := r.next() != ']'; more; {
		v, err := r.value(depth)
		if err != nil {
			return node{}, err
		}
		r.stack = append(r.stack, v)
		if more, err = r.more(']'); err != nil {
			return node{}, err
		}
	}
	r.at++
	return node{kind: isList, inner: r.finish(start, nil)}, nil
}

// finish moves the values from start on to their own memory.
func (r *jsonReader) finish(start int, index map[string]int32) *object {
	nodes := r.slab.keep(r.stack[start:]...)
	r.stack = r.stack[:start]
	if nodes == nil {
		return nil
	}
	return &r.boxes.keep(object{nodes: nodes, index: index})[0]
}

// text reads a string, which starts here. Without escapes it is a part of the file.
func (r *jsonReader) text() (string, error) {
	start, escaped := r.at, false
	for r.at++; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			if escaped {
				return r.unescape(start)
			}
			return r.data[start+1 : r.at-1], nil
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			return "", r.syntax()
		}
	}
	r.at = len(r.data)
	return "", r.syntax()
}

func (r *jsonReader) unescape(start int) (string, error) {
	var text string
	err := json.Unmarshal([]byte(r.data[start:r.at]), &text)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		r.at = start + int(syntax.Offset) - 1
	}
	if err != nil {
		return "", r.syntax()
	}
	return text, nil
}

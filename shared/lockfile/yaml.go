package lockfile

import (
	"strings"
	"unicode/utf8"
)

// yamlReader reads the YAML that pnpm and Yarn write, a tenth of what YAML can be, in a
// twentieth of the time that a parser for all of it takes. It is for nothing else: what
// it does not know for certain, it leaves to that parser, wrong files included.
type yamlReader struct {
	rest   string // after the line
	line   string // without its indentation and what ends it
	indent int    // -1 after the last line
	number int32  // of the line
	stack  []node // of all mappings and lists that are not at their end
	slab   []node // memory for finished ones
}

// readYAMLFast returns the values of a file's documents; false if it has to be read in
// another way.
func readYAMLFast(text string) ([]node, bool) {
	if !plainYAML(text) {
		return nil, false
	}
	r := &yamlReader{rest: text}
	var roots []node
	for r.next(); r.indent >= 0; {
		if r.indent == 0 && r.line == "---" {
			r.next()
		} else if len(roots) > 0 {
			return nil, false
		}
		if r.indent != 0 || r.line == "---" {
			return nil, false
		}
		root, ok := r.mapping(maxDepth - 1)
		if !ok {
			return nil, false
		}
		roots = append(roots, root)
	}
	return roots, len(roots) > 0
}

// plainYAML reports whether there are no control characters and no line breaks other than
// those of text files.
func plainYAML(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case ' ' <= c && c <= '~' || c == '\n' || c == '\r' && i+1 < len(text) && text[i+1] == '\n':
		case c < utf8.RuneSelf:
			return false
		default:
			char, size := utf8.DecodeRuneInString(text[i:])
			if char < 0xA0 || odd(char) || char == utf8.RuneError || char&0xFFFE == 0xFFFE {
				return false
			}
			i += size - 1
		}
	}
	return true
}

// next goes to the next line that is neither blank nor a comment.
func (r *yamlReader) next() {
	for r.rest != "" {
		line := r.raw()
		body := strings.TrimLeft(line, " ")
		r.line, r.indent = strings.TrimRight(body, " "), len(line)-len(body)
		if r.line != "" && r.line[0] != '#' {
			return
		}
	}
	r.line, r.indent = "", -1
}

// raw takes a line as it is.
func (r *yamlReader) raw() string {
	line, rest, _ := strings.Cut(r.rest, "\n")
	r.rest = rest
	r.number++
	return strings.TrimSuffix(line, "\r")
}

// mapping reads the lines that are indented like this one.
func (r *yamlReader) mapping(depth int) (node, bool) {
	start, indent := len(r.stack), r.indent
	for r.indent == indent && (indent > 0 || r.line != "---") {
		key, rest, ok := yamlKey(r.line)
		if !ok {
			return node{}, false
		}
		line := r.number
		v, ok := r.value(rest, depth)
		if !ok {
			return node{}, false
		}
		v.key, v.line = key, line
		r.stack = append(r.stack, v)
	}
	if r.indent > indent {
		return node{}, false // the scalar before goes on, or nothing that we know
	}
	inner, ok := r.finish(start)
	return node{kind: isObject, inner: inner}, ok
}

// value reads what follows a key and its colon, and goes to the line after it.
func (r *yamlReader) value(rest string, depth int) (node, bool) {
	if depth <= 1 {
		return node{}, false
	}
	indent := r.indent
	if rest == "|-" {
		return r.literal(indent)
	}
	if rest != "" {
		v, rest, ok := r.inline(rest, depth-1, "")
		r.next()
		return v, ok && rest == ""
	}
	r.next()
	item := r.line == "-" || strings.HasPrefix(r.line, "- ")
	switch {
	case r.indent > indent && item:
		return r.list(depth - 1)
	case r.indent > indent:
		return r.mapping(depth - 1)
	}
	return node{}, r.indent < indent || !item
}

// list reads lines that start with a hyphen, with a value that is in the same line.
func (r *yamlReader) list(depth int) (node, bool) {
	start, indent := len(r.stack), r.indent
	for r.indent == indent {
		item, ok := strings.CutPrefix(r.line, "- ")
		if !ok {
			return node{}, false
		}
		v, rest, ok := r.inline(strings.TrimLeft(item, " "), depth-1, "")
		if !ok || rest != "" {
			return node{}, false
		}
		r.stack = append(r.stack, v)
		r.next()
	}
	if r.indent > indent {
		return node{}, false
	}
	nodes := r.keep(start)
	return node{kind: isList, inner: newObject(nodes)}, true
}

// literal reads the lines of a text that are indented deeper than its key, each with its
// line break but the last.
func (r *yamlReader) literal(parent int) (node, bool) {
	first := strings.TrimLeft(r.rest, " ")
	indent := len(r.rest) - len(first)
	if indent <= parent || strings.HasPrefix(first, "\n") || strings.HasPrefix(first, "\r") || first == "" {
		return node{}, false
	}
	var lines []string
	for r.rest != "" {
		body := strings.TrimLeft(r.rest, " ")
		have := len(r.rest) - len(body)
		blank := body == "" || body[0] == '\n' || body[0] == '\r'
		if blank && have > indent {
			return node{}, false
		}
		if !blank && have < indent {
			break
		}
		line := r.raw()
		lines = append(lines, line[min(indent, len(line)):])
	}
	r.next()
	return node{kind: isText, text: strings.TrimRight(strings.Join(lines, "\n"), "\n")}, true
}

// inline reads a value that is in one line. Within brackets it ends before one of these
// bytes, and returns what is after it.
func (r *yamlReader) inline(text string, depth int, ends string) (v node, rest string, ok bool) {
	if text == "" || depth <= 1 {
		return node{}, "", false
	}
	switch text[0] {
	case '{', '[':
		return r.brackets(text, depth-1)
	case '"', '\'':
		quoted, rest, ok := yamlQuoted(text)
		return node{kind: isText, text: quoted}, rest, ok
	}
	end := len(text)
	if ends != "" {
		if end = strings.IndexAny(text, ends); end < 0 {
			return node{}, "", false
		}
	}
	plain, ok := yamlPlain(strings.TrimRight(text[:end], " "), ends != "")
	switch plain {
	case "~", "null", "Null", "NULL":
		return node{}, text[end:], ok
	}
	return node{kind: isText, text: plain}, text[end:], ok
}

// brackets reads {key: value, ...} or [value, ...].
func (r *yamlReader) brackets(text string, depth int) (v node, rest string, ok bool) {
	start, isMap, closing := len(r.stack), text[0] == '{', text[0]+2
	text = strings.TrimLeft(text[1:], " ")
	for more := text == "" || text[0] != closing; more; {
		var key string
		if isMap {
			if key, text, ok = yamlFlowKey(text); !ok {
				return node{}, "", false
			}
		}
		if v, text, ok = r.inline(text, depth, ",]}"); !ok {
			return node{}, "", false
		}
		if text = strings.TrimLeft(text, " "); text == "" || text[0] != ',' && text[0] != closing {
			return node{}, "", false
		}
		if isMap {
			v.key, v.line = key, r.number
		}
		r.stack = append(r.stack, v)
		if more = text[0] == ','; more {
			text = strings.TrimLeft(text[1:], " ")
		}
	}
	if isMap {
		inner, ok := r.finish(start)
		return node{kind: isObject, inner: inner}, text[1:], ok
	}
	return node{kind: isList, inner: newObject(r.keep(start))}, text[1:], true
}

// yamlKey cuts a line into key and value.
func yamlKey(line string) (key, rest string, ok bool) {
	if line[0] == '"' || line[0] == '\'' {
		key, rest, ok = yamlQuoted(line)
		if !ok || rest == "" || rest[0] != ':' {
			return "", "", false
		}
		rest = rest[1:]
	} else {
		end := strings.Index(line, ": ")
		if end < 0 {
			if end = len(line) - 1; line[end] != ':' {
				return "", "", false
			}
		}
		key, rest = line[:end], line[end+1:]
		if key, ok = yamlPlain(key, false); !ok || strings.Contains(key, " ") {
			return "", "", false
		}
	}
	if len(key) > maxYAMLKey || rest != "" && rest[0] != ' ' {
		return "", "", false
	}
	return key, strings.TrimLeft(rest, " "), true
}

// maxYAMLKey is less than the longest key that YAML has without a question mark.
const maxYAMLKey = 1000

// yamlFlowKey cuts a key from what is in braces.
func yamlFlowKey(text string) (key, rest string, ok bool) {
	end := strings.Index(text, ": ")
	if end <= 0 || end > maxYAMLKey {
		return "", "", false
	}
	key, rest = text[:end], strings.TrimLeft(text[end+2:], " ")
	if key[0] == '"' || key[0] == '\'' {
		var after string
		key, after, ok = yamlQuoted(key)
		return key, rest, ok && after == ""
	}
	key, ok = yamlPlain(key, true)
	return key, rest, ok && !strings.ContainsAny(key, " ,")
}

// yamlQuoted cuts a text in quotation marks; one with escapes is left to others.
func yamlQuoted(text string) (quoted, rest string, ok bool) {
	mark := text[0]
	for end := 1; end < len(text); end++ {
		switch c := text[end]; {
		case c == '\\' && mark == '"':
			return "", "", false
		case c != mark:
		case mark == '\'' && end+1 < len(text) && text[end+1] == mark:
			end++
		default:
			quoted = text[1:end]
			if mark == '\'' {
				quoted = strings.ReplaceAll(quoted, "''", "'")
			}
			return quoted, text[end+1:], true
		}
	}
	return "", "", false
}

// yamlPlain returns a text without quotation marks, if it is one.
func yamlPlain(text string, flow bool) (string, bool) {
	if text == "" || strings.IndexByte("-?:,[]{}#&*!|>'\"%@`", text[0]) >= 0 || text[len(text)-1] == ':' {
		return "", false
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '#':
			if text[i-1] == ' ' {
				return "", false
			}
		case ' ':
			if text[i-1] == ':' {
				return "", false
			}
		case ',', '[', ']', '{', '}', '?':
			if flow {
				return "", false
			}
		}
	}
	return text, true
}

// finish makes a mapping of the values from start on; false if a key is there twice.
func (r *yamlReader) finish(start int) (*object, bool) {
	o := newObject(r.keep(start))
	if o == nil {
		return nil, true
	}
	if o.index != nil {
		return o, len(o.index) == len(o.nodes)
	}
	for i := range o.nodes {
		if findKey(o.nodes[:i], o.nodes[i].key) >= 0 {
			return nil, false
		}
	}
	return o, true
}

// keep moves the values from start on to their own memory.
func (r *yamlReader) keep(start int) []node {
	count := len(r.stack) - start
	if count == 0 {
		return nil
	}
	const chunk = 1024
	if cap(r.slab)-len(r.slab) < count {
		r.slab = make([]node, 0, max(count, chunk))
	}
	from := len(r.slab)
	r.slab = append(r.slab, r.stack[start:]...)
	r.stack = r.stack[:start]
	return r.slab[from:len(r.slab):len(r.slab)]
}

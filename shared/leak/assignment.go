package leak

import "bytes"

// assignment is a name with a value.
type assignment struct {
	from, to int
	quoted   bool
	cell     bool // of a table: less sure than a sign
}

var (
	nameClass  = newClass("a-zA-Z0-9_.-")
	valueEnd   = newClass(" \t\r\n\"'`,;<>|(){}[]\x00")
	quoteClass = newClass("\"'`")
	between    = newClass(" \t\r\n,;") // a name and the word "value"
)

const longestValue = 300

// assignedAt reads what is assigned to the name that ends at i and has the word at
// text[at:] in it:
//
//	name=value  name: value  "name": "value"  <name>value</name>  --name value
//	key="name" value="value"  "name": "name", "value": "value"
//	| name | value |  NAME  value
func assignedAt(text []byte, at, i int) (assignment, bool) {
	i = digits.run(text, i, 2)
	switch {
	case i == len(text):
		return assignment{}, false
	case text[i] == '>':
		return elementAt(text, i+1)
	case blank[text[i]] && isFlag(text, at):
		return valueAt(text, i+1)
	}
	i = skipQuote(text, i)
	if v, ok := namedValue(text, i); ok {
		return v, true
	}
	if i, ok := skipSign(text, blank.run(text, i, 4)); ok {
		return valueAt(text, i)
	}
	return cellAt(text, at, i)
}

// skipQuote skips a quotation mark, which may be escaped.
func skipQuote(text []byte, i int) int {
	if i+1 < len(text) && text[i] == '\\' && quoteClass[text[i+1]] {
		return i + 2
	}
	if i < len(text) && quoteClass[text[i]] {
		return i + 1
	}
	return i
}

// skipSign skips = : := =>, but not == and ::, which are no assignments.
func skipSign(text []byte, i int) (int, bool) {
	if i == len(text) || text[i] != '=' && text[i] != ':' {
		return 0, false
	}
	i++
	if i < len(text) && text[i] == text[i-1] {
		return 0, false
	}
	if i < len(text) && (text[i] == '=' || text[i] == '>') {
		i++
	}
	return i, true
}

// isFlag reports whether the name around text[at:] is an option of a command.
func isFlag(text []byte, at int) bool {
	start := nameClass.runBack(text, at, 40)
	return start+1 < len(text) && text[start] == '-' && (start == 0 || !nameClass[text[start-1]])
}

// elementAt reads the text of an XML element.
func elementAt(text []byte, from int) (assignment, bool) {
	end := bytes.IndexByte(text[from:min(len(text), from+longestValue)], '<')
	if end < 0 || !bytes.HasPrefix(text[from+end:], []byte("</")) {
		return assignment{}, false
	}
	return assignment{from: from, to: from + end, quoted: true}, true
}

// namedValue reads the value of a name that is a value itself:
// key="name" value="...", "name": "...", "value": "...".
func namedValue(text []byte, i int) (assignment, bool) {
	i = skipQuote(text, between.run(text, i, 60))
	if !foldedPrefix(text[i:], "value") {
		return assignment{}, false
	}
	i = skipQuote(text, i+len("value"))
	i, ok := skipSign(text, blank.run(text, i, 4))
	if !ok {
		return assignment{}, false
	}
	v, ok := valueAt(text, i)
	return v, ok && v.quoted
}

// valueAt reads the value that begins after i.
func valueAt(text []byte, i int) (assignment, bool) {
	i = blank.run(text, i, 4)
	if after := skipQuote(text, i); after > i {
		return quotedAt(text, after, after == i+2)
	}
	limit := min(len(text), i+longestValue)
	end := i
	for end < limit && !valueEnd[text[end]] {
		end++
	}
	if end < limit && text[end] == '(' || end == limit && limit < len(text) {
		return assignment{}, false // a call; a text without end
	}
	return assignment{from: i, to: end}, true
}

// quotedAt reads the value between quotation marks that begins at from. If the marks
// are escaped themselves, nothing in between is.
func quotedAt(text []byte, from int, escaped bool) (assignment, bool) {
	quote := text[from-1]
	for i := from; i < min(len(text), from+longestValue) && text[i] != '\n'; i++ {
		switch {
		case text[i] == '\\' && escaped && i+1 < len(text) && text[i+1] == quote:
			return assignment{from: from, to: i, quoted: true}, true
		case text[i] == '\\' && !escaped:
			i++
		case text[i] == quote:
			return assignment{from: from, to: i, quoted: true}, true
		}
	}
	return assignment{}, false
}

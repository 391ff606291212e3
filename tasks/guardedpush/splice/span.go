package splice

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// errLost is for a scalar whose text is not where it should be. The library's places
// are right for all files seen; whoever meets this loses nothing.
var errLost = errors.New("its text cannot be found in the file: write the value in one line, with a blank before it")

// span is where the text of a scalar is, without anchor and tag.
type span struct {
	start, end int
	before     string // to be written before the new text
}

func (a *applier) span(c *change) (span, error) {
	n := c.match.Node
	if c.at < 0 {
		return span{}, errLost
	}
	if a.file.JSON {
		return a.jsonSpan(c.at)
	}
	content, properties := a.skipProperties(c.at, c.flow)
	if n.Style&(quoted|block) == 0 && n.Value == "" {
		return a.emptySpan(c.at, properties)
	}
	var end int
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		end = a.doubleEnd(content)
	case n.Style&yaml.SingleQuotedStyle != 0:
		end = a.singleEnd(content)
	default:
		end = a.plainEnd(content, n.Value)
	}
	if end < 0 {
		return span{}, errLost
	}
	return span{start: content, end: end}, nil
}

func (a *applier) jsonSpan(start int) (span, error) {
	if start < len(a.data) && a.data[start] == '"' {
		if end := a.doubleEnd(start); end >= 0 {
			return span{start: start, end: end}, nil
		}
		return span{}, errLost
	}
	end := start
	for end < len(a.data) && strings.IndexByte(" \t\r\n,]}", a.data[end]) < 0 {
		end++
	}
	return span{start: start, end: end}, nil
}

// emptySpan is for a value that is not there: after the colon, the dash or the tag. In
// {a: , b: 1} the library puts it at the comma.
func (a *applier) emptySpan(start, properties int) (span, error) {
	if properties > start {
		return span{start: properties, end: properties, before: " "}, nil
	}
	at := min(start, len(a.data))
	if at < len(a.data) && strings.IndexByte(",]}", a.data[at]) >= 0 {
		at = len(bytes.TrimRight(a.data[:at], " \t\r\n"))
	}
	if at > 0 && (a.data[at-1] == ':' || a.data[at-1] == '-') {
		return span{start: at, end: at, before: " "}, nil
	}
	return span{}, errors.New("there is no value and no colon: write one first")
}

// skipProperties returns where the scalar begins after anchor and tag, and where the
// last of these ends.
func (a *applier) skipProperties(at int, flow bool) (content, properties int) {
	properties = at
	for content = at; content < len(a.data) && (a.data[content] == '&' || a.data[content] == '!'); {
		stops := " \t\r\n"
		if flow {
			stops += ",[]{}"
		}
		if bytes.HasPrefix(a.data[content:], []byte("!<")) {
			stops = ">"
		}
		end := bytes.IndexAny(a.data[content:], stops)
		if end < 0 {
			return len(a.data), len(a.data)
		}
		if properties = content + end; stops == ">" {
			properties++
		}
		content = a.skipBlank(properties)
	}
	return content, properties
}

// skipBlank skips blanks, line breaks and comments.
func (a *applier) skipBlank(at int) int {
	for at < len(a.data) {
		switch c := a.data[at]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			at++
		case c == '#':
			end := bytes.IndexAny(a.data[at:], "\r\n")
			if end < 0 {
				return len(a.data)
			}
			at += end
		default:
			return at
		}
	}
	return at
}

func (a *applier) doubleEnd(at int) int {
	if at >= len(a.data) || a.data[at] != '"' {
		return -1
	}
	for i := at + 1; i < len(a.data); i++ {
		switch a.data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func (a *applier) singleEnd(at int) int {
	if at >= len(a.data) || a.data[at] != '\'' {
		return -1
	}
	for i := at + 1; i < len(a.data); i++ {
		if a.data[i] != '\'' {
			continue
		}
		if i+1 == len(a.data) || a.data[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return -1
}

// plainEnd follows a plain scalar, of which the value is known: it stands there word
// for word, but where it goes on in another line there is a blank for one line break,
// and one line break less for several.
func (a *applier) plainEnd(at int, value string) int {
	for value != "" {
		if at >= len(a.data) {
			return -1
		}
		if strings.IndexByte(" \t\r\n", a.data[at]) < 0 {
			if a.data[at] != value[0] {
				return -1
			}
			at, value = at+1, value[1:]
			continue
		}
		end := at
		for end < len(a.data) && strings.IndexByte(" \t\r\n", a.data[end]) >= 0 {
			end++
		}
		rest, ok := strings.CutPrefix(value, folded(string(a.data[at:end])))
		if !ok {
			return -1
		}
		at, value = end, rest
	}
	return at
}

// folded is what is read for the blanks between two words.
func folded(blank string) string {
	breaks := strings.Count(strings.ReplaceAll(strings.ReplaceAll(blank, "\r\n", "\n"), "\r", "\n"), "\n")
	switch breaks {
	case 0:
		return blank
	case 1:
		return " "
	}
	return strings.Repeat("\n", breaks-1)
}

// blockSpan is where a block scalar is.
type blockSpan struct {
	start, headEnd int // the |, with what belongs to it
	lineEnd        int // of that line
	first, end     int // the lines of the text, without the last line break
	indent         string
	lineBreak      string
	empty          bool
}

func (a *applier) blockSpan(c *change) (blockSpan, error) {
	n := c.match.Node
	if c.at < 0 {
		return blockSpan{}, errLost
	}
	start, _ := a.skipProperties(c.at, c.flow)
	if start >= len(a.data) || a.data[start] != '|' && a.data[start] != '>' {
		return blockSpan{}, errLost
	}
	s := blockSpan{start: start, headEnd: start + 1}
	for s.headEnd < len(a.data) && strings.IndexByte("+-0123456789", a.data[s.headEnd]) >= 0 {
		s.headEnd++
	}
	s.lineEnd, s.lineBreak = a.lineEnd(s.headEnd)
	if s.empty = strings.Trim(n.Value, " \n") == ""; s.empty {
		return s, nil
	}
	s.first = s.lineEnd + len(s.lineBreak)
	return s, a.blockText(&s, strings.TrimLeft(n.Value, "\n"))
}

// blockText finds the lines of the text. The first one tells the indentation: it has
// that and the blanks that the value begins with.
func (a *applier) blockText(s *blockSpan, value string) error {
	indent := -1
	for at := s.first; at < len(a.data); {
		end, lineBreak := a.lineEnd(at)
		line := string(a.data[at:end])
		blanks := len(line) - len(strings.TrimLeft(line, " "))
		if indent < 0 && blanks < len(line) {
			indent = blanks - (len(value) - len(strings.TrimLeft(value, " ")))
			if indent < 1 {
				return errLost
			}
			s.indent = strings.Repeat(" ", indent)
		}
		if indent >= 0 && blanks < indent && blanks < len(line) {
			break
		}
		if indent >= 0 && len(line) > indent {
			s.end = end
		}
		at = end + len(lineBreak)
		if lineBreak == "" {
			break
		}
	}
	if indent < 0 {
		return errLost
	}
	return nil
}

func (a *applier) lineEnd(at int) (end int, lineBreak string) {
	i := bytes.IndexAny(a.data[at:], "\r\n")
	if i < 0 {
		return len(a.data), ""
	}
	end = at + i
	if bytes.HasPrefix(a.data[end:], []byte("\r\n")) {
		return end, "\r\n"
	}
	return end, string(a.data[end : end+1])
}

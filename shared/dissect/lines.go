package dissect

import (
	"fmt"
	"strings"
)

func isLineEnd(c rune) bool { return c == '\n' || c == '\r' }

// quoted looks into a text in quotes; JSON has seen to the double ones.
func (f *finder) quoted(text string) string {
	if n := len(text); n < 3 || text[0] != text[n-1] || strings.IndexByte("'`\"", text[0]) < 0 {
		return ""
	}
	inner := dissect(text[1:len(text)-1], f.depth+1)
	f.include("", inner)
	return unnamed + inner.Format
}

// lines reads a text of several lines: an environment or properties file, or a list.
// A log is written by lines, so that each is a part, or what it assigns.
func (f *finder) lines(text string) string {
	if strings.IndexFunc(text, isLineEnd) < 0 {
		return ""
	}
	assignments, others := 0, 0
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		switch _, ok := assignment(line); {
		case ok:
			assignments++
		case !isRemark(strings.TrimSpace(line)):
			others++
		}
	}
	if assignments > 0 && assignments >= others {
		f.dotenv(text)
		return "dotenv"
	}
	f.eachLine(text)
	return unnamed
}

// eachLine takes in lines as they are, and what is in them.
func (f *finder) eachLine(text string) {
	number := 0
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		number++
		f.line(fmt.Sprintf("line %d", number), strings.TrimSpace(line))
		if s, ok := assignment(line); ok && len(s.value) >= shortestValue {
			f.leaf(s, s.name)
		}
	}
}

const (
	shortestValue = 4 // of what is assigned in a line
	shortestLine  = 8 // of lines that may say nothing, as "# ---" and "[a]"
)

// line takes in a line, and what is in it.
func (f *finder) line(name, line string) {
	kind := "line"
	if isRemark(line) {
		kind = "field" // it may be found elsewhere by chance
	}
	if line == "" || isBoundary(line) || kind == "field" && len(line) < shortestLine {
		return
	}
	f.part(Part{kind, name, line, ""})
	content, isItem := content(line)
	if s, ok := assignment(content); ok && content != line && len(s.value) >= shortestValue {
		f.leaf(s, s.name) // "#PASSWORD=x", "- name: x"
	} else if isItem {
		f.part(Part{kind, name, unquoted(content), ""})
	}
	f.include(name, dissect(content, f.depth+1))
}

// content returns a line without the mark of a comment or of an item in front of it.
func content(line string) (content string, isItem bool) {
	for _, mark := range []string{"- ", "* "} {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimLeft(line, "#;!"), "//")), false
}

// unquoted returns text without quotes around it.
func unquoted(text string) string {
	if n := len(text); n >= 2 && text[0] == text[n-1] && strings.IndexByte("'\"", text[0]) >= 0 {
		return text[1 : n-1]
	}
	return text
}

// isBoundary reports whether a line is one of PEM, and nothing else.
func isBoundary(line string) bool {
	name, begins := strings.CutPrefix(line, pemBegin)
	name, ends := strings.CutPrefix(name, pemEnd)
	name, isWhole := strings.CutSuffix(name, pemDashes)
	return begins != ends && isWhole && len(name) <= longestBoundary &&
		strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") == ""
}

// isRemark reports whether a line looks as if it said nothing: a comment, the head of
// a section, a boundary, markup.
func isRemark(line string) bool {
	return line == "" || strings.IndexByte("#;![", line[0]) >= 0 || strings.HasPrefix(line, "//") ||
		strings.HasPrefix(line, pemDashes) || line[0] == '<'
}

// header reads what stands in an HTTP header: "Bearer token".
func (f *finder) header(text string) string {
	scheme, token, ok := strings.Cut(text, " ")
	if !ok || strings.ContainsAny(token, " \t") {
		return ""
	}
	switch strings.ToLower(strings.TrimSuffix(scheme, ":")) {
	case "bearer", "basic", "token":
		f.basic(setting{name: scheme, value: token})
		f.part(Part{"token", "", token, ""})
		return unnamed
	}
	return ""
}

// words looks for URLs in a text that is none itself.
func (f *finder) words(text string) string {
	if !strings.Contains(text, schemeEnd) || !strings.ContainsAny(text, " \t\"'<>") {
		return ""
	}
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(" \t\"'<>", c) }) {
		if scheme, rest, ok := cutScheme(word); ok {
			f.location(scheme, rest)
		}
	}
	return unnamed
}

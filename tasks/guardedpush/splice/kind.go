package splice

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// isText reports whether a plain scalar is a text for every reader: those of YAML 1.1
// take yes, 012, 1:30 and 1_000 for something else, those of 1.2 0o7.
func isText(plain string) bool {
	return plain != "" && !notText[strings.ToLower(plain)] && !number.MatchString(plain) &&
		!date.MatchString(plain) && plainTag(plain) == "!!str"
}

// plainTag is what the library takes a plain scalar for.
func plainTag(plain string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: plain}
	return n.ShortTag()
}

var notText = map[string]bool{
	"~": true, "null": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true,
	"y": true, "n": true, "=": true, "<<": true,
}

var (
	number = regexp.MustCompile(`(?i)^[-+]?(` + strings.Join([]string{
		`0b[01_]+`, `0o?[0-7_]+`, `0x[0-9a-f_]+`,
		`[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`, // to the base of 60
		`[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]*)?`,
		`\.[0-9_]+(e[-+]?[0-9]*)?`,
		`\.?inf(inity)?`, `\.?nan`,
	}, "|") + `)$`)
	date = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?$`)
)

// canBePlain reports whether a text can be written without quotes. It is stricter than
// YAML is: readers differ in the corners.
func canBePlain(text string, flow bool) bool {
	switch {
	case text == "" || strings.TrimSpace(text) != text || !isPrintable(text):
		return false
	case strings.ContainsRune("!&*'\"%@`#,[]{}|>?:", rune(text[0])):
		return false
	case text == "-" || strings.HasPrefix(text, "- "):
		return false
	case strings.HasPrefix(text, "---") || strings.HasPrefix(text, "..."):
		return false
	case strings.Contains(text, ": ") || strings.Contains(text, " #") || strings.HasSuffix(text, ":"):
		return false
	}
	return !flow || !strings.ContainsAny(text, ",[]{}?")
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// isJSONLiteral reports whether text is a number, true, false or null.
func isJSONLiteral(text string) bool {
	return text != "" && strings.IndexByte("-0123456789tfn", text[0]) >= 0 && json.Valid([]byte(text)) &&
		strings.TrimSpace(text) == text
}

func jsonTag(literal string) string {
	switch {
	case literal == "null":
		return "!!null"
	case literal == "true" || literal == "false":
		return "!!bool"
	case strings.ContainsAny(literal, ".eE"):
		return "!!float"
	}
	return "!!int"
}

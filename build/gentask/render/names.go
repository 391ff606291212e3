package render

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// Identifier is a name that the Go code of a task.json declares in its package.
type Identifier struct {
	Name string
	For  string // what it stands for, to name it in a message
}

// Identifiers returns the names that Go declares for t, in the file's order.
func Identifiers(t *taskjson.Task) []Identifier {
	all := []Identifier{{"Inputs", "the struct of all inputs"}}
	for _, in := range t.Inputs {
		if !isEnum(t, in) {
			continue
		}
		all = append(all, Identifier{fieldName(in.Name), fmt.Sprintf("input %q", in.Name)})
		for _, option := range in.Options {
			for1 := fmt.Sprintf("option %q of input %q", option.Value, in.Name)
			all = append(all, Identifier{constName(in.Name, option.Value), for1})
		}
	}
	for _, out := range t.Outputs {
		all = append(all, Identifier{outputName(out.Name), fmt.Sprintf("output variable %q", out.Name)})
	}
	return all
}

func isEnum(t *taskjson.Task, in taskjson.Input) bool {
	return t.Closed(in) && in.Name != "enforcement"
}

func goType(t *taskjson.Task, in taskjson.Input) string {
	switch {
	case in.Name == "enforcement":
		return "inputs.Enforcement"
	case in.Secret():
		return "inputs.Secret"
	case isEnum(t, in):
		return fieldName(in.Name)
	}
	switch in.Type {
	case "boolean":
		return "bool"
	case "int":
		return "int"
	case "multiLine":
		return "inputs.Lines"
	case "filePath":
		return "inputs.Path"
	default:
		return "string"
	}
}

// initialisms are written in capitals in Go names.
var initialisms = map[string]bool{
	"api": true, "cpu": true, "html": true, "http": true, "https": true, "id": true, "ip": true, "json": true,
	"os": true, "sha": true, "sql": true, "ssh": true, "tls": true, "ttl": true, "uri": true, "url": true,
	"uuid": true, "xml": true, "yaml": true,
}

// fieldName is an input's or variable's name as an exported Go name. Names that
// differ in more than case stay different: only case changes.
func fieldName(name string) string {
	var out strings.Builder
	for _, word := range camelWords(name) {
		if initialisms[strings.ToLower(word)] {
			word = strings.ToUpper(word)
		}
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// camelWords cuts an ASCII name before each capital that follows a small letter.
func camelWords(name string) []string {
	var words []string
	start := 0
	for i := 1; i < len(name); i++ {
		if isUpper(name[i]) && !isUpper(name[i-1]) {
			words = append(words, name[start:i])
			start = i
		}
	}
	return append(words, name[start:])
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// constName is the constant of an input's option: mode, "dry-run" -> ModeDryRun.
func constName(input, option string) string {
	words := strings.FieldsFunc(option, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	name := fieldName(input)
	for _, word := range words {
		if isASCII(word) {
			name += fieldName(word)
			continue
		}
		runes := []rune(word)
		name += string(unicode.ToUpper(runes[0])) + string(runes[1:])
	}
	return name
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func outputName(name string) string { return "Output" + fieldName(name) }

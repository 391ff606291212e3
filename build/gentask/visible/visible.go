// Package visible reads visibleRule, the small language in which a task.json
// says when the classic editor shows an input or a group:
//
//	rule       = comparison { "&&" comparison } | comparison { "||" comparison }
//	comparison = input operator value
//	operator   = "=" | "!=" | "In" | "NotIn" | "Contains" | "NotContains" |
//	             "StartsWith" | "NotStartsWith" | "EndsWith" | "NotEndsWith"
//	value      = letters, digits, "." and blanks within | '""'
//
// In and NotIn take several values, separated by commas. There are no
// parentheses, and no mixing of && and ||: the editor splits at && when there is
// one and reads the first comparison of each part
// (azure-pipelines-task-lib issue 871), so a mixed rule means something else
// than it says. A value with "-", "_" or "/" is cut at that character
// (azure-pipelines-task-lib issue 658, azure-pipelines-tasks issue 16178).
// Parse refuses what the editor would misread. A rule hides an input only from
// view; its value reaches the task all the same.
package visible

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rule is a parsed visibleRule.
type Rule struct {
	Any         bool // one comparison is enough (||); else all must hold
	Comparisons []Comparison
}

// Comparison holds an input against values.
type Comparison struct {
	Input    string
	Operator string
	Values   []string // one, but for In and NotIn; "" stands for ""
}

// Whole reports whether c compares whole values, not parts of one.
func (c Comparison) Whole() bool { return whole[c.Operator] }

var (
	operators = []string{
		"=", "!=", "In", "NotIn", "Contains", "NotContains",
		"StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith",
	}
	whole = map[string]bool{"=": true, "!=": true, "In": true, "NotIn": true}
)

// String writes r so that Parse reads the same rule from it.
func (r Rule) String() string {
	glue := " && "
	if r.Any {
		glue = " || "
	}
	texts := make([]string, len(r.Comparisons))
	for i, c := range r.Comparisons {
		value := strings.Join(c.Values, ", ")
		if value == "" {
			value = `""`
		}
		texts[i] = c.Input + " " + c.Operator + " " + value
	}
	return strings.Join(texts, glue)
}

// Parse reads a rule.
func Parse(text string) (Rule, error) {
	if strings.ContainsAny(text, "()") {
		return Rule{}, errors.New("the editor knows no parentheses; write one list of && or one of ||")
	}
	all, any := strings.Contains(text, "&&"), strings.Contains(text, "||")
	if all && any {
		return Rule{}, errors.New("the editor cannot mix && and ||; write one list of either")
	}
	glue := "&&"
	if any {
		glue = "||"
	}
	r := Rule{Any: any}
	for part := range strings.SplitSeq(text, glue) {
		c, err := comparison(part)
		if err != nil {
			return Rule{}, err
		}
		r.Comparisons = append(r.Comparisons, c)
	}
	return r, nil
}

func comparison(text string) (Comparison, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Comparison{}, errors.New("a comparison is empty; write input = value")
	}
	input, operator, value := split(text)
	c := Comparison{Input: input, Operator: operator}
	switch {
	case !isName(input):
		return c, fmt.Errorf("%q does not start with an input's name; write input = value", text)
	case operator == "":
		return c, fmt.Errorf("%q has no operator between blanks; use one of %s", text, strings.Join(operators, " "))
	case !slices.Contains(operators, operator):
		return c, fmt.Errorf("%q is not an operator; use one of %s", operator, strings.Join(operators, " "))
	case value == "":
		return c, fmt.Errorf(`%q has no value; write "" for the empty one`, text)
	}
	c.Values = []string{value}
	if operator == "In" || operator == "NotIn" {
		c.Values = strings.Split(value, ",")
	}
	for i, v := range c.Values {
		var err error
		if c.Values[i], err = literal(strings.TrimSpace(v), len(c.Values) > 1); err != nil {
			return c, err
		}
	}
	return c, nil
}

// split cuts at the operator: = and != stand anywhere, words between blanks.
func split(text string) (input, operator, value string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !isNameRune(r) })
	if end < 0 {
		return text, "", ""
	}
	input, rest := text[:end], strings.TrimLeft(text[end:], " \t")
	if symbols := rest[:len(rest)-len(strings.TrimLeft(rest, "!=<>"))]; symbols != "" {
		return input, symbols, strings.TrimSpace(rest[len(symbols):])
	}
	if rest == text[end:] { // no blank after the name: "a-b = c"
		return "", "", ""
	}
	operator, value, _ = strings.Cut(rest, " ")
	return input, operator, strings.TrimSpace(value)
}

// literal checks a value. Only "" by itself is the empty one.
func literal(value string, listed bool) (string, error) {
	switch {
	case value == `""` && !listed:
		return "", nil
	case value == "":
		return "", errors.New("a value in the list is empty; remove the comma")
	}
	bad := strings.IndexFunc(value, func(r rune) bool { return !isNameRune(r) && r != '.' && r != ' ' })
	if bad >= 0 {
		return "", fmt.Errorf("the editor cuts the value %q before %q; "+
			"it reads letters, digits, dots and blanks alone (name the option so)", value, value[bad:])
	}
	return value, nil
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) }) < 0
}

func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

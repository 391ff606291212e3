package pipeline

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Var says how a variable is set. Later steps of the job see it as $(name); with
// Output as $(step.name) only, and later jobs through dependencies.
type Var struct {
	Output   bool // visible to later jobs; implies ReadOnly at the agent
	Secret   bool // masked in logs, and never an environment variable of scripts
	ReadOnly bool
}

// macro is what the agent would expand when the next step starts.
var macro = regexp.MustCompile(`\$\([^)]+\)`)

// SetVariable sets a variable for the following steps. It returns an error,
// and sets nothing, when the agent would do something else than asked: a secret
// of several lines (refused by the agent on Linux), a public value that holds a
// registered secret, or a public value with $(name) in it, which the agent
// would expand - to a secret, if that is what name is.
func (l *Log) SetVariable(name, value string, v Var) error {
	if err := checkName(name); err != nil {
		return err
	}
	properties := []property{
		{"variable", name}, flag("isOutput", v.Output), flag("issecret", v.Secret), flag("isreadonly", v.ReadOnly),
	}
	switch {
	case v.Secret && strings.ContainsAny(value, "\r\n"):
		l.SetSecret(value)
		return fmt.Errorf("variable %s: the agent cannot hold a secret of several lines", name)
	case v.Secret:
		l.SetSecret(value)
		l.write(format("task.setvariable", properties, value))
	case l.holdsSecret(value):
		return fmt.Errorf("variable %s: the value holds a secret, but the variable is not secret", name)
	case macro.MatchString(value):
		return fmt.Errorf("variable %s: the value holds $(...), which the agent would expand", name)
	default:
		l.write(format("task.setvariable", properties, value))
	}
	return nil
}

// SetTaskVariable keeps value for the later stages of the same step, and for no
// other step. It is exported to them as VSTS_TASKVARIABLE_<NAME>, and nothing
// tells them whether it is secret: so the name of a secret one must end in
// ".secret", by which endpoint.Secrets finds it again.
func (l *Log) SetTaskVariable(name, value string, secret bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !secret && l.holdsSecret(value) {
		return fmt.Errorf("task variable %s: the value holds a secret, but the variable is not secret", name)
	}
	if secret && !strings.HasSuffix(name, ".secret") {
		return fmt.Errorf("task variable %s: the name of a secret one must end in .secret", name)
	}
	if secret {
		l.SetSecret(value)
	}
	l.write(format("task.settaskvariable", []property{{"variable", name}, flag("issecret", secret)}, value))
	return nil
}

// SetSecret makes the agent, and this Log, hide value from here on. The agent
// masks line by line, so each line of a value of several lines is registered
// too. A value or line that is too short to be masked without ruining the log
// (see [redact.TooShort]) is left alone; the caller decides what that means.
func (l *Log) SetSecret(value string) {
	l.secrets.Add(value)
	forms := []string{value, strings.TrimSpace(value)}
	for _, line := range lines(value) {
		forms = append(forms, strings.TrimSpace(line))
	}
	var b strings.Builder
	for i, form := range forms {
		if !slices.Contains(forms[:i], form) && !redact.TooShort(strings.TrimSpace(form)) {
			b.WriteString(format("task.setsecret", nil, form))
		}
	}
	l.write(b.String())
}

func (l *Log) holdsSecret(text string) bool { return l.secrets.String(text) != text }

// checkName refuses a name that would not arrive as it is. A name is not masked,
// as another name would be another variable, and not held against the secrets: it
// is the task's word, of which a secret may well be a part.
func checkName(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("a variable needs a name")
	}
	if strings.ContainsAny(name, "\r\n\x00") {
		return fmt.Errorf("variable name %q has a line break or NUL in it", name)
	}
	return nil
}

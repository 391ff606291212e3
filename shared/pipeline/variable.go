package pipeline

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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

// Variable is a variable with its value, for [Log.SetVariables].
type Variable struct {
	Name, Value string
	Var
}

// SetVariable sets a variable for the following steps. It returns an error,
// and sets nothing, when the agent would do something else than asked: a secret
// of several lines (refused by the agent on Linux), a public value that holds a
// registered secret, or a value with $(name) in it, which the agent would expand
// when the next step starts (Variables.cs, RecalculateExpanded) - to another
// secret, if that is what name is.
func (l *Log) SetVariable(name, value string, v Var) error {
	if v.Secret && checkName(name) == nil {
		l.SetSecret(value)
	}
	if err := l.checkVariable(name, value, v); err != nil {
		return err
	}
	l.write(setVariable(Variable{name, value, v}))
	return nil
}

// SetVariables sets all the variables or, when one of them cannot be set, none:
// all are checked before anything is set, and the error names each that is wrong,
// by its name and never by its value. Beyond what [Log.SetVariable] refuses, those
// are a value that would not arrive as it is, and two variables that are one for
// the agent, to which upper and lower case are the same.
//
// All goes to the agent in one write. The agent itself knows no such thing as
// setting several variables at once: a process that is killed inside the write of
// a text larger than a pipe holds (64 KB on Linux) may have set the first of them.
//
// The agent masks the value of a secret variable as it is, and nothing else of it:
// see [Log.MaskForms], which comes first.
//
// Secrets of several lines are set, too, which SetVariable refuses. The agent takes
// them only while SYSTEM_UNSAFEALLOWMULTILINESECRET is true, because it masks line by
// line: the caller has masked the lines. If the job has not switched that on itself
// (linesAllowed), it is on for the lines of this write alone.
func (l *Log) SetVariables(variables []Variable, linesAllowed bool) error {
	for _, v := range variables {
		if v.Secret {
			l.secrets.Add(v.Value)
		}
	}
	var sets strings.Builder
	problems := make([]error, 0, len(variables))
	names := map[string]string{}
	for _, v := range variables {
		problems = append(problems, l.checkNameAndText(v.Name, v.Value, v.Var), checkValue(v.Name, v.Value))
		if other, taken := names[strings.ToUpper(v.Name)]; taken {
			problems = append(problems,
				fmt.Errorf("variable %s: it is set twice (%s is the same variable)", v.Name, other))
		}
		names[strings.ToUpper(v.Name)] = v.Name
		if !linesAllowed && hasLines(v) {
			sets.WriteString(setVariable(Variable{Name: multiline, Value: "true"}) + setVariable(v) +
				setVariable(Variable{Name: multiline, Value: "false"}))
			continue
		}
		sets.WriteString(setVariable(v))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	l.write(sets.String())
	return l.Err()
}

// multiline is the agent's switch for secrets of several lines (AgentKnobs.cs,
// AllowUnsafeMultilineSecret).
const multiline = "SYSTEM_UNSAFEALLOWMULTILINESECRET"

func hasLines(v Variable) bool { return v.Secret && strings.ContainsAny(v.Value, "\r\n") }

func setVariable(v Variable) string {
	return format("task.setvariable", []property{
		{"variable", v.Name}, flag("isOutput", v.Output), flag("issecret", v.Secret), flag("isreadonly", v.ReadOnly),
	}, v.Value)
}

func (l *Log) checkVariable(name, value string, v Var) error {
	if hasLines(Variable{name, value, v}) {
		return fmt.Errorf("variable %s: the agent cannot hold a secret of several lines", name)
	}
	return l.checkNameAndText(name, value, v)
}

func (l *Log) checkNameAndText(name, value string, v Var) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case !v.Secret && l.holdsSecret(value):
		return fmt.Errorf("variable %s: the value holds a secret, but the variable is not secret", name)
	case macro.MatchString(value):
		return fmt.Errorf("variable %s: the value holds $(...), which the agent would expand", name)
	}
	return nil
}

// checkValue refuses what becomes something else on its way: the agent reads UTF-8,
// and an environment variable ends at a NUL.
func checkValue(name, value string) error {
	switch {
	case !utf8.ValidString(value):
		return fmt.Errorf("variable %s: the value is not valid UTF-8", name)
	case strings.ContainsRune(value, 0):
		return fmt.Errorf("variable %s: the value has a NUL in it", name)
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
func (l *Log) SetSecret(value string) { l.write(l.maskLines(value)) }

// MaskForms makes the agent hide each of forms from here on, in one write: forms that
// the caller has derived from secrets, each of one line and long enough to be hidden.
// This Log does not hide them; add the secrets themselves to its set.
func (l *Log) MaskForms(forms []string) error {
	var b strings.Builder
	for _, form := range forms {
		if strings.ContainsAny(form, "\r\n") || redact.TooShort(form) {
			return errors.New("a form of a secret cannot be masked: it has several lines, or is too short")
		}
		b.WriteString(format("task.setsecret", nil, form))
	}
	l.write(b.String())
	return l.Err()
}

// maskLines makes this Log hide value, and returns what makes the agent do so.
func (l *Log) maskLines(value string) string {
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
	return b.String()
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

// Package inputs turns the INPUT_* variables an Azure Pipelines agent gives a
// task into a struct that build/gentask makes from task.json.
//
// It promises what a task's author would otherwise get wrong: a blank input is
// absent, whatever the definition (the agent always sets the variable); all
// problems are reported at once, by the label the user sees, and never with the
// value, which may be a secret; an input that still holds $(name) is a problem
// and not a value; an optional path that was left empty is empty, although the
// agent turns it into the repository's folder.
//
// Decoding is done by github.com/sethvargo/go-envconfig; rules between inputs
// are the task's own.
package inputs

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// Lookup returns an environment variable's value and whether it is set.
type Lookup func(key string) (string, bool)

// Problem is one input that cannot be used.
type Problem struct {
	Input  string // name in YAML
	Label  string // label in the editor
	Reason string // our own words, without the value
	Fix    string // what to do, if the reason does not say it
}

// Error says which input is wrong, and why.
func (p Problem) Error() string {
	if p.Label == "" || strings.EqualFold(p.Label, p.Input) {
		return fmt.Sprintf("input %q %s", p.Input, p.Reason)
	}
	return fmt.Sprintf("input %q (%s) %s", p.Input, p.Label, p.Reason)
}

// problem is a Problem before its input is known; no reason is no problem.
type problem struct{ reason, fix string }

// Problems are all the inputs that cannot be used, in the struct's order.
type Problems []Problem

// Error joins the problems, one a line.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i := range p {
		texts[i] = p[i].Error()
	}
	return strings.Join(texts, "\n")
}

// Load fills the struct that into points to. Its fields carry the tags input
// (name), label, env (go-envconfig's) and, for a pick list, options (comma
// separated). The error is Problems, or says that the struct itself is wrong,
// which is a bug. Fields of problems keep their zero value.
func Load(ctx context.Context, lookup Lookup, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("inputs: Load needs a pointer to a struct, got %T", into)
	}
	l := loader{lookup: lookup, roots: roots(lookup)}
	var problems Problems
	for i := range target.Elem().NumField() {
		field := target.Elem().Type().Field(i)
		found, err := l.load(ctx, field, target.Elem().Field(i))
		if err != nil {
			return fmt.Errorf("inputs: field %s: %w", field.Name, err)
		}
		if found.reason != "" {
			problems = append(problems, Problem{
				Input: field.Tag.Get("input"), Label: field.Tag.Get("label"), Reason: found.reason, Fix: found.fix,
			})
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

type loader struct {
	lookup Lookup
	roots  []string
}

// load fills one field and returns why its input cannot be used, if so.
// go-envconfig stops at the first problem, so it is given one field at a time.
func (l loader) load(ctx context.Context, field reflect.StructField, into reflect.Value) (problem, error) {
	key, rest, _ := strings.Cut(field.Tag.Get("env"), ",")
	if key == "" {
		return problem{}, errors.New("no env tag")
	}
	value, set := l.lookup(key)
	if set = set && strings.TrimSpace(value) != ""; set {
		if field.Type == reflect.TypeFor[Path]() && l.isRoot(value) {
			value, set = "", false
		}
		if found := refuse(field, value); found.reason != "" {
			return found, nil
		}
	}
	if set {
		value = normal(field, value)
	} else {
		value = "" // go-envconfig looks at it although it is not there
	}
	one := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: field.Name, Type: field.Type, Tag: field.Tag},
	}))
	err := envconfig.ProcessWith(ctx, &envconfig.Config{
		Target:   one.Interface(),
		Lookuper: single{key, value, set},
	})
	switch {
	case errors.Is(err, envconfig.ErrMissingRequired):
		return missing(field), nil
	case err != nil && set:
		return unreadable(field, value), nil
	case err != nil:
		return problem{}, fmt.Errorf("tag %q: %w", rest, err)
	}
	into.Set(one.Elem().Field(0))
	return l.check(field, into), nil
}

// single is the world as go-envconfig may see it: one variable, where blank is
// absent.
type single struct {
	key, value string
	set        bool
}

func (s single) Lookup(key string) (string, bool) { return s.value, s.set && key == s.key }

// macro is an agent expression that nothing expanded: the agent leaves $(name)
// as it is when there is no variable of that name, whatever is in the name.
var macro = regexp.MustCompile(`\$\(\s*([^)\s][^)]*)\)`)

// plainName is a variable's name that can be shown: it cannot be much else.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,100}$`)

func refuse(field reflect.StructField, value string) problem {
	if strings.ContainsRune(value, 0) {
		return problem{reason: "has a NUL character in it"}
	}
	m := macro.FindStringSubmatch(value)
	switch {
	case m == nil:
		return problem{}
	case field.Type == reflect.TypeFor[Secret](), !plainName.MatchString(m[1]):
		return problem{
			"holds $(...) of a variable that does not exist",
			"define the variable, correct its name, give this step access to the secret, " +
				"or leave the input out of runs that must not have it",
		}
	default:
		return problem{"holds $(" + m[1] + "), but there is no variable of that name", "define it, or correct the name"}
	}
}

func missing(field reflect.StructField) problem {
	if field.Type == reflect.TypeFor[Path]() {
		return problem{
			"is empty, or the repository's folder itself, which this input does not take",
			"name a folder or file, such as one below $(Pipeline.Workspace)",
		}
	}
	return problem{reason: "is required"}
}

// decimal is a whole number as people write one. go-envconfig reads "010" as
// eight and "0x10" as sixteen, which nobody who fills in a form means.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// normal gives a value the one spelling that go-envconfig may read, or one that
// it refuses: "1", "yes" and "t" are no booleans for the agent's own library,
// and none here.
func normal(field reflect.StructField, value string) string {
	trimmed := strings.TrimSpace(value)
	switch field.Type.Kind() {
	case reflect.Bool:
		if lower := strings.ToLower(trimmed); lower == "true" || lower == "false" {
			return lower
		}
		return "not a boolean"
	case reflect.Int:
		if decimal.MatchString(trimmed) {
			return trimmed
		}
		return "not a number"
	default:
		return value
	}
}

// check holds a decoded pick list against its options.
func (l loader) check(field reflect.StructField, value reflect.Value) problem {
	picked, ok := value.Interface().(interface{ Valid() bool })
	if !ok || value.IsZero() || picked.Valid() {
		return problem{}
	}
	options := strings.Split(field.Tag.Get("options"), ",")
	found := problem{"must be one of: " + strings.Join(options, ", "), "write one of these words, letter by letter"}
	for _, option := range options {
		// The option is shown, and not the value.
		if strings.EqualFold(option, strings.TrimSpace(value.String())) {
			found.fix = fmt.Sprintf("write %q, in just these letters and without spaces", option)
		}
	}
	value.SetZero()
	return found
}

// unreadable says how a value of the field is written.
func unreadable(field reflect.StructField, value string) problem {
	switch {
	case field.Type.Kind() == reflect.Bool:
		return problem{"must be true or false", "write one of these two words, or leave the input out"}
	case field.Type.Kind() != reflect.Int:
		return problem{reason: "must be a valid " + field.Type.Name()}
	case decimal.MatchString(value):
		return problem{
			"must be a whole number of at most " + strconv.Itoa(field.Type.Bits()) + " bits",
			"write one of fewer digits",
		}
	}
	return problem{
		"must be a whole number",
		"write its digits alone, without a unit, separators or zeros in front, such as 10240",
	}
}

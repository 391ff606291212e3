package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// calls keeps what each call of Write was given.
type calls []string

func (c *calls) Write(p []byte) (int, error) {
	*c = append(*c, string(p))
	return len(p), nil
}

func secretVariable(name, value string) pipeline.Variable {
	return pipeline.Variable{Name: name, Value: value, Var: pipeline.Var{Secret: true}}
}

func TestSetVariablesIsOneWrite(t *testing.T) {
	t.Parallel()
	var out calls
	l := pipeline.New(&out, nil)
	err := l.SetVariables([]pipeline.Variable{
		{Name: "host", Value: "db.contoso.com", Var: pipeline.Var{Output: true}},
		secretVariable("DB_URL", "postgres://u:p%40ss@h/db;x"),
		secretVariable("API_KEY", " k3y-with-blanks "),
		secretVariable("SHORT", "1"),
		secretVariable("PEM", "line-one\nline-two"),
		secretVariable("EMPTY", ""),
	}, false)
	if err != nil {
		t.Fatalf("SetVariables: %v", err)
	}
	want := calls{strings.Join([]string{
		"##vso[task.setvariable variable=host;isOutput=true;]db.contoso.com",
		"##vso[task.setvariable variable=DB_URL;issecret=true;]postgres://u:p%AZP2540ss@h/db;x",
		"##vso[task.setvariable variable=API_KEY;issecret=true;] k3y-with-blanks ",
		"##vso[task.setvariable variable=SHORT;issecret=true;]1",
		"##vso[task.setvariable variable=SYSTEM_UNSAFEALLOWMULTILINESECRET;]true",
		"##vso[task.setvariable variable=PEM;issecret=true;]line-one%0Aline-two",
		"##vso[task.setvariable variable=SYSTEM_UNSAFEALLOWMULTILINESECRET;]false",
		"##vso[task.setvariable variable=EMPTY;issecret=true;]",
		"",
	}, "\n")}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("SetVariables wrote (-want +got):\n%s", diff)
	}
}

// Each of them with a good variable before and after it: none is set, and every
// secret is masked all the same.
func TestSetVariablesSetsNothingWhenOneCannotBeSet(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bad  []pipeline.Variable
		want []string // each part of the error
	}{
		"macro in a secret":  {[]pipeline.Variable{secretVariable("M", "ab$(System.JobId)cd")}, []string{"variable M: the value holds $(...)"}},
		"macro in a public":  {[]pipeline.Variable{{Name: "M", Value: "$(DB_URL)"}}, []string{"$(...)"}},
		"secret of this set": {[]pipeline.Variable{{Name: "P", Value: "x the-first-value x"}}, []string{"variable P: the value holds a secret"}},
		"no name":            {[]pipeline.Variable{secretVariable("", "abcdef")}, []string{"needs a name"}},
		"line break in name": {[]pipeline.Variable{secretVariable("a\nb", "abcdef")}, []string{"line break"}},
		"not UTF-8":          {[]pipeline.Variable{secretVariable("BIN", "abc\xffdef")}, []string{"variable BIN: the value is not valid UTF-8"}},
		"NUL":                {[]pipeline.Variable{secretVariable("BIN", "abc\x00def")}, []string{"variable BIN: the value has a NUL"}},
		"twice":              {[]pipeline.Variable{secretVariable("FIRST", "another-value")}, []string{"variable FIRST: it is set twice"}},
		"twice but for case": {[]pipeline.Variable{secretVariable("first", "another-value")}, []string{"variable first: it is set twice (FIRST is the same variable)"}},
		"all at once": {
			[]pipeline.Variable{secretVariable("A", "x-y-\xff"), secretVariable("B", "x$(y)z-and-more")},
			[]string{"variable A", "variable B"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out calls
			l := pipeline.New(&out, nil)
			set := append([]pipeline.Variable{secretVariable("FIRST", "the-first-value")}, tc.bad...)
			set = append(set, secretVariable("LAST", "the-last-value"))
			err := l.SetVariables(set, false)
			if err == nil {
				t.Fatalf("SetVariables(%+v) sets them", set)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("SetVariables(%+v) = %v, want an error with %q", set, err, want)
				}
			}
			if len(out) > 0 {
				t.Errorf("a refused SetVariables wrote %q", out)
			}
			for _, v := range set {
				if v.Secret && strings.Contains(err.Error(), v.Value) {
					t.Errorf("SetVariables(%+v): the error holds a value: %v", set, err)
				}
			}
		})
	}
}

// A job that has switched secrets of several lines on keeps it so.
func TestSetVariablesLeavesTheJobsOwnSwitch(t *testing.T) {
	t.Parallel()
	var out calls
	pem := secretVariable("PEM", "line-one\nline-two")
	if err := pipeline.New(&out, nil).SetVariables([]pipeline.Variable{pem}, true); err != nil {
		t.Fatal(err)
	}
	want := calls{"##vso[task.setvariable variable=PEM;issecret=true;]line-one%0Aline-two\n"}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("SetVariables wrote (-want +got):\n%s", diff)
	}
}

func TestMaskForms(t *testing.T) {
	t.Parallel()
	var out calls
	l := pipeline.New(&out, nil)
	if err := l.MaskForms([]string{"literal %3B here", "second-form"}); err != nil {
		t.Fatal(err)
	}
	want := calls{"##vso[task.setsecret]literal %AZP253B here\n##vso[task.setsecret]second-form\n"}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("MaskForms wrote (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"two\nlines", "abc", "true"} {
		if err := l.MaskForms([]string{"good-form", bad}); err == nil || len(out) > 1 {
			t.Errorf("MaskForms with %q: error %v, wrote %q, want an error and nothing", bad, err, out[1:])
		}
	}
}

func TestSetVariablesTellsThatTheLogIsGone(t *testing.T) {
	t.Parallel()
	err := pipeline.New(broken{}, new(redact.Set)).SetVariables([]pipeline.Variable{secretVariable("A", "abcdef")}, false)
	if err == nil || errors.Unwrap(err) == nil {
		t.Errorf("SetVariables on a closed pipe = %v, want the writer's error", err)
	}
}

func TestSetVariableRefusesAMacroInASecret(t *testing.T) {
	t.Parallel()
	var out calls
	err := pipeline.New(&out, nil).SetVariable("a", "abc$(name)", pipeline.Var{Secret: true})
	if err == nil {
		t.Errorf("SetVariable sets a secret with $(name) in it: %q", out)
	}
	if got := strings.Join(out, ""); got != "##vso[task.setsecret]abc$(name)\n" {
		t.Errorf("a refused SetVariable wrote %q, want the mask only", got)
	}
}

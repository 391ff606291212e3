package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
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

func TestSetVariablesIsOneWriteWithTheMasksInFront(t *testing.T) {
	t.Parallel()
	var out calls
	l := pipeline.New(&out, nil)
	err := l.SetVariables([]pipeline.Variable{
		{Name: "host", Value: "db.contoso.com", Var: pipeline.Var{Output: true}},
		secretVariable("DB_URL", "postgres://u:p%40ss@h/db;x"),
		secretVariable("API_KEY", " k3y-with-blanks "),
		secretVariable("SHORT", "1"),
		secretVariable("EMPTY", ""),
	})
	if err != nil {
		t.Fatalf("SetVariables: %v", err)
	}
	want := calls{strings.Join([]string{
		"##vso[task.setsecret]postgres://u:p%AZP2540ss@h/db;x",
		"##vso[task.setsecret] k3y-with-blanks ",
		"##vso[task.setsecret]k3y-with-blanks",
		"##vso[task.setvariable variable=host;isOutput=true;]db.contoso.com",
		"##vso[task.setvariable variable=DB_URL;issecret=true;]postgres://u:p%AZP2540ss@h/db;x",
		"##vso[task.setvariable variable=API_KEY;issecret=true;] k3y-with-blanks ",
		"##vso[task.setvariable variable=SHORT;issecret=true;]1",
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
		"several lines":      {[]pipeline.Variable{secretVariable("PEM", "line-one\nline-two")}, []string{"variable PEM: the agent cannot hold a secret of several lines"}},
		"carriage return":    {[]pipeline.Variable{secretVariable("PEM", "line-one\rline-two")}, []string{"several lines"}},
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
			[]pipeline.Variable{secretVariable("A", "x-y-z\n"), secretVariable("B", "x$(y)z-and-more")},
			[]string{"variable A", "variable B"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out calls
			l := pipeline.New(&out, nil)
			set := append([]pipeline.Variable{secretVariable("FIRST", "the-first-value")}, tc.bad...)
			set = append(set, secretVariable("LAST", "the-last-value"))
			err := l.SetVariables(set)
			if err == nil {
				t.Fatalf("SetVariables(%+v) sets them", set)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("SetVariables(%+v) = %v, want an error with %q", set, err, want)
				}
			}
			checkOnlyMasks(t, out, "the-first-value", "the-last-value")
			for _, v := range set {
				if v.Secret && strings.Contains(err.Error(), v.Value) {
					t.Errorf("SetVariables(%+v): the error holds a value: %v", set, err)
				}
			}
		})
	}
}

func checkOnlyMasks(t *testing.T, out calls, masked ...string) {
	t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(strings.Join(out, "")) {
		c, ok := command.Parse(strings.TrimSuffix(line, "\n"), true)
		if !ok || c.Area != "task" || c.Event != "setsecret" {
			t.Errorf("a refused SetVariables wrote %q, want masks only", line)
		}
		found[c.Data] = true
	}
	for _, value := range masked {
		if !found[value] {
			t.Errorf("a refused SetVariables did not mask %q; it wrote %q", value, out)
		}
	}
}

func TestSetVariablesTellsThatTheLogIsGone(t *testing.T) {
	t.Parallel()
	err := pipeline.New(broken{}, new(redact.Set)).SetVariables([]pipeline.Variable{secretVariable("A", "abcdef")})
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
	checkOnlyMasks(t, out, "abc$(name)")
}

package condition_test

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/localagent/condition"
)

var jobVariables = map[string]string{
	"SOME.VARIABLE": "SOMEvalue", "SOMEVARIABLE": "SOMEvalue", "BUILD.REASON": "PullRequest",
	"TRUE": "True", "FALSE": "False", "EMPTY": "", "TEN": "10", "POINT": " 1,010.50 ", "NAME": "ten",
}

func state(status string) condition.State {
	return condition.State{JobStatus: status, Variables: func(name string) (string, bool) {
		value, ok := jobVariables[strings.ToUpper(name)]
		return value, ok
	}}
}

func eval(t *testing.T, expr, status string) bool {
	t.Helper()
	e, err := condition.Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	got, err := e.Eval(state(status))
	if err != nil {
		t.Fatalf("Eval of %q with status %q: %v", expr, status, err)
	}
	return got
}

// TestStatusFunctions holds src/Test/L0/Worker/ExpressionManagerL0.cs: AlwaysFunction,
// CanceledFunction, FailedFunction, SucceededFunction, SucceededOrFailedFunction.
func TestStatusFunctions(t *testing.T) {
	t.Parallel()
	statuses := []string{"", "Succeeded", "SucceededWithIssues", "Failed", "Canceled"}
	for expr, want := range map[string]string{ // + or - for each status above
		"always()":              "+++++",
		"canceled()":            "----+",
		"failed()":              "---+-",
		"succeeded()":           "+++--",
		"succeededOrFailed()":   "++++-",
		"":                      "+++--",
		" \n":                   "+++--",
		"SUCCEEDED( )":          "+++--",
		"not(canceled())":       "++++-",
		"or(failed(),always())": "+++++",
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			for i, status := range statuses {
				if got := eval(t, expr, status); got != (want[i] == '+') {
					t.Errorf("%q with status %q = %v, want %v", expr, status, got, !got)
				}
			}
		})
	}
}

// TestEval starts with ExpressionManagerL0.cs VariablesNamedValue; the rest are the
// casting rules of Azure's documentation of expressions.
func TestEval(t *testing.T) {
	t.Parallel()
	for want, exprs := range map[bool][]string{
		true: {
			"eq(variables.someVARIABLE, 'someVALUE')",
			"eq(variables['some.VARIABLE'], 'someVALUE')",
			"eq(variables.nosuch, '')",
			"eq('', variables.nosuch)",
			"eq(variables.nosuch, variables.other)",
			"eq(variables['true'], true)", // True as text
			"eq(true, variables['true'])",
			"eq(true, 'false')", // a string that is not empty is true
			"eq(variables.false, false)",
			"eq(false, '')", "eq(false, 0)", "eq(true, -1)", "eq(true, 2)",
			"eq(variables.ten, 10)", "eq(10, variables.ten)", "eq(10.0, variables.ten)",
			"eq('10', 10.000)", "eq('-0.5', -.5)", "eq('0.3333333', 0.33333333)",
			"eq(1010.5, variables.point)", "eq(0, '')", "eq(0, variables.nosuch)", "eq(1, true)", "eq(0, false)",
			"eq(variables[variables.name], '10')",
			"ne(10, variables.name)", "ne(variables.nosuch, 0)", "ne(variables.nosuch, false)", "ne('a', 'b')",
			"in('b', 'A', 'B')", "in(1, 'x', '1')",
			"and(1, 'x', true)", "or(0, '', variables.nosuch, 'x')", "not(0)", "not('')", "not(variables.nosuch)",
			"eq('it''s', 'IT''S')", "eq('', '')", "eq('größe', 'GRÖßE')",
			"and(succeeded(), ne(variables['Build.Reason'], 'Schedule'))",
			"and(\n  succeeded(),\n  eq(variables['Build.Reason'], 'PullRequest')\n)",
			"'x'", "1", "True",
		},
		false: {
			"eq(variables['some.VARIABLE'], 'other value')",
			"eq(variables.nosuch, 'SomeValue')",
			"eq(variables.ten, 10.01)", "eq(10, variables.name)", "eq(1, '1e0')", "eq(1, '0x1')", "eq(1, ',1')",
			"eq(variables.nosuch, 0)", "eq('true', 1)",
			"eq(79228162514264337593543950335, '79228162514264337593543950336')",
			"ne('a', 'A')", "in('c', 'a', 'b')", "and(true, false)", "and(failed(), true)", "or(false, 0)",
			"not('false')",
			"eq('\u212A', 'k')", "''", "0", "-0.0", "false", "variables.empty", "variables.nosuch",
		},
	} {
		for _, expr := range exprs {
			t.Run(expr, func(t *testing.T) {
				t.Parallel()
				if got := eval(t, expr, "Succeeded"); got != want {
					t.Errorf("%q = %v, want %v", expr, got, want)
				}
			})
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"startsWith('a', 'b')":            `column 1: function "startsWith" is not supported; supported are succ`,
		"and(succeeded(), xor(1, 2))":     `column 18: function "xor" is not supported`,
		"eq(dependencies.a.b, 1)":         `column 4: unknown value "dependencies"`,
		"foo":                             `column 1: unknown value "foo"`,
		"eq(1)":                           "column 1: eq takes 2 argument(s), not 1",
		"not()":                           "column 1: not takes 1 argument(s), not 0",
		"always(1)":                       "column 1: always takes no arguments, not 1",
		"succeeded('JobA')":               "column 1: succeeded takes no arguments, not 1",
		"and(true)":                       "column 1: and takes at least 2 arguments, not 1",
		"eq(1, 2":                         `column 8: unexpected the end of the condition, want "," or ")"`,
		"eq(1,)":                          `column 6: unexpected ")"`,
		"eq(,1)":                          `column 4: unexpected ","`,
		"eq(1 2)":                         `column 6: unexpected "2"`,
		"succeeded() failed()":            `column 13: unexpected "failed" after the end`,
		"'abc":                            "column 1: the string that starts here has no closing '",
		"eq(\"a\", 'b')":                  `column 4: unexpected '"'; strings are written '...'`,
		"$(x)":                            `column 1: unexpected '$'; write variables['name']`,
		"variables.a == 'b'":              "column 13: unexpected '='; there are no operators, write succeeded()",
		"1.2.3":                           `column 1: "1.2.3" is not a number; versions are compared as strings only`,
		"eq(1, -)":                        `column 7: "-" is not a number`,
		"eq(1, 1e5)":                      `column 7: "1e5" is not a number`,
		"variables":                       "column 1: variables alone has no value",
		"variables[":                      "column 11: unexpected the end",
		"variables['a'":                   `column 14: unexpected the end of the condition, want "]"`,
		"variables.1":                     `column 11: unexpected "1", want the name of a variable`,
		"eq(variables.Build.Reason, 'x')": "column 19: a variable has no parts; write a name with dots",
		"eq(variables['a']['b'], 'x')":    "column 18: a variable has no parts",
		"größe()":                         "column 3: unexpected 'ö'",
		strings.Repeat("not(", 60) + "1" + strings.Repeat(")", 60): "nested more than 50 deep",
		strings.Repeat(" ", 30000) + "1":                           "condition is 30001 characters long, at most 21000",
	} {
		t.Run(expr[:min(len(expr), 30)], func(t *testing.T) {
			t.Parallel()
			_, err := condition.Parse(expr)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Parse(%q) = %v, want an error with %q", expr, err, want)
			}
		})
	}
}

func TestEvalState(t *testing.T) {
	t.Parallel()
	e, err := condition.Parse("eq(variables.x, '')")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Eval(condition.State{}); !got || err != nil {
		t.Errorf("Eval with no variables = %v, %v, want true", got, err)
	}
	const status = "succeeded"
	if _, err := e.Eval(condition.State{JobStatus: status}); err == nil || !strings.Contains(err.Error(), status) {
		t.Errorf("Eval with status %q = %v, want an error that names it", status, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "and(succeeded(), eq(variables['a.b'], 'c'))", "not(in(-1.5, .5, variables.x))",
		"1.2.3", "'a''b'", "((", "variables[",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := condition.Parse(expr)
		if err != nil {
			if !strings.Contains(err.Error(), "condition") {
				t.Errorf("Parse(%q) = %v, want an error that says what it is about", expr, err)
			}
			return
		}
		if _, err := e.Eval(state("Failed")); err != nil {
			t.Errorf("Eval of %q: %v", expr, err)
		}
	})
}

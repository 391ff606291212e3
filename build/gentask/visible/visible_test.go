package visible

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	one := func(input, operator string, values ...string) Rule {
		return Rule{Comparisons: []Comparison{{input, operator, values}}}
	}
	for text, want := range map[string]Rule{
		"a = b":               one("a", "=", "b"),
		"a=b":                 one("a", "=", "b"),
		" a  !=  b c ":        one("a", "!=", "b c"),
		`a != ""`:             one("a", "!=", ""),
		"a = 1.2":             one("a", "=", "1.2"),
		"a In x, y,z":         one("a", "In", "x", "y", "z"),
		"a NotIn x":           one("a", "NotIn", "x"),
		"a Contains x":        one("a", "Contains", "x"),
		"a NotContains x":     one("a", "NotContains", "x"),
		"a StartsWith x":      one("a", "StartsWith", "x"),
		"a NotStartsWith x":   one("a", "NotStartsWith", "x"),
		"a EndsWith x":        one("a", "EndsWith", "x"),
		"a NotEndsWith x":     one("a", "NotEndsWith", "x"),
		"Contains = EndsWith": one("Contains", "=", "EndsWith"),
		"a = b && c != d && e = f": {Comparisons: []Comparison{
			{"a", "=", []string{"b"}}, {"c", "!=", []string{"d"}}, {"e", "=", []string{"f"}},
		}},
		"a = b||a = c": {Any: true, Comparisons: []Comparison{
			{"a", "=", []string{"b"}}, {"a", "=", []string{"c"}},
		}},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(text)
			if err != nil {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "a comparison is empty",
		"   ":                     "a comparison is empty",
		"a = b &&":                "a comparison is empty",
		"|| a = b":                "a comparison is empty",
		"a = b && (c = d)":        "no parentheses",
		"a = b && c = d || e = f": "cannot mix && and ||",
		"a":                       "has no operator",
		"a ":                      "has no operator",
		"= b":                     "does not start with an input's name",
		"a-b = c":                 "does not start with an input's name",
		"$(a) = c":                "no parentheses",
		"a == b":                  `"==" is not an operator`,
		"a < b":                   `"<" is not an operator`,
		"a =! b":                  `"=!" is not an operator`,
		"a contains b":            `"contains" is not an operator`,
		"a b":                     `"b" is not an operator`,
		"a =":                     "has no value",
		"a Contains":              "has no value",
		"a = run-script":          `cuts the value "run-script" before "-script"`,
		"a = 'x'":                 "cuts the value",
		"a = b = c":               "cuts the value",
		"a = b & c = d":           "cuts the value",
		"a = x, y":                "cuts the value",
		"a = ü":                   "cuts the value",
		`a In x, ""`:              "cuts the value",
		"a In x,,y":               "is empty; remove the comma",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(text)
			if err == nil {
				t.Fatalf("Parse(%q) = %+v, nil; want an error with %q", text, got, want)
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Parse(%q): got error %q, want one with %q", text, err, want)
			}
		})
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for operator, want := range map[string]bool{"=": true, "NotIn": true, "Contains": false, "NotEndsWith": false} {
		if got := (Comparison{Operator: operator}).Whole(); got != want {
			t.Errorf("Whole of %q = %t, want %t", operator, got, want)
		}
	}
}

// FuzzParse: whatever Parse accepts is a rule of the grammar, and its String is
// the same rule.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a = b", "a!=b&&c In d, e", `a = ""||b NotContains x.y z`, "a == b", "a = (b)", "a\t=\tb", "a In ,", "&&", "ä = ö",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("Parse(%q): error of several lines: %q", text, err)
			}
			return
		}
		for _, c := range rule.Comparisons {
			if !isName(c.Input) || len(c.Values) == 0 {
				t.Errorf("Parse(%q) accepted the comparison %+v", text, c)
			}
			for _, v := range c.Values {
				if strings.ContainsAny(v, `&|()="'-_/,`) || strings.TrimSpace(v) != v {
					t.Errorf("Parse(%q) accepted the value %q", text, v)
				}
			}
		}
		again, err := Parse(rule.String())
		if err != nil {
			t.Fatalf("Parse(%q), the String of Parse(%q): %v", rule.String(), text, err)
		}
		if diff := cmp.Diff(rule, again); diff != "" {
			t.Errorf("Parse(%q) and of its String %q differ:\n%s", text, rule.String(), diff)
		}
	})
}

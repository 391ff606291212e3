package variables_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

func cycle(name string) string {
	return "Unable to expand variable '" + name + "'. A cyclical reference was detected."
}

type vars = map[string]string

// recalculated holds the constructor cases of src/Test/L0/Worker/VariablesL0.cs, by
// their names without "Constructor_".
var recalculated = map[string]struct {
	set, secrets, want vars
	wantSecret         []string
	warnings           []string
}{
	"DetectsAdjacentCyclicalReference": {
		set:      vars{"variable1": "1_$(variable2)", "variable2": "2_$(variable3)", "variable3": "3_$(variable2)"},
		want:     vars{"variable1": "1_$(variable2)", "variable2": "2_$(variable3)", "variable3": "3_$(variable2)"},
		warnings: []string{cycle("variable1"), cycle("variable2"), cycle("variable3")},
	},
	"DetectsNonadjacentCyclicalReference": {
		set:      vars{"variable1": "1_$(variable2)", "variable2": "2_$(variable3)", "variable3": "3_$(variable1)"},
		want:     vars{"variable1": "1_$(variable2)", "variable2": "2_$(variable3)", "variable3": "3_$(variable1)"},
		warnings: []string{cycle("variable1"), cycle("variable2"), cycle("variable3")},
	},
	"itself": {set: vars{"a": "x$(A)"}, want: vars{"a": "x$(A)"}, warnings: []string{cycle("a")}},
	"beside a cycle": {
		set:      vars{"a": "$(b)", "b": "$(c)", "c": "ok", "x": "$(b)$(x)"},
		want:     vars{"a": "ok", "b": "ok", "x": "$(b)$(x)"},
		warnings: []string{cycle("x")},
	},
	"InheritsSecretFlagFromDeepRecursion": {
		set:     vars{"variable1": "before $(variable2) after", "variable2": "before2 $(variable3) after2"},
		secrets: vars{"variable3": "some variable 3 value"},
		want: vars{
			"variable1": "before before2 some variable 3 value after2 after",
			"variable2": "before2 some variable 3 value after2", "variable3": "some variable 3 value",
		},
		wantSecret: []string{"variable1", "variable2", "variable3"},
	},
	"a cycle takes in no secret": {
		set:        vars{"a": "$(s)$(a)"},
		secrets:    vars{"s": "x"},
		want:       vars{"a": "$(s)$(a)"},
		wantSecret: []string{"s"},
		warnings:   []string{cycle("a")},
	},
	"ExpandsValueWithConsecutiveMacros": {
		set:  vars{"variable1": "before$(variable2)$(variable2)after", "variable2": "v2"},
		want: vars{"variable1": "beforev2v2after", "variable2": "v2"},
	},
	"ExpandsValueWithDeepRecursion": {
		set:  vars{"variable1": "before$(variable2)after", "variable2": "$(variable3)world", "variable3": "hello"},
		want: vars{"variable1": "beforehelloworldafter", "variable2": "helloworld", "variable3": "hello"},
	},
	"ExpandsValueWithPreceedingPrefix": {
		set:  vars{"variable1": "before$($(variable2)after", "variable2": "hello"},
		want: vars{"variable1": "before$(helloafter"},
	},
	"HandlesNullNestedValue": {
		set:  vars{"variable1": "before $(variable2) after", "variable2": ""},
		want: vars{"variable1": "before  after", "variable2": ""},
	},
	"what is put in is not scanned again": {
		set:  vars{"a": "$(b)c)", "b": "$(", "c": "bad"},
		want: vars{"a": "$(c)", "b": "$("},
	},
	"unknown stays": {set: vars{"a": "$(nope) $() $(b"}, want: vars{"a": "$(nope) $() $(b"}},
}

func TestRecalculate(t *testing.T) {
	t.Parallel()
	for name, tc := range recalculated {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s variables.Store
			for _, name := range slices.Sorted(maps.Keys(tc.set)) { // the order of the warnings
				s.Set(name, tc.set[name], variables.Options{})
			}
			for name, value := range tc.secrets {
				s.Set(name, value, secret)
			}
			if diff := cmp.Diff(tc.warnings, s.Recalculate()); diff != "" {
				t.Errorf("Recalculate() warnings (-want +got):\n%s", diff)
			}
			for name, want := range tc.want {
				if got, _, _ := s.Get(name); got != want {
					t.Errorf("Get(%q) = %q, want %q", name, got, want)
				}
			}
			checkNames(t, "Secrets()", s.Secrets(), tc.wantSecret...)
		})
	}
}

// VariablesL0.cs Constructor_DetectsExcessiveDepth.
func TestRecalculateDepth(t *testing.T) {
	t.Parallel()
	var s variables.Store
	s.Set("variable51", "Final value", variables.Options{})
	for i := 1; i <= 50; i++ {
		s.Set(fmt.Sprintf("variable%d", i), fmt.Sprintf("$(variable%d)", i+1), variables.Options{})
	}
	want := []string{"Unable to expand variable 'variable1'. The max expansion depth (50) was exceeded."}
	if diff := cmp.Diff(want, s.Recalculate()); diff != "" {
		t.Errorf("Recalculate() warnings (-want +got):\n%s", diff)
	}
	checkGet(t, &s, "variable1", "$(variable2)", false)
	for i := 2; i <= 51; i++ {
		checkGet(t, &s, fmt.Sprintf("variable%d", i), "Final value", false)
	}
}

// VariablesL0.cs RecalculateExpanded_PerformsRecalculation; and a value set while a
// step runs is raw until the next one starts.
func TestRecalculateAgain(t *testing.T) {
	t.Parallel()
	var s variables.Store
	s.Set("topLevelVariable", "$(nestedVariable1) $(nestedVariable2)", variables.Options{})
	s.Set("nestedVariable1", "Some nested value 1", variables.Options{})
	s.Recalculate()
	checkGet(t, &s, "topLevelVariable", "Some nested value 1 $(nestedVariable2)", false)
	s.Set("nestedVariable2", "Some nested value 2", variables.Options{})
	s.Set("late", "$(nestedVariable2)", variables.Options{})
	checkGet(t, &s, "topLevelVariable", "Some nested value 1 $(nestedVariable2)", false)
	checkGet(t, &s, "late", "$(nestedVariable2)", false)
	s.Recalculate()
	checkGet(t, &s, "topLevelVariable", "Some nested value 1 Some nested value 2", false)
	checkGet(t, &s, "late", "Some nested value 2", false)
}

// A few lines that double fifty times over must not take the machine down.
func TestRecalculateIsBounded(t *testing.T) {
	t.Parallel()
	for name, leaf := range map[string]string{"long values": "lol", "empty values": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s variables.Store
			s.Set("v0", leaf, variables.Options{})
			for i := 1; i < 50; i++ {
				s.Set(fmt.Sprintf("v%d", i), strings.Repeat(fmt.Sprintf("$(v%d)", i-1), 2), variables.Options{})
			}
			warnings := s.Recalculate()
			if leaf == "" {
				if len(warnings) > 0 {
					t.Errorf("Recalculate() of empty values = %q, want no warning", warnings)
				}
				checkGet(t, &s, "v49", "", false)
				return
			}
			if len(warnings) == 0 || !strings.Contains(warnings[0], "too long") {
				t.Errorf("Recalculate() of doubling values = %q, want warnings about their length", warnings)
			}
			checkGet(t, &s, "v49", "$(v48)$(v48)", false)
			checkGet(t, &s, "v2", "lollollollol", false)
		})
	}
	t.Run("many long values", func(t *testing.T) {
		t.Parallel()
		var s variables.Store
		s.Set("long", strings.Repeat("x", 1<<19), variables.Options{})
		for i := range 200 {
			s.Set(fmt.Sprintf("v%d", i), "$(long)!", variables.Options{})
		}
		if got := len(s.Recalculate()); got < 50 || got > 100 {
			t.Errorf("Recalculate() of 200 half-MiB values gave %d warnings, want those beyond 64 MiB", got)
		}
	})
	t.Run("one value over the limit", func(t *testing.T) {
		t.Parallel()
		var s variables.Store
		s.Set("half", strings.Repeat("x", 1<<19), variables.Options{})
		s.Set("whole", "$(half)$(half)", variables.Options{})
		s.Set("more", "$(half)$(half)!", variables.Options{})
		want := []string{"Unable to expand variable 'more'. The value is too long."}
		if diff := cmp.Diff(want, s.Recalculate()); diff != "" {
			t.Errorf("Recalculate() warnings (-want +got):\n%s", diff)
		}
	})
	t.Run("a long value of its own", func(t *testing.T) {
		t.Parallel()
		var s variables.Store
		s.Set("long", strings.Repeat("x", 1<<21), variables.Options{})
		if got := s.Recalculate(); got != nil {
			t.Errorf("Recalculate() = %q, want no warning for a value without macros", got)
		}
	})
}

// TestExpand holds the ExpandValues cases of VariablesL0.cs, by their names.
func TestExpand(t *testing.T) {
	t.Parallel()
	var s variables.Store
	s.Set("variable1", "some variable 1 value ", variables.Options{})
	s.Set("variable2", "some variable 2 value", variables.Options{})
	s.Set("macro", "$(variable2)", variables.Options{})
	s.Set("key", "s3cret", secret)
	s.Set("empty", "", variables.Options{})
	for name, tc := range map[string]struct {
		text, want string
	}{
		"DoesNotRecurse":            {"before $(macro) after", "before $(variable2) after"},
		"HandlesConsecutiveMacros":  {"$(variable1)$(variable2)", "some variable 1 value some variable 2 value"},
		"HandlesPreceedingPrefix":   {"before $($(variable2) after", "before $(some variable 2 value after"},
		"HandlesNullValue":          {"", ""},
		"case":                      {"$(VARIABLE2)", "some variable 2 value"},
		"secret":                    {"-p $(key)", "-p s3cret"},
		"empty value":               {"[$(empty)]", "[]"},
		"unknown":                   {"$(nope)", "$(nope)"},
		"name is not trimmed":       {"$( key )", "$( key )"},
		"empty name":                {"$()", "$()"},
		"never closed":              {"$(key", "$(key"},
		"the first ) ends the name": {"$(a(b)key)", "$(a(b)key)"},
		"dollar before":             {"$$(key)", "$s3cret"},
		"no escape":                 {`\$(key)`, `\s3cret`},
		"other brackets":            {"${key} %key% $[key]", "${key} %key% $[key]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.Expand(tc.text); got != tc.want {
				t.Errorf("Expand(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

func TestExpandEnv(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return "/home/x", name == "HOME" }
	if got, want := variables.ExpandEnv("$(HOME)/$(home)/$(HOME", lookup), "/home/x/$(home)/$(HOME"; got != want {
		t.Errorf("ExpandEnv = %q, want %q", got, want)
	}
	long := strings.Repeat("x", 1<<20)
	text := strings.Repeat("$(long)", 1000)
	if got := len(variables.ExpandEnv(text, func(string) (string, bool) { return long, true })); got > 66<<20 {
		t.Errorf("ExpandEnv of 1000 MiB gave %d bytes, want at most about 64 MiB", got)
	}
}

// FuzzExpand shows that expansion ends, and that a value which took in a secret is
// never public.
func FuzzExpand(f *testing.F) {
	const mark = "S3CR3T-MARK"
	f.Add("$(a)$(b)", "$(b)x")
	f.Add("$($(a)", "$(c)$(c)")
	f.Add("$(B", "b")
	f.Add("$(D)$(s)", "$(S)")
	f.Fuzz(func(t *testing.T, a, b string) {
		var s variables.Store
		s.Set("s", mark, secret)
		s.Set("a", a, variables.Options{})
		s.Set("b", b, variables.Options{})
		s.Set("c", "$(a)$(b)", variables.Options{})
		s.Set("d", "$(c)"+a, variables.Options{})
		s.Recalculate()
		s.Expand(a)
		for _, v := range s.Public() {
			if strings.Contains(v.Value, mark) && !strings.Contains(a+b, mark) {
				t.Errorf("with a=%q b=%q, %s=%q holds the secret and is public", a, b, v.Name, v.Value)
			}
		}
	})
}

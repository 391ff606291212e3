package splice

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
	"go.yaml.in/yaml/v3"
)

// The last guard: whatever the writing got wrong does not come out.
func TestCheckBites(t *testing.T) {
	t.Parallel()
	const before = "a: &v old # c\nb: [1, two]\nc: &w x\nd: *w\n---\ne: 'q'\n"
	for name, tc := range map[string]struct {
		old, new string // what is replaced in what came out
		wrong    bool
	}{
		"right":                   {"", "", false},
		"comment":                 {"# c", "# d", false},
		"not done":                {"new", "old", true},
		"another value":           {"new", "newer", true},
		"another kind":            {"new", "2", true},
		"lost its anchor":         {"&v new", "new", true},
		"got a tag":               {"new", "!x new", true},
		"became a list":           {"&v new", "&v [new]", true},
		"another scalar":          {"two", "three", true},
		"another kind of another": {"1,", "\"1\",", true},
		"another key":             {"b:", "bb:", true},
		"one more":                {"two]", "two, x]", true},
		"one less":                {", two]", "]", true},
		"one more key":            {"e: ", "f: 1\ne: ", true},
		"another style":           {"'q'", "\"q\"", true},
		"another alias":           {"*w", "*v", true},
		"alias written out":       {"*w", "x", true},
		"one more document":       {"e: 'q'", "e: 'q'\n---\nf: 1", true},
		"one document less":       {"---\ne: 'q'\n", "", true},
		"emptied document":        {"e: 'q'", "", true},
		"no YAML":                 {"[1", "[[1", true},
		"swallowed":               {" # c\n", " |\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edits, err := ParseEdits([]string{"x.yaml: a = new"})
			if err != nil {
				t.Fatal(err)
			}
			f, err := document.Parse("x.yaml", []byte(before))
			if err != nil {
				t.Fatal(err)
			}
			a := applier{file: f, data: []byte(before), wanted: map[*yaml.Node]*change{}}
			a.add(edits[0])
			a.write()
			out := string(a.spliced())
			if !strings.Contains(out, tc.old) {
				t.Fatalf("%q is not in %q", tc.old, out)
			}
			out = strings.Replace(out, tc.old, tc.new, 1)
			if err := a.check([]byte(out)); (err != nil) != tc.wrong {
				t.Errorf("check(%q) = %v, want an error: %v", out, err, tc.wrong)
			}
		})
	}
}

package splice

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// The last guard: whatever the writing got wrong does not come out.
func TestCheckBites(t *testing.T) {
	t.Parallel()
	const before = "a: &v old # c\nb: [1, two]\nc: &w x\nd: *w\n---\ne: 'q'\nf: &u !x q\n"
	for name, tc := range map[string]struct {
		old, new string // what is replaced in what came out
		wrong    bool
	}{
		"right":                   {"", "", false},
		"comment":                 {"# c", "# d", false},
		"not done":                {`"2"`, "old", true},
		"another value":           {`"2"`, `"3"`, true},
		"another kind":            {`"2"`, "2", true},
		"lost its anchor":         {"&v ", "", true},
		"got a tag":               {`"2"`, `!x "2"`, true},
		"got the same tag":        {`"2"`, `!!str "2"`, true},
		"became a list":           {`&v "2"`, `&v ["2"]`, true},
		"another scalar":          {"two", "three", true},
		"another kind of another": {"1,", "\"1\",", true},
		"another tag of another":  {"!x", "!y", true},
		"another anchor":          {"&u", "&t", true},
		"another key":             {"b:", "bb:", true},
		"one more":                {"two]", "two, x]", true},
		"one less":                {", two]", "]", true},
		"one more key":            {"e: ", "g: 1\ne: ", true},
		"another style":           {"'q'", "\"q\"", true},
		"another alias":           {"*w", "*v", true},
		"alias written out":       {"*w", "x", true},
		"one more document":       {"'q'", "'q'\n---", true},
		"one more at the end":     {"!x q\n", "!x q\n---\ng: 1\n", true},
		"one document less":       {"---\n", "", true},
		"emptied document":        {"e: 'q'\nf: &u !x q", "", true},
		"no YAML":                 {"[1", "[[1", true},
		"swallowed":               {"x\n", "x\n  ", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edits, err := ParseEdits([]string{"x.yaml: a = \"2\""})
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

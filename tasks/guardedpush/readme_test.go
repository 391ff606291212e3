package guardedpush

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
)

// The README names what never counts as a change.
func TestReadmeNamesWhatNeverCounts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "<!-- ignored:begin -->\n")
	list, _, _ = strings.Cut(list, "<!-- ignored:end -->")
	want := ""
	for _, place := range meaning.Defaults {
		want += "- `" + place + "`\n"
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("README.md (-want +got):\n%s", diff)
	}
}

package safecache

import (
	"os"
	"strings"
	"testing"
)

// The run's page says what came of the cache, whatever it was.
func TestSummary(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded")
	if got := j.summary("post"); !strings.Contains(got, "Cache saved: 1 file, 7 bytes") {
		t.Errorf("the summary of a save is %q", got)
	}
	j.again().expect("main", "Succeeded", "variable=hit;]exact")
	if got := j.summary("main"); !strings.Contains(got, "Cache (exact): 1 file, 7 bytes, saved by build 100") {
		t.Errorf("the summary of a restore is %q", got)
	}
	j.must(os.WriteFile(j.pack(), []byte("bad"), 0o600))
	j.expect("main", "Succeeded", "variable=hit;]rejected")
	if got := j.summary("main"); !strings.Contains(got, "Cache (rejected): the pack has 3 bytes, not 7") {
		t.Errorf("the summary of a rejected entry is %q", got)
	}
}

func (j *job) summary(stage string) string {
	return strings.ReplaceAll(j.read("work/_temp/guardrails/safecache-1f-"+stage+".md"), `\`, "")
}

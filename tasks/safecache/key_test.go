package safecache

import (
	"errors"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
)

func TestFileName(t *testing.T) {
	t.Parallel()
	for segment, want := range map[string]string{
		"go.sum": "go.sum", "web/yarn.lock": "yarn.lock", `a\b.lock`: "b.lock", "./a.lock,!./b.lock": "a.lock",
	} {
		if got := fileName(segment); got != want {
			t.Errorf("fileName(%q) = %q, want %q", segment, got, want)
		}
	}
}

// Segments are counted as their author does: the salt is in no input.
func TestSegmentName(t *testing.T) {
	t.Parallel()
	salted := []string{"AZP_CACHING_SALT=1.0", "npm", "a.lock"}
	for i, want := range []string{"the variable AZP_CACHING_SALT", "key, segment 1", "key, segment 2"} {
		if got := segmentName("key", salted, i); got != want {
			t.Errorf("segmentName(key, %q, %d) = %q, want %q", salted, i, got, want)
		}
	}
	j := newJob(t).set("AZP_CACHING_SALT", "s", "INPUT_KEY", "npm | a.lock")
	j.expect("main", "Failed", "File not found: a.lock (key, segment 2)")
}

// On Linux and macOS a double quote may be part of a file's name.
func TestOpenQuote(t *testing.T) {
	t.Parallel()
	for segment, open := range map[string]bool{`"v1.0`: true, `v1.0"`: true, "v1.0": false, `a"b".c`: false} {
		err := keyError(&cachekey.NotFoundError{Segment: segment, Index: 1}, func(int) string { return "key, segment 2" })
		var user *task.UserError
		if !errors.As(err, &user) || user.Msg != "File not found: "+segment+" (key, segment 2)" ||
			strings.Contains(user.Hint, "close the double quote") != open {
			t.Errorf("keyError of %q: %#v; want advice to close the quote: %v", segment, err, open)
		}
	}
}

// A key of texts alone names one entry for ever: it is allowed, as in Cache@2, but
// not in silence.
func TestConstantKey(t *testing.T) {
	t.Parallel()
	for key, warned := range map[string]bool{
		`"npm" | "x"`: true, `npm`: true, `"package-lock.json"`: true,
		`"npm" | package-lock.json`: false, `"npm" | **/*.json`: false,
	} {
		j := newJob(t)
		j.env["INPUT_KEY"] = key
		want := "type=warning;code=cache/constant-key;]no file is part of the key, so its entry is never renewed; " +
			"add the lock file to the key"
		if !warned {
			want = "!constant-key"
		}
		j.expect("main", "Succeeded", want)
	}
}

// A key with one segment per line, as Cache@2 once had them, still works.
func TestOldKeyFormat(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("INPUT_KEY", "npm\npackage-lock.json", "INPUT_RESTOREKEYS", "").finds("miss")
	j.holds("main", "type=warning;]'key' format is changing to a single line")
	newJob(t).finds("miss").holds("main", "!format is changing")
}

package safecache

import "testing"

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

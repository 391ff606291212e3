package auditdeps

import "testing"

// What is on the disk alone came from somewhere: SafeCache's report of the job knows the
// entry, or a variable of Cache@2's usual name says that there was one.
func TestRestoredFrom(t *testing.T) {
	t.Parallel()
	const (
		key  = "7|npm|Linux|package-lock.json#5f0b"
		from = "; what is there was restored from the cache "
	)
	report := func(task, hit string) string {
		return `{"schema": 1, "task": "` + task + `", "stage": "main", "facts": {"hit": "` + hit + `", "matchedKey": "` + key + `"}}`
	}
	for name, tc := range map[string]struct {
		report, variable, says string
	}{
		"nothing":            {"", "", "!" + from},
		"exact":              {report("SafeCache", "exact"), "", from + key},
		"partial":            {report("SafeCache", "partial"), "", from + key},
		"miss":               {report("SafeCache", "miss"), "", "!" + from},
		"another task":       {report("KeyVaultEnv", "exact"), "", "!" + from},
		"no report":          {"{", "", "!" + from},
		"both":               {report("SafeCache", "exact"), "true", from + key},
		"a variable":         {"", "true", from + "of this job (CACHE_RESTORED is true)"},
		"a variable, part":   {"", "inexact", from + "of this job (CACHE_RESTORED is inexact)"},
		"a variable, no":     {"", "false", "!" + from},
		"a variable, other":  {"", "anything", "!" + from},
		"no report, but one": {report("SafeCache", "miss"), "true", from + "of this job"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, minimist().String()).mended().install(".", "minimist@1.2.5", "")
			if tc.report != "" {
				j.put("work/_temp/guardrails/safecache-1f-main.json", tc.report)
			}
			if tc.variable != "" {
				j.env["CACHE_RESTORED"] = tc.variable
			}
			j.expect("Failed", "FAILS         minimist 1.2.5: critical", "on the disk alone > minimist",
				"the lock file does not have this version: install again, from the lock file alone (`npm ci`)", tc.says)
			j.issue(shownIssue{"error", "auditdeps/vulnerability", "", 0, "node_modules/minimist: minimist 1.2.5: critical"})
		})
	}
}

// The tree came from the cache, also if it is what the stale lock file says.
func TestRestoredAndLocked(t *testing.T) {
	t.Parallel()
	j := newJob(t, minimist().String()).postMortem()
	j.env["CACHE_RESTORED"] = "true"
	j.expect("Failed", "the lock file is stale: `npm update minimist` fixes it, no manifest change; "+
		"what is there was restored from the cache of this job (CACHE_RESTORED is true)")
}

// Both inventories count: the lock file's version beside the disk's.
func TestBothInventories(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String()).victim().install(".", "victim@1.5.0", "")
	j.expect("Failed", "FAILS         victim 1.0.0", "FAILS         victim 1.5.0", "installed/version").outputs("high=2", "drift=1")
	j.remove("node_modules").input("checks", "advisories").
		expect("Failed", "FAILS         victim 1.0.0", "!1.5.0").outputs("result=findings", "high=1")
}

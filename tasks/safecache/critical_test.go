package safecache

import (
	"os"
	"strings"
	"testing"
	"time"
)

var commit = strings.Repeat("a1", 20)

// release is a critical cache of npm's, as its author should write it.
func critical(t *testing.T) *job {
	t.Helper()
	return newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_CRITICAL", "true",
		"BUILD_SOURCEVERSION", commit, "INPUT_KEY", `"npm" | package-lock.json | "`+commit+`"`,
		"INPUT_RESTOREKEYS", "")
}

// withRestoreKey is the same with what another commit may bring, if p has signed it.
func withRestoreKey(j *job, p pair) *job {
	return j.set("INPUT_RESTOREKEYS", `"npm" | package-lock.json`, "INPUT_VERIFYKEYS", p.public)
}

// Without keys, a restore key could bring only what must be rejected: every build
// after the first would fail.
func TestCriticalRestoreKeysNeedKeys(t *testing.T) {
	t.Parallel()
	j := critical(t).set("INPUT_RESTOREKEYS", `"npm" | package-lock.json`)
	j.expect("main", "Failed", "code=cache/input", "critical: restoreKeys need verifyKeys").noStore()
	withRestoreKey(j, newPair(t, 1)).expect("main", "Succeeded", "variable=hit;]miss")
}

func TestKeysOfACriticalCache(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		texts  []string // none: it is fine
	}{
		"as it should be": {},
		"no commit": {
			[]string{"INPUT_KEY", `"npm" | package-lock.json`},
			[]string{"critical: the key does not hold the commit", `add the segment "$(Build.SourceVersion)"`},
		},
		"another commit": {
			[]string{"INPUT_KEY", `"npm" | package-lock.json | "` + strings.Repeat("b2", 20) + `"`},
			[]string{"the key does not hold the commit"},
		},
		"a part of the commit": {
			[]string{"INPUT_KEY", `"npm" | package-lock.json | "` + commit[:39] + `"`}, []string{"the key does not hold the commit"},
		},
		"restore key without the lock file": {
			[]string{"INPUT_RESTOREKEYS", `"npm"`, "INPUT_VERIFYKEYS", newPair(t, 1).public}, []string{"restore key 1 leaves out the lock file"},
		},
		"one of several": {
			[]string{"INPUT_RESTOREKEYS", "\"npm\" | package-lock.json\n\"npm\"", "INPUT_VERIFYKEYS", newPair(t, 1).public},
			[]string{"restore key 2 leaves out the lock file", "!restore key 1"},
		},
		"no restore key": {[]string{"INPUT_RESTOREKEYS", ""}, nil},
		"a commit that is none": {
			[]string{"BUILD_SOURCEVERSION", "main"}, []string{"Build.SourceVersion is not the ID of a commit"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := critical(t).set(tc.inputs...)
			if tc.texts == nil {
				j.savedNPM().again().expect("main", "Succeeded", "variable=hit;]exact").has("lodash!")
				return
			}
			texts := append(tc.texts, "code=cache/input", `$(Build.SourceVersion)"`,
				"and restore keys that only leave out the commit")
			j.expect("main", "Failed", append(texts, "!Entry found")...).noStore()
			j.set("INPUT_CRITICAL", "false").expect("main", "Succeeded")
		})
	}
}

// What is released is made of entries of trusted branches only.
func TestCriticalReadsNoUntrustedEntries(t *testing.T) {
	t.Parallel()
	j := critical(t).set("INPUT_CRITICAL", "false").as(pull("12")...)
	j.savedNPM().as(pull("12")...).finds("exact")
	j.set("INPUT_CRITICAL", "true").as(pull("12")...).finds("miss").download("lodash")
	j.expect("post", "Succeeded", "Not saved: a critical step uses the entries of trusted branches only", "!Saved")
}

// Another commit's entry will do only if somebody who is trusted has signed it.
func TestCriticalPartialHit(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	next := func(j *job) *job {
		other := strings.Repeat("b2", 20)
		return j.again().set("BUILD_SOURCEVERSION", other, "INPUT_KEY", `"npm" | package-lock.json | "`+other+`"`)
	}
	j := withRestoreKey(next(critical(t).savedNPM()), p)
	j.expect("main", "Failed", "code=cache/rejected", "type=error", "it is not signed", "variable=hit;]rejected",
		"!Cache restored").has()
	j.set("INPUT_CRITICAL", "false", "INPUT_VERIFYKEYS", "").expect("main", "Succeeded", "variable=hit;]partial")
	j.has("lodash!")
	j = withRestoreKey(next(critical(t).sign(p).savedNPM()).unsign(), p)
	j.expect("main", "Succeeded", "variable=hit;]partial", "is signed with the key "+p.id).has("lodash!")
}

func TestRejectedEntryOfACriticalCache(t *testing.T) {
	t.Parallel()
	for _, enforcement := range []string{"enforce", "warn"} {
		j := critical(t).savedNPM().again().set("INPUT_ENFORCEMENT", enforcement)
		j.must(os.WriteFile(j.pack(), []byte("bad"), 0o600))
		result := map[string]string{"enforce": "Failed", "warn": "SucceededWithIssues"}[enforcement]
		j.expect("main", result, "code=cache/rejected", "variable=hit;]rejected", "nothing of it was restored").has()
		j.set("AGENT_JOBSTATUS", "Succeeded").download("lodash")
		if enforcement == "warn" {
			j.expect("post", "Succeeded", "Not saved: this step refused something above.")
		}
	}
}

// A store that is broken is a miss for others, and the end of this step.
func TestBrokenStoreOfACriticalCache(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"INPUT_CRITICAL", "INPUT_FAILONMISS", ""} {
		j := critical(t).set("INPUT_CRITICAL", "false")
		j.write("store", "")
		if input == "" {
			j.expect("main", "Succeeded", "type=warning;code=cache/environment", "the build goes on without it")
			continue
		}
		j.set(input, "true").expect("main", "Failed", "type=error;code=cache/environment",
			"a file is in the place of a folder",
			"only a cache that is neither critical nor failOnMiss may be missing in silence", "variable=hit;]miss")
	}
}

// A generic cache of a release must be signed.
func TestCriticalGenericCache(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := critical(t).set("INPUT_ECOSYSTEM", "generic")
	j.expect("main", "Failed", "code=cache/unproven",
		"nothing proves what is in a generic cache that is not signed").noStore()
	j.sign(p).expect("main", "Succeeded", "!A generic cache").write(cached, "hello")
	j.expect("post", "Succeeded", "Saved 1 file").again()
	j.finds("exact")
	// What was saved without a signature is not good enough.
	j = critical(t).set("INPUT_ECOSYSTEM", "generic", "INPUT_CRITICAL", "false").writes("evil", "Saved 1 file").again()
	j.set("INPUT_CRITICAL", "true", "INPUT_VERIFYKEYS", p.public)
	j.expect("main", "Failed", "type=error;code=cache/rejected", "it is not signed")
}

// How old an entry may be, by maxAge, and of which cache.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		inputs []string
		want   time.Duration
	}{
		"usual":       {nil, 7 * day},
		"critical":    {[]string{"INPUT_CRITICAL", "true"}, 3 * day},
		"days":        {[]string{"INPUT_MAXAGE", "30d"}, 30 * day},
		"hours":       {[]string{"INPUT_MAXAGE", " 36 h "}, 36 * time.Hour},
		"minutes":     {[]string{"INPUT_MAXAGE", "90m"}, 90 * time.Minute},
		"of releases": {[]string{"INPUT_MAXAGE", "30d", "INPUT_CRITICAL", "true"}, 30 * day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := critical(t).set("INPUT_CRITICAL", "false").set(tc.inputs...).savedNPM()
			if got := j.stored().Manifest; got.Expires.Sub(got.Created).Round(time.Minute) != tc.want {
				t.Errorf("the entry lives from %v to %v, want for %v", got.Created, got.Expires, tc.want)
			}
			j.again().later(tc.want - time.Minute).finds("exact")
			j.again().later(2 * time.Minute).finds("miss").has()
			j.holds("main", "the entry of build 100 of refs/heads/main", "expired 1 minute ago", "!What there was")
		})
	}
}

// A step with a lower maxAge finds an entry too old that says otherwise.
func TestLowerMaxAge(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t)).later(25*time.Hour).set("INPUT_MAXAGE", "24h")
	j.finds("miss").holds("main", "expired", "as maxAge is 1 day")
	j.npm(map[string]string{"minimist": "x"}).again()
	j.finds("miss") // nor by a restore key
	j.holds("main", "!Entry found", "What there was is too old: it was saved on 2026-03-01 12:00 UTC, more than 24h0m0s ago.")
	j.set("INPUT_MAXAGE", "26h").again().npm(map[string]string{"lodash": "lodash 1.0.0"}).finds("exact")
}

// The miss says what was too old for whom.
func TestWordsOfMaxAge(t *testing.T) {
	t.Parallel()
	for maxAge, words := range map[string]string{"48h": "2 days", "36h": "36 hours", "90m": "90 minutes", "1h": "1 hour"} {
		j := lodash(newJob(t)).later(3*24*time.Hour).set("INPUT_MAXAGE", maxAge)
		j.finds("miss").holds("main", "as maxAge is "+words+"\n")
	}
}

// An expired entry is replaced by the next save of its key.
func TestExpiredEntryIsReplaced(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t)).later(8*24*time.Hour).set("BUILD_BUILDID", "102")
	j.finds("miss").download("lodash").expect("post", "Succeeded", "Saved 1 file", "/00000002.json")
	j.again().finds("exact").has("lodash 1.0.0")
	j.holds("main", "It was saved by build 102")
}

func TestBadMaxAge(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"7", "d", "-1d", "0d", "00h", "1w", "1.5h", "999999d", "7 days", "1d1h", "P7D"} {
		j := newJob(t).set("INPUT_MAXAGE", text)
		j.expect("main", "Failed", "is not an age", "write a number and its unit, such as 7d, 36h or 90m").noStore()
	}
}

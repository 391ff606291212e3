package safecache

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// as makes the next run one of another kind.
func (j *job) as(run ...string) *job {
	j.t.Helper()
	for _, name := range []string{
		"SYSTEM_PULLREQUEST_ISFORK", "SYSTEM_PULLREQUEST_TARGETBRANCH", "SYSTEM_PULLREQUEST_PULLREQUESTID",
		"BUILD_PROJECTID", "BUILD_DEFINITIONID",
	} {
		delete(j.env, name)
	}
	j.set("BUILD_SOURCEBRANCH", "refs/heads/main", "BUILD_REASON", "IndividualCI", "SYSTEM_HOSTTYPE", "build",
		"SYSTEM_TEAMPROJECTID", "5f0b", "SYSTEM_DEFINITIONID", "7")
	return j.again().set(run...)
}

var (
	onMain = []string{"BUILD_SOURCEBRANCH", "refs/heads/main"}
	topic  = []string{"BUILD_SOURCEBRANCH", "refs/heads/topic"}
	tagged = []string{"BUILD_SOURCEBRANCH", "refs/tags/v1", "BUILD_REASON", "Manual"}
)

func pull(number string, more ...string) []string {
	return slices.Concat([]string{
		"BUILD_SOURCEBRANCH", "refs/pull/" + number + "/merge", "BUILD_REASON", "PullRequest",
		"SYSTEM_PULLREQUEST_ISFORK", "False", "SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main",
		"SYSTEM_PULLREQUEST_PULLREQUESTID", number,
	}, more)
}

var (
	fork    = pull("12", "SYSTEM_PULLREQUEST_ISFORK", "True")
	release = []string{
		"SYSTEM_HOSTTYPE", "release", "BUILD_PROJECTID", "5f0b", "BUILD_DEFINITIONID", "7",
		"SYSTEM_DEFINITIONID", "99", "BUILD_REASON", "Manual",
	}
)

// writes runs a whole job that has something to save.
func (j *job) writes(content string, texts ...string) *job {
	j.t.Helper()
	j.expect("main", "Succeeded", "variable=hit;]miss")
	j.write(cached, content)
	return j.expect("post", "Succeeded", texts...)
}

func (j *job) finds(hit string) *job {
	j.t.Helper()
	return j.expect("main", "Succeeded", "variable=hit;]"+hit)
}

// Everybody reads what the main branch saved; nobody but main writes there.
func TestWhoReadsWhat(t *testing.T) {
	t.Parallel()
	runs := map[string][]string{
		"main": onMain, "topic": topic, "other topic": {"BUILD_SOURCEBRANCH", "refs/heads/other"},
		"pull 12": pull("12"), "pull 13": pull("13"), "fork": fork, "tag": tagged, "release": release,
	}
	// What a run of each kind saves is read by these, if it is saved at all.
	for writer, want := range map[string]struct {
		tier, branch string
		readers      []string
	}{
		"main": {"trusted", "refs/heads/main", []string{
			"main", "topic", "other topic", "pull 12", "pull 13", "fork", "tag", "release",
		}},
		"topic":   {"untrusted", "refs/heads/topic", []string{"topic"}},
		"pull 12": {"untrusted", "refs/pull/12/merge", []string{"pull 12"}},
		"fork":    {}, "tag": {}, "release": {},
	} {
		t.Run(writer, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).as(runs[writer]...)
			if want.tier == "" {
				j.writes("hello", "Not saved: ", "!Saved", "!type=warning")
				j.noStore()
				return
			}
			j.writes("hello", "Saved 1 file", ", to the "+want.tier+" entries of "+want.branch+", not signed")
			if got := j.stored().Manifest.Scope; got.Tier != want.tier || got.Branch != want.branch {
				t.Errorf("the entry is of the scope %+v, want %s of %s", got, want.tier, want.branch)
			}
			if got := j.fact("post", "saved.tier"); got != want.tier {
				t.Errorf("the report says the tier %q, want %q", got, want.tier)
			}
			for reader, run := range runs {
				hit := "miss"
				if slices.Contains(want.readers, reader) {
					hit = "exact"
				}
				if got := j.as(run...).finds(hit).read(cached); (got == "hello") != (hit == "exact") {
					t.Errorf("%s restored %q of what %s saved, want %s", reader, got, writer, hit)
				}
				if hit == "exact" {
					continue
				}
				j.again().write("work/1/s/package-lock.json", "lock 2\n") // nor by a restore key
				j.finds("miss").write("work/1/s/package-lock.json", "lock 1\n")
			}
		})
	}
}

// A pull request finds what it saved itself where main has nothing, and main first.
func TestTrustedFirst(t *testing.T) {
	t.Parallel()
	j := newJob(t).as(pull("12")...).writes("of the pull request", "Saved 1 file")
	j.as(pull("12")...).finds("exact")
	j.as(onMain...).writes("of main", "Saved 1 file")
	j.as(pull("12")...).finds("exact")
	if got := j.read(cached); got != "of main" {
		t.Errorf("the pull request restored %q, want what main has saved", got)
	}
	j.holds("main", "it is one of the trusted entries of refs/heads/main")
}

// The miss says that there is an entry, and why this run does not restore it.
func TestMissNamesTheOtherScope(t *testing.T) {
	t.Parallel()
	j := newJob(t).as(pull("12")...).writes("hello", "Saved 1 file")
	j.as(onMain...).finds("miss").holds("main", "exists only for refs/pull/12/merge, and this run may not read it: "+
		"a run of refs/heads/main does not restore the untrusted entries of refs/pull/12/merge")
}

func TestTrustedBranches(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("INPUT_TRUSTEDBRANCHES", "release/1.x\nrefs/heads/main")
	j.as("BUILD_SOURCEBRANCH", "refs/heads/release/1.x").writes("hello",
		"to the trusted entries of refs/heads/release/1.x")
	j.as(onMain...).finds("exact")
	j.as(pull("12", "SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/release/1.x")...).finds("exact")
	// What is no longer trusted is no longer read.
	j.set("INPUT_TRUSTEDBRANCHES", "refs/heads/main").as(onMain...).finds("miss")
	// Nor does a branch that is not listed write there, however it is spelled.
	for _, branch := range []string{"refs/heads/Main", "refs/heads/main/x", "main"} {
		j := newJob(t).as("BUILD_SOURCEBRANCH", branch)
		j.writes("hello", "!to the trusted entries")
		j.as(onMain...).finds("miss")
	}
	j = newJob(t).set("INPUT_TRUSTEDBRANCHES", "release/*")
	j.expect("main", "Failed", "trustedBranches: ", "write whole names, such as refs/heads/main").noStore()
}

// What the job itself can set must not make it more trusted than it is.
func TestPlantedVariables(t *testing.T) {
	t.Parallel()
	for name, planted := range map[string][]string{
		"fork without IsFork":         pull("12", "SYSTEM_PULLREQUEST_ISFORK", ""),
		"IsFork spelled":              pull("12", "SYSTEM_PULLREQUEST_ISFORK", "no"),
		"fork, reason changed":        pull("12", "SYSTEM_PULLREQUEST_ISFORK", "True", "BUILD_REASON", "Manual"),
		"fork, on main":               append(slices.Clone(fork), "BUILD_SOURCEBRANCH", "refs/heads/main"),
		"host type missing":           {"SYSTEM_HOSTTYPE", ""},
		"no definition":               {"SYSTEM_DEFINITIONID", ""},
		"tag as reason":               {"BUILD_SOURCEBRANCH", "refs/tags/refs/heads/main"},
		"no branch":                   {"BUILD_SOURCEBRANCH", ""},
		"shelveset":                   {"BUILD_REASON", "ValidateShelveset"},
		"pull request, other branch":  pull("12", "BUILD_SOURCEBRANCH", "refs/heads/main"),
		"target branch alone":         {"SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"},
		"fork that says it is main's": append(slices.Clone(fork), "SYSTEM_PULLREQUEST_PULLREQUESTID", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).as(planted...)
			j.writes("evil", "Not saved: ", "!Saved")
			j.noStore()
		})
	}
	for name, planted := range map[string][]string{
		"unknown reason":                {"BUILD_REASON", "Evil"},
		"no reason":                     {"BUILD_REASON", ""},
		"pull request's reason changed": pull("12", "BUILD_REASON", "Manual"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).as(planted...)
			j.writes("evil", "Saved 1 file", "!to the trusted entries")
			j.as(onMain...).finds("miss")
		})
	}
}

// A run that may not write is told so, and why.
func TestNotSavedSaysWhy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run  []string
		text string
	}{
		"fork": {fork, "Not saved: what a fork's code leaves behind"}, "tag": {tagged, "Not saved: what is released"},
		"release": {release, "Not saved: what is released"},
	} {
		j := newJob(t).as(tc.run...).writes("hello", tc.text)
		if got := j.fact("post", "notSaved"); got == "" || !strings.HasPrefix("Not saved: "+got, tc.text) {
			t.Errorf("%s: the report says notSaved %q", name, got)
		}
	}
}

// The entries of a pull request are of use for two days, whatever maxAge is.
func TestEntryOfAPullRequestExpires(t *testing.T) {
	t.Parallel()
	for maxAge, want := range map[string]time.Duration{"": 48 * time.Hour, "30d": 48 * time.Hour, "1h": time.Hour} {
		j := newJob(t).set("INPUT_MAXAGE", maxAge).as(pull("12")...).writes("hello", "Saved 1 file")
		m := j.stored().Manifest
		if got := m.Expires.Sub(m.Created).Round(time.Minute); got != want {
			t.Errorf("with maxAge %q the entry lives for %v, want %v", maxAge, got, want)
		}
		j.later(want - time.Hour/2).as(pull("12")...).finds("exact")
		j.later(time.Hour).as(pull("12")...).finds("miss").holds("main", "expired")
	}
	j := newJob(t).saved("hello")
	m := j.stored().Manifest
	if got := m.Expires.Sub(m.Created).Round(time.Minute); got != 7*24*time.Hour {
		t.Errorf("main's entry lives for %v, want 7 days", got)
	}
}

// Packs are not shared between the tiers: what a pull request has put there is never
// a part of what main saves.
func TestTiersShareNoPacks(t *testing.T) {
	t.Parallel()
	j := newJob(t).as(pull("12")...).writes("the same contents", "Saved 1 file")
	j.as(onMain...).writes("the same contents", "Saved 1 file")
	packs := j.objects(".pack") // trusted ones first
	if len(packs) != 2 || !strings.HasPrefix(packs[0], "v1/t/") || !strings.HasPrefix(packs[1], "v1/u/") {
		t.Fatalf("the store has the packs %q, want one of each tier", packs)
	}
	j.must(j.repository().Store.Delete(t.Context(), packs[1]))
	j.as(onMain...).finds("exact")
	j.must(j.repository().Store.Delete(t.Context(), packs[0]))
	j.as(onMain...).finds("rejected")
	if got := len(j.objects(".json")); got != 2 {
		t.Errorf("the store has %d entries, want one of main and one of the pull request", got)
	}
}

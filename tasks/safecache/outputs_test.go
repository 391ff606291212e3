package safecache

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// outputsAre checks all nine output variables of the last stage, and that the report
// says the same.
func (j *job) outputsAre(want map[string]string) *job {
	j.t.Helper()
	got, facts := map[string]string{}, map[string]string{}
	all := j.variables()
	for _, name := range []string{
		"hit", "matchedKey", "ageHours", "storedBytes", "newBytes", "verifiedFiles", "droppedNotInLock", "secondsSaved",
		"rejectedReason",
	} {
		value, ok := all[name]
		if !ok {
			j.t.Errorf("the output %s is not set; log:\n%s", name, j.log)
		}
		got[name], facts[name] = value, j.fact("main", name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		j.t.Errorf("outputs (-want +got):\n%s; log:\n%s", diff, j.log)
	}
	if diff := cmp.Diff(got, facts); diff != "" {
		j.t.Errorf("outputs and report (-outputs +report):\n%s", diff)
	}
	return j
}

// outcome is the outputs of a restore that found nothing, but for the changes.
func outcome(changes ...string) map[string]string {
	want := map[string]string{
		"hit": "miss", "matchedKey": "", "ageHours": "", "storedBytes": "", "newBytes": "", "verifiedFiles": "0",
		"droppedNotInLock": "0", "secondsSaved": "", "rejectedReason": "",
	}
	for i := 0; i < len(changes); i += 2 {
		want[changes[i]] = changes[i+1]
	}
	return want
}

// The outputs in every outcome.
func TestOutputs(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "gone": "gone!"})
	j.finds("miss").outputsAre(outcome())
	j.download("lodash", "gone").at("lodash", -time.Hour).at("gone", -time.Hour).expect("post", "Succeeded",
		"Saved 2 files").again()
	m := j.stored().Manifest
	stored := fmt.Sprint(m.Totals.Stored)
	j.later(90 * time.Minute).finds("exact").outputsAre(outcome("hit", "exact", "matchedKey", m.Fingerprint,
		"ageHours", "1.5",
		"storedBytes", stored, "verifiedFiles", "2"))
	j.later(-95 * time.Minute).again().finds("exact") // clocks differ
	j.outputsAre(outcome("hit", "exact", "matchedKey", m.Fingerprint, "ageHours", "0.0", "storedBytes", stored, "verifiedFiles", "2"))
	j.later(95 * time.Minute)
	j.set("INPUT_LOOKUPONLY", "true").again().finds("exact")
	j.outputsAre(outcome("hit", "exact", "matchedKey", m.Fingerprint, "ageHours", "1.5", "storedBytes", stored))
	j.set("INPUT_LOOKUPONLY", "false").again().npm(map[string]string{"lodash": "lodash!"}).finds("partial")
	j.outputsAre(outcome("hit", "partial", "matchedKey", m.Fingerprint, "ageHours", "1.5", "storedBytes", stored,
		"verifiedFiles", "1", "droppedNotInLock", "1"))
	j.write("work/1/s/package-lock.json", "{")
	j.again().expect("main", "Failed", "cache/lock").outputsAre(outcome())
	j.npm(map[string]string{"lodash": "lodash!"}).again()
	j.must(os.WriteFile(j.pack(), []byte("bad"), 0o600))
	j.finds("rejected").outputsAre(outcome("hit", "rejected", "ageHours", "1.5", "storedBytes", stored,
		"rejectedReason", fmt.Sprintf("the pack has 3 bytes, not %d", m.Totals.Stored)))
	j.set("INPUT_COMMAND", "save", "INPUT_KEY", `"other" | package-lock.json`, "INPUT_RESTOREKEYS",
		"").download("lodash")
	j.write(packument, "x")
	j.expect("main", "Succeeded", "Saved 1 file")
	if v := j.variables(); v["newBytes"] == "" || v["storedBytes"] == "" || v["verifiedFiles"] != "1" || v["droppedNotInLock"] != "1" {
		t.Errorf("after a save the outputs are %v, want what was stored, 1 file and 1 left out", v)
	}
	j.set("INPUT_COMMAND", "verify").expect("main", "Succeeded").outputsAre(outcome("verifiedFiles", "1",
		"droppedNotInLock", "1"))
}

// How long the downloads took is known from the times of their files, and what a
// restore saves is the difference.
func TestSecondsSaved(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, last time.Duration // after the step
		want, text  string        // a restore takes 2 s
	}{
		"saves":     {10 * time.Second, 50 * time.Second, "38.0", "The cache saved about 38 s: restoring took 2.0 s, and downloading 40 s"},
		"costs":     {10 * time.Second, 10*time.Second + 100*time.Millisecond, "-1.9", "The cache costs more than it saves"},
		"one file":  {10 * time.Second, 10 * time.Second, "", ""},
		"by itself": {10 * time.Second, 12 * time.Second, "0.0", "The cache saves nothing to speak of"},
		"before":    {-50 * time.Second, -10 * time.Second, "", ""},
		"one of it": {-50 * time.Second, 60 * time.Second, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).finds("miss")
			j.download("lodash", "minimist").at("lodash", tc.first).at("minimist", tc.last)
			j.expect("post", "Succeeded", "Saved 2 files").again().finds("exact")
			if got := j.variables()["secondsSaved"]; got != tc.want {
				t.Errorf("secondsSaved is %q, want %q; log:\n%s", got, tc.want, j.log)
			}
			if tc.text == "" {
				j.holds("main", "!restoring took")
			} else {
				j.holds("main", tc.text)
			}
		})
	}
}

// A step that only saves does not know when the downloads began.
func TestSecondsOfSaveAlone(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).set("INPUT_COMMAND", "save")
	j.download("lodash", "minimist").at("lodash", time.Minute).at("minimist", 2*time.Minute)
	j.expect("main", "Succeeded", "Saved 2 files")
	if got := j.stored().Manifest.Producer.DownloadSeconds; got != 0 {
		t.Errorf("the downloads took %v s, want 0: nobody knows", got)
	}
}

// at sets when a package was downloaded.
func (j *job) at(name string, after time.Duration) *job {
	j.t.Helper()
	when := j.now.Add(after)
	j.must(os.Chtimes(j.path(tarball(j.tarballs[name])), when, when))
	return j
}

// Files that a restore brought say nothing of how long a download takes.
func TestSecondsAfterAPartialHit(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"})
	j.finds("miss").download("lodash", "minimist").at("lodash", time.Minute).at("minimist", 2*time.Minute)
	j.expect("post", "Succeeded", "Saved 2 files")
	if got := j.stored().Manifest.Producer.DownloadSeconds; got != 60 {
		t.Errorf("the downloads took %v s, want 60", got)
	}
	j.must(os.RemoveAll(j.path("store")))
	j.again().npm(map[string]string{"lodash": "lodash!"}).savedNPM()
	j.again().npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).finds("partial")
	j.download("minimist").at("lodash", time.Minute).at("minimist", 2*time.Minute)
	j.expect("post", "Succeeded", "Saved 2 files")
	j.again().finds("exact")
	if got := j.variables()["secondsSaved"]; got != "" {
		t.Errorf("after a save that began with a partial hit secondsSaved is %q, want nothing", got)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 119 * time.Minute: "119 min ago",
		2 * time.Hour: "2 hours ago", 47 * time.Hour: "47 hours ago", 48 * time.Hour: "2 days ago",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}

// What a report tells, by its names in the README.
func TestFacts(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).sign(p).finds("miss")
	for name, want := range map[string]string{"miss.cause": "no entry", "hit": "miss"} {
		if got := j.fact("main", name); got != want {
			t.Errorf("after a miss the fact %s is %q, want %q", name, got, want)
		}
	}
	j.download("lodash").write(packument, "x")
	j.expect("post", "Succeeded", "Saved 1 file")
	m, name := j.stored().Manifest, j.objects(".json")[0]
	for fact, want := range map[string]string{
		"saved.fingerprint": m.Fingerprint, "saved.files": "1", "saved.bytes": "7", "saved.droppedNotInLock": "1",
		"saved.tier": "trusted", "saved.branch": "refs/heads/main", "saved.name": name, "saved.digest": m.Content,
		"saved.expires": m.Expires.Format(time.RFC3339),
	} {
		if got := j.fact("post", fact); got != want {
			t.Errorf("after a save the fact %s is %q, want %q", fact, got, want)
		}
	}
	j.holds("post", "Manifest: "+name, "contents: SHA-256 "+m.Content, "it expires "+m.Expires.Format(time.RFC3339))
	j.again().finds("exact")
	for fact, want := range map[string]string{
		"restored.files": "1", "restored.bytes": "7", "restored.keyID": p.id, "restored.producer.buildId": "100",
		"restored.created": m.Created.Format(time.RFC3339), "restored.seconds": "2",
	} {
		if got := j.fact("main", fact); got != want {
			t.Errorf("after a restore the fact %s is %q, want %q", fact, got, want)
		}
	}
	j.must(os.WriteFile(j.manifest(), []byte("{}"), 0o600))
	j.again().finds("rejected")
	if got := j.fact("main", "rejected.entry"); got != name || j.fact("main", "rejected.kind") != "tampered" {
		t.Errorf("the rejected entry is %q (%s), want %q", got, j.fact("main", "rejected.kind"), name)
	}
}

// Names of packages are anybody's, and the summary is shown as Markdown.
func TestHostilePackageNames(t *testing.T) {
	t.Parallel()
	const evil = "<img/src=x/onerror=alert(1)>|`[click](javascript:1)`**x**"
	const command = "##vso[task.complete]x"
	j := newJob(t).npm(map[string]string{evil + "@1.0.0": "one", command: "two"})
	j.savedNPM().again().set("INPUT_RESTOREKEYS", "")
	j.npm(map[string]string{evil + "@2.0.0": "other"})
	j.finds("miss").holds("main", "1.0.0 -> 2.0.0", "!##vso[task.complete]x")
	summary := j.read("work/_temp/guardrails/safecache-1f-main.md")
	for _, raw := range []string{"<img", "[click]", "|`", "**x**", "##vso[task.complete"} {
		if strings.Contains(summary, raw) {
			t.Errorf("the summary holds %q as it is:\n%s", raw, summary)
		}
	}
	if !strings.Contains(summary, "1.0.0") || !strings.Contains(summary, "&lt;img/src") {
		t.Errorf("the summary does not name the package:\n%s", summary)
	}
	for line := range strings.Lines(summary) {
		if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "|") && cells != 3 {
			t.Errorf("a row of the summary has %d bars, want 3: %s", cells, line)
		}
	}
}

// A tool that later steps must run is named, whatever the outcome.
func TestNextCommand(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).finds("miss")
	j.holds("main", "variable=SAFECACHE_REQUIRED_NEXT;]npm ci")
	j = newJob(t).finds("miss")
	j.holds("main", "!SAFECACHE_REQUIRED_NEXT")
}

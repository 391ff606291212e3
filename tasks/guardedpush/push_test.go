package guardedpush

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// What a step has changed in the checkout is pushed, marked, and the checkout stays as it
// was.
func TestPushFilesOfTheCheckout(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"docs/badge.txt": "old\n", "README.md": "hello\n"}).checkout()
	j.write("docs/badge.txt", "new\n").input("paths", "docs/**", "message", "Update the badge")
	head := j.shell(j.path("work/1/s"), "git", "status", "--porcelain=v2", "--branch")
	j.want("Succeeded", "pushed")
	if got := j.file("docs/badge.txt"); got != "new" {
		t.Errorf("docs/badge.txt on the server: got %q", got)
	}
	if diff := cmp.Diff([]string{"Update the badge", "first commit"}, j.history()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	text := j.remote("log", "-1", "--format=%B", "main")
	for _, want := range []string{"[skip ci]", "Pipeline-Guardrails-Run: local/Shop/12/100"} {
		if !strings.Contains(text, want) {
			t.Errorf("the message has no %q:\n%s", want, text)
		}
	}
	if got, want := j.output("commit"), j.remote("rev-parse", "main"); got != want || j.output("pushed") != "true" {
		t.Errorf("outputs: commit %q, want %q; pushed %q", got, want, j.output("pushed"))
	}
	if after := j.shell(j.path("work/1/s"), "git", "status", "--porcelain=v2", "--branch"); after != head {
		t.Errorf("the checkout's status (-before +after):\n%s", cmp.Diff(head, after))
	}
	if wrong := j.git.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains: %q", wrong)
	}
	// The same again is nothing.
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

func TestEditTheNewestCommit(t *testing.T) {
	t.Parallel()
	j := newJob(
		t,
		map[string]string{
			"apps/shop/values.yaml": "# shop\nimage:\n  repository: r.example.com/shop\n  tag: 1.0.0 # now\n",
		},
	)
	j.input("edits", "apps/shop/values.yaml: $.image.tag = 1.0.1", "commitKind", "deployment",
		"application", "shop", "environment", "production", "version", "1.0.1")
	j.want("Succeeded", "pushed")
	want := "# shop\nimage:\n  repository: r.example.com/shop\n  tag: 1.0.1 # now"
	if diff := cmp.Diff(want, j.file("apps/shop/values.yaml")); diff != "" {
		t.Errorf("values.yaml (-want +got):\n%s", diff)
	}
	if text := j.remote("log", "-1", "--format=%B", "main"); strings.Contains(text, "skip ci") ||
		!strings.Contains(text, "Deploy shop 1.0.1 to production") {
		t.Errorf("message:\n%s", text)
	}
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

// Somebody else is first, twice: the change is made on what they have pushed.
func TestLostRaces(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 1\nb: 1\n"})
	n := 0
	j.git.Before(func(u gittest.Update) {
		if n++; n <= 2 {
			if _, err := j.git.Commit(configRepo, "main", "theirs "+strconv.Itoa(n),
				map[string]string{"v.yaml": "a: 1\nb: " + strconv.Itoa(n+1) + "\n"}); err != nil {
				t.Error(err)
			}
		}
	})
	j.input("edits", "v.yaml: a = 2")
	j.want("Succeeded", "pushed")
	if got := j.file("v.yaml"); got != "a: 2\nb: 3" {
		t.Errorf("v.yaml: got %q", got)
	}
	if diff := cmp.Diff([]string{"Update v.yaml", "theirs 2", "theirs 1", "first commit"}, j.history()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(j *job)
		reason  string
		says    string
	}{
		"another file": {func(j *job) { j.write("b.txt", "2\n").write("a.txt", "2\n").input("paths", "a.txt") },
			"push/paths", "b.txt"},
		"a conflict": {func(j *job) {
			j.write("a.txt", "mine\n")
			_, err := j.git.Commit(configRepo, "main", "theirs", map[string]string{"a.txt": "theirs\n"})
			j.must(err)
		}, "push/conflict", "a.txt"},
		"a secret of the job": {func(j *job) { j.write("a.txt", "token "+jobToken+"\n") }, "push/secret", "a " +
			"secret of this job"},
		"a secret in the message": {func(j *job) { j.write("a.txt", "2\n").input("message", "with "+jobToken) },
			"push/secret", "message"},
		"a commit of the job": {func(j *job) {
			j.write("a.txt", "2\n")
			j.shell(j.path("work/1/s"), "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qam", "my work")
			j.write("a.txt", "3\n")
		}, "push/unpushed", "my work"},
		"the branch's policy": {func(j *job) {
			j.write("a.txt", "2\n")
			j.git.Reject(func(gittest.Update) gittest.Refusal { return gittest.NeedsPullRequest })
		}, "push/policy", "pullRequest: whenRequired"},
		"no permission": {func(j *job) {
			j.write("a.txt", "2\n")
			j.git.Reject(func(gittest.Update) gittest.Refusal { return gittest.NeedsContribute })
		}, "push/denied", "Contribute"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"a.txt": "1\n", "b.txt": "1\n"}).checkout()
			tc.prepare(j)
			j.untouched(func() { j.want("Failed", tc.reason) })
			j.says(tc.says)
			// What was not pushed cannot be forgiven.
			j.input("enforcement", "warn")
			if name == "the branch's policy" || name == "no permission" || name == "a conflict" ||
				strings.HasPrefix(name, "a secret") {
				j.untouched(func() { j.want("Failed", tc.reason) })
			}
		})
	}
}

// runs are other runs of the pipeline, each a minute older.
func (j *job) runs(n int) {
	j.devops.Update(func(p *adotest.Project) {
		for i := range n {
			p.Runs = append(p.Runs, adotest.Run{
				ID: thisID - 1 - i, Definition: definition, Branch: "refs/heads/main", Reason: "individualCI",
				Queued: j.now.Add(-time.Duration(i+1) * time.Minute), Status: "completed", Result: "succeeded",
			})
		}
	})
}

// The fourth run in ten minutes trips the breaker, tells the team once, and is refused;
// so is the next, until somebody resets it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 1\n"})
	j.input("edits", "v.yaml: a = 2", "alertWebhook", strings.TrimSuffix(j.url, "local/")+"hooks/generic",
		"alertFormat", "generic")
	j.runs(3)
	j.want("Failed", "breaker/rate")
	j.says("##vso[build.addbuildtag]guardrails-breaker-open", "command: reset")
	if j.output("breakerState") != "open" || len(j.hooks.bodies) != 1 {
		t.Fatalf("state %q, alerts %q\n%s", j.output("breakerState"), j.hooks.bodies, j.log)
	}
	if got := j.file("v.yaml"); got != "a: 1" {
		t.Errorf("v.yaml: got %q", got)
	}
	// Later, with no other runs about.
	j.now = j.now.Add(time.Hour)
	j.untouched(func() { j.want("Failed", "breaker/open") })
	if len(j.hooks.bodies) != 1 {
		t.Errorf("alerts: %d, want 1", len(j.hooks.bodies))
	}
	j.input("command", "reset", "reason", "the trigger was mended")
	j.want("Succeeded", "reset")
	if j.output("breakerState") != "halfOpen" || len(j.hooks.bodies) != 2 {
		t.Errorf("state %q, alerts %d\n%s", j.output("breakerState"), len(j.hooks.bodies), j.log)
	}
	j.input("command", "push", "reason", "")
	j.want("Succeeded", "pushed")
	// Another run at once: it loops still.
	j.now = j.now.Add(time.Minute)
	j.set("BUILD_BUILDID", "101").input("edits", "v.yaml: a = 3")
	j.want("Failed", "breaker/again")
}

func TestOwnCommit(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 1\n"})
	j.input("edits", "v.yaml: a = 2").want("Succeeded", "pushed")
	j.checkout().set("BUILD_REASON", "IndividualCI", "BUILD_BUILDID", "101").input("edits", "v.yaml: a = 3")
	j.untouched(func() { j.want("Failed", "loop/own-commit") })
	// A person may.
	j.set("BUILD_REASON", "Manual").want("Succeeded", "pushed")
}

// What does not count is no reason to push, and goes along with what is.
func TestWhatDoesNotCountGoesAlong(t *testing.T) {
	t.Parallel()
	deployment := func(sum string) string {
		return "kind: Deployment\nmetadata:\n  annotations:\n    checksum/config: " + sum + "\n"
	}
	j := newJob(t, map[string]string{"config.yaml": "level: info\n", "web.yaml": deployment("aaa")}).checkout()
	j.write("web.yaml", deployment("bbb"))
	j.untouched(func() { j.want("Succeeded", "unchanged") })
	j.says("web.yaml: nothing that counts has changed")
	j.write("config.yaml", "level: debug\n").want("Succeeded", "pushed")
	if got := j.file("web.yaml") + "\n"; got != deployment("bbb") {
		t.Errorf("web.yaml: got %q", got)
	}
}

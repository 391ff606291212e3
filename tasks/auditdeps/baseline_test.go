package auditdeps

import (
	"os/exec"
	"strings"
	"testing"
)

// git runs git in the sources, as the checkout does.
func (j *job) git(args ...string) string {
	j.t.Helper()
	cmd := exec.CommandContext(j.t.Context(), "git", append([]string{
		"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false",
	}, args...)...)
	cmd.Dir = j.source(".")
	cmd.Env = []string{"PATH=" + j.env["PATH"], "SYSTEMROOT=" + j.env["SYSTEMROOT"], "HOME=" + j.path("home")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		j.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits the sources without what is installed.
func (j *job) commit() {
	j.t.Helper()
	j.write(".gitignore", "node_modules\n")
	j.git("add", ".")
	j.git("commit", "-q", "--allow-empty", "-m", "change")
}

// pullRequest makes a job for a pull request into main, which has the first project, from
// a branch that has the second.
func (j *job) pullRequest(before, after func(j *job)) {
	j.t.Helper()
	j.git("init", "-q")
	before(j)
	j.commit()
	j.git("update-ref", "refs/remotes/origin/main", "HEAD")
	j.remove("package.json", "package-lock.json", "node_modules")
	after(j)
	j.commit()
	j.env["SYSTEM_PULLREQUEST_TARGETBRANCH"] = "refs/heads/main"
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	none := func(j *job) { j.npm(".", "other@1.0.0", pkg{"other@1.0.0", ""}) }
	victim := func(j *job) { j.victim() }
	newer := func(j *job) { j.npm(".", "victim@^1.0.0", pkg{"victim@1.5.0", ""}) }
	dev := func(j *job) { j.npm(".", "dev victim@^1.0.0", pkg{"dev:victim@1.0.0", ""}) }
	second := func(j *job) { j.npm(".", "victim@^1.0.0 also@1.0.0", pkg{"victim@1.0.0", ""}, pkg{"also@1.0.0", ""}) }
	for name, tc := range map[string]struct {
		before, after func(j *job)
		input         string
		want          status
		says          string
	}{
		"known to main":            {victim, victim, "auto", known, "[known: refs/remotes/origin/main has it, too]"},
		"empty is auto":            {victim, victim, "", known, ""},
		"off":                      {victim, victim, "off", fails, "!Baseline:"},
		"new":                      {none, victim, "auto", fails, ""},
		"another version of it":    {victim, newer, "auto", known, ""},
		"for production now":       {dev, victim, "auto", fails, ""},
		"a branch by its name":     {victim, victim, "main", known, "Baseline: main."},
		"a branch of the remote":   {victim, second, "refs/heads/main", known, ""},
		"the commit before":        {victim, victim, "HEAD~1", known, ""},
		"no lock file there":       {func(j *job) { j.write("x", "") }, victim, "auto", fails, "has no such file that can be read"},
		"a broken lock file there": {func(j *job) { j.write("package-lock.json", "{") }, victim, "auto", fails, "has no such file that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).input("baseline", tc.input)
			j.pullRequest(tc.before, tc.after)
			judged{want: tc.want, says: tc.says}.check(t, j)
			j.outputs("accepted=" + map[bool]string{true: "1", false: "0"}[tc.want == known])
		})
	}
}

// What the baseline does not cover, although main has the same package.
func TestBaselineDoesNotCover(t *testing.T) {
	t.Parallel()
	victim := func(j *job) { j.victim() }
	mended := func(j *job) { j.npm(".", "victim@^1.0.0", pkg{"victim@2.0.0", ""}).install(".", "victim@1.0.0", "") }
	for name, tc := range map[string]struct {
		record record
		after  func(j *job)
		says   string
	}{
		"what is on the disk alone": {bad(), mended, "on the disk alone"},
		"a malicious package":       {bad().with("id", "MAL-2026-1"), victim, "malicious"},
		"drift":                     {bad(), func(j *job) { j.victim().install(".", "victim@3.0.0", "") }, "installed/version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, tc.record.String())
			j.pullRequest(victim, tc.after)
			j.expect("Failed", "Baseline: refs/remotes/origin/main.", "FAILS ", tc.says)
		})
	}
}

// Which commit it is that everything is compared with.
func TestBaselineRef(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		result string
		says   []string
	}{
		"no pull request": {func(j *job) { delete(j.env, "SYSTEM_PULLREQUEST_TARGETBRANCH") }, "Failed", []string{"!Baseline:"}},
		"the branch was not fetched": {
			func(j *job) { j.git("update-ref", "-d", "refs/remotes/origin/main"); j.shallow() }, "Failed",
			[]string{"Baseline: everything counts, as the target branch is not in the sources", "fetchDepth: 0"},
		},
		"the merge commit's first parent": {func(j *job) {
			j.merge()
			j.env["BUILD_SOURCEBRANCH"] = "refs/pull/7/merge"
		}, "Succeeded", []string{"Baseline: HEAD^1."}},
		"a merge that is the author's own": {
			func(j *job) { j.merge() }, "Failed", []string{"Baseline: everything counts"},
		},
		"the author's own parent": {func(j *job) {
			j.git("update-ref", "-d", "refs/remotes/origin/main")
			j.env["BUILD_SOURCEBRANCH"] = "refs/pull/7/merge"
		}, "Failed", []string{"Baseline: everything counts"}},
		"a branch that git takes, but not here": {
			func(j *job) { j.env["SYSTEM_PULLREQUEST_TARGETBRANCH"] = "refs/heads/$(x)" }, "Failed",
			[]string{"Baseline: everything counts"},
		},
		"no git repository": {
			func(j *job) { j.remove(".git") }, "Failed", []string{"is not the root of a git checkout", "Baseline: everything counts"},
		},
		"no git": {
			func(j *job) { j.env["PATH"] = j.path("empty") }, "Failed",
			[]string{"Baseline: git was not found on PATH", "Baseline: everything counts"},
		},
		"a commit that is not there": {
			func(j *job) { j.input("baseline", "release/1") }, "Failed",
			[]string{`there is no commit "release/1" in the sources`, "fetchDepth: 0", "!Audited"},
		},
		"a flag":   {func(j *job) { j.input("baseline", "--output=x") }, "Failed", []string{"is not the name of a branch", "!Audited"}},
		"a range":  {func(j *job) { j.input("baseline", "HEAD..main") }, "Failed", []string{"is not the name of a branch"}},
		"a search": {func(j *job) { j.input("baseline", ":/change") }, "Failed", []string{"is not the name of a branch"}},
		"a reflog": {func(j *job) { j.input("baseline", "main@{1}") }, "Failed", []string{"is not the name of a branch"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String())
			j.pullRequest(func(j *job) { j.victim() }, func(j *job) { j.victim() })
			tc.change(j)
			j.expect(tc.result, tc.says...)
		})
	}
}

// merge checks out the merge of the pull request, and forgets the target branch.
func (j *job) merge() {
	j.t.Helper()
	const main = "refs/remotes/origin/main"
	merged := strings.TrimSpace(j.git("commit-tree", "HEAD^{tree}", "-p", main, "-p", "HEAD", "-m", "merge"))
	j.git("reset", "-q", "--hard", merged)
	j.git("update-ref", "-d", main)
}

// shallow leaves the last commit of the repository alone.
func (j *job) shallow() {
	j.t.Helper()
	j.remove(".git")
	j.git("init", "-q")
	j.commit()
}

// Nothing of the repository's configuration runs programs, and the user's is not asked.
func TestBaselineRunsNothing(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String())
	j.pullRequest(func(j *job) { j.victim() }, func(j *job) { j.victim() })
	j.put("evil.sh", "#!/bin/sh\ntouch \""+j.path("ran")+"\"\n")
	for _, key := range []string{"core.fsmonitor", "core.sshCommand", "core.pager", "filter.x.smudge", "filter.x.clean", "diff.external"} {
		j.git("config", key, "sh "+j.path("evil.sh"))
	}
	j.write(".gitattributes", "* filter=x diff=x\n")
	j.put("home/.gitconfig", "[broken\n")
	j.expect("Succeeded", "KNOWN ")
	if files := j.glob("ran"); len(files) > 0 {
		t.Errorf("git has run what the repository's configuration says; log:\n%s", j.log)
	}
}

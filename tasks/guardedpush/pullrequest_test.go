package guardedpush

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

const (
	headBranch = "refs/heads/guardrails/main/12"
	mainBranch = "refs/heads/main"
)

// pullRequests are those of the server.
func (j *job) pullRequests() (found []adotest.PullRequest) {
	j.devops.Update(func(p *adotest.Project) { found = append(found, p.PullRequests...) })
	return found
}

// protect makes the server refuse pushes to main, and whatever would be forced.
func (j *job) protect() *job {
	j.git.Reject(func(u gittest.Update) gittest.Refusal {
		if u.Ref == mainBranch {
			return gittest.NeedsPullRequest
		}
		return ""
	})
	j.remote("config", "receive.denyNonFastForwards", "true")
	return j
}

// One pull request is opened and kept up to date, whatever happens to its target, and
// nothing is forced.
func TestPullRequestAlways(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 1\n", "other.txt": "1\n"}).protect()
	main := j.remote("rev-parse", "main")
	j.input("edits", "v.yaml: a = 2", "pullRequest", "always")
	j.want("Succeeded", "pullRequest")
	same(t, "main", main, j.remote("rev-parse", "main"))
	same(t, "output pushed", "true", j.output("pushed"))
	same(t, "output commit", j.remote("rev-parse", headBranch), j.output("commit"))
	if page := j.output("pullRequestUrl"); !strings.HasSuffix(page, "/_git/config/pullrequest/1") {
		t.Errorf("output pullRequestUrl: got %q", page)
	}
	prs := j.pullRequests()
	if len(prs) != 1 || prs[0].Source != headBranch || prs[0].Target != mainBranch || prs[0].Title != "Update v.yaml" ||
		!strings.Contains(prs[0].Description, "buildId=100") {
		t.Fatalf("pull requests: %+v", prs)
	}
	// Again: it is there.
	j.untouched(func() { j.want("Succeeded", "unchanged") })
	if j.output("pullRequestUrl") == "" || len(j.pullRequests()) != 1 {
		t.Errorf("url %q, pull requests %+v", j.output("pullRequestUrl"), j.pullRequests())
	}
	// The target moves on.
	head := j.remote("rev-parse", headBranch)
	main = j.theirs(map[string]string{"other.txt": "2\n"})
	j.want("Succeeded", "pullRequest")
	same(t, "parents of the merge", head+" "+main, j.remote("log", "-1", "--format=%P", headBranch))
	same(t, "what differs from main", "v.yaml", j.remote("diff", "--name-only", "main", headBranch))
	// Another change replaces the first, and the title follows.
	j.input("edits", "v.yaml: a = 3", "message", "Another change")
	j.want("Succeeded", "pullRequest")
	same(t, "v.yaml of the pull request", "a: 3", j.remote("show", headBranch+":v.yaml"))
	if prs = j.pullRequests(); len(prs) != 1 || prs[0].Title != "Another change" {
		t.Errorf("pull requests: %+v", prs)
	}
	// Merged: the branch has it, and there is nothing to propose.
	j.remote("update-ref", mainBranch, headBranch)
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

// Azure Repos makes the message of the merge of the title and the description. The run that
// it starts must still see whose change that is, however long the message was.
func TestPullRequestMerged(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"short": "", "long": "Update\n\n" + strings.Repeat("word ", 1000), "one line": "Update\n\n" + strings.Repeat("word", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("pullRequest", "always", "message", text)
			j.want("Succeeded", "pullRequest")
			pr := j.pullRequests()[0]
			merge := "Merged PR 1: " + pr.Title + "\n\n" + pr.Description + "\n\nRelated work items: #1"
			if token, ok := message.Skips(merge); !ok || !strings.HasPrefix(pr.Description, "By [run 20261123.4](") {
				t.Errorf("skip token %q, %v, of the merge:\n%s", token, ok, merge)
			}
			j.startedBy(j.plant(mainBranch, merge, j.now)).set("BUILD_BUILDID", "101")
			j.input("edits", "v.yaml: a = 3", "pullRequest", "off", "message", "")
			j.untouched(func() { j.want("Failed", "loop/own-commit") })
		})
	}
}

// A pull request that somebody has closed, with its branch left there, is opened anew.
func TestPullRequestClosed(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always")
	j.want("Succeeded", "pullRequest")
	j.devops.Update(func(p *adotest.Project) { p.PullRequests[0].Status = "abandoned" })
	j.untouched(func() { j.want("Succeeded", "unchanged") })
	if prs := j.pullRequests(); len(prs) != 2 {
		t.Errorf("pull requests: %+v", prs)
	}
}

func TestPullRequestWhenRequired(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "whenRequired")
	j.want("Succeeded", "pushed")
	same(t, "pull requests without need", 0, len(j.pullRequests()))
	main := j.remote("rev-parse", "main")
	j.protect().input("edits", "v.yaml: a = 3").want("Succeeded", "pullRequest")
	same(t, "main", main, j.remote("rev-parse", "main"))
	same(t, "pull requests", 1, len(j.pullRequests()))
	j.untouched(func() { j.want("Succeeded", "unchanged") })
	same(t, "pull requests after the second run", 1, len(j.pullRequests()))
	// What is refused for another reason is no reason for a pull request.
	for refusal, reason := range map[gittest.Refusal]string{
		gittest.HookDeclined: "push/hook", gittest.NeedsContribute: "push/denied", gittest.UpdatedByAnother: "push/raced",
	} {
		j.git.Reject(func(u gittest.Update) gittest.Refusal {
			if u.Ref == mainBranch {
				return refusal
			}
			return ""
		})
		j.input("edits", "v.yaml: a = 4")
		j.untouched(func() { j.want("Failed", reason) })
	}
}

// What people have added to the branch is not built upon, and not thrown away.
func TestPullRequestOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a person's":         "a correction of mine\n",
		"another pipeline's": "Update\n\nPipeline-Guardrails-Run: local/Shop/13/7\nPipeline-Guardrails-Kind: other\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("pullRequest", "always")
			j.want("Succeeded", "pullRequest")
			j.plant(headBranch, text, j.now)
			j.input("edits", "v.yaml: a = 3")
			j.untouched(func() { j.want("Failed", "push/pull-request") })
			j.oneError(headBranch, "not this pipeline's", "delete the branch")
			j.input("enforcement", "warn") // that would lose work
			j.untouched(func() { j.want("Failed", "push/pull-request") })
		})
	}
}

// A reviewer's correction that was amended into our commit is not thrown away.
func TestPullRequestAmended(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"as its committer": nil, "as its author, too": {"--reset-author"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": "a: 1\n", "fix.txt": "old\n"})
			j.input("edits", "v.yaml: a = 2", "pullRequest", "always", "authorName", "Shop, \"Inc.\"")
			j.want("Succeeded", "pullRequest")
			// git strips such a name: it is ours all the same.
			j.input("edits", "v.yaml: a = 3").want("Succeeded", "pullRequest")
			dir := t.TempDir()
			as := []string{"git", "-c", "http.extraheader=Authorization: bearer " + jobToken, "-c", "user.name=Rita Reviewer",
				"-c", "user.email=rita@example.com"}
			run := func(args ...string) { j.shell(dir, append(slices.Clone(as), args...)...) }
			run("clone", "-q", "-b", strings.TrimPrefix(headBranch, "refs/heads/"), j.repo(), ".")
			j.must(writeFile(dir+"/fix.txt", "the reviewer's correction\n"))
			run(append([]string{"commit", "-q", "-a", "--amend", "--no-edit"}, args...)...)
			run("push", "-q", "--force", "origin", "HEAD")
			j.input("edits", "v.yaml: a = 4")
			j.untouched(func() { j.want("Failed", "push/pull-request") })
			j.oneError(headBranch, "Rita Reviewer", "delete the branch")
		})
	}
}

// What an earlier run has proposed and this one does not is taken out of the pull request.
func TestPullRequestWithLess(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 1\n", "w.yaml": "b: 1\n"}).input("pullRequest", "always")
	j.input("edits", "v.yaml: a = 2\nw.yaml: b = 666").want("Succeeded", "pullRequest")
	j.input("edits", "v.yaml: a = 2").want("Succeeded", "pullRequest")
	same(t, "what differs from main", "v.yaml", j.remote("diff", "--name-only", "main", headBranch))
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

// A loop that goes through the pull request's branch is one, too, also where the runs cannot
// be listed.
func TestPullRequestLoops(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		version string
		apart   time.Duration
		pushes  int
		want    string
	}{
		"fast":              {"", 30 * time.Second, 3, "breaker/rate"},
		"slow, one version": {"1.0", 20 * time.Minute, 2, "breaker/repeat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("pullRequest", "always").lacks("View builds")
			for i := range tc.pushes + 1 {
				j.now = j.now.Add(tc.apart)
				j.set("BUILD_BUILDID", strconv.Itoa(400+i)).input("edits", "v.yaml: a = "+strconv.Itoa(10+i))
				if tc.version != "" {
					j.deploy(10+i, tc.version)
				}
				if i < tc.pushes {
					j.want("SucceededWithIssues", "pullRequest")
				}
			}
			head := j.remote("for-each-ref", "refs/heads/guardrails/")
			j.want("Failed", tc.want)
			same(t, "the pull request's branch", head, j.remote("for-each-ref", "refs/heads/guardrails/"))
		})
	}
}

// A commit that both branches have is one push.
func TestPullRequestMergedCountsOnce(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always").deploy(2, "1.0")
	j.want("Succeeded", "pullRequest")
	j.remote("update-ref", mainBranch, j.output("commit"))
	j.now = j.now.Add(time.Minute)
	j.set("BUILD_BUILDID", "101").deploy(3, "1.0").want("Succeeded", "pullRequest")
	j.says("1 guarded commit on the branch")
}

// The branch raced: another run of the pipeline has pushed to it first.
func TestPullRequestRaced(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always", "authorName", "Somebody Else", "authorEmail", "somebody@example.com")
	j.want("Succeeded", "pullRequest")
	n := 0
	j.git.Before(func(u gittest.Update) {
		if n++; n == 1 {
			j.plant(headBranch, "Update v.yaml\n\nPipeline-Guardrails-Run: local/Shop/12/99\n"+
				"Pipeline-Guardrails-Kind: other\n", j.now)
		}
	})
	j.input("edits", "v.yaml: a = 3").want("Succeeded", "pullRequest")
	same(t, "v.yaml", "a: 3", j.remote("show", headBranch+":v.yaml"))
	same(t, "first parents", "Update v.yaml\nUpdate v.yaml\nUpdate v.yaml\nfirst commit",
		j.remote("log", "--first-parent", "--format=%s", headBranch))
}

func TestPullRequestWithoutPermission(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always").lacks("Contribute to pull requests")
	j.want("Failed", "pullRequest") // the branch was pushed
	j.oneError("Contribute to pull requests", headBranch)
	same(t, "output pushed", "true", j.output("pushed"))
	// With the permission, there is nothing to push, but something to open.
	j.lacks().untouched(func() { j.want("Succeeded", "unchanged") })
	same(t, "pull requests", 1, len(j.pullRequests()))

	// Without Create branch, nothing at all.
	j = fresh(t).input("pullRequest", "always")
	j.git.Reject(func(gittest.Update) gittest.Refusal {
		return "TF401027: You need the Git 'CreateBranch' permission to perform this action."
	})
	j.untouched(func() { j.want("Failed", "push/denied") })
	j.oneError("Create branch", "Project Collection Build Service (local)", "Shop Build Service (local)")
}

// Pull requests are opened in Azure Repos only: elsewhere that is said before anything is
// pushed.
func TestPullRequestElsewhere(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	j.elsewhere("GITCONNECTION", `{"scheme":"Token","parameters":{"apitoken":"`+jobToken+`"}}`)
	j.input("pullRequest", "always").want("Failed", "push/input")
	j.oneError("pullRequest", "Azure Repos only")
	if out, err := j.git.Git(elsewhereRepo, "branch", "--list", "guardrails/*"); err != nil || out != "" {
		t.Errorf("branches %q, error %v", out, err)
	}
}

func TestPullRequestDryRun(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always", "dryRun", "true")
	j.untouched(func() { j.want("Succeeded", "dryRun") })
	same(t, "pull requests", 0, len(j.pullRequests()))
}

// A skip token does not keep the validation of a pull request from starting.
func TestValidationIsPointedOut(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	j.devops.Update(func(p *adotest.Project) {
		p.PullRequests = []adotest.PullRequest{{
			ID: 7, Repository: configID, Title: "x", Source: mainBranch, Target: "refs/heads/release",
		}}
	})
	j.want("SucceededWithIssues", "pushed")
	j.says("loop/validation", "pull request 7", "[skip ci]")
	// A deployment has no token that could fail.
	j.input("commitKind", "deployment", "edits", "v.yaml: a = 3").want("Succeeded", "pushed")
	// Nor does it matter to other branches.
	j.devops.Update(func(p *adotest.Project) { p.PullRequests[0].Source = "refs/heads/mine" })
	j.input("commitKind", "other", "edits", "v.yaml: a = 4").want("Succeeded", "pushed")
	// That it cannot be asked does not stop the push.
	j.lacks("Read").input("edits", "v.yaml: a = 5").want("Succeeded", "pushed")
	j.says("is not known")
}

// Each application has a pull request of its own: the change of one does not replace
// that of another.
func TestPullRequestOfEachApplication(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always").deploy(2, "1.0")
	j.want("Succeeded", "pullRequest")
	first := j.output("commit")
	j.deploy(3, "1.0").input("application", "another/shop").want("Succeeded", "pullRequest")
	refs := j.remote("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/guardrails/main/")
	if strings.Count(refs, "\n") != 1 || !strings.Contains(refs, " "+first) || !strings.Contains(refs, "/12-another-shop-") {
		t.Errorf("branches of pull requests:\n%s", refs)
	}
}

// What the pull request has already is no push: it needs no permission of the breaker.
func TestPullRequestTheSameAgain(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("pullRequest", "always", "maxRuns", "1", "edits", "v.yaml: a = 2")
	j.want("Succeeded", "pullRequest")
	j.now = j.now.Add(time.Minute)
	j.set("BUILD_BUILDID", "101")
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

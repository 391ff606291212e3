package guardedpush

import (
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// startedBy makes the run one that a push has started.
func (j *job) startedBy(id string) *job {
	return j.set("BUILD_REASON", "IndividualCI", "BUILD_SOURCEVERSION", id)
}

// A pushes, which starts B, which pushes, which starts A: that ends there, and with as
// many pipelines in between as there are.
func TestChainOfPipelines(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "a: 0\n"})
	id := ""
	for i, pipeline := range []string{"12", "13", "14"} {
		j.set("SYSTEM_DEFINITIONID", pipeline, "BUILD_BUILDID", "30"+pipeline)
		if i > 0 {
			j.startedBy(id)
		}
		j.input("edits", "v.yaml: a = "+pipeline).want("Succeeded", "pushed")
		id = j.remote("rev-parse", "main")
	}
	if text := j.newest("main"); !strings.Contains(text, "Pipeline-Guardrails-Causes: local/Shop/12 local/Shop/13") {
		t.Errorf("message:\n%s", text)
	}
	for _, pipeline := range []string{"12", "13", "14"} {
		j.set("SYSTEM_DEFINITIONID", pipeline, "BUILD_BUILDID", "40"+pipeline).startedBy(id).input("edits", "v.yaml: a = 9")
		j.untouched(func() { j.want("Failed", "loop/own-commit") })
		j.oneError("would be a loop", "trigger: paths: exclude:")
	}
	// A pipeline that was not in it goes on.
	j.set("SYSTEM_DEFINITIONID", "15", "BUILD_BUILDID", "4015").want("Succeeded", "pushed")
}

// What has started the run is known by how it was started, and who has pushed.
func TestWhatStartedTheRun(t *testing.T) {
	t.Parallel()
	ours := func(j *job) string { return j.stamped(99, j.now.Add(-time.Hour), nil) }
	squashed := "Merged PR 12: Update v.yaml\n\n* Update v.yaml\n\n[skip ci]\n\nPipeline-Guardrails-Run: local/Shop/12/99\n" +
		"Pipeline-Guardrails-Kind: other\n"
	for name, tc := range map[string]struct {
		prepare func(j *job)
		reason  string
	}{
		"our push":           {func(j *job) { j.startedBy(ours(j)) }, "loop/own-commit"},
		"upper case":         {func(j *job) { j.startedBy(strings.ToUpper(ours(j))) }, "loop/own-commit"},
		"a batch":            {func(j *job) { j.startedBy(ours(j)).set("BUILD_REASON", "BatchedCI") }, "loop/own-commit"},
		"a person's push":    {func(j *job) { j.startedBy(j.plant(mainBranch, "my work\n", j.now)) }, "pushed"},
		"a person":           {func(j *job) { j.startedBy(ours(j)).set("BUILD_REASON", "Manual") }, "pushed"},
		"a schedule":         {func(j *job) { j.startedBy(ours(j)).set("BUILD_REASON", "Schedule") }, "pushed"},
		"a squash of ours":   {func(j *job) { j.startedBy(j.plant(mainBranch, squashed, j.now.Add(-time.Hour))) }, "loop/own-commit"},
		"a quotation of us":  {func(j *job) { j.startedBy(j.plant(mainBranch, squashed+"\nwas wrong\n", j.now)) }, "pushed"},
		"the name of us":     {func(j *job) { j.startedBy(j.plant(mainBranch, "Pipeline-Guardrails-Run: local/Shop/12/99\n", j.now)) }, "pushed"},
		"a nonsense version": {func(j *job) { j.startedBy("--upload-pack=x") }, "loop/unknown-start"},
		"no version":         {func(j *job) { j.startedBy("") }, "loop/unknown-start"},
		"an unknown version": {func(j *job) { j.startedBy(strings.Repeat("a", 40)) }, "loop/unknown-start"},
		"another pipeline's": {func(j *job) {
			j.startedBy(j.stamped(99, j.now.Add(-time.Hour), func(st *message.Stamp) { st.Pipeline = "local/Shop/13" }))
		}, "pushed"},
		"our pull request": {func(j *job) {
			j.set("BUILD_REASON", "PullRequest", "SYSTEM_PULLREQUEST_SOURCECOMMITID", ours(j),
				"BUILD_SOURCEVERSION", strings.Repeat("a", 40), "BUILD_SOURCEBRANCH", "refs/pull/3/merge")
		}, "loop/own-commit"},
		"a person's pull request": {func(j *job) {
			j.set("BUILD_REASON", "PullRequest", "SYSTEM_PULLREQUEST_SOURCECOMMITID", j.plant(mainBranch, "my work\n", j.now))
		}, "pushed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			tc.prepare(j)
			if tc.reason == "pushed" {
				j.want("Succeeded", "pushed")
				return
			}
			j.untouched(func() { j.want("Failed", tc.reason) })
			j.oneError()
		})
	}
}

// A job that has no checkout, and pushes to another repository, asks the run's own for the
// commit; where that cannot be done, it is refused.
func TestStartedWithoutACheckout(t *testing.T) {
	t.Parallel()
	const target = "local/Shop/_git/gitops"
	prepare := func(t *testing.T) *job {
		t.Helper()
		j := fresh(t)
		j.must(j.git.CreateRepo(target, map[string]string{"v.yaml": "a: 1\n"}))
		own := j.stamped(99, j.now.Add(-time.Hour), nil)
		j.plant(mainBranch, "a later commit\n", j.now)
		return j.startedBy(own).input("repository", j.url+"Shop/_git/gitops").set("BUILD_REPOSITORY_URI", j.repo())
	}
	j := prepare(t)
	j.remote("config", "uploadpack.allowAnySHA1InWant", "true") // as Azure Repos does
	j.untouched(func() { j.want("Failed", "loop/own-commit") })

	const evil = "local-evil/_git/config"
	for name, uri := range map[string]string{
		"not told":       "",
		"on GitHub":      "https://github.com/contoso/config",
		"a look-alike":   "HOST/" + evil,
		"gone":           "HOST/local/Shop/_git/gone",
		"not an address": "git@github.com:contoso/config",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := prepare(t)
			j.must(j.git.CreateRepo(evil, map[string]string{"v.yaml": "a: 1\n"}))
			j.set("BUILD_REPOSITORY_URI", strings.Replace(uri, "HOST", strings.TrimSuffix(j.url, "/local/"), 1))
			j.untouched(func() { j.want("Failed", "loop/unknown-start") })
			for _, r := range j.git.Requests() {
				if r.Repo == evil {
					t.Errorf("a look-alike was shown the token: %s %s", r.Method, r.Op)
				}
			}
			j.oneError("checkout: self")
			j.input("override", "true", "reason", "it is none").want("SucceededWithIssues", "pushed")
		})
	}
}

// A run that our own commit has started, and that has nothing to push, is green, and says
// that it was for nothing.
func TestStartedForNothing(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	j.startedBy(j.stamped(99, j.now.Add(-time.Hour), nil)).input("edits", "v.yaml: a = 1")
	j.untouched(func() { j.want("SucceededWithIssues", "unchanged") })
	j.says("loop/own-commit", "for nothing", "trigger: paths: exclude:")
}

package guardedpush

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// line makes commits with the files of main on the server, one on the other, the first on
// the given parents, and returns the last one. No ref names it.
func (j *job) line(n int, when time.Time, parents ...string) string {
	j.t.Helper()
	tree, dir := j.remote("rev-parse", "main^{tree}"), j.t.TempDir()
	args := []string{"hash-object", "-w", "-t", "commit"}
	for i := range n {
		text := "tree " + tree + "\n"
		for _, p := range parents {
			text += "parent " + p + "\n"
		}
		who := " Somebody Else <somebody@example.com> " + strconv.FormatInt(when.Unix(), 10) + " +0000\n"
		text += "author" + who + "committer" + who + "\nmine\n"
		path := filepath.Join(dir, strconv.Itoa(i))
		j.must(writeFile(path, text))
		sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(text), text))
		args, parents = append(args, path), []string{hex.EncodeToString(sum[:])}
	}
	j.remote(args...)
	return parents[0]
}

// people puts commits of somebody else's onto main.
func (j *job) people(n int, when time.Time) *job {
	j.t.Helper()
	j.remote("update-ref", mainBranch, j.line(n, when, j.remote("rev-parse", "main")))
	return j
}

// deployed puts two deployments of version 1.0 onto main.
func (j *job) deployed() *job {
	j.t.Helper()
	for run := range 2 {
		j.stamped(90+run, j.now.Add(-time.Duration(8-run)*time.Minute), func(st *message.Stamp) {
			st.Kind, st.Application, st.Environment, st.Version = "deployment", "shop", "production", "1.0"
			st.Fingerprint = message.Fingerprint("shop", "production", "1.0")
		})
	}
	return j
}

// Our commits are found wherever they are in the history, and few requests find them.
func TestHistory(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		prepare func(j *job)
		fetches int
	}{
		"on top": {func(j *job) { j.deployed() }, 2}, // with the file that is edited
		// git pull and git push of somebody who had the commit before ours.
		"on the other side of a merge": {func(j *job) {
			mine := j.line(1, j.now.Add(-time.Hour), j.remote("rev-parse", "main"))
			ours := j.deployed().remote("rev-parse", "main")
			j.remote("update-ref", mainBranch, j.line(1, j.now.Add(-time.Minute), mine, ours))
		}, 2},
		"below an old commit":  {func(j *job) { j.deployed().people(1, j.now.Add(-2*day)) }, 2},
		"below many":           {func(j *job) { j.deployed().people(30, j.now.Add(-time.Minute)) }, 3},
		"above what is old":    {func(j *job) { j.people(30, j.now.Add(-2*day)).deployed() }, 2},
		"below old and many":   {func(j *job) { j.deployed().people(30, j.now.Add(-time.Minute)).people(1, j.now.Add(-2*day)) }, 3},
		"between many and old": {func(j *job) { j.deployed().people(1, j.now.Add(-2*day)).people(5, j.now.Add(-time.Minute)) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			tc.prepare(j)
			j.lacks("View builds").deploy(2, "1.0").want("Failed", "breaker/repeat")
			n := 0
			for _, r := range j.git.Requests() {
				if r.Command == "fetch" {
					n++
				}
			}
			same(t, "fetches", tc.fetches, n)
		})
	}
}

// A commit with more of a message than anybody reads is none of ours, and hides none.
func TestHugeMessage(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][2]string{
		"1.0": {"Failed", "breaker/repeat"}, "2.0": {"SucceededWithIssues", "pushed"},
	} {
		j := fresh(t).deployed()
		j.plant(mainBranch, "x\n"+strings.Repeat(strings.Repeat("y", 99)+"\n", 170_000), j.now.Add(-time.Minute))
		j.lacks("View builds").deploy(2, version).want(want[0], want[1])
	}
}

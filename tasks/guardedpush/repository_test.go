package guardedpush

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// on lets another server take the place of the job's, with the same repository.
func (j *job) on(c gittest.Config, files map[string]string) *job {
	j.t.Helper()
	c.Token = jobToken
	server, err := gittest.New(c)
	j.must(err)
	j.t.Cleanup(func() { _ = server.Close() })
	j.must(server.CreateRepo(configRepo, files))
	j.git, j.lfs = server, gittest.NewLFS(server)
	return j
}

// Servers that lack what makes it fast do, too, and the breaker counts there as well.
func TestPoorServers(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]gittest.Config{
		"version 0 of the protocol":    {V0: true},
		"no filter":                    {Lacks: []string{"filter"}},
		"no filter, version 0":         {V0: true, Lacks: []string{"filter"}},
		"no time":                      {V0: true, Lacks: []string{"deepen-since"}},
		"no shallow":                   {Lacks: []string{"shallow"}},
		"no shallow, version 0":        {V0: true, Lacks: []string{"shallow", "deepen-since", "deepen-not"}},
		"nothing":                      {Lacks: []string{"filter", "shallow"}},
		"nothing, version 0":           {V0: true, Lacks: []string{"filter", "shallow", "deepen-since", "side-band-64k"}},
		"no delta offsets, no atomics": {Lacks: []string{"ofs-delta", "atomic", "report-status-v2", "object-format=sha1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"v.yaml": "a: 1\n", "docs/b.txt": "old\n"}
			j := newJob(t, nil).on(config, files).lacks("View builds")
			for i := range 3 { // longer ago than counts
				j.stamped(80+i, j.now.Add(-time.Hour), nil)
			}
			j.input("edits", "v.yaml: a = 2").want("SucceededWithIssues", "pushed")
			same(t, "v.yaml", "a: 2", j.file("v.yaml"))
			same(t, "files that were changed", "M\tv.yaml", j.changed())
			j.remote("fsck", "--full", "--strict")
			j.want("Succeeded", "unchanged")
			for i := range 2 {
				j.stamped(90+i, j.now.Add(-time.Minute), nil)
				j.plant(mainBranch, "a commit of mine\n", j.now)
			}
			// With the push above that makes three runs, and this is the fourth.
			j.set("BUILD_BUILDID", "101").input("edits", "v.yaml: a = 3").want("Failed", "breaker/rate")
			same(t, "v.yaml", "a: 2", j.file("v.yaml"))
			same(t, "complaints of the server", nil, j.git.Wrong())
		})
	}
}

// A server that leaves files out and does not give them later: nothing is pushed, and it
// is said why.
func TestServerThatKeepsContents(t *testing.T) {
	t.Parallel()
	lacks := []string{"allow-reachable-sha1-in-want", "allow-tip-sha1-in-want"}
	j := newJob(t, nil).on(gittest.Config{V0: true, Lacks: lacks}, map[string]string{"v.yaml": "a: 1\n"})
	j.input("edits", "v.yaml: a = 2")
	j.untouched(func() { j.want("Failed", "push/remote") })
	j.oneError("does not allow request for unadvertised object")
}

// What else is in a repository stays as it is, however much and whatever it is.
func TestLargeRepository(t *testing.T) {
	t.Parallel()
	const pointer = "version https://git-lfs.github.com/spec/v1\n" +
		"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	files := map[string]string{
		".gitattributes":                   "*.bin filter=lfs diff=lfs merge=lfs -text\n*.crlf eol=crlf\n",
		".gitmodules":                      "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../lib\n",
		"assets/big file.bin":              pointer,
		"apps/größe und 名前/values ü.yaml":  "# größe\r\nimage:\r\n  tag: 1.0.0 # now\r\n",
		"apps/größe und 名前/notes (1).txt":  "old\n",
		"apps/größe und 名前/-rf & $(x).txt": "old\n",
	}
	for i := range 10_000 {
		files[fmt.Sprintf("data/part %02d/file-%04d ä.json", i/500, i)] = fmt.Sprintf("{\"n\": %d}\n", i)
	}
	j := newJob(t, files)
	dir := j.path("work/1/s")
	j.checkout()
	j.must(os.MkdirAll(j.path("work/1/s/vendor/lib"), 0o755)) // as git leaves one that is not asked for
	j.shell(dir, "git", "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("ab", 20)+",vendor/lib")
	j.shell(dir, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "Add a submodule")
	j.shell(dir, "git", "-c", "http.extraheader=Authorization: bearer "+jobToken, "push", "-q", "origin", "HEAD:refs/heads/main")
	j.set("BUILD_SOURCEVERSION", strings.TrimSpace(j.shell(dir, "git", "rev-parse", "HEAD")))
	before := j.remote("ls-tree", "-r", "main")

	requests := len(j.git.Requests())
	j.input("edits", "apps/größe und 名前/values ü.yaml: image.tag = 1.0.1").want("Succeeded", "pushed")
	same(t, "files that were changed", "M\tapps/größe und 名前/values ü.yaml", j.changed())
	same(t, "the edited file", "# größe\r\nimage:\r\n  tag: 1.0.1 # now\r", j.file("apps/größe und 名前/values ü.yaml"))
	for _, r := range j.git.Requests()[requests:] {
		if r.Op == "git-receive-pack" && len(r.Body) > 4000 {
			t.Errorf("the push of one line has %d bytes", len(r.Body))
		}
	}
	// Files of the checkout, which is older by that commit: those alone are pushed.
	j.write("apps/größe und 名前/notes (1).txt", "new\n").write("apps/größe und 名前/-rf & $(x).txt", "new\n").
		input("edits", "", "paths", "apps/**").want("Succeeded", "pushed")
	same(t, "files that were changed",
		"M\tapps/größe und 名前/-rf & $(x).txt\nM\tapps/größe und 名前/notes (1).txt", j.changed())
	same(t, "files, besides", len(strings.Split(before, "\n")), len(strings.Split(j.remote("ls-tree", "-r", "main"), "\n")))
	j.remote("fsck", "--full", "--strict", "--no-dangling")
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// What the repository has.
const (
	apps        = 500
	filesOfEach = 20
	commits     = 1_000
	recent      = 20 // commits of the last two hours, on top of the others
	repoName    = "local/Shop/_git/config"
	changedFile = "apps/app-321/prod/values.yaml"
	changedPath = "$.image.tag"

	firstCommit = 1_735_700_000 // of 2025: none is young
	apart       = 8 * 60 * 60
	quietTip    = "cd571a5a6d3a8149d366f2ce98956c85b77f7703" // the same each time

	historyRef = "refs/made/history"
	madeRef    = "refs/made/quiet" // there when the repository is whole
)

var (
	environments = []string{"dev", "test", "stage", "prod"}
	kinds        = []string{"values", "deployment", "service", "configmap", "ingress"}
)

// repository is what everybody pushes to.
type repository struct {
	server *gittest.Server
	quiet  string // the tip of main as it was made, which is old
	busy   string // the same with commits of the last two hours on top
}

// makeRepository makes it, unless it is there.
func makeRepository(server *gittest.Server, dir string) (repository, error) {
	r := repository{server: server, quiet: quietTip}
	if tip, err := server.Git(repoName, "rev-parse", "--verify", madeRef); err != nil || tip != quietTip {
		fmt.Fprintf(os.Stderr, "Making a repository of %d files and %d commits once.\n", apps*filesOfEach, commits)
		if err := r.make(dir); err != nil {
			return r, err
		}
	}
	if err := r.set(r.quiet); err != nil {
		return r, err
	}
	// What earlier runs have pushed goes.
	if _, err := server.Git(repoName, "prune", "--expire=now"); err != nil {
		return r, err
	}
	now := time.Now()
	err := r.importing(dir, func(w io.Writer) {
		for i := range recent {
			when := now.Add(time.Duration(i-recent) * 6 * time.Minute)
			from := ""
			if i == 0 {
				from = r.quiet
			}
			writeCommit(w, "refs/heads/busy", from, when.Unix(), i)
			writeFile(w, i*7, i+2_000)
		}
	})
	if err == nil {
		r.busy, err = server.Git(repoName, "rev-parse", "refs/heads/busy")
	}
	if err == nil {
		_, err = server.Git(repoName, "update-ref", "-d", "refs/heads/busy")
	}
	return r, err
}

// make makes it anew, and packs it as a host does.
func (r repository) make(dir string) error {
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, filepath.FromSlash(repoName))),
		r.server.CreateRepo(repoName, nil), r.history(dir)); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"repack", "-a", "-d", "-q", "--write-bitmap-index"}, {"commit-graph", "write", "--reachable"},
		{"update-ref", madeRef, historyRef},
	} {
		if _, err := r.server.Git(repoName, args...); err != nil {
			return err
		}
	}
	if tip, err := r.server.Git(repoName, "rev-parse", madeRef); err != nil || tip != quietTip {
		return fmt.Errorf("the repository's tip is %s and not %s, as it should always be: %w", tip, quietTip, err)
	}
	return nil
}

// set puts main where it was.
func (r repository) set(tip string) error {
	_, err := r.server.Git(repoName, "update-ref", "refs/heads/main", tip)
	return err
}

// check says whether main is one commit further, which has changed what it should.
func (r repository) check(tip, value string) error {
	got, err := r.server.Git(repoName, "log", "--format=%P", "--numstat", tip+"..refs/heads/main")
	if want := tip + "\n\n1\t1\t" + changedFile; err == nil && got != want {
		err = fmt.Errorf("the server has got %q, not %q", got, want)
	}
	if err != nil {
		return err
	}
	text, err := r.server.Git(repoName, "show", "refs/heads/main:"+changedFile)
	if err == nil && !strings.Contains(text, "\n  tag: "+value+"\n") {
		err = fmt.Errorf("the server's file does not have the tag %s:\n%s", value, text)
	}
	return err
}

// history makes all commits: the first has all files, each later one changes some images.
func (r repository) history(dir string) error {
	random := rand.New(rand.NewPCG(5, 8))
	return r.importing(dir, func(w io.Writer) {
		for i := range commits {
			writeCommit(w, historyRef, "", int64(firstCommit+i*apart), i)
			if i == 0 {
				for n := range apps * filesOfEach {
					writeFile(w, n, 0)
				}
			}
			for range 1 + random.IntN(3) {
				writeFile(w, random.IntN(apps*filesOfEach), i)
			}
		}
	})
}

// importing writes what git fast-import reads.
func (r repository) importing(dir string, write func(io.Writer)) error {
	cmd := exec.Command("git", "fast-import", "--quiet", "--force")
	cmd.Env = append(os.Environ(), "GIT_DIR="+filepath.Join(dir, filepath.FromSlash(repoName)), "GIT_CONFIG_NOSYSTEM=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	w := bufio.NewWriter(in)
	write(w)
	return errors.Join(w.Flush(), in.Close(), cmd.Wait())
}

func writeCommit(w io.Writer, ref, from string, when int64, i int) {
	message := fmt.Sprintf("Deploy build %d\n", i)
	fmt.Fprintf(w, "commit %s\ncommitter Somebody Else <somebody@example.com> %d +0000\ndata %d\n%s\n",
		ref, when, len(message), message)
	if from != "" {
		fmt.Fprintf(w, "from %s\n", from)
	}
}

// writeFile writes a file as a build has left it.
func writeFile(w io.Writer, n, build int) {
	app, environment, kind := n/filesOfEach, environments[n/len(kinds)%len(environments)], kinds[n%len(kinds)]
	text := content(app, environment, kind, build)
	fmt.Fprintf(w, "M 100644 inline apps/app-%03d/%s/%s.yaml\ndata %d\n%s\n", app, environment, kind, len(text), text)
}

// content is a file of a kilobyte or so, which differs from all others.
func content(app int, environment, kind string, build int) string {
	random := rand.New(rand.NewPCG(uint64(app), uint64(len(environment)+len(kind))))
	var b strings.Builder
	fmt.Fprintf(&b, "# The %s of app-%03d in %s.\nimage:\n  repository: registry.example.com/team-%02d/app-%03d\n"+
		"  tag: 1.0.%d\nreplicas: %d\nenv:\n", kind, app, environment, app%40, app, build, 1+random.IntN(5))
	for i := range 12 + random.IntN(10) {
		fmt.Fprintf(&b, "  - name: SETTING_%02d\n    value: \"%08x\"\n", i, random.Uint32())
	}
	return b.String()
}

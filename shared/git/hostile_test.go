package git

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// A checkout whose configuration would run a program with whatever is asked of it. The
// last question needs an object that a partial clone would fetch.
func TestAnOpenedRepositoryRunsNothing(t *testing.T) {
	t.Parallel()
	dir, proof := t.TempDir(), filepath.Join(t.TempDir(), "proof")
	script := filepath.Join(t.TempDir(), "evil.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $0 $* >> "+proof+"\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	gitIn(t, dir, "", "init", "-q")
	gitIn(t, dir, "", "commit", "-q", "--allow-empty", "-m", "first")
	config := "[core]\n\trepositoryFormatVersion = 1\n\tfsmonitor = " + script + "\n\tsshCommand = " + script +
		"\n\tpager = " + script + "\n\thooksPath = " + filepath.Dir(script) + "\n[extensions]\n\tpartialClone = origin\n" +
		"[remote \"origin\"]\n\turl = \"ext::" + script + " x\"\n\tpromisor = true\n[protocol]\n\tallow = always\n" +
		"[protocol \"ext\"]\n\tallow = always\n[uploadpack]\n\tpackObjectsHook = " + script + "\n[pager]\n\tlog = true\n"
	if err := os.WriteFile(filepath.Join(dir, ".git", "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(env []string) string {
		r, err := client(t).Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"rev-parse", "--verify", "HEAD^{commit}"}, {"log", "--format=%s"}, {"ls-tree", "-r", "HEAD"}, {"ls-files"},
			{"cat-file", "blob", strings.Repeat("a", 40)},
		} {
			if env == nil {
				_, _ = r.Run(t.Context(), nil, args...)
				continue
			}
			cmd := exec.Command(gitPath(t), args...)
			cmd.Dir, cmd.Env = dir, env
			_ = cmd.Run()
		}
		text, _ := os.ReadFile(proof)
		_ = os.Remove(proof)
		return string(text)
	}
	if ran := ask(nil); ran != "" {
		t.Errorf("the configuration of a checkout runs programs:\n%s", ran)
	}
	if ran := ask(environ(t, "HOME="+dir)); ran == "" {
		t.Error("git as it is runs nothing, either: the test shows nothing")
	}
}

const killedEnv = "GUARDRAILS_GIT_TEST_KILLED"

// TestKilledPusher is the program that TestKill kills.
func TestKilledPusher(t *testing.T) {
	place, ok := os.LookupEnv(killedEnv)
	if !ok {
		return
	}
	address, dir, _ := strings.Cut(place, "\n")
	r, err := client(t).Init(t.Context(), dir, Remote{address, inputs.NewSecret("bearer " + token)})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	tip := fetchMain(t, r)
	if err := r.Push(t.Context(), Update{"refs/heads/main", tip, makeCommit(t, r, tip, "a", string(tip))}); err != nil {
		t.Fatal(err)
	}
}

// outlived is a folder in which a program may still write when the test ends: it is removed once nothing does so any more.
func outlived(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "git-killed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			err := os.RemoveAll(dir)
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Errorf("what the test started still writes: %v", err)
				return
			}
		}
	})
	return dir
}

// Killed at any moment, a push leaves the remote whole, and with all or nothing of it.
func TestKill(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{}) // which runs fsck in the end
	tip := s.commit("main", noon, map[string]string{"a": "1"})
	for range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledPusher$", "-git="+*otherGit)
		cmd.Env = environ(t, killedEnv+"="+s.url()+"\n"+filepath.Join(outlived(t), "scratch"))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = bufio.NewReader(out).ReadString('\n')
		timer := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		// A git that the killed process has started may still be on its way: to the remote, and in its folder.
		s.git("merge-base", "--is-ancestor", string(tip), "refs/heads/main")
		tip = s.at("refs/heads/main")
	}
	for line := range strings.Lines(s.git("log", "--format=%H %P", string(tip))) {
		id, parent, _ := strings.Cut(strings.TrimSpace(line), " ")
		if text := s.git("show", id+":a"); text != parent && parent != "" {
			t.Errorf("commit %s holds %q, want what was pushed, %s", id, text, parent)
		}
	}
}

// BenchmarkPush edits a file in a repository of 10,000 files.
func BenchmarkPush(b *testing.B) {
	s := newServer(b, gittest.Config{})
	files := map[string]string{}
	for i := range 100 {
		for j := range 100 {
			files["d"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+"/f"+strings.Repeat("y", j)] = strings.Repeat("text\n", j+i)
		}
	}
	s.commit("main", noon, files)
	for b.Loop() {
		r := s.repo(client(b))
		if _, err := r.RemoteRefs(b.Context(), "refs/heads/main", breakerRef); err != nil {
			b.Fatal(err)
		}
		tip := fetchMain(b, r)
		entries, err := r.Files(b.Context(), tip, "da/fy")
		if err != nil || len(entries) != 1 {
			b.Fatal(entries, err)
		}
		if _, err := r.Contents(b.Context(), entries[0].ID); err != nil {
			b.Fatal(err)
		}
		if err := r.Push(b.Context(), Update{"refs/heads/main", tip, makeCommit(b, r, tip, "da/fy", string(tip))}); err != nil {
			b.Fatal(err)
		}
	}
}

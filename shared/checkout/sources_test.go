package checkout

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// sources is a checkout made with the real git, as a person's or an agent's.
type sources struct {
	t    testing.TB
	dir  string
	home string // the user's
	path string // PATH; "" is ours
	// packTimes may change: see Read.
	packTimes bool
}

func newSources(t testing.TB, files map[string]string) *sources {
	t.Helper()
	s := &sources{t: t, dir: filepath.Join(t.TempDir(), "s"), home: t.TempDir()}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.git("init", "-q", "-b", "main")
	s.commit(files)
	return s
}

// commit writes files and commits everything.
func (s *sources) commit(files map[string]string) git.ID {
	s.t.Helper()
	for name, text := range files {
		s.write(name, text)
	}
	s.git("add", "-A")
	s.git("commit", "-q", "--allow-empty", "-m", "a commit")
	return git.ID(s.git("rev-parse", "HEAD"))
}

// git runs git in the checkout, as its user.
func (s *sources) git(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

func (s *sources) try(args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), "git", append([]string{
		"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always",
	}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = s.environ()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// environ is that of its user.
func (s *sources) environ() []string {
	env := append(environ(), "HOME="+s.home, "GIT_CONFIG_NOSYSTEM=1")
	if s.path != "" {
		env = append(env, "PATH="+s.path)
	}
	return env
}

func environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
}

func (s *sources) write(name, text string) {
	s.t.Helper()
	full := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sources) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.dir, filepath.FromSlash(name))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sources) link(target, name string) {
	s.t.Helper()
	if err := os.Symlink(target, filepath.Join(s.dir, filepath.FromSlash(name))); err != nil {
		s.t.Fatal(err)
	}
}

// at is what HEAD has at a path.
func (s *sources) at(name string) git.ID {
	s.t.Helper()
	return git.ID(s.git("rev-parse", "HEAD:"+name))
}

func newGit(t testing.TB) *git.Git {
	t.Helper()
	g, err := git.New(t.Context(), git.Config{Environ: environ(), Secrets: &redact.Set{}})
	if err != nil {
		t.Fatalf("git.New: %v", err)
	}
	return g
}

// tryRead reads the checkout, and fails the test if that has changed anything in it.
func (s *sources) tryRead(want func(string) bool) (Changes, error) {
	s.t.Helper()
	before := s.snapshot()
	changes, err := Read(s.t.Context(), newGit(s.t), Folder{
		Dir: s.dir, Scratch: filepath.Join(s.t.TempDir(), "scratch"), Home: s.home, Want: want,
	})
	if diff := cmp.Diff(before, s.snapshot()); diff != "" {
		s.t.Errorf("Read has touched the checkout (-before +after):\n%s", diff)
	}
	return changes, err
}

func (s *sources) read() Changes {
	s.t.Helper()
	changes, err := s.tryRead(nil)
	if err != nil {
		s.t.Fatalf("Read: %v", err)
	}
	return changes
}

// snapshot is every name in and beside the checkout with its mode, time and content.
func (s *sources) snapshot() map[string]string {
	s.t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(filepath.Dir(s.dir), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s %s", info.Mode(), info.ModTime())
		if s.packTimes && strings.HasSuffix(name, ".pack") {
			what = info.Mode().String()
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			what += " -> " + target
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		found[name] = what
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// told is a changed file in one line: old mode and new, path, content.
func told(files []File) []string {
	var lines []string
	for _, f := range files {
		what := fmt.Sprintf("%s>%s %s", dash(f.BeforeMode), dash(f.Mode), f.Path)
		switch {
		case f.ID != "":
			what += " @" + string(f.ID)
		case f.Mode != "":
			what += fmt.Sprintf(" %q", f.Data)
		}
		lines = append(lines, what)
	}
	return lines
}

func dash(mode string) string {
	if mode == "" {
		return "-"
	}
	return mode
}

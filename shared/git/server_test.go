package git

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// otherGit lets the tests be run with another git than that of PATH, such as an old one;
// the server and the checks stay with that of PATH.
var otherGit = flag.String("git", "", "the folder of the git that is tested")

const token = "s3cret-t0ken-of-the-job"

const breakerRef = "refs/guardrails/breaker/7"

// server is a server with one repository.
type server struct {
	*gittest.Server
	t    testing.TB
	http *httptest.Server
	root string // of the repository
}

const repoName = "org/My Project/_git/a=b"

// newServer serves an empty repository.
func newServer(t testing.TB, c gittest.Config) *server {
	t.Helper()
	s := unserved(t, c)
	s.http = httptest.NewServer(s)
	s.end()
	return s
}

func unserved(t testing.TB, c gittest.Config) *server {
	t.Helper()
	c.Dir, c.Token = t.TempDir(), token
	g, err := gittest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.CreateRepo(repoName, nil); err != nil {
		t.Fatal(err)
	}
	s := &server{Server: g, t: t}
	if s.root, err = g.Git(repoName, "rev-parse", "--absolute-git-dir"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) end() {
	s.t.Cleanup(func() {
		s.http.Close()
		if err := s.Close(); err != nil {
			s.t.Error(err)
		}
		if wrong := s.Wrong(); len(wrong) > 0 {
			s.t.Errorf("the server was asked wrongly: %q", wrong)
		}
		// Whatever was done to it.
		if out, err := s.Git(repoName, "fsck", "--full", "--strict"); err != nil {
			s.t.Errorf("git fsck of the server's repository: %v\n%s", err, out)
		}
	})
}

func (s *server) url() string { return s.http.URL + "/" + strings.ReplaceAll(repoName, " ", "%20") }

// git runs git in the repository of the server.
func (s *server) git(args ...string) string {
	s.t.Helper()
	return gitIn(s.t, s.root, "", args...)
}

// gitIn runs git in a folder and returns what it prints.
func gitIn(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{
		"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main",
	}, args...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = environ(t, "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, said.Bytes())
	}
	return string(out)
}

// commit commits files on a branch of the server, at a time, and returns the commit. The
// value "" deletes.
func (s *server) commit(branch string, when time.Time, files map[string]string) ID {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter Ann <ann@example.com> %d +0000\ndata 6\nchange\n", branch, when.Unix())
	if s.at("refs/heads/"+branch) != "" {
		fmt.Fprintf(&b, "from refs/heads/%s^0\n", branch)
	}
	for name, text := range files {
		if text == "" {
			fmt.Fprintf(&b, "D %s\n", name)
			continue
		}
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	b.WriteString("\ndone\n")
	gitIn(s.t, s.root, b.String(), "fast-import", "--quiet", "--done")
	return s.at("refs/heads/" + branch)
}

// at is where a ref stands; "" if it is not there.
func (s *server) at(ref string) ID {
	s.t.Helper()
	return trimID([]byte(s.git("for-each-ref", "--format=%(objectname)", ref)))
}

// asked counts requests.
func (s *server) asked(op string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Op == op || r.Command == op {
			n++
		}
	}
	return n
}

// environ is that of a job.
func environ(t testing.TB, more ...string) []string {
	t.Helper()
	return append([]string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "TMPDIR=" + os.TempDir()}, more...)
}

// client is git as a task has it.
func client(t testing.TB, env ...string) *Git {
	t.Helper()
	if *otherGit != "" {
		env = append([]string{"PATH=" + *otherGit + string(os.PathListSeparator) + os.Getenv("PATH")}, env...)
	}
	g, err := New(t.Context(), Config{Environ: environ(t, env...), Secrets: &redact.Set{}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return g
}

func (s *server) remote() Remote {
	return Remote{URL: s.url(), Authorization: inputs.NewSecret("bearer " + token)}
}

// repo is a repository of ours whose remote is the server.
func (s *server) repo(g *Git) *Repo {
	s.t.Helper()
	r, err := g.Init(s.t.Context(), filepath.Join(s.t.TempDir(), "scratch"), s.remote())
	if err != nil {
		s.t.Fatalf("Init: %v", err)
	}
	return r
}

// scratch is a repository without a remote.
func scratch(t testing.TB) *Repo {
	t.Helper()
	r, err := client(t).Init(t.Context(), filepath.Join(t.TempDir(), "scratch"), Remote{})
	if err != nil {
		t.Fatalf("Init: %v", err)
	}
	return r
}

// fetchMain fetches main and returns where it stands.
func fetchMain(t testing.TB, r *Repo) ID {
	t.Helper()
	at, err := r.Fetch(t.Context(), []string{"refs/heads/main"}, Depth{})
	if err != nil {
		t.Fatalf("Fetch of main: %v", err)
	}
	return at["refs/heads/main"]
}

// makeCommit makes a commit that changes one file.
func makeCommit(t testing.TB, r *Repo, parent ID, path, text string) ID {
	t.Helper()
	c := plain(parent)
	if parent == "" {
		c = plain()
	}
	c.Changes = []Change{{Path: path, Mode: "100644", Data: []byte(text)}}
	id, err := r.Commit(t.Context(), c)
	if err != nil {
		t.Fatalf("Commit of %q: %v", path, err)
	}
	return id
}

// plain is a commit without changes.
func plain(parents ...ID) NewCommit {
	return NewCommit{Parents: parents, Message: "change\n", Author: Ident{"Bob", "bob@example.com"}, When: noon}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// kind is that of a RemoteError.
func kind(err error) Kind {
	var remote *RemoteError
	if !errors.As(err, &remote) {
		return ""
	}
	return remote.Kind
}

// gitPath is the program git.
func gitPath(t testing.TB) string {
	t.Helper()
	dir := *otherGit
	if dir != "" {
		return filepath.Join(dir, "git")
	}
	name, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

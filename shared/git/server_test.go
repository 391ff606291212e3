package git

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

const token = "s3cret-t0ken-of-the-job"

// server is the real git http-backend with one repository, and a token.
type server struct {
	t    testing.TB
	http *httptest.Server
	root string
	cgi  http.Handler

	mu       sync.Mutex
	requests []string // method, path and query
	before   func(w http.ResponseWriter, req *http.Request) (done bool)
	after    func(w http.ResponseWriter, req *http.Request, answer *httptest.ResponseRecorder) (done bool)
}

// newServer serves an empty repository; its address is in url.
func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, root: t.TempDir()}
	s.git("init", "-q", "--bare", "--template=", "-b", "main", ".")
	s.git("config", "uploadpack.allowFilter", "true")
	s.git("config", "uploadpack.allowAnySHA1InWant", "true")
	s.git("config", "http.receivepack", "true")
	backend := filepath.Join(strings.TrimSpace(s.git("--exec-path")), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Fatalf("git http-backend is missing (%v): on Debian and Ubuntu it is part of the package git", err)
	}
	s.cgi = &cgi.Handler{
		Path: backend, Root: "/org/repo", Logger: nil, Stderr: &discard{},
		Env: []string{"GIT_PROJECT_ROOT=" + s.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + s.root},
	}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (s *server) url() string { return s.http.URL + "/org/repo" }

// ServeHTTP checks who asks.
func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, req.Method+" "+req.URL.RequestURI())
	before, after := s.before, s.after
	s.mu.Unlock()
	if auth := req.Header.Values("Authorization"); !slices.Equal(auth, []string{"bearer " + token}) {
		if len(auth) > 1 {
			s.t.Errorf("%s %s has %d Authorization headers, want one", req.Method, req.URL, len(auth))
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if before != nil && before(w, req) {
		return
	}
	if after == nil {
		s.cgi.ServeHTTP(w, req)
		return
	}
	rec := httptest.NewRecorder()
	s.cgi.ServeHTTP(rec, req)
	if !after(w, req, rec) {
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

// git runs git in the repository of the server.
func (s *server) git(args ...string) string {
	s.t.Helper()
	return gitIn(s.t, s.root, "", args...)
}

// gitIn runs git in a folder and returns what it prints.
func gitIn(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{
		"-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always",
	}, args...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "HOME=" + dir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}
	out, err := cmd.Output()
	if err != nil {
		said := []byte(nil)
		if exit, ok := err.(*exec.ExitError); ok {
			said = exit.Stderr
		}
		t.Fatalf("git %q: %v\n%s", args, err, said)
	}
	return string(out)
}

// commit commits files on a branch of the server, at a time, and returns the commit. The
// value "" deletes.
func (s *server) commit(branch string, when time.Time, files map[string]string) ID {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter Ann <ann@example.com> %d +0000\ndata 6\nchange\n", branch, when.Unix())
	if strings.Contains(s.git("for-each-ref", "refs/heads/"+branch), "commit") {
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

// asked counts requests that hold a text.
func (s *server) asked(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// environ is that of a job.
func environ(t testing.TB, more ...string) []string {
	t.Helper()
	return append([]string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "TMPDIR=" + t.TempDir()}, more...)
}

// client is git as a task has it.
func client(t testing.TB, env ...string) *Git {
	t.Helper()
	g, err := New(t.Context(), Config{Environ: environ(t, env...), Secrets: &redact.Set{}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return g
}

// repo is a repository of ours whose remote is the server.
func (s *server) repo(g *Git) *Repo {
	s.t.Helper()
	r, err := g.Init(s.t.Context(), filepath.Join(s.t.TempDir(), "scratch"),
		Remote{URL: s.url(), Authorization: inputs.NewSecret("bearer " + token)})
	if err != nil {
		s.t.Fatalf("Init: %v", err)
	}
	return r
}

// fetch fetches main and returns where it stands.
func fetchMain(t testing.TB, r *Repo) ID {
	t.Helper()
	at, err := r.Fetch(t.Context(), []string{"refs/heads/main"}, Depth{})
	if err != nil {
		t.Fatalf("Fetch of main: %v", err)
	}
	return at["refs/heads/main"]
}

// makeCommit makes a commit that changes one file.
func makeCommit(ctx context.Context, t testing.TB, r *Repo, parent ID, path, text string) ID {
	t.Helper()
	c := plain(parent)
	c.Changes = []Change{{Path: path, Mode: "100644", Data: []byte(text)}}
	id, err := r.Commit(ctx, c)
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

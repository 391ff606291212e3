package gittest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const (
	token = "s3cr3t-token"
	app   = "contoso/shop/_git/app ümläut"
)

// lab is a server, and a client of it.
type lab struct {
	t      *testing.T
	server *gittest.Server
	web    *httptest.Server
	dir    string
}

func start(t *testing.T, c gittest.Config) *lab {
	t.Helper()
	server, err := gittest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := server.CreateRepo(app, map[string]string{"README.md": "hello\n", `deploy/a "b" ü.yaml`: "a: 1\n"}); err != nil {
		t.Fatal(err)
	}
	return &lab{t, server, web, t.TempDir()}
}

func (l *lab) url() string { return l.web.URL + "/contoso/shop/_git/app%20%C3%BCml%C3%A4ut" }

// git runs the real git with a token, and returns all that it says.
func (l *lab) git(args ...string) (string, error) {
	l.t.Helper()
	return l.gitAs([]string{"Authorization: bearer " + token}, args...)
}

func (l *lab) gitAs(headers []string, args ...string) (string, error) {
	l.t.Helper()
	all := []string{"-c", "credential.helper=", "-c", "user.name=A", "-c", "user.email=a@b.c"}
	for _, h := range headers {
		all = append(all, "-c", "http.extraheader="+h)
	}
	cmd := exec.Command("git", append(all, args...)...)
	cmd.Dir = l.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "HOME=" + l.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// change clones the repository if need be, and commits a change to the clone.
func (l *lab) change(text string) {
	l.t.Helper()
	clone := filepath.Join(l.dir, "clone")
	if _, err := os.Stat(clone); err != nil {
		l.must("clone", "-q", l.url(), "clone")
	}
	if err := os.WriteFile(filepath.Join(clone, "README.md"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.must("-C", "clone", "commit", "-qam", text)
}

func (l *lab) must(args ...string) string {
	l.t.Helper()
	out, err := l.git(args...)
	if err != nil {
		l.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return out
}

func (l *lab) push() (string, error) {
	l.t.Helper()
	return l.git("-C", "clone", "push", "--porcelain", "origin", "HEAD:refs/heads/main")
}

func (l *lab) content(rev string) string {
	l.t.Helper()
	text, err := l.server.Git(app, "show", rev+":README.md")
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

func TestCloneAndPush(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]gittest.Config{
		"open": {}, "token": {Token: token}, "version 0": {Token: token, V0: true}, "in a folder": {Dir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, c)
			var moved []gittest.Update
			l.server.After(func(u gittest.Update) { moved = append(moved, u) })
			l.change("changed")
			if files := l.must("-C", "clone", "ls-files", "-z"); files != "README.md\x00deploy/a \"b\" ü.yaml\x00" {
				t.Errorf("the clone has the files %q", files)
			}
			before, _ := l.server.Refs(app)
			if out, err := l.push(); err != nil {
				t.Fatalf("push: %v\n%s", err, out)
			}
			after, _ := l.server.Refs(app)
			want := []gittest.Update{{Repo: app, Ref: "refs/heads/main", Old: before["refs/heads/main"], New: after["refs/heads/main"]}}
			if diff := cmp.Diff(want, moved); diff != "" {
				t.Errorf("After heard of (-want +got):\n%s", diff)
			}
			if got := l.content("main"); got != "changed" {
				t.Errorf("the server has %q", got)
			}
			if wrong := l.server.Wrong(); wrong != nil {
				t.Errorf("Wrong() = %q", wrong)
			}
		})
	}
}

func TestNewBranchAndDelete(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{Token: token})
	l.change("changed")
	var updates []gittest.Update
	l.server.Before(func(u gittest.Update) { updates = append(updates, u) })
	l.must("-C", "clone", "push", "origin", "HEAD:refs/guardrails/breaker/7")
	refs, _ := l.server.Refs(app)
	l.must("-C", "clone", "push", "origin", ":refs/guardrails/breaker/7")
	tip := refs["refs/guardrails/breaker/7"]
	want := []gittest.Update{
		{Repo: app, Ref: "refs/guardrails/breaker/7", New: tip}, {Repo: app, Ref: "refs/guardrails/breaker/7", Old: tip},
	}
	if diff := cmp.Diff(want, updates); diff != "" || tip == "" {
		t.Errorf("Before heard of (-want +got):\n%s", diff)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	basic := "Authorization: basic " + "OnMzY3IzdC10b2tlbg==" // :s3cr3t-token
	for name, tc := range map[string]struct {
		headers []string
		said    string // "" if all is well
		wrong   bool
	}{
		"bearer":      {[]string{"Authorization: bearer " + token}, "", false},
		"Bearer":      {[]string{"Authorization: Bearer " + token}, "", false},
		"basic":       {[]string{basic}, "", false},
		"none":        {nil, "could not read Username", false},
		"wrong token": {[]string{"Authorization: bearer x"}, "could not read Username", false},
		"both":        {[]string{"Authorization: bearer " + token, basic}, "could not read Username", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, gittest.Config{Token: token})
			out, err := l.gitAs(tc.headers, "ls-remote", l.url())
			if (err == nil) != (tc.said == "") || !strings.Contains(out, tc.said) {
				t.Errorf("git ls-remote: %v, %q; want it to say %q", err, out, tc.said)
			}
			if wrong := l.server.Wrong(); (len(wrong) > 0) != tc.wrong {
				t.Errorf("Wrong() = %q, want some: %v", wrong, tc.wrong)
			}
			if requests := l.server.Requests(); len(requests) == 0 || requests[0].Repo != app ||
				requests[0].Op != "info/refs?service=git-upload-pack" {
				t.Errorf("Requests() = %+v", requests)
			}
		})
	}
}

func TestTokenInAnAddressIsWrong(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{Token: token})
	if _, err := l.git("ls-remote", l.url()+"/"+token); err == nil || len(l.server.Wrong()) == 0 {
		t.Errorf("git ls-remote of an address with the token: %v, Wrong() = %q", err, l.server.Wrong())
	}
}

func TestNamesThatLeadOutside(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{})
	for _, name := range []string{"../x", "/x", "a/../../x", "a//b"} {
		if err := l.server.CreateRepo(name, nil); err == nil {
			t.Errorf("CreateRepo(%q) made one", name)
		}
	}
	if err := l.server.CreateRepo(app, nil); err == nil {
		t.Errorf("CreateRepo(%q) made it twice", app)
	}
	for path, want := range map[string]int{
		"/none/info/refs?service=git-upload-pack": 404, "/%2e%2e/info/refs?service=git-upload-pack": 404, "/": 404,
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		w := httptest.NewRecorder()
		l.server.ServeHTTP(w, r)
		if w.Code != want || !strings.Contains(w.Body.String(), "TF401019") {
			t.Errorf("GET %s = %d %q", path, w.Code, w.Body)
		}
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		refusal gittest.Refusal
		porc    string
		said    []string
	}{
		"Azure Repos": {gittest.NeedsPullRequest, "[remote rejected] (TF402455: Pushes to this branch", nil},
		"GitHub": {
			gittest.GitHubProtected, "[remote rejected] (protected branch hook declined)",
			[]string{"remote: error: GH006: Protected branch", "remote: error: Changes must be"},
		},
		"hook":  {gittest.HookDeclined, "[remote rejected] (pre-receive hook declined)", []string{"remote: the subject"}},
		"other": {"no", "[remote rejected] (no)", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, gittest.Config{Token: token})
			l.change("changed")
			l.server.Reject(func(u gittest.Update) gittest.Refusal {
				if u.Ref == "refs/heads/main" {
					return tc.refusal
				}
				return ""
			})
			out, err := l.push()
			if err == nil || !strings.Contains(out, "!\tHEAD:refs/heads/main\t"+tc.porc) {
				t.Errorf("git push: %v\n%swant %q", err, out, tc.porc)
			}
			for _, words := range tc.said {
				if !strings.Contains(out, words) {
					t.Errorf("git push says\n%swant %q", out, words)
				}
			}
			if got := l.content("main"); got != "hello" {
				t.Errorf("the server has %q", got)
			}
			if out, err := l.git("-C", "clone", "push", "origin", "HEAD:refs/heads/other"); err != nil {
				t.Errorf("git push to another branch: %v\n%s", err, out)
			}
		})
	}
}

func TestRealHook(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{})
	l.change("changed")
	if err := l.server.Hook(app, "pre-receive", "echo 'you shall not push' >&2\nexit 1\n"); err != nil {
		t.Fatal(err)
	}
	out, err := l.push()
	if err == nil || !strings.Contains(out, "remote: you shall not push") || !strings.Contains(out, "(pre-receive hook declined)") {
		t.Errorf("git push: %v\n%s", err, out)
	}
}

func TestForcedRaces(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{Token: token})
	l.change("changed")
	moved := 0
	l.server.After(func(gittest.Update) { moved++ })
	l.server.Before(func(u gittest.Update) {
		l.server.Before(nil)
		if _, err := l.server.Commit(u.Repo, "main", "raced", map[string]string{"other": "x"}); err != nil {
			t.Error(err)
		}
	})
	out, err := l.push()
	if err == nil || !strings.Contains(out, "[remote rejected] (") || moved != 0 {
		t.Errorf("git push into a race: %v, %d moved\n%s", err, moved, out)
	}
	if out, err = l.push(); err == nil || !strings.Contains(out, "(fetch first)") {
		t.Errorf("git push after a race: %v\n%s", err, out)
	}
	if log, _ := l.server.Git(app, "log", "--format=%s", "main"); log != "raced\nfirst commit" {
		t.Errorf("the server has the commits %q", log)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const refs, push = "info/refs?service=git-receive-pack", "git-receive-pack"
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	for name, tc := range map[string]struct {
		op     string
		fault  gittest.Fault
		said   string
		landed bool
	}{
		"403":           {refs, gittest.Answer(403, string(gittest.NeedsContribute)), "remote: TF401027", false},
		"403 late":      {push, gittest.Answer(403, "no"), "403", false},
		"503":           {push, gittest.Answer(503, "later"), "503", false},
		"throttled":     {refs, gittest.Throttled(7), "429", false},
		"sign-in page":  {refs, gittest.Page(203), "not valid: is this a git repository", false},
		"blocked":       {refs, gittest.Page(403), "403", false},
		"redirect":      {refs, gittest.Redirect(elsewhere.URL), "not found", false},
		"cut":           {refs, gittest.Cut(10), "fatal", false},
		"cut answer":    {push, gittest.Cut(10), "fatal", true},
		"lost answer":   {push, gittest.Cut(0), "fatal", true},
		"dropped":       {push, gittest.Drop, "fatal", false},
		"resent":        {push, gittest.Resend, "(failed to update ref)", true},
		"slow":          {push, gittest.Slow(time.Millisecond), "Done", true},
		"not this time": {"fetch", gittest.Drop, "Done", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, gittest.Config{Token: token})
			l.change("changed")
			l.server.Fail(tc.op, 1, tc.fault)
			out, err := l.push()
			if (err == nil) != (tc.said == "Done") || !strings.Contains(out, tc.said) {
				t.Errorf("git push: %v\n%swant %q", err, out, tc.said)
			}
			if got := l.content("main") == "changed"; got != tc.landed {
				t.Errorf("the push has arrived: %v, want %v", got, tc.landed)
			}
			l.server.Heal()
			if out, err := l.push(); err != nil {
				t.Errorf("git push after the fault: %v\n%s", err, out)
			}
		})
	}
}

func TestFaultOfAFetch(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{Token: token})
	l.server.Fail("fetch", 1, gittest.Drop)
	if out, err := l.git("ls-remote", l.url()); err != nil {
		t.Errorf("git ls-remote: %v\n%s", err, out)
	}
	if out, err := l.git("clone", l.url(), "a"); err == nil {
		t.Errorf("git clone: %s", out)
	}
	if out, err := l.git("clone", l.url(), "b"); err != nil {
		t.Errorf("git clone: %v\n%s", err, out)
	}
}

func TestLargePush(t *testing.T) {
	t.Parallel()
	l := start(t, gittest.Config{Token: token})
	l.change("changed")
	// More than http.postBuffer is sent in chunks, after a question that holds no push.
	noise := make([]byte, 0, 3<<20)
	for x := uint32(1); len(noise) < cap(noise); x = x*1664525 + 1013904223 {
		noise = append(noise, byte(x>>24))
	}
	if err := os.WriteFile(filepath.Join(l.dir, "clone", "README.md"), noise, 0o600); err != nil {
		t.Fatal(err)
	}
	l.must("-C", "clone", "commit", "-qam", "large")
	if out, err := l.push(); err != nil {
		t.Fatalf("git push: %v\n%s", err, out)
	}
	if size, _ := l.server.Git(app, "cat-file", "-s", "main:README.md"); size != "3145728" {
		t.Errorf("the server has %s bytes", size)
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config gittest.Config
		args   []string
		said   string // "" if git does what it is asked
	}{
		"all":             {gittest.Config{}, []string{"--depth=1", "--filter=blob:none"}, ""},
		"all, 0":          {gittest.Config{V0: true}, []string{"--depth=1", "--filter=blob:none"}, ""},
		"since":           {gittest.Config{}, []string{"--shallow-since=2020-01-01"}, ""},
		"no filter":       {gittest.Config{Lacks: []string{"filter"}}, []string{"--filter=blob:none"}, "filtering not recognized"},
		"no filter, 0":    {gittest.Config{V0: true, Lacks: []string{"filter"}}, []string{"--filter=blob:none"}, "filtering not recognized"},
		"no shallow":      {gittest.Config{Lacks: []string{"shallow"}}, []string{"--depth=1"}, "does not support shallow"},
		"no shallow, 0":   {gittest.Config{V0: true, Lacks: []string{"shallow"}}, []string{"--depth=1"}, "does not support shallow"},
		"no since, 0":     {gittest.Config{V0: true, Lacks: []string{"deepen-since"}}, []string{"--shallow-since=2020-01-01"}, "does not support --shallow-since"},
		"no since, depth": {gittest.Config{V0: true, Lacks: []string{"deepen-since"}}, []string{"--depth=1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, tc.config)
			out, _ := l.git(append(append([]string{"clone", "--bare"}, tc.args...), l.url(), "c")...)
			if tc.said != "" && !strings.Contains(out, tc.said) {
				t.Errorf("git clone %q says\n%swant %q", tc.args, out, tc.said)
			}
			if tc.said == "" && (strings.Contains(out, "warning") || strings.Contains(out, "fatal")) {
				t.Errorf("git clone %q says\n%s", tc.args, out)
			}
		})
	}
}

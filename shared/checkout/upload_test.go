package checkout

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const token = "t0ken-of-the-j0b"

// store is a server with large files.
type store struct {
	t   *testing.T
	git *gittest.Server
	lfs *gittest.LFS
	url string
}

func newStore(t *testing.T) *store {
	t.Helper()
	server, err := gittest.New(gittest.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.CreateRepo("org/my project/_git/app", map[string]string{"f": "f"}); err != nil {
		t.Fatal(err)
	}
	lfs := gittest.NewLFS(server)
	web := httptest.NewServer(lfs)
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return &store{t, server, lfs, web.URL + "/org/my%20project/_git/app"}
}

func (s *store) server() Server {
	patient := retry.Policy{Attempts: 3, Sleep: func(context.Context, time.Duration) error { return nil }}
	return Server{
		HTTP: httpx.New(httpx.Config{Retry: patient}), URL: s.url, Ref: "refs/heads/main",
		Authorization: inputs.NewSecret("bearer " + token), Retry: patient,
	}
}

// largeFile is a file that Read has made a pointer of.
func largeFile(t *testing.T, text string) File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := makePointer(name, int64(len(text)), change{})
	if err != nil {
		t.Fatal(err)
	}
	f := File{Large: name}
	f.Path, f.Data, f.Mode = "a b/ü.bin", p.data, "100644"
	return f
}

func TestUpload(t *testing.T) {
	t.Parallel()
	for at, elsewhere := range map[string]bool{"beside the repository": false, "elsewhere": true} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			if elsewhere {
				other := httptest.NewTLSServer(s.lfs)
				t.Cleanup(other.Close)
				s.lfs.Storage = other.URL
			}
			to := s.server()
			if elsewhere {
				to.HTTP = httpx.New(httpx.Config{SkipVerify: true})
			}
			one, two := largeFile(t, large("one")), largeFile(t, "two")
			files := []File{one, two, one, {}, largeFile(t, "")}
			files[3].Data = []byte("no pointer")
			files[4].Large = "" // the content is not here
			n, err := Upload(t.Context(), to, files)
			if n != 2 || err != nil {
				t.Fatalf("Upload = %d, %v; want 2", n, err)
			}
			got := s.lfs.Contents()
			for oid, data := range got {
				if string(data) != large("one") && string(data) != "two" {
					t.Errorf("the server has %d bytes as %s, which nobody has uploaded", len(data), oid)
				}
			}
			if len(got) != 2 {
				t.Errorf("the server has %d contents, want 2", len(got))
			}
			if n, err := Upload(t.Context(), to, files); n != 0 || err != nil {
				t.Errorf("Upload again = %d, %v; want 0: the server has it all", n, err)
			}
			if diff := cmp.Diff([]string(nil), s.lfs.Wrong()); diff != "" {
				t.Errorf("Upload has done something wrong (-want +got):\n%s", diff)
			}
		})
	}
}

// What is uploaded here is what the real Git LFS finds there.
func TestUploadIsReadByGitLFS(t *testing.T) {
	t.Parallel()
	s, c := newStore(t), withLFS(t)
	c.write("a.bin", large("c"))
	files := c.read().Files
	if n, err := Upload(t.Context(), s.server(), files); n != 1 || err != nil {
		t.Fatalf("Upload = %d, %v; want 1", n, err)
	}
	header := "http." + s.url + ".git/info/lfs.extraheader=Authorization: bearer " + token
	cmd := exec.CommandContext(t.Context(), "git", "-c", header, "lfs", "smudge")
	cmd.Dir, cmd.Stdin = c.dir, strings.NewReader(string(files[0].Data))
	cmd.Env = append(c.environ(), "GIT_TERMINAL_PROMPT=0")
	c.git("config", "lfs.url", s.url+".git/info/lfs")
	c.remove(".git/lfs")
	out, err := cmd.Output()
	if err != nil || string(out) != large("c") {
		t.Errorf("git lfs smudge of what was uploaded = %d bytes, %v; want the %d of the file", len(out), err, len(large("c")))
	}
}

func TestUploadWhenTheServerFails(t *testing.T) {
	t.Parallel()
	is := func(r *http.Request, method, end string) bool {
		return r.Method == method && strings.HasSuffix(r.URL.Path, end)
	}
	say := func(w http.ResponseWriter, status int, text string) bool {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, text)
		return true
	}
	answer := func(object string) func(w http.ResponseWriter, r *http.Request, n int32) bool {
		return func(w http.ResponseWriter, r *http.Request, _ int32) bool {
			return is(r, "POST", "batch") && say(w, 200, object)
		}
	}
	f := largeFile(t, "content")
	oid, _, _ := parsePointer(f.Data)
	named := func(rest string) string { return `{"objects":[{"oid":"` + oid + `",` + rest + `}]}` }
	for at, tc := range map[string]struct {
		fault func(w http.ResponseWriter, r *http.Request, n int32) bool
		want  string // "": it succeeds
	}{
		"once busy":            {func(w http.ResponseWriter, r *http.Request, n int32) bool { return n == 1 && say(w, 503, "") }, ""},
		"once busy in the end": {func(w http.ResponseWriter, r *http.Request, n int32) bool { return n == 2 && say(w, 500, "") }, ""},
		"cut": {func(w http.ResponseWriter, r *http.Request, n int32) bool {
			if n == 2 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, ""},
		"always busy": {func(w http.ResponseWriter, r *http.Request, n int32) bool {
			return is(r, "PUT", oid) && say(w, 503, "come back later\nsecond line")
		}, `: 503 "come back later"`},
		"denied": {func(w http.ResponseWriter, r *http.Request, n int32) bool { return say(w, 403, "no") }, "403 Forbidden: no"},
		"no LFS": {func(w http.ResponseWriter, r *http.Request, n int32) bool { return say(w, 404, "") }, "the server takes no large files here"},
		"full": {func(w http.ResponseWriter, r *http.Request, n int32) bool {
			return is(r, "PUT", oid) && say(w, 507, "quota")
		}, `507 "quota"`},
		"never verified": {func(w http.ResponseWriter, r *http.Request, n int32) bool {
			return is(r, "POST", "verify") && say(w, 422, "")
		}, "422"},
		"a sign-in page": {func(w http.ResponseWriter, r *http.Request, n int32) bool { return say(w, 203, "<html>") }, "not the expected JSON"},
		"another way":    {answer(`{"transfer":"tus","objects":[]}`), `by "tus" alone`},
		"silent":         {answer(`{"objects":[{"oid":"x"}]}`), "the server has not answered about it"},
		"refused":        {answer(named(`"error":{"code":413,"message":"too\n##vso[x]"}`)), `the server refuses it: 413 "too\n##vso[x]"`},
		"no address":     {answer(named(`"actions":{"upload":{"href":":"}}`)), "no address"},
		"unprotected":    {answer(named(`"actions":{"upload":{"href":"http://example.com/x"}}`)), "an unprotected address"},
		"another scheme": {answer(named(`"actions":{"upload":{"href":"ftp://example.com/x"}}`)), "an unprotected address"},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			var n atomic.Int32
			s.lfs.Fault = func(w http.ResponseWriter, r *http.Request) bool { return tc.fault(w, r, n.Add(1)) }
			sent, err := Upload(t.Context(), s.server(), []File{f})
			switch {
			case tc.want == "" && (err != nil || sent != 1 || len(s.lfs.Contents()) != 1):
				t.Errorf("Upload = %d, %v; want success", sent, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("Upload = %d, %v; want an error with %q", sent, err, tc.want)
			case err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\n")):
				t.Errorf("Upload: the error %q must be one line without the token", err)
			}
		})
	}
}

// The token is for the repository's host. Where the server sends the content elsewhere,
// it says what to show there.
func TestUploadShowsTheTokenToNobodyElse(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var seen []string
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.Header.Get("Authorization")+r.Header.Get("X-Key"))
	}))
	t.Cleanup(other.Close)
	f := largeFile(t, "content")
	oid, _, _ := parsePointer(f.Data)
	s.lfs.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = fmt.Fprintf(w, `{"objects":[{"oid":%q,"actions":{"upload":{"href":%q,"header":{"X-Key":"k"}},"verify":{"href":%q}}}]}`,
			oid, other.URL+"/x?sig=s3cret", other.URL+"/v")
		return true
	}
	to := s.server()
	to.HTTP = httpx.New(httpx.Config{SkipVerify: true})
	if _, err := Upload(t.Context(), to, []File{f}); err != nil {
		t.Errorf("Upload: %v", err)
	}
	if diff := cmp.Diff([]string{"PUT k", "POST "}, seen); diff != "" {
		t.Errorf("the other host has seen (-want +got):\n%s", diff)
	}
	other.Close()
	to.Retry.Attempts = 1
	if _, err := Upload(t.Context(), to, []File{f}); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Upload to a host that is gone: %v, want an error without the signature", err)
	}
}

func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	to := s.server()
	to.Store = "https://user:secret@elsewhere.example/lfs"
	f := largeFile(t, "content")
	if _, err := Upload(t.Context(), to, []File{f}); err == nil || !strings.Contains(err.Error(), `"https://elsewhere.example/lfs"`) {
		t.Errorf("Upload to a store elsewhere: %v, want an error that names it without the password", err)
	}
	// A file of the repository says where; its token is for nobody else on that host.
	host := strings.TrimSuffix(s.url, "/"+path.Base(s.url))
	for _, store := range []string{host + "/another/info/lfs", s.url + "/../another", s.url + "x/info/lfs", host + "/"} {
		to.Store = store
		if _, err := Upload(t.Context(), to, []File{f}); err == nil || !strings.Contains(err.Error(), "are kept elsewhere") {
			t.Errorf("Upload to %s: %v, want that it is elsewhere", store, err)
		}
	}
	to.Store = s.url + ".git/info/lfs"
	if err := os.WriteFile(f.Large, []byte("CONTENT"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Upload(t.Context(), to, []File{f}); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("Upload of a file that has changed: %v, want an error", err)
	}
	if n := len(s.lfs.Contents()); n != 0 {
		t.Errorf("the server has %d contents, want none", n)
	}
}

// What is looked into is what is uploaded, or nothing.
func TestContent(t *testing.T) {
	t.Parallel()
	f := largeFile(t, large("x"))
	for name, tc := range map[string]struct {
		file    func() File
		now     string // what the file holds when it is read
		correct bool
	}{
		"as it was":    {func() File { return f }, large("x"), true},
		"changed":      {func() File { return f }, strings.Replace(large("x"), "x", "y", 1), false},
		"shorter":      {func() File { return f }, "x", false},
		"longer":       {func() File { return f }, large("x") + "x", false},
		"no pointer":   {func() File { g := f; g.Data = []byte("x"); return g }, large("x"), false},
		"no content":   {func() File { g := f; g.Large = ""; return g }, large("x"), false},
		"gone by then": {func() File { g := f; g.Large += "x"; return g }, large("x"), false},
	} {
		if err := os.WriteFile(f.Large, []byte(tc.now), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := tc.file().Content()
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
			_ = r.Close()
		}
		if correct := err == nil && string(got) == tc.now; correct != tc.correct {
			t.Errorf("%s: Content = %d bytes, %v; want it to be read: %t", name, len(got), err, tc.correct)
		}
	}
}

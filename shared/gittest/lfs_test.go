package gittest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// lfsLab is a server with large files, and the real git-lfs.
type lfsLab struct {
	*lab
	lfs *gittest.LFS
	bin string
}

func startLFS(t *testing.T, storage bool) *lfsLab {
	t.Helper()
	bin, err := gittest.GitLFS()
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, gittest.Config{Token: token})
	lfs := gittest.NewLFS(l.server)
	l.web.Close()
	l.web = httptest.NewServer(lfs)
	t.Cleanup(l.web.Close)
	if storage {
		other := httptest.NewServer(lfs)
		t.Cleanup(other.Close)
		lfs.Storage = strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	}
	return &lfsLab{l, lfs, bin}
}

// run runs git with Git LFS, in a folder.
func (l *lfsLab) run(dir string, args ...string) string {
	l.t.Helper()
	// Git LFS wants the header at the address of its own.
	header := "http." + l.url() + ".git/info/lfs.extraheader=Authorization: bearer " + token
	cmd := exec.CommandContext(l.t.Context(), "git", append([]string{
		"-c", "credential.helper=", "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", header,
		"-c", "http." + l.url() + ".extraheader=Authorization: bearer " + token,
		"-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.smudge=git-lfs smudge -- %f",
		"-c", "filter.lfs.required=true",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + l.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"HOME=" + l.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestGitLFSPushesAndPulls(t *testing.T) {
	t.Parallel()
	for name, storage := range map[string]bool{"beside the repository": false, "elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLFS(t, storage)
			a, b := filepath.Join(l.dir, "a"), filepath.Join(l.dir, "b")
			l.run(l.dir, "clone", "-q", l.url(), a)
			large := strings.Repeat("large\x00", 10_000)
			for name, text := range map[string]string{".gitattributes": "*.bin filter=lfs -text\n", "x.bin": large} {
				if err := os.WriteFile(filepath.Join(a, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l.run(a, "add", "-A")
			l.run(a, "commit", "-q", "-m", "large")
			l.run(a, "lfs", "push", "origin", "main")
			l.run(a, "push", "-q", "origin", "HEAD:main")
			if n := len(l.lfs.Contents()); n != 1 {
				t.Errorf("after git lfs push the server has %d contents, want 1", n)
			}
			l.run(l.dir, "clone", "-q", l.url(), b)
			got, err := os.ReadFile(filepath.Join(b, "x.bin"))
			if err != nil || string(got) != large {
				t.Errorf("a clone has %d bytes (%v), want the %d that were pushed", len(got), err, len(large))
			}
			if diff := cmp.Diff([]string(nil), l.lfs.Wrong()); diff != "" {
				t.Errorf("git-lfs has done something wrong (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLFSIsStrict(t *testing.T) {
	t.Parallel()
	l := startLFS(t, true)
	send := func(base, method, path, auth, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		req.Header.Set("Accept", "application/vnd.git-lfs+json")
		req.Header.Set("Content-Type", "application/vnd.git-lfs+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	api := strings.TrimPrefix(l.url(), l.web.URL) + ".git/info/lfs/"
	content := api + "objects/" + strings.Repeat("0", 64)
	good := "bearer " + token
	for name, tc := range map[string]struct {
		method, path, auth, body string
		want                     int
		wrong                    string
	}{
		"no token":         {"POST", api + "objects/batch", "", "{}", 401, ""},
		"other token":      {"POST", api + "objects/batch", "bearer x", "{}", 401, ""},
		"no repository":    {"POST", "/x.git/info/lfs/objects/batch", good, "{}", 404, ""},
		"no objects":       {"POST", api + "objects/batch", good, "{}", 422, "specification"},
		"no signature":     {"PUT", content, "", "x", 401, ""},
		"token at storage": {"PUT", content + "?sig=of-the-server", good, "x", 422, "Authorization"},
		"another content":  {"PUT", content + "?sig=of-the-server", "", "y", 422, "another name"},
		"nothing to check": {"POST", api + "verify", good, `{"oid":"x"}`, 404, ""},
	} {
		before := len(l.lfs.Wrong())
		if got := send(l.web.URL, tc.method, tc.path, tc.auth, tc.body); got != tc.want {
			t.Errorf("%s: %s %s = %d, want %d", name, tc.method, tc.path, got, tc.want)
		}
		wrong := strings.Join(l.lfs.Wrong()[before:], "\n")
		if (wrong != "") != (tc.wrong != "") || !strings.Contains(wrong, tc.wrong) {
			t.Errorf("%s: Wrong = %q, want %q", name, wrong, tc.wrong)
		}
	}
	if n := len(l.lfs.Contents()); n != 0 {
		t.Errorf("the server has kept %d contents of wrong requests", n)
	}
}

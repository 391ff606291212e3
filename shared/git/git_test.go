package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// The whole way of a push, with servers that can do more and less.
func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config  gittest.Config
		partial bool
	}{
		"as GitHub": {gittest.Config{}, true},
		"no filter, as Azure Repos": {gittest.Config{V0: true, Lacks: []string{
			"filter", "deepen-since", "allow-reachable-sha1-in-want", "allow-tip-sha1-in-want",
		}}, false},
		"version 0":   {gittest.Config{V0: true}, true},
		"not shallow": {gittest.Config{Lacks: []string{"shallow"}}, true},
		"only refs":   {gittest.Config{Lacks: []string{"filter", "allow-reachable-sha1-in-want"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, tc.config)
			r := s.repo(client(t))
			wholeWay(t, s, r)
			if old := !r.git.version.atLeast(2, 27); r.partial != tc.partial && !old {
				t.Errorf("contents were left out: %t, want %t", r.partial, tc.partial)
			}
		})
	}
}

func wholeWay(t *testing.T, s *server, r *Repo) {
	t.Helper()
	tip := s.commit("main", noon, map[string]string{"a.yaml": "a: 1\n", "dir/b.yaml": "b: 1\n", "dir/c": "c"})
	refs, err := r.RemoteRefs(t.Context(), "refs/heads/main", breakerRef)
	if diff := cmp.Diff(map[string]ID{"refs/heads/main": tip}, refs); err != nil || diff != "" {
		t.Fatalf("RemoteRefs: %v (-want +got):\n%s", err, diff)
	}
	if got := fetchMain(t, r); got != tip {
		t.Fatalf("Fetch of main = %s, want %s", got, tip)
	}
	files, err := r.Files(t.Context(), tip, "dir/b.yaml", "no", "dir")
	if err != nil || len(files) != 1 || files[0].Path != "dir/b.yaml" || files[0].Mode != "100644" {
		t.Fatalf("Files = %v, %v, want dir/b.yaml", files, err)
	}
	data, err := r.Contents(t.Context(), files[0].ID)
	if err != nil || string(data[files[0].ID]) != "b: 1\n" {
		t.Fatalf("Contents of dir/b.yaml = %q, %v", data, err)
	}
	id := makeCommit(t, r, tip, "dir/b.yaml", "b: 2\n")
	if err := r.Push(t.Context(), Update{"refs/heads/main", tip, id}); err != nil {
		t.Fatalf("Push: %v", err)
	}
	if got := s.at("refs/heads/main"); got != id {
		t.Errorf("main stands at %s, want %s", got, id)
	}
	if got := s.git("show", "main:dir/b.yaml"); got != "b: 2\n" {
		t.Errorf("dir/b.yaml holds %q, want the new text", got)
	}
	if got := s.git("diff-tree", "-r", "--name-status", "main^", "main"); got != "M\tdir/b.yaml\n" {
		t.Errorf("the commit changes %q, want dir/b.yaml alone", got)
	}
}

// Old versions of git know no GIT_CONFIG_COUNT. The flag -git runs all with a real one.
func TestOldGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := "#!/bin/sh\n" +
		`if [ -n "$GIT_CONFIG_COUNT" ]; then echo "GIT_CONFIG_COUNT is new" >&2; exit 99; fi` + "\n" +
		`if [ "$1" = version ]; then echo "git version 2.20.1"; exit; fi` + "\n" +
		`case "$*" in *--filter*|*fetch-head*) echo "that option is new" >&2; exit 99;; esac` + "\n" +
		"exec " + gitPath(t) + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, gittest.Config{})
	wholeWay(t, s, s.repo(client(t, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))))
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"git version 2.39.5\n":                "2.39",
		"git version 2.45.1.windows.1\n":      "2.45",
		"git version 2.39.3 (Apple Git-146)":  "2.39",
		"git version 3.0":                     "3.0",
		"git version 2.20.GIT":                "2.20",
		"git version":                         "",
		"git version two":                     "",
		"hub version 1.2\ngit version 2.40.0": "",
		"":                                    "",
	} {
		got, err := parseVersion(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("parseVersion(%q) = %s, %v, want %q", text, got, err, want)
		}
	}
	if v := (version{3, 0}); !v.atLeast(2, 31) || (version{2, 30}).atLeast(2, 31) || (version{1, 99}).atLeast(2, 20) {
		t.Error("atLeast confuses versions")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	fake := func(says string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, tc := range map[string]struct{ path, want string }{
		"none":    {t.TempDir(), "git was not found on PATH; install git 2.20 or later"},
		"old":     {fake("git version 2.19.6"), "git on this agent is 2.19; install git 2.20 or later"},
		"strange": {fake("##vso[task.complete]"), `git says "##vso[task.complete]\n" where its version was expected`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(t.Context(), Config{Environ: []string{"PATH=" + tc.path}})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("New = %v, want %q", err, tc.want)
			}
		})
	}
}

// Nobody's configuration counts: what stands here would break or run something.
func TestForeignSettingsDoNotCount(t *testing.T) {
	t.Parallel()
	home, proof := t.TempDir(), filepath.Join(t.TempDir(), "proof")
	script := filepath.Join(home, "evil.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $0 $* >> "+proof+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"pre-push", "post-index-change", "reference-transaction", "post-commit"} {
		if err := os.MkdirAll(filepath.Join(home, "hooks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(script, filepath.Join(home, "hooks", hook)); err != nil {
			t.Fatal(err)
		}
	}
	config := "[core]\n\thooksPath = " + home + "/hooks\n\tfsmonitor = " + script + "\n\tsshCommand = " + script +
		"\n\taskPass = " + script + "\n[credential]\n\thelper = " + script + "\n[gpg]\n\tprogram = " + script +
		"\n[commit]\n\tgpgSign = true\n[url \"https://evil.example/\"]\n\tinsteadOf = http://127.0.0.1\n" +
		"[http]\n\tproxy = http://127.0.0.1:1\n\textraHeader = Authorization: bearer other\n[push]\n\tfollowTags = true\n" +
		"[user]\n\tname = Eve\n[alias]\n\tfetch = !" + script + "\n[init]\n\ttemplateDir = " + home + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, gittest.Config{})
	r := s.repo(client(t,
		"HOME="+home, "XDG_CONFIG_HOME="+home, "USERPROFILE="+home, "GIT_CONFIG_GLOBAL="+home+"/.gitconfig",
		"GIT_CONFIG_SYSTEM="+home+"/.gitconfig", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.proxy",
		"GIT_CONFIG_VALUE_0=http://127.0.0.1:1", "GIT_CONFIG_PARAMETERS='http.proxy'='http://127.0.0.1:1'", "GIT_DIR="+home,
		"GIT_ASKPASS="+script, "SSH_ASKPASS="+script, "GIT_SSH_COMMAND="+script, "GIT_PROXY_COMMAND="+script,
		"GIT_EXEC_PATH="+home, "GIT_TEMPLATE_DIR="+home, "GIT_INDEX_FILE="+home+"/index", "GIT_TRACE="+proof,
		"GIT_SSL_NO_VERIFY=1", "GIT_NAMESPACE=x", "GIT_OBJECT_DIRECTORY="+home, "http_proxy=http://127.0.0.1:1",
	))
	// The last is what the agent itself sets for a proxy, and counts; this machine is reached directly.
	wholeWay(t, s, r)
	if text, err := os.ReadFile(proof); err == nil {
		t.Errorf("a foreign program was run:\n%s", text)
	}
}

// Where the token is not: in an argument, a file, an error or a line of the log.
func TestTheTokenIsInTheEnvironmentAlone(t *testing.T) {
	t.Parallel()
	dir, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	script := "#!/bin/sh\n" + `printf '%s\n' "$*" >> ` + record + "\nexec " + gitPath(t) + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var lines []string
	s := newServer(t, gittest.Config{})
	g, err := New(t.Context(), Config{
		Environ: environ(t, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH")),
		Debug:   func(text string) { lines = append(lines, text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := s.repo(g)
	wholeWay(t, s, r)
	seen, err := os.ReadFile(record)
	if err != nil || !strings.Contains(string(seen), "push --porcelain") {
		t.Fatalf("the arguments of git were not recorded: %v, %q", err, seen)
	}
	if len(lines) < 10 || !strings.Contains(strings.Join(lines, "\n"), "git push --porcelain") {
		t.Errorf("Debug got %q, want a line for each command", lines)
	}
	seen = append(seen, strings.Join(lines, "\n")...)
	err = filepath.WalkDir(r.Dir(), func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			text, err := os.ReadFile(name)
			seen = append(seen, text...)
			return err
		}
		return err
	})
	if err != nil || strings.Contains(string(seen), token) {
		t.Errorf("the token stands where it must not (%v)", err)
	}
	// Known from now on, whoever prints it.
	if got := g.config.Secrets.String("x " + token); strings.Contains(got, token) {
		t.Errorf("the token is not hidden: %q", got)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gitIn(t, dir, "", "init", "-q")
	gitIn(t, dir, "", "commit", "-q", "--allow-empty", "-m", "first")
	g := client(t)
	for _, not := range []string{filepath.Join(dir, ".git"), t.TempDir(), filepath.Join(dir, "none")} {
		if _, err := g.Open(not); err == nil || !strings.Contains(err.Error(), "is not the root of a git checkout") {
			t.Errorf("Open(%q) = %v, want that it is no checkout", not, err)
		}
	}
	for _, d := range []string{dir, worktree(t, dir)} {
		r, err := g.Open(d)
		if err != nil {
			t.Fatalf("Open(%q): %v", d, err)
		}
		out, err := r.Run(t.Context(), nil, "log", "--format=%s", "HEAD")
		if err != nil || string(out) != "first\n" {
			t.Errorf("Run of git log in %q = %q, %v, want the subject", d, out, err)
		}
		if _, err := r.Commit(t.Context(), plain()); err == nil {
			t.Error("Commit works in a repository that was opened for reading")
		}
		if _, err := r.RemoteRefs(t.Context(), "refs/heads/main"); err == nil || kind(err) != "" {
			t.Errorf("RemoteRefs of a checkout = %v, want that it has no remote", err)
		}
	}
}

func worktree(t *testing.T, of string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	gitIn(t, of, "", "worktree", "add", "-q", dir)
	return dir
}

// What Run says goes into a log: one line, without power and secrets.
func TestRunErrors(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	r.git.config.Secrets = &redact.Set{}
	r.git.config.Secrets.Add("hunter2hunter2")
	_, err := r.Run(t.Context(), nil, "cat-file", "blob", "##vso[task.complete]\nhunter2hunter2")
	want := "git cat-file: Not a valid object name **vso[task.complete] *** (git ended with exit code 128)"
	if err == nil || err.Error() != want {
		t.Errorf("Run = %v, want %q", err, want)
	}
	out, err := r.Run(t.Context(), strings.NewReader("text"), "hash-object", "--stdin")
	if err != nil || trimID(out) != "f3a34851d44d6b97c90fbb99dddfe9a93c1af7e2" && len(trimID(out)) != 40 {
		t.Errorf("Run with input = %q, %v, want an id", out, err)
	}
}

package git

import (
	"os/exec"
	"strings"
	"testing"
)

var branches = map[string]string{
	"main": "refs/heads/main", "refs/heads/main": "refs/heads/main", "feature/x": "refs/heads/feature/x",
	"a-b.c_d+e@f": "refs/heads/a-b.c_d+e@f", "zażółć": "refs/heads/zażółć", "heads/main": "refs/heads/heads/main",
	"@":            "refs/heads/@",
	"refs/tags/v1": "", "refs/pull/1/merge": "", "refs/heads/": "", "refs/heads/refs/heads/-": "refs/heads/refs/heads/-",
	"": "", "HEAD": "", "-x": "", "--all": "", "a b": "", "a..b": "", "a~1": "", "a^": "", "a:b": "", "a?": "", "a*": "",
	"a[": "", `a\b`: "", "a.lock": "", "a.lock/b": "", ".a": "", "a/.b": "", "a.": "", "a/": "", "/a": "", "a//b": "",
	"a@{1}": "", "a\nb": "", "a\x00b": "", "a\x7fb": "", "a\u200bb": "", "a\xffb": "", "##vso[a]": "",
	strings.Repeat("x", 300): "",
}

func TestBranchRef(t *testing.T) {
	t.Parallel()
	for branch, want := range branches {
		got, err := BranchRef(branch)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("BranchRef(%q) = %q, %v, want %q", branch, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 400) {
			t.Errorf("BranchRef(%q) says %q, want one short line", branch, err)
		}
		// What we let pass is a ref for git, too.
		if got != "" && exec.Command("git", "check-ref-format", got).Run() != nil {
			t.Errorf("BranchRef(%q) = %q, which git refuses", branch, got)
		}
	}
}

func FuzzBranchRef(f *testing.F) {
	for branch := range branches {
		f.Add(branch)
	}
	f.Fuzz(func(t *testing.T, branch string) {
		ref, err := BranchRef(branch)
		if err != nil {
			return
		}
		if out, err := exec.Command("git", "check-ref-format", ref).CombinedOutput(); err != nil {
			t.Errorf("BranchRef(%q) = %q, which git refuses: %v %s", branch, ref, err, out)
		}
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"a", "dir/a b.yaml", "zażółć/ü", "-x", ":x", "aux", "a..b", "...", ".github/x", ".gitignore", ".gitmodules", "git", "a.git",
		"*", "a'b\"c", "dir /x", "##vso[a]",
	} {
		if err := CheckPath(good); err != nil {
			t.Errorf("CheckPath(%q) = %v, want that it is fine", good, err)
		}
	}
	for _, bad := range []string{
		"", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "./a", `a\b`, "a\nb", "a\x00b", "a\x7f", "a\u0085b", "a\xff",
		".git", ".git/config", "a/.GIT/hooks/x", ".git ", ".git.", ".git. .", "git~1", "GIT~1/x", ".git::$INDEX_ALLOCATION",
		".git:x", ".g\u200cit", "\ufeff.git", ".gi\u206at/x", "C:/x", "c:x", strings.Repeat("a", 5000),
	} {
		if err := CheckPath(bad); err == nil || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("CheckPath(%q) = %v, want one line that refuses it", bad, err)
		}
	}
}

// What git itself refuses with all its protections on, we refuse before: trees are written
// without it.
func FuzzPath(f *testing.F) {
	dir := scratch(f).Dir()
	for _, seed := range []string{".GIT/x", "git~1", ".g\u200cit", "a/b", "..", "a\\b", ".gitmodules", ".git /x", "a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		cmd := exec.Command("git", "--git-dir="+dir, "-c", "core.protectNTFS=true", "-c", "core.protectHFS=true",
			"update-index", "-z", "--index-info")
		cmd.Stdin = strings.NewReader("100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t" + path + "\x00")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("CheckPath(%q) lets pass what git refuses: %v %s", path, err, out)
		}
	})
}

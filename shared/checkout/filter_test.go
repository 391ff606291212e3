package checkout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encrypted is a checkout with a filter like that of git-crypt, set up as its user does.
func encrypted(t *testing.T) *sources {
	t.Helper()
	s := newSources(t, map[string]string{"plain.txt": "p\n", ".gitattributes": "*.enc filter=crypt\n"})
	s.git("config", "filter.crypt.clean", "tr a-z n-za-m")
	s.git("config", "filter.crypt.smudge", "tr a-z n-za-m")
	s.git("config", "filter.crypt.required", "true")
	s.commit(map[string]string{"a.enc": "secret\n"})
	if got := s.git("show", "HEAD:a.enc"); got != "frperg" {
		t.Fatalf("the filter has made %q, want another text", got)
	}
	return s
}

func TestReadNeverTakesWhatItsFilterHasNotSeen(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   []string
		error  string
	}{
		"unchanged":         {change: func(s *sources) { s.write("plain.txt", "pp\n") }, want: []string{`100644>100644 plain.txt "pp\n"`}},
		"changed":           {change: func(s *sources) { s.write("a.enc", "other\n") }, error: `"a.enc" goes through the filter "crypt"`},
		"new":               {change: func(s *sources) { s.write("b.enc", "other\n") }, error: `"b.enc" goes through the filter "crypt"`},
		"removed":           {change: func(s *sources) { s.remove("a.enc") }, want: []string{`100644>- a.enc`}},
		"staged, encrypted": {change: func(s *sources) { s.write("a.enc", "other\n"); s.git("add", "a.enc") }, want: []string{`100644>100644 a.enc "bgure\n"`}},
		"new, staged":       {change: func(s *sources) { s.write("b.enc", "other\n"); s.git("add", "b.enc") }, want: []string{`->100644 b.enc "bgure\n"`}},
		"staged, then changed": {change: func(s *sources) {
			s.write("a.enc", "other\n")
			s.git("add", "a.enc")
			s.write("a.enc", "and more\n")
		}, error: `"a.enc" goes through`},
		"staged without its filter": {change: func(s *sources) {
			s.write("a.enc", "other\n")
			s.git("-c", "filter.crypt.clean=", "-c", "filter.crypt.required=false", "add", "a.enc")
		}, error: `"a.enc" was staged, but its filter has not run`},
		"staged without its filter, line ends changed": {change: func(s *sources) {
			s.write("a.enc", "other\r\n")
			s.git("-c", "filter.crypt.clean=", "-c", "filter.crypt.required=false", "-c", "core.autocrlf=true", "add", "a.enc")
		}, error: `"a.enc" was staged, but its filter has not run`},
		"staged without its filter, with line ends": {change: func(s *sources) {
			s.write("a.enc", "other\r\n")
			s.git("-c", "filter.crypt.clean=", "-c", "filter.crypt.required=false", "add", "a.enc")
		}, error: `"a.enc" was staged, but its filter has not run`},
		"an attribute that names none": {change: func(s *sources) {
			s.write(".git/info/attributes", "plain.txt filter\n")
			s.write("plain.txt", "pp\n")
		}, want: []string{`100644>100644 plain.txt "pp\n"`}},
		"an attribute that takes it back": {change: func(s *sources) {
			s.write(".git/info/attributes", "a.enc -filter\n")
			s.write("a.enc", "pp\n")
		}, want: []string{`100644>100644 a.enc "pp\n"`}},
		"an attribute of this repository alone": {change: func(s *sources) {
			s.write(".git/info/attributes", "plain.txt filter=mine\n")
			s.write("plain.txt", "pp\n")
		}, error: `"plain.txt" goes through the filter "mine"`},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := encrypted(t)
			tc.change(s)
			got, err := s.tryRead(nil)
			if tc.error != "" {
				if err == nil || !strings.Contains(err.Error(), tc.error) {
					t.Errorf("Read = %q, %v; want an error with %q", told(got.Files), err, tc.error)
				}
				return
			}
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if diff := cmp.Diff(tc.want, told(got.Files)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadLeavesFilteredFilesThatAreNotWanted(t *testing.T) {
	t.Parallel()
	s := encrypted(t)
	s.write("a.enc", "other\n")
	s.write("plain.txt", "pp\n")
	got, err := s.tryRead(func(path string) bool { return path == "plain.txt" })
	if err != nil || len(got.Files) != 1 {
		t.Fatalf("Read of plain.txt = %q, %v; want that file", told(got.Files), err)
	}
	if diff := cmp.Diff([]string{"a.enc"}, got.Others); diff != "" {
		t.Errorf("Read of plain.txt: Others (-want +got):\n%s", diff)
	}
}

// Whatever a checkout's configuration, its hooks or its submodules' ask git to start, none
// of it is started.
func TestReadRunsNothingOfTheCheckout(t *testing.T) {
	t.Parallel()
	inner := newSources(t, map[string]string{"i.txt": "i\n", ".gitattributes": "* filter=evil\n"})
	s := newSources(t, map[string]string{"f.txt": "f\n", "x.txt": "x\n", ".gitattributes": "x.txt filter=evil diff=evil\n"})
	s.git("submodule", "--quiet", "add", "file://"+inner.dir, "sub")
	s.commit(nil)
	s.write("f.txt", "ff\n")
	s.write("sub/i.txt", "ii\n")
	ran := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(evil, fmt.Appendf(nil, "#!/bin/sh\necho \"$0 $*\" >> '%s'\n", ran), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("more", "[core]\n\tautocrlf = true\n\tfsmonitor = "+evil+"\n")
	sub := &sources{t: t, dir: filepath.Join(s.dir, "sub"), home: s.home}
	for _, key := range []string{
		"core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.alternateRefsCommand",
		"filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.external",
		"credential.helper", "alias.status", "alias.update-index", "uploadpack.packObjectsHook", "gpg.program",
	} {
		s.git("config", key, evil)
		sub.git("config", key, evil)
	}
	s.git("config", "include.path", filepath.Join(s.dir, "more"))
	s.git("config", "core.hooksPath", filepath.Dir(evil))
	s.git("config", "core.worktree", filepath.Dir(evil))
	for _, hook := range []string{"post-index-change", "pre-commit", "reference-transaction", "fsmonitor-watchman"} {
		if err := os.Symlink(evil, filepath.Join(filepath.Dir(evil), hook)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(evil, filepath.Join(s.dir, ".git", "hooks", hook)); err != nil {
			t.Fatal(err)
		}
	}
	// Setting it up may have run some of it.
	_ = os.Remove(ran)
	got, err := s.tryRead(func(path string) bool { return path == "f.txt" })
	if diff := cmp.Diff([]string{`100644>100644 f.txt "ff\n"`}, told(got.Files)); err != nil || diff != "" {
		t.Errorf("Read: %v (-want +got):\n%s", err, diff)
	}
	s.differs("with programs", "f.txt", "more", "sub/i.txt")
	g := newGit(t)
	if _, err := headOf(t.Context(), g, s.dir); err != nil {
		t.Errorf("Head: %v", err)
	}
	if _, err := Unpushed(t.Context(), g, s.dir, ""); err != nil {
		t.Errorf("Unpushed: %v", err)
	}
	if _, _, err := Remote(t.Context(), g, s.dir); err == nil {
		t.Error("Remote without an origin succeeded")
	}
	if log, err := os.ReadFile(ran); err == nil {
		t.Errorf("this was run:\n%s", log)
	}
	// The same programs do run where nobody is careful: the test would see them.
	_, _ = s.try("status")
	if _, err := os.Stat(ran); err != nil {
		t.Errorf("git status itself has run nothing (%v): this test shows nothing", err)
	}
}

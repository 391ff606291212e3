package checkout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/git"
)

func TestReadTellsWhatACommitWouldHold(t *testing.T) {
	t.Parallel()
	const name = "übung/a b\t'\"\\#*?.txt"
	files := map[string]string{
		"same.txt": "same\n", "edited.txt": "old\n", "gone.txt": "bye\n", "tool.sh": "#!/bin/sh\n", name: "1\n",
		"folder/becomes/file.txt": "x\n", "becomes-folder": "y\n", ".gitignore": "*.log\n/out/\n",
	}
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   []string
	}{
		"nothing": {func(*sources) {}, nil},
		"touched": {func(s *sources) { s.write("same.txt", "same\n") }, nil},
		"edited, added and removed": {func(s *sources) {
			s.write("edited.txt", "new\n")
			s.write("new/one.txt", "")
			s.remove("gone.txt")
		}, []string{`100644>100644 edited.txt "new\n"`, `100644>- gone.txt`, `->100644 new/one.txt ""`}},
		"same size, same moment": {func(s *sources) { s.write("edited.txt", "OLD\n") },
			[]string{`100644>100644 edited.txt "OLD\n"`}},
		"odd names": {func(s *sources) {
			s.write(name, "2\n")
			s.write("-n\nx", "3\n")
		}, []string{"->100644 -n\nx \"3\\n\"", "100644>100644 " + name + ` "2\n"`}},
		"ignored": {func(s *sources) {
			s.write("a.log", "x")
			s.write("out/x", "x")
			s.write(".git/info/exclude", "*.tmp\n")
			s.write("b.tmp", "x")
		}, nil},
		"mode": {func(s *sources) {
			if err := os.Chmod(filepath.Join(s.dir, "tool.sh"), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}, []string{`100644>100755 tool.sh "#!/bin/sh\n"`}},
		"link": {func(s *sources) {
			s.link("../nowhere/ä", "link")
			s.remove("edited.txt")
			s.link("same.txt", "edited.txt")
		}, []string{`100644>120000 edited.txt "same.txt"`, `->120000 link "../nowhere/ä"`}},
		"file for folder and back": {func(s *sources) {
			s.remove("folder")
			s.write("folder", "now a file\n")
			s.remove("becomes-folder")
			s.write("becomes-folder/f", "now a folder\n")
		}, []string{
			`100644>- becomes-folder`, `->100644 becomes-folder/f "now a folder\n"`,
			`->100644 folder "now a file\n"`, `100644>- folder/becomes/file.txt`,
		}},
		"folder becomes a link": {func(s *sources) {
			if err := os.Rename(filepath.Join(s.dir, "folder"), filepath.Join(s.dir, "moved")); err != nil {
				s.t.Fatal(err)
			}
			s.link("moved", "folder")
		}, []string{
			`->120000 folder "moved"`, `100644>- folder/becomes/file.txt`, `->100644 moved/becomes/file.txt "x\n"`,
		}},
		"staged": {func(s *sources) {
			s.write("edited.txt", "staged\n")
			s.write("new.txt", "staged, too\n")
			s.git("add", "-A")
			s.git("rm", "-q", "gone.txt")
		}, []string{`100644>100644 edited.txt "staged\n"`, `100644>- gone.txt`, `->100644 new.txt "staged, too\n"`}},
		"moved": {func(s *sources) { s.git("mv", "edited.txt", "moved.txt") },
			[]string{`100644>- edited.txt`, `->100644 moved.txt "old\n"`}},
		"staged, and changed since": {func(s *sources) {
			s.write("edited.txt", "staged\n")
			s.write("back.txt", "staged\n")
			s.git("add", "-A")
			s.write("edited.txt", "changed since\n")
			s.remove("back.txt")
		}, []string{`100644>100644 edited.txt "changed since\n"`}},
		"staged, and taken back on the disk": {func(s *sources) {
			s.write("edited.txt", "staged\n")
			s.git("add", "-A")
			s.write("edited.txt", "old\n")
		}, nil},
		"taken from the index alone": {func(s *sources) { s.git("rm", "-q", "--cached", "gone.txt") }, nil},
		"meant to be added": {func(s *sources) {
			s.write("n.txt", "n\n")
			s.git("add", "-N", "n.txt")
		}, []string{`->100644 n.txt "n\n"`}},
		"mode in the index alone": {func(s *sources) {
			s.git("config", "core.fileMode", "false")
			s.git("update-index", "--chmod=+x", "tool.sh")
		}, []string{`100644>100755 tool.sh "#!/bin/sh\n"`}},
		"told to be unchanged": {func(s *sources) {
			s.git("update-index", "--skip-worktree", "edited.txt")
			s.git("update-index", "--assume-unchanged", "same.txt")
			s.write("edited.txt", "mine\n")
			s.write("same.txt", "mine\n")
		}, nil},
		"split index, untracked cache": {func(s *sources) {
			s.git("update-index", "--split-index", "--untracked-cache", "--force-untracked-cache")
			s.git("status")
			s.write("edited.txt", "new\n")
			s.write("folder/n", "n\n")
		}, []string{`100644>100644 edited.txt "new\n"`, `->100644 folder/n "n\n"`}},
		"detached": {func(s *sources) {
			s.git("checkout", "-q", "--detach")
			s.write("edited.txt", "new\n")
		}, []string{`100644>100644 edited.txt "new\n"`}},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, files)
			tc.change(s)
			got := s.read()
			if diff := cmp.Diff(tc.want, told(got.Files)); diff != "" {
				t.Errorf("Read, %s (-want +got):\n%s", at, diff)
			}
			if want := git.ID(s.git("rev-parse", "HEAD")); got.Base != want {
				t.Errorf("Read, %s: Base = %q, want %q", at, got.Base, want)
			}
			for _, f := range got.Files {
				if f.BeforeMode != "" && f.Before != s.at(f.Path) {
					t.Errorf("Read, %s: Before of %s = %q, want %q", at, f.Path, f.Before, s.at(f.Path))
				}
			}
		})
	}
}

func TestReadWritesLinesAsTheCheckoutDoes(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		attributes, config, user string
		before, now              string
		want                     []string
	}{
		"kept": {now: "a\r\nb\r\n", want: []string{`"a\r\nb\r\n"`}},
		"core.autocrlf of the checkout": {
			config: "core.autocrlf=true", now: "a\r\nb\r\n", want: []string{`"a\nb\n"`}},
		"core.autocrlf of the user": {
			user: "[core]\n\tautocrlf = input\n", now: "a\r\nb\r\n", want: []string{`"a\nb\n"`}},
		"no file of the user's is read by that": {
			user: "[include]\n\tpath = more\n", now: "a\r\nb\r\n", want: []string{`"a\r\nb\r\n"`}},
		"line ends alone": {config: "core.autocrlf=true", before: "a\nb\n", now: "a\r\nb\r\n"},
		"kept as they were in the commit": {
			config: "core.autocrlf=true", before: "a\r\nb\r\n", now: "a\r\nb\r\nc\r\n", want: []string{`"a\r\nb\r\nc\r\n"`}},
		"an attribute": {attributes: "*.txt text\n", now: "a\r\nb\n\r\r\n", want: []string{`"a\nb\n\r\n"`}},
		"no text":      {attributes: "*.txt -text\n", config: "core.autocrlf=true", now: "a\r\n", want: []string{`"a\r\n"`}},
		"$Id$":         {attributes: "*.txt ident\n", before: "$Id$\n", now: "$Id: 1234 $ x\n", want: []string{`"$Id$ x\n"`}},
		"$Id$, with line ends as they were": {
			attributes: "*.txt ident\n", config: "core.autocrlf=true", before: "$Id$\r\n", now: "$Id: 1234 $ x\r\n",
			want: []string{`"$Id$ x\r\n"`}},
		"an encoding": {
			attributes: "*.txt working-tree-encoding=UTF-16LE\n", now: "\xe4\x00\n\x00", want: []string{`"ä\n"`}},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{".gitattributes": tc.attributes, "other.txt": "o\x00\n\x00"}
			s := newSources(t, files)
			if tc.before != "" {
				s.commit(map[string]string{"f.txt": tc.before})
			}
			if key, value, ok := strings.Cut(tc.config, "="); ok {
				s.git("config", key, value)
			}
			for name, text := range map[string]string{".gitconfig": tc.user, "more": "[core]\n\tautocrlf = true\n"} {
				if err := os.WriteFile(filepath.Join(s.home, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.write("f.txt", tc.now)
			var got []string
			for _, f := range told(s.read().Files) {
				_, content, _ := strings.Cut(f, "f.txt ")
				got = append(got, content)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Read with f.txt %q, was %q (-want +got):\n%s", tc.now, tc.before, diff)
			}
		})
	}
}

func TestReadLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	s := newSources(t, map[string]string{"a.yaml": "a\n", "b.yaml": "b\n", "x.txt": "x\n", "gone.txt": "g\n"})
	s.write("a.yaml", "aa\n")
	s.write("x.txt", "xx\n")
	s.remove("gone.txt")
	s.write("huge.bin", "")
	if err := os.Truncate(filepath.Join(s.dir, "huge.bin"), 3*maxFile); err != nil {
		t.Fatal(err)
	}
	got, err := s.tryRead(func(path string) bool { return strings.HasSuffix(path, ".yaml") })
	if err != nil {
		t.Fatalf("Read of *.yaml: %v; a file that is not wanted must not be read", err)
	}
	if diff := cmp.Diff([]string{`100644>100644 a.yaml "aa\n"`}, told(got.Files)); diff != "" {
		t.Errorf("Read of *.yaml: Files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gone.txt", "x.txt", "huge.bin"}, got.Others); diff != "" {
		t.Errorf("Read of *.yaml: Others (-want +got):\n%s", diff)
	}
}

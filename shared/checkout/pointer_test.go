package checkout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// withLFS is a checkout whose user has the real Git LFS.
func withLFS(t *testing.T) *sources {
	t.Helper()
	bin, err := gittest.GitLFS()
	if err != nil {
		t.Fatal(err)
	}
	s := newSources(t, map[string]string{"plain.txt": "p\n", "raw.bin": strings.Repeat("raw", 1000)})
	s.path = bin + string(os.PathListSeparator) + os.Getenv("PATH")
	for key, value := range map[string]string{
		"clean": "git-lfs clean -- %f", "smudge": "git-lfs smudge -- %f", "required": "true",
	} {
		s.git("config", "filter.lfs."+key, value)
	}
	// raw.bin was there before Git LFS, and is not renormalized.
	s.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	s.write("a.bin", large("a"))
	s.write("b.bin", large("b"))
	s.git("add", ".gitattributes", "a.bin", "b.bin")
	s.git("commit", "-q", "-m", "large files")
	return s
}

func large(text string) string { return strings.Repeat(text+"\r\n\x00", 2000) }

// The oracle is the real Git LFS: git add with it must make the same objects.
func TestReadMakesPointersAsGitLFSDoes(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		change func(s *sources)
		want   []string // old mode>new mode path, and whether its content is on the disk
	}{
		"nothing":   {func(*sources) {}, nil},
		"touched":   {func(s *sources) { s.write("a.bin", large("a")); s.write("raw.bin", strings.Repeat("raw", 1000)) }, nil},
		"changed":   {func(s *sources) { s.write("a.bin", large("c")) }, []string{"100644>100644 a.bin here"}},
		"same size": {func(s *sources) { s.write("a.bin", large("x")) }, []string{"100644>100644 a.bin here"}},
		"new":       {func(s *sources) { s.write("dir ä/n.bin", "small") }, []string{"->100644 dir ä/n.bin here"}},
		"empty":     {func(s *sources) { s.write("a.bin", "") }, []string{"100644>100644 a.bin"}},
		"removed":   {func(s *sources) { s.remove("a.bin") }, []string{"100644>- a.bin"}},
		"mode": {func(s *sources) {
			if err := os.Chmod(filepath.Join(s.dir, "a.bin"), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"100644>100755 a.bin here"}},
		"link": {func(s *sources) { s.remove("a.bin"); s.link("b.bin", "a.bin") }, []string{"100644>120000 a.bin"}},
		"staged": {func(s *sources) { s.write("a.bin", large("c")); s.git("add", "a.bin") },
			[]string{"100644>100644 a.bin here"}},
		"staged without Git LFS": {func(s *sources) {
			s.write("a.bin", large("c"))
			s.git("-c", "filter.lfs.clean=", "-c", "filter.lfs.required=false", "add", "a.bin")
		}, []string{"100644>100644 a.bin here"}},
		"a pointer instead of the content": {func(s *sources) { s.write("a.bin", s.git("show", "HEAD:a.bin")+"\n") }, nil},
		"another pointer, the content is stored": {func(s *sources) { s.write("a.bin", s.git("show", "HEAD:b.bin")+"\n") },
			[]string{"100644>100644 a.bin here"}},
		"another pointer": {func(s *sources) {
			s.write("a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("1", 64)+"\nsize 3\n")
		}, []string{"100644>100644 a.bin"}},
		"no pointer": {func(s *sources) {
			s.write("a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")
		},
			[]string{"100644>100644 a.bin here"}},
		"larger than what can be pushed": {func(s *sources) {
			if err := os.Truncate(filepath.Join(s.dir, "a.bin"), maxFile+1); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"100644>100644 a.bin here"}},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := withLFS(t)
			tc.change(s)
			changes := s.read()
			var got []string
			for _, f := range changes.Files {
				what := fmt.Sprintf("%s>%s %s", dash(f.BeforeMode), dash(f.Mode), f.Path)
				if f.Large != "" {
					what += " here"
				}
				got = append(got, what)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
			s.git("reset", "-q")
			s.git("add", "-A", "--", ":!raw.bin")
			for _, f := range changes.Files {
				if f.Mode == "" {
					continue
				}
				if want := s.git("rev-parse", ":"+f.Path); string(blobID(f.Data)) != want {
					t.Errorf("Read of %s = %q, which git names %s; Git LFS makes %s", f.Path, f.Data, blobID(f.Data), want)
				}
			}
		})
	}
}

func TestReadOfLargeFilesThatAreNotWanted(t *testing.T) {
	t.Parallel()
	s := withLFS(t)
	s.write("a.bin", large("a")) // unchanged
	s.write("b.bin", large("c"))
	s.write("plain.txt", "pp\n")
	got, err := s.tryRead(func(path string) bool { return path == "plain.txt" })
	if diff := cmp.Diff([]string{"b.bin"}, got.Others); err != nil || diff != "" {
		t.Errorf("Read of plain.txt: %v; Others (-want +got):\n%s", err, diff)
	}
}

func TestReadTellsWhereLargeFilesAreKept(t *testing.T) {
	t.Parallel()
	for at, tc := range map[string]struct {
		public, own, want string
	}{
		"beside the repository":         {"", "", ""},
		"as everybody is told":          {"[lfs]\n\turl = https://store/x\n", "", "https://store/x"},
		"as this checkout is told":      {"[lfs]\n\turl = https://store/x\n", "lfs.url", "https://own"},
		"to push":                       {"[lfs]\n\turl = https://store/x\n\tpushurl = https://push\n", "", "https://push"},
		"of the remote":                 {"[remote \"origin\"]\n\tlfsurl = https://remote\n", "", "https://remote"},
		"not by what others is said to": {"[remote \"other\"]\n\tlfsurl = https://remote\n", "", ""},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := withLFS(t)
			if tc.public != "" {
				s.write(".lfsconfig", tc.public)
			}
			if tc.own != "" {
				s.git("config", tc.own, "https://own")
			}
			s.write("a.bin", large("c"))
			if got := s.read().Store; got != tc.want {
				t.Errorf("Read: Store = %q, want %q", got, tc.want)
			}
		})
	}
}

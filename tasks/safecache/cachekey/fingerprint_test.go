package cachekey

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Hashes that an independent script computed from the rules, and the one of a
// real log: github.com/microsoft/azure-pipelines-tasks/issues/12892.
func TestDigest(t *testing.T) {
	t.Parallel()
	got := digest([]Match{{
		Path: `s\Exposed-API-v2\packages.lock.json`, Size: 118611,
		SHA256: "EA02F2C348E6430278923F99E7BD2C6199A615EA44D8C5C04AA1ADAB8EDE1223",
	}})
	if want := "14ENw8o70BCYT0eXNadg8S+3a/Qg6UX21F0XdjBe9oI="; got != want {
		t.Errorf("digest of the file in the log of issue 12892 = %s, want %s", got, want)
	}
}

func TestResolveHashes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		place Place
		key   string
		want  string
	}{
		"one file": {
			unix(map[string]string{"/w/1/s/package-lock.json": `{"name":"x"}` + "\n"}),
			"package-lock.json", "OEIxS9JC78OpO/wn8nj+RXZJvEJPfyo08Ob2atvqII4=",
		},
		"the same on Windows": {
			place(windows, `C:\w\1`, map[string]string{`C:\w\1\s\package-lock.json`: `{"name":"x"}` + "\n"}),
			"package-lock.json", "9hGYZk0fIeedLSjoIGfnx2dUAUb7tgLSghSek6FZc0U=",
		},
		"any case on Windows": {
			place(windows, `C:\w\1`, map[string]string{`C:\w\1\s\package-lock.json`: `{"name":"x"}` + "\n"}),
			"./PACKAGE-lock.json", "9hGYZk0fIeedLSjoIGfnx2dUAUb7tgLSghSek6FZc0U=",
		},
		"any case on macOS": {
			place("darwin", "/w/1", map[string]string{"/w/1/s/package-lock.json": `{"name":"x"}` + "\n"}),
			"**/PACKAGE-lock.json", "OEIxS9JC78OpO/wn8nj+RXZJvEJPfyo08Ob2atvqII4=",
		},
		"two files": {
			unix(map[string]string{"/w/1/s/b/yarn.lock": "b\n", "/w/1/s/a/yarn.lock": "a\n", "/w/1/s/a/other": ""}),
			"**/yarn.lock", "bL/2N97Sj4GoEekqA/U+26uqMozCYilPbhDfUZXmabo=",
		},
		"two files by name": {
			unix(map[string]string{"/w/1/s/b/yarn.lock": "b\n", "/w/1/s/a/yarn.lock": "a\n"}),
			"b/yarn.lock, a/yarn.lock", "bL/2N97Sj4GoEekqA/U+26uqMozCYilPbhDfUZXmabo=",
		},
		"empty file": {
			unix(map[string]string{"/w/1/s/empty.lock": ""}),
			"empty.lock", "Vq0SYT1ycI1o172O98cnDUjstJqazbhqW4XRpjMUSwQ=",
		},
		"outside the workspace": {
			unix(map[string]string{"/x/go.sum": "h1:abc\n"}),
			"/x/go.sum", "dtd/8NO7ji3eSOYpcGR9xT3eqgamgFLMJS3NcpdXTHs=",
		},
		"hidden files and excludes": {
			unix(map[string]string{
				"/w/1/s/.a/yarn.lock": "a\n", "/w/1/s/junk/yarn.lock": "j\n", "/w/1/s/junk/.deep/yarn.lock": "d\n",
			}),
			"**/yarn.lock,!./junk/**", digest([]Match{{"s/.a/yarn.lock", 2, sumOfA}}),
		},
		"excluding a file that is not there": {
			unix(map[string]string{"/w/1/s/a.lock": "a\n"}),
			"a.lock,!b.lock", digest([]Match{{"s/a.lock", 2, sumOfA}}),
		},
		"names beyond U+FFFF come before U+E000": {
			unix(map[string]string{"/w/1/s/\ue000.lock": "a\n", "/w/1/s/😀.lock": "a\n"}),
			"*.lock", digest([]Match{{"s/😀.lock", 2, sumOfA}, {"s/\ue000.lock", 2, sumOfA}}),
		},
		"on another drive": {
			place(windows, `C:\w\1`, map[string]string{`D:\x\a.lock`: "a\n"}),
			`D:\x\a.lock`, digest([]Match{{`D:\x\a.lock`, 2, sumOfA}}),
		},
		"no workspace": {
			Place{OS: "linux", WorkingDir: "/s", Files: newMemory(map[string]string{"/s/a.lock": "a\n"})},
			"a.lock", digest([]Match{{"/s/a.lock", 2, sumOfA}}),
		},
		"a file at the top of the file system": {
			unix(map[string]string{"/a.lock": "a\n"}), "/a.lock", digest([]Match{{"../../a.lock", 2, sumOfA}}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.place.Resolve(context.Background(), []string{"x", tc.key})
			if err != nil {
				t.Fatalf("Resolve(%q): %v", tc.key, err)
			}
			if want := "x|" + tc.want; got.Fingerprint() != want {
				t.Errorf("Resolve(%q) = %s (%+v), want %s", tc.key, got.Fingerprint(), got, want)
			}
		})
	}
}

const sumOfA = "87428FC522803D31065E7BCE3CF03FE475096631E5E07BBD7A0FDE60C4CF25C7"

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/w/1/s/go.sum": "", "/w/1/s/a/go.sum": "", "/w/1/s/a/package.json": "", "/w/1/s/.git/config": "",
	}
	for name, tc := range map[string]struct {
		key  []string
		want []string
	}{
		"no such file":        {[]string{"v1.0"}, []string{"File not found: v1.0"}},
		"a folder":            {[]string{"./a"}, []string{"File not found: ./a"}},
		"a folder, and a not": {[]string{"./a,!./go.sum"}, []string{"File not found: ./a,!./go.sum"}},
		"no match":            {[]string{"**/x"}, []string{"No matching files found for pattern: **/x"}},
		"one star is no depth": {
			[]string{"*/package.json"}, []string{"No matching files found for pattern: */package.json"},
		},
		"all of them":       {[]string{"a.b", "x", "c*.d"}, []string{"File not found: a.b", "pattern: c*.d"}},
		"no include":        {[]string{"!a.b"}, []string{"no include rules"}},
		"twice":             {[]string{"**/go.sum,./go.sum"}, []string{`segment "**/go.sum,./go.sum"`, "both find s/go.sum"}},
		"missing folder":    {[]string{"no/such/x"}, []string{"there is no folder s/no/such"}},
		"semicolon is text": {[]string{"go.sum;a.b"}, []string{"File not found: go.sum;a.b"}},
		"whole disk":        {[]string{"/**/x"}, []string{"whole file system"}},
		"backwards range":   {[]string{"./[z-a]"}, []string{"runs backwards"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := unix(files).Resolve(context.Background(), tc.key)
			if err == nil {
				t.Fatalf("Resolve(%q) = %+v, want an error with %q", tc.key, got, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Resolve(%q): error %q, want it to hold %q", tc.key, err, want)
				}
			}
		})
	}
	_, err := unix(files).Resolve(context.Background(), []string{"v1.0"})
	var notFound *NotFoundError
	if !errors.As(err, &notFound) || notFound.Segment != "v1.0" || notFound.Pattern {
		t.Errorf(`Resolve("v1.0"): error %#v, want a *NotFoundError of the segment`, err)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	files := map[string]string{"/w/1/s/a.lock": "a\n", "/w/1/s/x/" + strings.Repeat("n", 80) + ".lock": "a\n"}
	got, err := unix(files).Resolve(context.Background(), []string{
		`"npm"`, "a.lock", "**/*.lock", strings.Repeat("long", 15), "no.lock",
	})
	if err == nil {
		t.Fatal("Resolve found no.lock, want an error")
	}
	want := []string{
		` - "npm"                                              [string]`,
		` - a.lock                                             [file] --> ` + sumOfA,
		` - **/*.lock                                          [file pattern; matches: 2]`,
		`   - s/a.lock                                                               --> ` + sumOfA,
		`   - s/x/` + strings.Repeat("n", 63) + `... --> ` + sumOfA,
		` - longlonglonglonglonglonglonglonglonglonglonglon... [string]`,
		` - no.lock                                            [file] (not found)`,
	}
	if diff := cmp.Diff(want, got.Lines()); diff != "" {
		t.Errorf("Lines() (-want +got):\n%s", diff)
	}
}

// The real disk: links are followed, and a circle of them ends.
func TestDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(root, "s", "real"), 0o755))
	must(os.WriteFile(filepath.Join(root, "s", "real", "a.lock"), []byte("a\n"), 0o600))
	if err := os.Symlink("real", filepath.Join(root, "s", "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	p := Place{OS: "linux", Workspace: root, WorkingDir: filepath.Join(root, "s"), Files: Disk()}
	got, err := p.Resolve(context.Background(), []string{"**/*.lock"})
	must(err)
	want := digest([]Match{{"s/link/a.lock", 2, sumOfA}, {"s/real/a.lock", 2, sumOfA}})
	if got.Fingerprint() != want {
		t.Errorf("Resolve through a link = %+v, want both ways to the file", got)
	}
	must(os.Symlink("..", filepath.Join(root, "s", "real", "up")))
	if got, err := p.Resolve(context.Background(), []string{"**/*.lock"}); err == nil {
		t.Errorf("Resolve in a circle of links = %+v, want an error", got)
	}
	must(os.Remove(filepath.Join(root, "s", "real", "up")))
	must(os.Symlink("nowhere", filepath.Join(root, "s", "b.lock")))
	if got, err := p.Resolve(context.Background(), []string{"b.lock"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Resolve(a dangling link) = %+v, %v, want an error that is fs.ErrNotExist", got, err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{
		"a | b.lock", "**/*.lock,!./x/**", `"quoted.1" | v1.0`, "+(a|b).lock\nx", `C:\w\[a-z]*`, "../..//x/?", "*|**", "a||",
	} {
		f.Add(seed, "npm |\n"+seed, "salt")
	}
	files := map[string]string{"/w/1/s/b.lock": "b", "/w/1/s/x/c.lock": "c", "/w/1/s/a b": ""}
	f.Fuzz(func(t *testing.T, key, restoreKeys, salt string) {
		spec, err := Parse(Input{Key: key, RestoreKeys: restoreKeys, Salt: salt})
		if err != nil {
			return
		}
		for _, os := range []system{linux, windows, "darwin"} {
			p := unix(files)
			if os == windows {
				p = place(windows, `C:\w\1`, map[string]string{`C:\w\1\s\b.lock`: "b"})
			}
			p.OS = string(os)
			for _, key := range append(spec.RestoreKeys, spec.Key) {
				got, err := p.Resolve(context.Background(), key)
				if err != nil {
					continue
				}
				if len(got) != len(key) {
					t.Fatalf("%s: Resolve(%q) gave %d segments, want %d", os, key, len(got), len(key))
				}
				for i, s := range got {
					if s.Kind == Text && s.Value != key[i] {
						t.Errorf("%s: text segment %q became %q", os, key[i], s.Value)
					}
					if s.Kind != Text && len(s.Value) != 44 {
						t.Errorf("%s: path segment %q became %q, want a hash", os, key[i], s.Value)
					}
				}
				got.Lines()
			}
		}
	})
}

// pipes is a file system in which everything is a named pipe. Opening one waits
// for somebody to write to it.
type pipes struct {
	Files
	t    *testing.T
	mode fs.FileMode
}

func (p pipes) Stat(name string) (fs.FileInfo, error) {
	info, err := p.Files.Stat(name)
	if err != nil || info.IsDir() {
		return info, err
	}
	return special{info, p.mode}, nil
}

func (p pipes) Open(name string) (io.ReadCloser, error) {
	p.t.Errorf("Resolve opened %s, which has mode %v", name, p.mode)
	return p.Files.Open(name)
}

type special struct {
	fs.FileInfo
	mode fs.FileMode
}

func (s special) Mode() fs.FileMode { return s.mode }

func TestSpecialFilesAreNotRead(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{
		fs.ModeNamedPipe, fs.ModeSocket, fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice, fs.ModeIrregular,
	} {
		p := unix(map[string]string{"/w/1/s/a.lock": "x"})
		p.Files = pipes{p.Files, t, mode}
		if _, err := p.Resolve(context.Background(), []string{"a.lock"}); err == nil ||
			!strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("Resolve of a file with mode %v: error %v, want that it is not a regular file", mode, err)
		}
	}
}

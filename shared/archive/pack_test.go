package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPackIndex(t *testing.T) {
	t.Parallel()
	_, a := pack(t, plant(t, map[string]string{"b": "two", "a/x": "#!", "e/": ""}))
	program := file("a/x", "#!")
	program.Executable = runtime.GOOS != "windows"
	want := Index{Files: []File{program, file("b", "two")}, EmptyDirs: []string{"e"}}
	if diff := cmp.Diff(want, a.Index); diff != "" {
		t.Errorf("Pack: index (-want +got):\n%s", diff)
	}
}

// The same tree gives the same bytes, so that savers can be compared.
func TestPackIsReproducible(t *testing.T) {
	t.Parallel()
	one, a := pack(t, plant(t, sample))
	two, b := pack(t, plant(t, sample))
	if !bytes.Equal(one, two) || !cmp.Equal(a, b) {
		t.Errorf("Pack of equal trees gave %+v and %+v", a.Stream, b.Stream)
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	small := Limits{Files: 2, Bytes: 10, Ratio: 10}
	for name, tc := range map[string]struct {
		files  map[string]string
		change func(root string) error
		limits Limits
		want   string
	}{
		"link to a file": {
			map[string]string{"a": "x"}, func(r string) error { return os.Symlink("a", filepath.Join(r, "l")) },
			DefaultLimits(), `"l": it is a symbolic link`,
		},
		"link to a folder": {
			map[string]string{"a/b": "x"}, func(r string) error { return os.Symlink("..", filepath.Join(r, "a", "l")) },
			DefaultLimits(), `"a/l": it is a symbolic link`,
		},
		"name Windows lacks": {map[string]string{"x/a:b": "x"}, nil, DefaultLimits(), `"x/a:b"`},
		"names by case":      {map[string]string{"x/a": "x", "x/A": "y"}, nil, DefaultLimits(), "upper and lower case"},
		"folders by case":    {map[string]string{"x/a": "x", "X/b": "y"}, nil, DefaultLimits(), "upper and lower case"},
		"too many":           {map[string]string{"a": "", "b": "", "c": ""}, nil, small, "more than 2 files"},
		"too big":            {map[string]string{"a": "123456", "b": "123456"}, nil, small, "more than 10 bytes"},
		"too small a stream": {
			map[string]string{"a": ""}, func(r string) error { return os.Truncate(filepath.Join(r, "a"), ratioFloor+1) },
			DefaultLimits(), "times as many",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS != "linux" && !strings.Contains(name, "too") {
				t.Skip("the tree can only be made on Linux")
			}
			root := plant(t, tc.files)
			if tc.change != nil {
				if err := tc.change(root); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := Pack(context.Background(), root, io.Discard, tc.limits)
			var refused *RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Pack(%v): error %v, want a *RefusedError with %q", tc.files, err, tc.want)
			}
		})
	}
}

func TestPackOfNothing(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{"empty": nil, "empty folders": {"a/b/": ""}} {
		if _, _, err := Pack(context.Background(), plant(t, files), io.Discard, DefaultLimits()); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: Pack: error %v, want ErrEmpty", name, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "no")
	if _, _, err := Pack(context.Background(), missing, io.Discard, DefaultLimits()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Pack(%s): error %v, want fs.ErrNotExist", missing, err)
	}
	if _, _, err := Pack(cancelled(), plant(t, sample), io.Discard, DefaultLimits()); !errors.Is(err, context.Canceled) {
		t.Errorf("Pack when cancelled: error %v, want context.Canceled", err)
	}
	boom := errors.New("boom")
	if _, _, err := Pack(context.Background(), plant(t, sample), failing{boom}, DefaultLimits()); !errors.Is(err, boom) {
		t.Errorf("Pack to a full disk: error %v, want %v", err, boom)
	}
}

// meddler does something in the middle of a Pack: when the first bytes come out.
type meddler struct{ do func() }

func (m *meddler) Write(p []byte) (int, error) {
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return len(p), nil
}

func TestPackNoticesChanges(t *testing.T) {
	t.Parallel()
	// Hardly compressible and big, so that bytes come out before the end.
	noise := make([]byte, 24<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	for name, change := range map[string]func(root string) error{
		"earlier file written": func(r string) error { return os.WriteFile(filepath.Join(r, "a"), []byte("A"), 0o600) },
		"time set back": func(r string) error {
			if runtime.GOOS == "windows" {
				return os.Remove(filepath.Join(r, "a"))
			}
			name := filepath.Join(r, "a")
			info, err := os.Stat(name)
			return errors.Join(err, os.WriteFile(name, []byte("A"), 0o600), os.Chtimes(name, time.Time{}, info.ModTime()))
		},
		"later file written":  func(r string) error { return os.WriteFile(filepath.Join(r, "z"), []byte("longer"), 0o600) },
		"file replaced":       func(r string) error { return os.Rename(filepath.Join(r, "y"), filepath.Join(r, "z")) },
		"earlier file gone":   func(r string) error { return os.Remove(filepath.Join(r, "a")) },
		"later file gone":     func(r string) error { return os.Remove(filepath.Join(r, "z")) },
		"file added":          func(r string) error { return os.WriteFile(filepath.Join(r, "new"), nil, 0o600) },
		"this file truncated": func(r string) error { return os.Truncate(filepath.Join(r, "noise"), 8<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := plant(t, map[string]string{"a": "a", "noise": string(noise), "y": "y", "z": "z"})
			m := &meddler{func() {
				if err := change(root); err != nil {
					t.Error(err)
				}
			}}
			if _, _, err := Pack(context.Background(), root, m, DefaultLimits()); !errors.Is(err, ErrChanged) {
				t.Errorf("Pack while it changes: error %v, want ErrChanged", err)
			}
		})
	}
}

// A file that is not the one that was looked at is not read, even if it will be
// back in its place at the second look.
func TestPackReadsWhatItLookedAt(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"a": "one", "b": "two"})
	tree, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close() // only read from
	other, err := tree.Lstat("b")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := packing{tree: tree, to: &out, buffer: make([]byte, 10)}
	if _, err := p.file(context.Background(), "a", other); !errors.Is(err, ErrChanged) || out.Len() > 0 {
		t.Errorf("packing another file than was looked at: error %v and %d bytes, want ErrChanged and none", err, out.Len())
	}
}

package archive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// marked makes a folder with one file that says which folder it is.
func marked(t *testing.T, dir string) {
	t.Helper()
	err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "is"), []byte(filepath.Base(dir)), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// is returns which folder a marked one was made as, or "" if there is none.
func is(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "is"))
	return string(text)
}

const (
	someStage = "cache.guardrails-abcdefgh2345"
	moreStage = "cache.guardrails-abcdefgh2346"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	old, now := time.Unix(1000, 0), time.Unix(2000, 0)
	for name, tc := range map[string]struct {
		folders map[string]time.Time
		want    []string
	}{
		"leftovers": {
			map[string]time.Time{"cache": old, someStage: old, someStage + "-old": old, moreStage: now, moreStage + "-old": now},
			[]string{"cache", moreStage, moreStage + "-old"},
		},
		"the only copy": {
			map[string]time.Time{someStage: old, someStage + "-old": old}, []string{someStage + "-old"},
		},
		"somebody else's": {
			map[string]time.Time{
				"cache": old, "cache.guardrails-backup": old, "cache.guardrails-": old, "cache.guardrails-ABCDEFGH2345": old,
				"cache.guardrails-abcdefgh2341": old, someStage + "-older": old, someStage + "6": old,
				"cache2" + someStage[5:]: old, "x" + someStage: old,
			},
			[]string{
				"cache", "cache.guardrails-", "cache.guardrails-ABCDEFGH2345", "cache.guardrails-abcdefgh2341",
				someStage + "-older", someStage + "6", "cache.guardrails-backup", "cache2" + someStage[5:], "x" + someStage,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, at := range tc.folders {
				marked(t, filepath.Join(dir, name))
				if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
					t.Fatal(err)
				}
			}
			Sweep(filepath.Join(dir, "cache"), time.Unix(1500, 0))
			onlyEntry(t, dir, tc.want...)
		})
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		folders []string // from the oldest
		from    string
		left    []string
	}{
		"the newest": {
			[]string{someStage + "-old", moreStage + "-old"}, moreStage + "-old", []string{"cache", someStage + "-old"},
		},
		"nothing is lost":   {[]string{"cache", someStage + "-old"}, "", []string{"cache", someStage + "-old"}},
		"half a folder":     {[]string{someStage}, "", []string{someStage}},
		"somebody else's":   {[]string{"cache.guardrails-old"}, "", []string{"cache.guardrails-old"}},
		"nothing was there": {nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, name := range tc.folders {
				marked(t, filepath.Join(dir, name))
				at := time.Unix(int64(1000+i), 0)
				if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
					t.Fatal(err)
				}
			}
			from, err := Recover(filepath.Join(dir, "cache"))
			if want := filepath.Join(dir, tc.from); err != nil || tc.from == "" && from != "" || tc.from != "" && from != want {
				t.Errorf("Recover = %q, %v, want %q", from, err, tc.from)
			}
			if got := is(filepath.Join(dir, "cache")); tc.from != "" && got != tc.from {
				t.Errorf("Recover put %q in place, want %q", got, tc.from)
			}
			onlyEntry(t, dir, tc.left...)
		})
	}
}

func unsupported(string, string) error { return errors.ErrUnsupported }

// failsAt is a mover without exchange whose renames with the given numbers fail.
func failsAt(boom error, numbers ...int) mover {
	n := 0
	return mover{exchange: unsupported, rename: func(from, to string) error {
		n++
		for _, number := range numbers {
			if n == number {
				return boom
			}
		}
		return os.Rename(from, to)
	}}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		m      mover
		hadOld bool
		is, at string // what is where
		want   error  // nil, or an empty one of the type
	}{
		"exchange":      {disk, true, "stage", "cache", nil},
		"nothing there": {disk, false, "stage", "cache", nil},
		"two renames":   {failsAt(boom), true, "stage", "cache", nil},
		"one rename":    {failsAt(boom), false, "stage", "cache", nil},
		"old stays":     {failsAt(boom, 1), true, "cache", "cache", &PlaceError{}},
		"rolled back":   {failsAt(boom, 2), true, "cache", "cache", &PlaceError{}},
		"no place":      {failsAt(boom, 2), false, "", "cache", &PlaceError{}},
		"displaced":     {failsAt(boom, 2, 3), true, "cache", someStage + "-old", &DisplacedError{}},
		"not set aside": {failsAt(boom, 3), true, "stage", "cache", nil},
		"exchange refused": {
			mover{os.Rename, func(string, string) error { return boom }}, true, "cache", "cache", &PlaceError{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			dst, stage := filepath.Join(dir, "cache"), filepath.Join(dir, someStage)
			if tc.hadOld {
				marked(t, dst)
			}
			marked(t, stage)
			if err := os.WriteFile(filepath.Join(stage, "is"), []byte("stage"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := tc.m.replace(stage, dst)
			checkReplaceError(t, err, tc.want, boom, dst)
			if got := is(filepath.Join(dir, tc.at)); got != tc.is {
				t.Errorf("replace: %s is the folder %q, want %q", tc.at, got, tc.is)
			}
			if tc.is == "" {
				onlyEntry(t, dir)
			} else {
				onlyEntry(t, dir, tc.at)
			}
		})
	}
}

func checkReplaceError(t *testing.T, err, want, boom error, dst string) {
	t.Helper()
	var place *PlaceError
	var displaced *DisplacedError
	isPlace, isDisplaced := errors.As(err, &place), errors.As(err, &displaced)
	switch want.(type) {
	case nil:
		if err != nil {
			t.Errorf("replace: error %v, want none", err)
		}
	case *PlaceError:
		if !isPlace || isDisplaced || place.Path != dst || !errors.Is(err, boom) {
			t.Errorf("replace: error %#v, want a *PlaceError of %s for %v", err, dst, boom)
		}
	case *DisplacedError:
		if !isDisplaced || displaced.Path != dst || is(displaced.Old) != "cache" || !errors.Is(err, boom) {
			t.Errorf("replace: error %#v, want a *DisplacedError of %s that names the old folder", err, dst)
		}
	}
}

// A folder moved aside is as young as the Unpack that did it, whatever is in it.
func TestMovedAsideIsYoung(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dst, stage := filepath.Join(dir, "cache"), filepath.Join(dir, someStage)
	marked(t, dst)
	marked(t, stage)
	long := time.Unix(1000, 0)
	if err := os.Chtimes(dst, long, long); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := failsAt(boom, 2, 3).replace(stage, dst); !errors.Is(err, boom) {
		t.Fatalf("replace: error %v, want %v", err, boom)
	}
	info, err := os.Stat(stage + "-old")
	if err != nil || info.ModTime().Equal(long) {
		t.Errorf("the folder moved aside is from %v, %v, want the time of the Unpack", info.ModTime(), err)
	}
}

// A folder that is being deleted has no name under which Recover would put it
// back, half deleted.
func TestDeletedUnderAnotherName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dst, stage := filepath.Join(dir, "cache"), filepath.Join(dir, someStage)
	marked(t, dst)
	marked(t, stage)
	last := ""
	m := mover{exchange: unsupported, rename: func(from, to string) error {
		last = to
		return os.Rename(from, to)
	}}
	if err := m.replace(stage, dst); err != nil || last != stage {
		t.Errorf("replace: error %v, and the old folder was last renamed to %s, want %s", err, last, stage)
	}
}

// On Linux there is no moment without dst.
func TestReplaceInOneStep(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can exchange folders")
	}
	dir := t.TempDir()
	dst, stage := filepath.Join(dir, "cache"), filepath.Join(dir, someStage)
	marked(t, dst)
	marked(t, stage)
	if err := exchange(stage, dst); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this file system cannot exchange folders")
	}
	m := mover{exchange: exchange, rename: func(from, to string) error {
		t.Errorf("replace renamed %s to %s, want it to exchange the folders", from, to)
		return os.Rename(from, to)
	}}
	if err := m.replace(stage, dst); err != nil || is(dst) != "cache" {
		t.Errorf("replace: error %v, and the folder is %q, want %q", err, is(dst), "cache")
	}
}

// What is in a folder that only its owner may enter stays so.
func TestPermissionsOfTheRoot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	data, a := pack(t, plant(t, sample))
	for _, want := range []fs.FileMode{0o700, 0o750, 0o755 | fs.ModeSetgid} {
		dst := filepath.Join(t.TempDir(), "dst")
		if err := errors.Join(os.Mkdir(dst, 0o755), os.Chmod(dst, want)); err != nil {
			t.Fatal(err)
		}
		var during fs.FileMode
		r := &spy{r: bytes.NewReader(data), do: func() {
			stages, err := filepath.Glob(dst + stageMark + "*")
			if err != nil || len(stages) != 1 {
				t.Fatalf("while unpacking there are %v, %v", stages, err)
			}
			if info, err := os.Stat(stages[0]); err == nil {
				during = info.Mode().Perm()
			}
		}}
		if err := Unpack(context.Background(), r, a, dst); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dst)
		if err != nil || info.Mode()&^fs.ModeDir != want || during != 0o700 {
			t.Errorf("Unpack over a folder with mode %v made one with %v, %v, from one with %v", want, info.Mode(), err, during)
		}
	}
}

// spy does something at the first read.
type spy struct {
	r  *bytes.Reader
	do func()
}

func (s *spy) Read(p []byte) (int, error) {
	if s.do != nil {
		s.do()
		s.do = nil
	}
	return s.r.Read(p)
}

// A place where no folder can be put is told before anything is unpacked.
func TestUnpackToAnImpossiblePlace(t *testing.T) {
	t.Parallel()
	data, a := pack(t, plant(t, sample))
	for name, prepare := range map[string]func(t *testing.T, dst string){
		"a file": func(t *testing.T, dst string) {
			if err := os.WriteFile(dst, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"below a file": func(t *testing.T, dst string) {
			if err := os.Remove(filepath.Dir(dst)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Dir(dst), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a mount point": mount,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := filepath.Join(t.TempDir(), "parent", "dst")
			if err := os.Mkdir(filepath.Dir(dst), 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "a mount point" && (runtime.GOOS != "linux" || os.Getuid() != 0) {
				t.Skip("only root on Linux can make one here")
			}
			prepare(t, dst)
			r := &spy{r: bytes.NewReader(data), do: func() { t.Error("Unpack read the archive") }}
			err := Unpack(context.Background(), r, a, dst)
			var place *PlaceError
			if !errors.As(err, &place) || place.Path != dst || !strings.Contains(err.Error(), "cannot be replaced") {
				t.Errorf("Unpack: error %v, want a *PlaceError of %s", err, dst)
			}
		})
	}
}

// mount makes dir a mount point of the very file system that it is on, which no
// comparison of devices shows.
func mount(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", dir, dir).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
}

package archive

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
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

// A folder moved aside is as young as the restore that did it, whatever is in it.
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
		t.Errorf("the folder moved aside is from %v, %v, want the time of the restore", info.ModTime(), err)
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

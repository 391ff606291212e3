package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

type memory struct {
	Started time.Time
	Known   []known
	Note    string
}

type known struct{ Name, Value string }

func remembered() memory {
	return memory{
		Started: time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC),
		Known: []known{
			{"db-url", "postgres://u:hunter2-and-more@h/db"}, {"binary", "\xff\x00\r\n\ufffd"}, {"empty", ""},
			{"big", strings.Repeat("0123456789abcdef", 25<<10/16)},
		},
	}
}

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, KeySize) }

func saved(t *testing.T, temp string, key []byte) string {
	t.Helper()
	path, err := Save(temp, key, remembered())
	if err != nil {
		t.Fatalf("Save: %v", err)
	}
	return path
}

func TestLoadGivesBackWhatSaveWasGiven(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	path := saved(t, temp, key(1))
	var got memory
	if err := Load(path, key(1), &got); err != nil {
		t.Fatalf("Load: %v", err)
	}
	if diff := cmp.Diff(remembered(), got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	info, err := os.Lstat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the file has the mode %v, %v; want -rw-------", info.Mode(), err)
	}
	if filepath.Dir(path) != filepath.Join(temp, "guardrails") {
		t.Errorf("the file is %s, want one in %s/guardrails", path, temp)
	}
	for range 2 { // the second time there is nothing
		if err := Remove(path); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("Remove left %v, %v", left, err)
	}
}

func TestTheFileTellsNothing(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	first, second := saved(t, temp, key(1)), saved(t, temp, key(1))
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"hunter2", "db-url", "0123456789", "known", "Name"} {
		if bytes.Contains(a, []byte(word)) {
			t.Errorf("the file holds %q in plain text", word)
		}
	}
	if first == second || bytes.Equal(a[:64], b[:64]) {
		t.Errorf("two files with the same data and key are alike: %s and %s", first, second)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(path string) error
		want   error
	}{
		"missing":        {os.Remove, ErrMissing},
		"missing folder": {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, ErrMissing},
		"empty":          {func(path string) error { return os.Truncate(path, 0) }, ErrTampered},
		"cut":            {func(path string) error { return os.Truncate(path, 300) }, ErrTampered},
		"only the nonce": {func(path string) error { return os.Truncate(path, 12) }, ErrTampered},
		"longer":         {func(path string) error { return edit(path, func(b []byte) []byte { return append(b, 0) }) }, ErrTampered},
		"first byte":     {func(path string) error { return edit(path, func(b []byte) []byte { b[0] ^= 1; return b }) }, ErrTampered},
		"a byte":         {func(path string) error { return edit(path, func(b []byte) []byte { b[500] ^= 1; return b }) }, ErrTampered},
		"last byte":      {func(path string) error { return edit(path, func(b []byte) []byte { b[len(b)-1] ^= 128; return b }) }, ErrTampered},
		"plain text":     {func(path string) error { return edit(path, func([]byte) []byte { return []byte(`{"Known":[]}`) }) }, ErrTampered},
		"another step's": {func(path string) error { return replace(path, key(2)) }, ErrTampered},
		"a folder":       {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, ErrTampered},
		"endless":        {func(path string) error { return errors.Join(os.Remove(path), os.Symlink(os.DevNull, path)) }, ErrTampered},
		"huge":           {func(path string) error { return os.Truncate(path, 1<<40) }, ErrTampered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := saved(t, t.TempDir(), key(1))
			if err := tc.change(path); err != nil {
				t.Skipf("cannot make it %s here: %v", name, err)
			}
			got := memory{Note: "as it was"}
			if err := Load(path, key(1), &got); !errors.Is(err, tc.want) {
				t.Errorf("Load = %v, want %v", err, tc.want)
			}
			if diff := cmp.Diff(memory{Note: "as it was"}, got); diff != "" {
				t.Errorf("Load changed what it was given (-want +got):\n%s", diff)
			}
		})
	}
}

func edit(path string, change func([]byte) []byte) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(data), 0o600)
}

// replace puts the file of a step with another key in the place of path.
func replace(path string, key []byte) error {
	other, err := Save(filepath.Dir(filepath.Dir(path)), key, memory{})
	return errors.Join(err, os.Rename(other, path))
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	path := saved(t, temp, key(1))
	if err := Load(path, key(2), new(memory)); !errors.Is(err, ErrTampered) {
		t.Errorf("Load with another key = %v, want %v", err, ErrTampered)
	}
	for _, short := range [][]byte{nil, {}, key(1)[:16], append(key(1), 1)} {
		if err := Load(path, short, new(memory)); err == nil {
			t.Errorf("Load with a key of %d bytes succeeds", len(short))
		}
		if _, err := Save(temp, short, memory{}); err == nil {
			t.Errorf("Save with a key of %d bytes succeeds", len(short))
		}
	}
}

func TestSaveRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data any
		want string
	}{
		"a masked value":      {struct{ Value inputs.Secret }{inputs.NewSecret("hunter2")}, "inputs.Secret"},
		"what is no data":     {struct{ F chan int }{}, "struct { F chan int }"},
		"more than its limit": {memory{Note: strings.Repeat("x", maxSize)}, "is the most"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			_, err := Save(temp, key(1), tc.data)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Save of %s = %v, want an error with %q", name, err, tc.want)
			}
			if left, _ := os.ReadDir(filepath.Join(temp, "guardrails")); len(left) > 0 {
				t.Errorf("Save of %s left %v", name, left)
			}
		})
	}
}

func TestLoadIntoAnotherType(t *testing.T) {
	t.Parallel()
	path := saved(t, t.TempDir(), key(1))
	var other struct{ Known string }
	err := Load(path, key(1), &other)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load into another type = %v, want an error without a value", err)
	}
}

func TestTheFolder(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(temp, folder string) error{
		"link":       func(temp, folder string) error { return os.Symlink(t.TempDir(), folder) },
		"file":       func(_, folder string) error { return os.WriteFile(folder, nil, 0o600) },
		"no parent":  func(temp, _ string) error { return os.RemoveAll(temp) },
		"empty link": func(temp, folder string) error { return os.Symlink("nothing", folder) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := filepath.Join(t.TempDir(), "_temp")
			folder := filepath.Join(temp, "guardrails")
			if err := errors.Join(os.Mkdir(temp, 0o755), make(temp, folder)); err != nil {
				t.Skipf("cannot make a %s here: %v", name, err)
			}
			if path, err := Save(temp, key(1), memory{}); err == nil {
				t.Errorf("Save with a %s as its folder wrote %s", name, path)
			}
		})
	}
	temp := t.TempDir()
	if err := os.Mkdir(filepath.Join(temp, "guardrails"), 0o755); err != nil {
		t.Fatal(err)
	}
	saved(t, temp, key(1)) // the reports' folder, which is there already
}

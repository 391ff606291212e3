//go:build unix

package safepath

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The umask belongs to the process, so each is tried in one of its own.
func TestPrivateWhateverTheUmask(t *testing.T) {
	if dir := os.Getenv("SAFEPATH_TEST_UMASK"); dir != "" {
		syscall.Umask(0o777)
		if err := WritePrivate(filepath.Join(dir, "none"), []byte("x")); err != nil {
			t.Error(err)
		}
		syscall.Umask(0)
		if err := WritePrivate(filepath.Join(dir, "all"), []byte("x")); err != nil {
			t.Error(err)
		}
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestPrivateWhateverTheUmask$")
	child.Env = append(os.Environ(), "SAFEPATH_TEST_UMASK="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkPrivate(t, filepath.Join(dir, "none"))
	checkPrivate(t, filepath.Join(dir, "all"))
}

// A file of /proc stands for one of a file system that ignores permissions.
func TestFileSystemWithoutPermissionsIsRefused(t *testing.T) {
	t.Parallel()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	defer f.Close()
	if err := keepPrivate(f); !errors.Is(err, errShared) {
		t.Errorf("keepPrivate of a file that all may read = %v, want %v", err, errShared)
	}
	if err := WritePrivate("/proc/self/secrets.env", nil); err == nil || !strings.Contains(err.Error(), "/proc/self") {
		t.Errorf("WritePrivate in /proc = %v, want an error that names the file", err)
	}
}

func TestLinkNewReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := linkNew(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("linkNew over a file = %v, want %v", err, fs.ErrExist)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != to {
		t.Errorf("linkNew changed the file to %q, %v", got, err)
	}
	fresh := filepath.Join(dir, "fresh")
	if err := linkNew(from, fresh); err != nil {
		t.Errorf("linkNew: %v", err)
	}
	if got, err := os.ReadFile(fresh); err != nil || string(got) != from {
		t.Errorf("after linkNew the file is %q, %v", got, err)
	}
	if _, err := os.Lstat(from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("linkNew left the old name: %v", err)
	}
}

package fingerprint

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSpecialFilesAreRefused(t *testing.T) {
	t.Parallel()
	in := sample(t)
	if err := syscall.Mkfifo(filepath.Join(in.Context, "pipe\n##vso[task.complete]"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Of(t.Context(), in)
	if err == nil || !strings.Contains(err.Error(), "neither file, folder nor link") || strings.ContainsAny(err.Error(), "\n") ||
		strings.Contains(err.Error(), "##vso[") {
		t.Errorf("Of with a pipe: %v", err)
	}
	write(t, in.Context, map[string]string{".dockerignore": "pipe*"})
	of(t, in)
}

func TestUnreadableFilesAreErrors(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	in := sample(t)
	if err := os.Chmod(filepath.Join(in.Context, "a", "b.txt"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Of(t.Context(), in); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("Of with a file that cannot be read: %v", err)
	}
}

// TestFilesThatChange: a file of /proc has more in it than its size says, as one has that grows while it is read.
func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot("/proc/sys/kernel")
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = root.Close() }()
	w := &walker{root: root}
	err = w.file(&entry{Path: "ostype"}, make([]byte, 100))
	if err == nil || !strings.Contains(err.Error(), "changes while it is read") {
		t.Errorf("file: %v", err)
	}
}

func TestNamesWithLineEnds(t *testing.T) {
	t.Parallel()
	in := sample(t)
	write(t, in.Context, map[string]string{"x\ny": "z"})
	before := of(t, in)
	if err := os.Remove(filepath.Join(in.Context, "x\ny")); err != nil {
		t.Fatal(err)
	}
	write(t, in.Context, map[string]string{"x": "", "y": "z"})
	if of(t, in) == before {
		t.Error("one name of two lines has the hash of two names")
	}
}

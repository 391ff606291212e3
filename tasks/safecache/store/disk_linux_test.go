package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small disk can only be made by root")
	}
	dir := t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "guardrails-test", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("no small disk can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily, as a process that another test forks right now holds what we had open.
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	d := NewDir(filepath.Join(dir, "store"))
	err := d.Put(t.Context(), "v1/x", make([]byte, 5<<20))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put on a full disk: error %v, want ENOSPC", err)
	}
	if names := left(t, d); len(names) != 0 {
		t.Errorf("unfinished files were left: %q", names)
	}
	if objects, err := d.List(t.Context(), ""); err != nil || len(objects) != 0 {
		t.Errorf("List after that = %v, %v, want nothing", objects, err)
	}
	put(t, d, "v1/x", "small")
}

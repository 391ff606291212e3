package attack_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// smallDisk is the folder of a disk of this size.
func smallDisk(t *testing.T, kB int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a small disk can only be made by root")
	}
	dir := t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(kB)+"k", "guardrails-test", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("no small disk can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily, as a process that another test forks right now holds what we had open.
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// The disk of the store is full: in the middle of the packs, or when only the manifest
// is left to write. (Cache@2 logs "Saved item." after an upload that has failed.)
func TestFullDiskWhileSaving(t *testing.T) {
	t.Parallel()
	many := map[string]string{"large": noise(1, 4<<20)}
	for i := range 4000 { // what makes a manifest large
		many["dir/"+strconv.Itoa(i)] = strconv.Itoa(i)
	}
	for name, tc := range map[string]struct {
		kB    int
		files map[string]string
		packs bool
	}{
		"packs":    {6 << 10, map[string]string{"a": noise(1, 4<<20), "b": noise(2, 4<<20), "c": noise(3, 4<<20)}, false},
		"manifest": {4250, many, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			c.dir = filepath.Join(smallDisk(t, tc.kB), "store")
			c.Store = store.NewDir(c.dir)
			_, err := c.Save(context.Background(), tree(t, tc.files), draft(mainScope, "k"))
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("saving on a full disk: %v, want ENOSPC", err)
			}
			if packs := c.objects(".pack"); tc.packs && len(packs) == 0 {
				t.Error("no pack was written, so the manifest is not what failed")
			}
			nothingIn(t, filepath.Join(c.dir, ".tmp"))
			if _, err := c.open(mainScope, entry.RestoreOptions{}, "k"); !errors.Is(err, errMiss) {
				t.Errorf("restoring after that: %v, want a miss", err)
			}
			for _, pack := range c.objects(".pack") { // what gc does, some time later
				must(t, c.Store.Delete(context.Background(), pack))
			}
			c.save(map[string]string{"a": "small"}, draft(mainScope, "k"))
			c.restores(map[string]string{"a": "small"}, mainScope, entry.RestoreOptions{}, "k")
		})
	}
}

// The disk of the folder is full: what was there before is still there, and whole.
func TestFullDiskWhileRestoring(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.save(map[string]string{"a": noise(1, 4<<20), "b": noise(2, 6<<20)}, draft(mainScope, "k"))
	dst := filepath.Join(smallDisk(t, 2<<10), "dst")
	before := map[string]string{"before": noise(3, 1<<20)}
	write(t, filepath.Join(dst, "before"), before["before"])
	err := restoreTo(c.Repository, dst, mainScope, entry.RestoreOptions{}, []string{"k"})
	var rejection *entry.RejectedError
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &rejection) {
		t.Errorf("restoring on a full disk: %v, want ENOSPC, which the entry is not to blame for", err)
	}
	same(t, dst, before)
	if left, err := os.ReadDir(filepath.Dir(dst)); err != nil || len(left) != 1 {
		t.Errorf("beside it there are %v, %v, want nothing", left, err)
	}
}

package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
)

// victimDir is set for the copy of this test program that TestKilledSaver kills:
// it saves new entries below that folder until it dies.
const victimDir = "GUARDRAILS_TEST_SAVE_INTO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		for i := 0; ; i++ {
			s := newStore(filepath.Join(dir, "store"))
			_, err := s.Save(context.Background(), filepath.Join(dir, "root"), manifest(strconv.Itoa(i), "k", strconv.Itoa(i)))
			if err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// A saver is killed, as by kill -9, at many different moments. Whatever is there
// afterwards is whole.
func TestKilledSaver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Rename(folder(t, map[string]string{
		"dir/file": strings.Repeat("0123456789abcdef", 1<<14), "dir/two": "2", "three": "3",
	}), filepath.Join(dir, "root")); err != nil {
		t.Fatal(err)
	}
	s := newStore(filepath.Join(dir, "store"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unfinished := 0
	for round := range 40 {
		victim := exec.Command(program)
		victim.Env = append(os.Environ(), victimDir+"="+dir)
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		waitForWork(t, s, round)
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := victim.Wait(); err == nil || !strings.Contains(err.Error(), "killed") && runtime.GOOS != "windows" {
			t.Fatalf("the saver ended with %v before it was killed", err)
		}
		left, err := filepath.Glob(filepath.Join(s.dir(), tmpPrefix+"*"))
		if err != nil {
			t.Fatal(err)
		}
		unfinished += len(left)
		checkAll(t, s, round)
		if err := os.RemoveAll(s.Dir); err != nil {
			t.Fatal(err)
		}
	}
	if unfinished == 0 {
		t.Error("no saver was killed in the middle of an entry, so this test has shown nothing")
	}
	t.Logf("%d savers were killed in the middle of an entry", unfinished)
}

// waitForWork returns when the saver has begun, a little later in each round.
func waitForWork(t *testing.T, s Store, round int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if entries, err := os.ReadDir(s.dir()); err == nil && len(entries) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the saver did not begin within 20 s")
		}
		runtime.Gosched()
	}
	for spin := time.Now().Add(time.Duration(round) * 150 * time.Microsecond); time.Now().Before(spin); {
		runtime.Gosched()
	}
}

func checkAll(t *testing.T, s Store, round int) {
	t.Helper()
	names, err := s.names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		e, err := s.open(name)
		if err != nil || e == nil {
			t.Fatalf("round %d: visible entry %s: %v", round, name, err)
		}
		if got := restored(t, e); len(got) != 1<<18 {
			t.Errorf("round %d: entry %s restores %d bytes, want %d", round, name, len(got), 1<<18)
		}
	}
}

func TestStaleWorkIsRemoved(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	for name, age := range map[string]time.Duration{tmpPrefix + "old": 25 * time.Hour, tmpPrefix + "new": 23 * time.Hour} {
		path := filepath.Join(s.dir(), name)
		when := noon.Add(-age)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	save(t, s, "x", manifest("1", "k"))
	left, err := filepath.Glob(filepath.Join(s.dir(), tmpPrefix+"*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != tmpPrefix+"new" {
		t.Errorf("after Save there are %v, %v, want only the folder that is not a day old", left, err)
	}
	if e, err := s.FindPrefix(context.Background(), nil); err != nil || e == nil || e.Manifest.Fingerprint != "k" {
		t.Errorf("FindPrefix beside unfinished work = %v, %v, want the entry", e, err)
	}
}

// nothing fails unless the save failed with want and left nothing.
func nothing(t *testing.T, s Store, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("Save: error %v, want %v", err, want)
	}
	noTmp(t, s)
	if names, err := s.names(); err != nil || len(names) != 0 {
		t.Errorf("after a failed Save there are entries %v, %v", names, err)
	}
}

func TestSaveOfNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	_, err := s.Save(context.Background(), t.TempDir(), manifest("1", "k"))
	nothing(t, s, err, archive.ErrEmpty)
	_, err = s.Save(context.Background(), filepath.Join(t.TempDir(), "no"), manifest("1", "k"))
	nothing(t, s, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Save(ctx, folder(t, map[string]string{"a": "a"}), manifest("1", "k"))
	nothing(t, s, err, context.Canceled)
}

func TestDirectoryIsAFile(t *testing.T) {
	t.Parallel()
	s := newStore(filepath.Join(folder(t, map[string]string{"file": ""}), "file"))
	if _, err := s.Save(context.Background(), folder(t, map[string]string{"a": "a"}), manifest("1", "k")); err == nil {
		t.Error("Save below a file succeeded")
	}
	if e, err := s.Find([]string{"k"}); e != nil || err == nil {
		t.Errorf("Find below a file = %v, %v, want an error", e, err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a small disk can only be made by root on Linux")
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
	noise := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	root := folder(t, map[string]string{"noise": string(noise)})
	s := newStore(filepath.Join(dir, "store"))
	_, err := s.Save(context.Background(), root, manifest("1", "k"))
	nothing(t, s, err, syscall.ENOSPC)

	// Restoring to a full disk leaves nothing either, and blames the disk.
	good := newStore(t.TempDir())
	if _, err := good.Save(context.Background(), root, manifest("1", "k")); err != nil {
		t.Fatal(err)
	}
	e, err := good.Find([]string{"k"})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Restore(context.Background(), filepath.Join(dir, "dst"))
	var tampered *TamperedError
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &tampered) {
		t.Errorf("Restore to a full disk: error %v, want ENOSPC", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("Restore to a full disk left %v, %v", left, err)
	}
}

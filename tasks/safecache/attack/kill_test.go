package attack_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// killsVariable is how many savers are killed; 10 if it is not set.
const killsVariable = "GUARDRAILS_KILLS"

// saver is a process that saves the entry k.
type saver struct {
	t    *testing.T
	cmd  *exec.Cmd
	gate io.Closer
	out  *bufio.Reader
}

// startSaver starts a process that is about to save root.
func startSaver(t *testing.T, root, dir string) *saver {
	t.Helper()
	cmd := exec.Command(os.Args[0], root, dir)
	cmd.Env = append(os.Environ(), childVariable+"=save")
	gate, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	s := &saver{t, cmd, gate, bufio.NewReader(out)}
	if got := s.line(); got != readyLine {
		t.Fatalf("the saver says %q, want %q", got, readyLine)
	}
	return s
}

func (s *saver) line() string {
	line, err := s.out.ReadString('\n')
	if err != nil && err != io.EOF {
		s.t.Errorf("reading what the saver says: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// begin lets it save.
func (s *saver) begin() { must(s.t, s.gate.Close()) }

// end returns what it came to.
func (s *saver) end() string {
	line := s.line()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the saver: %v, after %q", err, line)
	}
	return line
}

// kill ends it at once; false if it was done already.
func (s *saver) kill() bool {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	line := s.line()
	err := s.cmd.Wait()
	return err != nil && line == ""
}

// A saver is killed at any moment, as an agent that loses its power is. A plain
// archive that is written in place is cut off then, and found by the next run.
// (Of Cache@2 users have reported uploads that were incomplete, and restored later.)
func TestKilledSavers(t *testing.T) {
	t.Parallel()
	wanted := 10
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		wanted, err = strconv.Atoi(text)
		must(t, err)
	}
	files := map[string]string{"empty": ""}
	for i := range 30 { // of different sizes: files that may be equal are hashed before anything is written
		files["small/"+strconv.Itoa(i)] = noise(byte(i), 3000+i)
		files["large/"+strconv.Itoa(i)] = noise(byte(100+i), 1<<20+i)
	}
	root := tree(t, files)
	whole := duration(t, root)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed, visible, partial := 0, 0, 0
	for try := 0; killed < wanted; try++ {
		if try > 5*wanted {
			t.Fatalf("of %d savers only %d were killed at work", try, killed)
		}
		k := killing{t, filepath.Join(t.TempDir(), "store"), root, files}
		s := startSaver(t, root, k.dir)
		s.begin()
		// The moment at which it is killed: any, or one at which it has written this much.
		after, much := time.Duration(random.Int64N(int64(whole))), 1+random.IntN(4)
		if try%2 == 0 {
			time.Sleep(after)
		} else {
			k.await(much, whole)
		}
		if s.kill() {
			killed++
		}
		if k.left() > 0 {
			partial++
		}
		if k.check(after) {
			visible++
		}
		k.collect()
		must(t, os.RemoveAll(k.dir))
	}
	t.Logf("killed %d savers within %v; %d had written something, and %d the whole entry", killed, whole, partial, visible)
}

// duration is how long a save takes that is not killed, on this machine as busy as
// it is: the longest of three.
func duration(t *testing.T, root string) time.Duration {
	t.Helper()
	var longest time.Duration
	for range 3 {
		s := startSaver(t, root, filepath.Join(t.TempDir(), "store"))
		start := time.Now()
		s.begin()
		if got := s.end(); got != savedLine {
			t.Fatalf("the saver says %q, want %q", got, savedLine)
		}
		longest = max(longest, time.Since(start))
	}
	return longest
}

// killing is a store in which a saver was killed.
type killing struct {
	t     *testing.T
	dir   string
	root  string
	files map[string]string
}

func (k killing) repository(age time.Duration) entry.Repository {
	return entry.Repository{Store: store.NewDir(k.dir), Now: func() time.Time { return time.Now().Add(age) }}
}

// left is how many files there are, unfinished ones too.
func (k killing) left() int {
	n := 0
	for _, pattern := range []string{".tmp/*", "v1/*/*/*/*/*", "v1/*/*/*/*/*/*"} {
		found, err := filepath.Glob(filepath.Join(k.dir, filepath.FromSlash(pattern)))
		must(k.t, err)
		n += len(found)
	}
	return n
}

// await returns when there are so many files, or after some time.
func (k killing) await(files int, most time.Duration) {
	for start := time.Now(); k.left() < files && time.Since(start) < most; {
		time.Sleep(time.Millisecond / 4)
	}
}

// check wants an entry that is whole or not there, and the next save to succeed.
func (k killing) check(after time.Duration) (visible bool) {
	k.t.Helper()
	r := k.repository(0)
	e, err := r.Find(context.Background(), mainScope, []string{"k"})
	if err != nil {
		k.t.Errorf("killed after %v: Find: %v", after, err)
	}
	if e != nil {
		k.restores(after)
	}
	d := draft(mainScope, "k")
	d.Expires = time.Now().Add(7 * day)
	_, err = r.Save(context.Background(), k.root, d)
	var exists *entry.ExistsError
	if err != nil && !(e != nil && errors.As(err, &exists) && exists.SameContent) {
		k.t.Errorf("killed after %v: the next save: %v", after, err)
	}
	k.restores(after)
	return e != nil
}

func (k killing) restores(after time.Duration) {
	k.t.Helper()
	dst := filepath.Join(k.t.TempDir(), "dst")
	if err := restoreTo(k.repository(0), dst, mainScope, entry.RestoreOptions{}, []string{"k"}); err != nil {
		k.t.Errorf("killed after %v: the entry that is there cannot be restored: %v", after, err)
		return
	}
	same(k.t, dst, k.files)
	must(k.t, os.RemoveAll(dst))
}

// collect wants nothing to be left after 40 days.
func (k killing) collect() {
	k.t.Helper()
	later := k.repository(40 * day)
	if _, err := later.Collect(context.Background(), nil); err != nil {
		k.t.Errorf("Collect: %v", err)
	}
	if objects, err := later.Store.List(context.Background(), ""); err != nil || len(objects) != 0 {
		k.t.Errorf("after 40 days there are %v, %v, want nothing", objects, err)
	}
	// What a killed saver was writing has no name yet. The next one cleans up.
	unfinished := filepath.Join(k.dir, ".tmp")
	left, err := os.ReadDir(unfinished)
	must(k.t, err)
	for _, file := range left {
		old := time.Now().Add(-2 * day)
		must(k.t, os.Chtimes(filepath.Join(unfinished, file.Name()), old, old))
	}
	must(k.t, later.Store.Put(context.Background(), "v1/x", nil))
	if left, err = os.ReadDir(unfinished); err != nil || len(left) != 0 {
		k.t.Errorf("unfinished files of two days ago: %v, %v, want none", left, err)
	}
}

// Eight jobs of one pipeline save at once, under one key. What a plain archive holds
// then is what the last, or none, of them has written.
func TestSaversAtOnce(t *testing.T) {
	t.Parallel()
	const savers = 8
	for name, tc := range map[string]struct {
		content func(i int) string
		losers  string
	}{
		"different contents": {func(i int) string { return noise(byte(i), 300_000) }, othersLine},
		"the same contents":  {func(int) string { return noise(0, 300_000) }, sameLine},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			c.Now = time.Now
			var all []*saver
			for i := range savers {
				all = append(all, startSaver(t, tree(t, map[string]string{"a": tc.content(i)}), c.dir))
			}
			for _, s := range all {
				s.begin()
			}
			said := map[string]int{}
			winner := -1
			for i, s := range all {
				line := s.end()
				said[line]++
				if line == savedLine {
					winner = i
				}
			}
			if said[savedLine] != 1 || said[tc.losers] != savers-1 {
				t.Fatalf("the savers say %v, want one %q and %d times %q", said, savedLine, savers-1, tc.losers)
			}
			c.restores(map[string]string{"a": tc.content(winner)}, mainScope, entry.RestoreOptions{}, "k")
			if manifests := c.objects(".json"); len(manifests) != 1 {
				t.Errorf("the store has the manifests %q, want one", manifests)
			}
		})
	}
}

package entry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// Of savers of one key exactly one wins, and the others are told who.
func TestConcurrentSavers(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]store.Store{"memory": newMemory(), "directory": store.NewDir(t.TempDir())} {
		roots := make([]string, 8)
		for i := range roots {
			// Two by two they have the same contents.
			roots[i] = folder(t, map[string]string{"dir/file": strconv.Itoa(i / 2), "same": "same"})
		}
		errs := make([]error, len(roots))
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range roots {
			done.Go(func() {
				start.Wait()
				_, errs[i] = newRepository(in).Save(context.Background(), roots[i], draft(strconv.Itoa(i), "k"))
			})
		}
		start.Done()
		done.Wait()
		e := find(t, newRepository(in), mainScope, "k")
		winner, err := strconv.Atoi(e.Manifest.Producer.BuildID)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := restore(t, newRepository(in), e, RestoreOptions{})
		if got["dir/file"] != strconv.Itoa(winner/2) {
			t.Errorf("%s: the entry of build %d holds %q", name, winner, got)
		}
		for i, err := range errs {
			var exists *ExistsError
			switch {
			case i == winner:
				if err != nil {
					t.Errorf("%s: saver %d won, but was told %v", name, i, err)
				}
			case !errors.As(err, &exists) || exists.Manifest.Producer.BuildID != strconv.Itoa(winner) ||
				exists.SameContent != (i/2 == winner/2):
				t.Errorf("%s: saver %d was told %v, want that build %d has saved", name, i, err, winner)
			}
		}
		all, err := newRepository(in).List(context.Background(), nil)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: there are %d entries, %v, want one", name, len(all), err)
		}
	}
}

// crashing fails the call of a number and all after it: the saver died.
func crashing(in *memory, at int) {
	in.calls = 0
	in.fail = func(call int, op, name string) error {
		if call >= at {
			return fmt.Errorf("%s %s: the store is gone", op, name)
		}
		return nil
	}
}

// A saver dies at every call that it makes. Nothing is visible until all is, and
// what it leaves is collected once it is old.
func TestCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	files := with(one, "b", noise(9<<20, 1), "c", noise(9<<20, 2))
	root := folder(t, files)
	completed := false
	for at := 1; !completed; at++ {
		in := newMemory()
		r := newRepository(in)
		crashing(in, at)
		_, err := r.Save(context.Background(), root, draft("1", "k"))
		completed = err == nil
		in.fail = nil
		if err != nil && isRejected(err) {
			t.Errorf("call %d failed: Save says %v, want the store's error", at, err)
		}
		e, err := r.Find(context.Background(), mainScope, []string{"k"})
		if err != nil || (e != nil) != completed {
			t.Fatalf("after call %d failed, Find = %v, %v, want an entry: %v", at, e, err, completed)
		}
		if completed {
			if at < 5 {
				t.Errorf("the save took %d calls, too few to show anything", at)
			}
			break
		}
		collected, err := r.at(noon.Add(31*day)).Collect(context.Background(), nil)
		if left := in.names(""); err != nil || len(left) > 0 {
			t.Errorf("after call %d failed, Collect = %+v, %v, left %q", at, collected, err, left)
		}
		// The next one is not hindered.
		in.now = noon
		save(t, newRepository(in), one, draft("2", "k"))
	}
}

// A store that fails while restoring is not the entry's fault, and leaves nothing.
func TestStoreFailsWhileRestoring(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	files := with(one, "b", noise(9<<20, 1), "c", noise(9<<20, 2))
	save(t, r, files, draft("1", "k"))
	for at := 1; ; at++ {
		crashing(in, at)
		parent := t.TempDir()
		e, err := r.Find(context.Background(), mainScope, []string{"k"})
		if err == nil {
			_, err = r.Restore(context.Background(), e, filepath.Join(parent, "dst"), RestoreOptions{})
		}
		if err == nil {
			if at < 4 {
				t.Errorf("the restore took %d calls, too few to show anything", at)
			}
			break
		}
		if isRejected(err) {
			t.Errorf("call %d failed: Restore says %v, want the store's error", at, err)
		}
		onlyEntry(t, parent)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprint(i)] = noise(3<<20, uint32(i))
	}
	root := folder(t, files)
	if _, err := r.Save(context.Background(), root, draft("1", "k")); err != nil {
		t.Fatal(err)
	}
	e := find(t, r, mainScope, "k")
	for _, op := range []string{"put", "get"} {
		ctx, cancel := context.WithCancel(context.Background())
		in.fail = func(_ int, now, name string) error {
			if now == op && strings.HasSuffix(name, packSuffix) {
				cancel()
			}
			return nil
		}
		parent := t.TempDir()
		var err error
		if op == "put" {
			_, err = r.Save(ctx, root, draft("2", "other"))
		} else {
			_, err = r.Restore(ctx, e, filepath.Join(parent, "dst"), RestoreOptions{})
		}
		if !errors.Is(err, context.Canceled) || isRejected(err) {
			t.Errorf("cancelled at a %s: error %v, want context.Canceled", op, err)
		}
		onlyEntry(t, parent)
		if len(in.names(jsonSuffix)) != 1 {
			t.Errorf("cancelled at a %s: there are %q", op, in.names(jsonSuffix))
		}
		cancel()
	}
}

// The answer to a Put can be lost. What is there then is ours.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(lossy{in})
	saved := save(t, r, one, draft("1", "k"))
	got, _ := restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{})
	if diff := cmp.Diff(one, got); diff != "" || saved.Manifest.Generation != 1 {
		t.Errorf("Restore of %s (-want +got):\n%s", saved.Name, diff)
	}
}

// lossy puts, and says that there was something already.
type lossy struct{ *memory }

func (l lossy) Put(ctx context.Context, name string, data []byte) error {
	return errors.Join(l.memory.Put(ctx, name, data), fs.ErrExist)
}

func TestSaveOfNothing(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	small := draft("1", "k")
	small.MaxBytes = 2
	empty := draft("1", "k")
	empty.Claims = named(nil)
	long := draft("1", "k")
	long.Expires = noon.Add(-day)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	refused := new(archive.RefusedError)
	for name, tc := range map[string]struct {
		ctx   context.Context
		files map[string]string
		d     Draft
		want  func(error) bool
	}{
		"no files":    {context.Background(), nil, draft("1", "k"), is(archive.ErrEmpty)},
		"no key":      {context.Background(), one, draft("1"), func(err error) bool { return err != nil }},
		"not named":   {context.Background(), one, empty, is(archive.ErrEmpty)},
		"folders":     {context.Background(), map[string]string{"a/": "", "b/": ""}, draft("1", "k"), is(archive.ErrEmpty)},
		"cancelled":   {cancelled, one, draft("1", "k"), is(context.Canceled)},
		"too big":     {context.Background(), one, small, func(err error) bool { return errors.As(err, &refused) }},
		"expired":     {context.Background(), one, long, func(err error) bool { return err != nil }},
		"odd names":   {context.Background(), map[string]string{"a/x ": ""}, draft("1", "k"), func(err error) bool { return errors.As(err, &refused) }},
		"odd by case": {context.Background(), map[string]string{"a": "", "A": ""}, draft("1", "k"), func(err error) bool { return errors.As(err, &refused) }},
	} {
		if strings.HasPrefix(name, "odd") && runtime.GOOS != "linux" {
			continue
		}
		if _, err := r.Save(tc.ctx, folder(t, tc.files), tc.d); !tc.want(err) {
			t.Errorf("%s: Save: error %v", name, err)
		}
		if left := in.names(jsonSuffix); len(left) != 0 {
			t.Errorf("%s: Save left %q", name, left)
		}
	}
	if _, err := r.Save(context.Background(), filepath.Join(t.TempDir(), "no"), draft("1", "k")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Save of no folder: error %v, want fs.ErrNotExist", err)
	}
}

func is(want error) func(error) bool {
	return func(err error) bool { return errors.Is(err, want) }
}

// Somebody writes to the folder while it is saved: the save begins again, once.
func TestChangesWhileSaving(t *testing.T) {
	t.Parallel()
	write := func(name string) func(root string, n int) error {
		return func(root string, n int) error {
			return os.WriteFile(filepath.Join(root, name), []byte(strings.Repeat("x", n)), 0o600)
		}
	}
	onlyB := func(path string) (claim.Claim, bool) { return claim.Claim{}, path == "b" }
	for name, tc := range map[string]struct {
		times  int // that somebody does
		claims claim.Set
		change func(root string, n int) error
		want   error
	}{
		"a file, once":       {1, nil, write("a"), nil},
		"a file, again":      {2, nil, write("a"), archive.ErrChanged},
		"a new file, again":  {2, nil, func(root string, n int) error { return write(fmt.Sprint("new", n))(root, n) }, archive.ErrChanged},
		"a file gone, again": {2, nil, func(root string, n int) error { return os.Remove(filepath.Join(root, fmt.Sprint("c", n))) }, archive.ErrChanged},
		"what is named":      {2, onlyB, write("b"), archive.ErrChanged},
		"what is not named":  {2, onlyB, write("a"), nil},
	} {
		// Before it reads, as it looks for an entry of the key, and after.
		for _, when := range []string{"list", "put"} {
			root := folder(t, map[string]string{"a": "one", "b": "two", "c1": "", "c2": ""})
			in := newMemory()
			n := 0
			in.fail = func(_ int, op, name string) error {
				if op == when && !(op == "put" && strings.Contains(name, entries)) && n < tc.times {
					n++
					return tc.change(root, n)
				}
				return nil
			}
			d := draft("1", "k")
			d.Claims = tc.claims
			if _, err := newRepository(in).Save(context.Background(), root, d); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("%s, at the %s: Save: error %v, want %v", name, when, err, tc.want)
			}
		}
	}
}

// A file that does not fit its claim because somebody is writing it is not poison.
func TestBlame(t *testing.T) {
	t.Parallel()
	root := folder(t, one)
	n := 0
	d := draft("1", "k")
	d.Claims = claimAll(claim.Claim{Deep: func(fs.FS, string) error {
		n++
		return errors.Join(errors.New("half of it"), os.WriteFile(filepath.Join(root, "a"), []byte(strings.Repeat("x", n)), 0o600))
	}})
	var wrong *FileError
	if _, err := newRepository(newMemory()).Save(context.Background(), root, d); !errors.Is(err, archive.ErrChanged) || errors.As(err, &wrong) || n != 2 {
		t.Errorf("Save of a file that is being written: error %v after %d tries, want archive.ErrChanged after 2", err, n)
	}
}

// A file that was hashed before it is packed must still be the same, whatever the
// file system says of it.
func TestSecondReadingIsHeldAgainstTheFirst(t *testing.T) {
	t.Parallel()
	f := source{File: archive.File{Path: "a", Size: 1}}
	if err := f.verify(bytesHash([]byte("x"))); err != nil || !f.hashed {
		t.Fatalf("verify: %v", err)
	}
	if err := f.verify(bytesHash([]byte("x"))); err != nil {
		t.Errorf("verify of the same: %v", err)
	}
	if err := f.verify(bytesHash([]byte("y"))); !errors.Is(err, archive.ErrChanged) {
		t.Errorf("verify of something else: error %v, want archive.ErrChanged", err)
	}
	for _, text := range []string{"", "x"} {
		if err := f.read(strings.NewReader(text), make([]byte, 2)); !errors.Is(err, archive.ErrChanged) {
			t.Errorf("read of %q as two bytes: error %v, want archive.ErrChanged", text, err)
		}
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	for i, name := range []string{"short", "long"} {
		d := draft("1", name)
		d.Expires = noon.Add(time.Duration(5+60*i) * day)
		save(t, r, map[string]string{"f": name}, d)
	}
	d := draft("1", "pull")
	d.Scope, d.Expires = pullScope, noon.Add(2*day)
	save(t, r, one, d)
	other := mainScope
	other.Definition = "8"
	count := func() [2]int { return [2]int{len(in.names(jsonSuffix)), len(in.names(packSuffix))} }
	for _, step := range []struct {
		after   time.Duration
		scope   *Scope
		entries int
		packs   int
		left    [2]int
	}{
		{day, nil, 0, 0, [2]int{3, 3}},
		{3 * day, &other, 0, 0, [2]int{3, 3}},
		{3 * day, &mainScope, 1, 0, [2]int{2, 3}}, // the pull request's has expired, and its pack is young
		{6 * day, nil, 1, 0, [2]int{1, 3}},        // so has another
		{30 * day, nil, 0, 0, [2]int{1, 3}},       // still young
		{31 * day, nil, 0, 2, [2]int{1, 1}},       // but one is needed
		{64 * day, nil, 0, 0, [2]int{1, 1}},       // until
		{66 * day, &pullScope, 0, 0, [2]int{1, 1}},
		{66 * day, &mainScope, 1, 1, [2]int{0, 0}},
	} {
		c, err := r.at(noon.Add(step.after)).Collect(context.Background(), step.scope)
		if err != nil || c.Entries != step.entries || c.Packs != step.packs || (c.Bytes > 0) != (c.Entries+c.Packs > 0) {
			t.Errorf("Collect after %v = %+v, %v, want %d entries and %d packs", step.after, c, err, step.entries, step.packs)
		}
		if got := count(); got != step.left {
			t.Errorf("Collect after %v left %v manifests and packs, want %v", step.after, got, step.left)
		}
	}
}

// Collect takes what was replaced, and nothing that it cannot read: its packs may
// be needed.
func TestCollectIsCareful(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	d := draft("1", "k")
	d.Expires = noon.Add(365 * day)
	d.Replaces = save(t, r, one, d).Name
	save(t, r, with(one, "b", "two"), d)
	signed := r
	signed.Signer = newSigner(t, 0)
	d = draft("2", "signed")
	d.Expires = noon.Add(365 * day)
	save(t, signed, map[string]string{"s": "s"}, d)
	junk := manifestName(mainScope, []string{"other"}, 1)
	in.objects[junk], in.put[junk] = []byte("junk"), noon.Add(20*day)
	r.Keys = append(r.Keys, newSigner(t, 1).Key()) // and not the one that has signed
	c, err := r.at(noon.Add(40*day)).Collect(context.Background(), nil)
	if err != nil || c.Entries != 1 || c.Packs != 0 {
		t.Errorf("Collect beside what it cannot read = %+v, %v, want one entry", c, err)
	}
	c, err = r.at(noon.Add(51*day)).Collect(context.Background(), nil)
	if err != nil || c.Entries != 1 || c.Packs != 1 || len(in.names(junk)) != 0 {
		t.Errorf("Collect when that is old = %+v, %v, want it and one pack", c, err)
	}
	r.Keys = nil
	for _, key := range []string{"k", "signed"} {
		restore(t, r, find(t, r.at(noon.Add(day)), mainScope, key), RestoreOptions{})
	}
}

package entry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A base whose pack is damaged, and has its size still, does not spoil what is saved
// next, if nobody has restored it.
func TestDistrustedPackIsVerified(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	files := many(20, 1)
	save(t, r, files, draft("1", "k", "1"))
	base := find(t, r, mainScope, "k", "1")
	in.objects[in.names(packSuffix)[0]][1000] ^= 1
	d := draft("2", "k", "2")
	d.Bases, d.Distrust = []*Entry{base}, true
	save(t, r, files, d)
	got, _ := restore(t, r, find(t, r, mainScope, "k", "2"), RestoreOptions{})
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Restore (-want +got):\n%.500s", diff)
	}
}

// A base that lies about where contents are spoils one entry. What replaces that one
// has packs of its own.
func TestLyingBaseHeals(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	files := many(20, 1)
	saved := save(t, r, files, draft("1", "k", "1"))
	m := clone(t, saved.Manifest)
	m.Files[0].Extents, m.Files[1].Extents = m.Files[1].Extents, m.Files[0].Extents
	in.write(t, saved.Name, string(encode(m)), nil)
	d := draft("2", "k", "2")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1")}
	save(t, r, files, d)
	d.Replaces = refused(t, r, mainScope, KindTampered, []string{"k", "2"}, RestoreOptions{}).Entry
	save(t, r, files, d)
	got, _ := restore(t, r, find(t, r, mainScope, "k", "2"), RestoreOptions{})
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Restore (-want +got):\n%.500s", diff)
	}
}

// An entry of another key that was rejected is no reason to store everything again.
func TestOtherRejectionKeepsBases(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	save(t, r, many(20, 1), draft("1", "k", "1"))
	d := draft("2", "k", "2")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1")}
	d.Replaces = manifestName(mainScope, []string{"another"}, 1)
	if saved := save(t, r, with(many(20, 1), "new", "new"), d); saved.NewBytes > 20_000 {
		t.Errorf("the save moved %d bytes, want what is new alone", saved.NewBytes)
	}
}

// A pack is as old as its object, whoever names it: collecting goes by that.
func TestPackKeepsItsAge(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in).at(noon.Add(-10 * day))
	d := draft("1", "k", "1")
	d.Expires = noon.Add(30 * day)
	save(t, r, one, d)
	r = r.at(noon)
	second := save(t, r, one, draft("2", "k", "2")) // without bases: it finds the pack
	if got := second.Manifest.Packs[0].Created; !got.Equal(noon.Add(-10 * day)) {
		t.Errorf("a pack of ten days is said to be created at %v, want ten days before %v", got, noon)
	}
	in.put[in.names(packSuffix)[0]] = noon.Add(-15 * day) // by the store's clock
	d = draft("3", "k", "3")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1")}
	third := save(t, r, one, d)
	if third.Manifest.Packs[0].SHA256 == second.Manifest.Packs[0].SHA256 {
		t.Error("a pack whose object is older than two weeks is used again")
	}
}

// An object that is no manifest, beside one, changes nothing for it.
func TestStrangersBesideAManifest(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, one, draft("1", "k"))
	folder := strings.TrimSuffix(saved.Name, "00000001.json")
	for _, stranger := range []string{"00000002.json.bak", "zzz", "zzz/e/x/00000009.json"} {
		in.objects[folder+stranger] = []byte("x")
	}
	if _, err := r.Collect(context.Background(), &mainScope); err != nil {
		t.Fatal(err)
	}
	find(t, r, mainScope, "k")
	// Nor does it hinder whoever replaces it.
	d := draft("2", "k")
	d.Replaces = saved.Name
	if second := save(t, r, one, d); second.Manifest.Generation != 2 || find(t, r, mainScope, "k").Name != second.Name {
		t.Errorf("the second generation is %s, want the one that is found", second.Name)
	}
}

// What cannot be deleted or read (a lease, an account of its own) does not keep what
// comes after it for ever.
func TestCollectGoesOn(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	for i := range 3 {
		save(t, r, map[string]string{"a": fmt.Sprint(i)}, draft(fmt.Sprint(i), fmt.Sprint(i)))
	}
	leased := in.names("")[0]
	in.fail = func(_ int, op, name string) error {
		if op == "delete" && name == leased {
			return errors.New("there is a lease on it")
		}
		return nil
	}
	collected, err := r.at(noon.Add(31*day)).Collect(context.Background(), nil)
	if left := in.names(""); err == nil || !strings.Contains(err.Error(), "lease") || len(left) != 1 || left[0] != leased {
		t.Errorf("Collect = %+v, %v, left %q, want the error, and %s alone", collected, err, left, leased)
	}
	// A store that does not work at all is not asked about each of a million objects.
	for i := range 100 {
		in.objects["v1/t/"+strings.Repeat("0", 32)+"/p/00/"+fmt.Sprintf("%064x", i)+packSuffix] = nil
	}
	deletes := 0
	in.fail = func(_ int, op, _ string) error {
		if op == "delete" {
			deletes++
			return errors.New("no")
		}
		return nil
	}
	if _, err := r.Collect(context.Background(), nil); err == nil || deletes > maxRefusals {
		t.Errorf("Collect tried to delete %d objects, %v, want at most %d and an error", deletes, err, maxRefusals)
	}
}

// Who writes much rubbish for other branches does not keep a trusted one busy.
func TestElsewhereDoesNotReadForEver(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	for i := range 100 {
		scope := pullScope
		scope.Branch = fmt.Sprint("refs/pull/", i)
		in.objects[manifestName(scope, []string{"k"}, 1)] = []byte("x")
	}
	e, err := r.Elsewhere(context.Background(), mainScope, []string{"k"})
	if e != nil || err != nil || len(in.gets) > maxRefusals {
		t.Errorf("Elsewhere = %v, %v after %d reads, want nothing after at most %d", e, err, len(in.gets), maxRefusals)
	}
}

// Packs that hold nothing of an entry do not make a bomb look small.
func TestBombBesideUnusedPacks(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"a": strings.Repeat("\x00", 1<<20)}, draft("1", "k"))
	m := clone(t, saved.Manifest)
	x := m.Files[0].Extents[0]
	m.Files[0].Extents, m.Files[0].Size = slices.Repeat([]extent{x}, 80), 80<<20
	m.Packs = append(m.Packs, pack{SHA256: strings.Repeat("0", 64), Size: 4 << 20, Frames: []frame{{4 << 20, 4 << 20}}})
	m.Totals, m.Content = m.total(), m.content()
	in.write(t, saved.Name, string(encode(m)), nil)
	if got := refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{}); !strings.Contains(got.Reason, "nothing of it") {
		t.Errorf("rejected: %v, want that the pack holds nothing of it", got)
	}
}

// Local copies are deleted when they are old, also those of branches that are gone.
func TestLocalCopiesOfOthersGo(t *testing.T) {
	t.Parallel()
	far, near := newMemory(), newMemory()
	r := newRepository(far)
	r.Local = near
	d := draft("1", "k")
	d.Scope = pullScope
	save(t, r, one, d)
	restore(t, r, find(t, r, pullScope, "k"), RestoreOptions{})
	old := maps.Clone(near.objects)
	for name := range old {
		near.put[name] = noon.Add(-15 * day)
	}
	save(t, r, one, draft("2", "k"))
	restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{})
	for name := range old {
		if len(near.names(name)) > 0 {
			t.Errorf("the copy %s of a branch that is gone is kept", name)
		}
	}
	// Where there are manifests, somebody keeps entries, and nobody copies.
	for name := range near.objects {
		near.put[name] = noon.Add(-15 * day)
	}
	near.objects[manifestName(pullScope, []string{"k"}, 1)] = []byte("x")
	before := len(near.objects)
	restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{})
	if got := len(near.objects); got != before {
		t.Errorf("of a directory with entries, %d of %d objects are left", got, before)
	}
}

// A branch that is gone collects nothing any more, so a trusted one does. What
// somebody wrote to one untrusted branch keeps nothing of another.
func TestCollectUntrustedBranches(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	pull13 := pullScope
	pull13.Branch = "refs/pull/13/merge"
	for _, scope := range []Scope{pullScope, pull13} {
		d := draft("1", "k")
		d.Scope = scope
		save(t, r, one, d)
	}
	junk := manifestName(pull13, []string{"junk"}, 1)
	in.objects[junk], in.put[junk] = []byte("junk"), noon.Add(30*day)
	c, err := r.at(noon.Add(31*day)).Collect(context.Background(), &mainScope)
	if err != nil || c.Entries != 2 || c.Packs != 1 || len(in.names(pullScope.root())) != 0 || len(in.names(pull13.root())) != 2 {
		t.Errorf("Collect = %+v, %v, left %q, want the junk, and the pack beside it", c, err, in.names(""))
	}
}

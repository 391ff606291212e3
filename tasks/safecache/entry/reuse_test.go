package entry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
)

// many are files that together make one pack.
func many(n int, seed uint32) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("p/%d/%d.tgz", seed, i)] = "\x1f\x8b" + noise(20_000, seed*1000+uint32(i))
	}
	return files
}

// The second save moves what is new, and nothing else.
func TestSecondSaveIsSmall(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	first := save(t, r, with(many(100, 1), "big", noise(9<<20, 9)), draft("1", "k", "1"))
	d := draft("2", "k", "2")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1")}
	files := with(many(100, 1), "big", noise(9<<20, 9), "p/1/5.tgz", noise(20_000, 77), "new", noise(20_000, 78), "copy", noise(20_000, 78))
	delete(files, "p/1/6.tgz")
	second := save(t, r, files, d)
	if limit := first.NewBytes / 100; second.NewBytes > limit || second.NewBytes < 40_000 {
		t.Errorf("the second save moved %d bytes of %d, want at most %d", second.NewBytes, second.StoredBytes, limit)
	}
	got, _ := restore(t, r, find(t, r, mainScope, "k", "2"), RestoreOptions{})
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Restore of two generations of packs (-want +got):\n%.500s", diff)
	}
	// Nothing new at all: no new pack.
	d = draft("3", "k", "3")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1"), find(t, r, mainScope, "k", "2")}
	third := save(t, r, files, d)
	if len(third.Manifest.Packs) != len(second.Manifest.Packs) || len(in.names(packSuffix)) != len(second.Manifest.Packs) {
		t.Errorf("the third save has %d packs, and the store %q, want the %d of the second",
			len(third.Manifest.Packs), in.names(packSuffix), len(second.Manifest.Packs))
	}
	got, _ = restore(t, r, find(t, r, mainScope, "k", "3"), RestoreOptions{})
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Restore of three generations of packs (-want +got):\n%.500s", diff)
	}
}

// When packs of a base are used again, and when not.
func TestReuse(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, 0)
	other := mainScope
	other.Branch = "refs/heads/release"
	elsewhere := mainScope
	elsewhere.Definition = "8"
	pull13 := pullScope
	pull13.Branch = "refs/pull/13/merge"
	for name, tc := range map[string]struct {
		base, next Scope
		age        time.Duration
		keep       int // of 100 files
		sign       bool
		unsigned   bool // the base
		spoil      func(*memory)
		want       bool
	}{
		"same branch":              {mainScope, mainScope, day, 90, false, false, nil, true},
		"other trusted branch":     {mainScope, other, day, 90, false, false, nil, true},
		"other pipeline":           {elsewhere, mainScope, day, 90, false, false, nil, false},
		"trusted from untrusted":   {pullScope, mainScope, day, 90, false, false, nil, false},
		"untrusted from trusted":   {mainScope, pullScope, day, 90, false, false, nil, false},
		"untrusted, same branch":   {pullScope, pullScope, day, 90, false, false, nil, true},
		"untrusted, other branch":  {pullScope, pull13, day, 90, false, false, nil, false},
		"signed":                   {mainScope, mainScope, day, 90, true, false, nil, true},
		"unsigned, and it must be": {mainScope, mainScope, day, 90, true, true, nil, false},
		"unsigned, untrusted":      {pullScope, pullScope, day, 90, true, true, nil, true},
		"two weeks old":            {mainScope, mainScope, 14 * day, 90, false, false, nil, true},
		"older":                    {mainScope, mainScope, 14*day + time.Minute, 90, false, false, nil, false},
		"from the future":          {mainScope, mainScope, -time.Hour, 90, false, false, nil, false},
		"three quarters used":      {mainScope, mainScope, day, 75, false, false, nil, true},
		"less used":                {mainScope, mainScope, day, 74, false, false, nil, false},
		"gone":                     {mainScope, mainScope, day, 90, false, false, func(m *memory) { delete(m.objects, m.names(packSuffix)[0]) }, false},
		"cut":                      {mainScope, mainScope, day, 90, false, false, func(m *memory) { m.objects[m.names(packSuffix)[0]] = nil }, false},
		"beside a longer name":     {mainScope, mainScope, day, 90, false, false, func(m *memory) { m.objects[m.names(packSuffix)[0]+"2"] = nil }, true},
		"only of a longer name": {mainScope, mainScope, day, 90, false, false, func(m *memory) {
			name := m.names(packSuffix)[0]
			m.objects[name+"2"] = m.objects[name]
			delete(m.objects, name)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newMemory()
			r := newRepository(in).at(noon.Add(-tc.age))
			if tc.sign && !tc.unsigned {
				r.Signer = signer
			}
			d := draft("1", "k", "1")
			d.Scope, d.Expires = tc.base, noon.Add(30*day)
			files := many(100, 1)
			save(t, r, files, d)
			base, err := r.Find(context.Background(), tc.base, []string{"k", "1"})
			if tc.sign {
				r.Signer, r.Keys = signer, []seal.Key{signer.Key()}
				if !tc.unsigned {
					base, err = r.Find(context.Background(), tc.base, []string{"k", "1"})
				}
			}
			if err != nil || base == nil {
				t.Fatal(err)
			}
			r = r.at(noon)
			for i := range 100 - tc.keep {
				delete(files, fmt.Sprintf("p/1/%d.tgz", i))
			}
			if tc.spoil != nil {
				tc.spoil(in)
			}
			d = draft("2", "k", "2")
			d.Scope, d.Bases = tc.next, []*Entry{nil, base}
			saved := save(t, r, files, d)
			shared := slices.ContainsFunc(saved.Manifest.Packs, func(p pack) bool { return p.SHA256 == base.Manifest.Packs[0].SHA256 })
			if shared != tc.want {
				t.Errorf("the pack of the base is used: %v, want %v", shared, tc.want)
			}
			if tc.want != (saved.NewBytes < 20_000) {
				t.Errorf("the save moved %d bytes", saved.NewBytes)
			}
			got, _ := restore(t, r, find(t, r, tc.next, "k", "2"), RestoreOptions{})
			if diff := cmp.Diff(files, got); diff != "" {
				t.Errorf("Restore (-want +got):\n%.500s", diff)
			}
		})
	}
}

// What an untrusted manifest says of a pack counts for nothing in the trusted tier,
// even if that has a pack of the same name.
func TestNoReuseAcrossTiers(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in).at(noon.Add(-20 * day))
	d := draft("1", "k", "1")
	d.Expires = noon.Add(30 * day)
	old := save(t, r, one, d)
	r = r.at(noon.Add(-day))
	d.Scope = pullScope
	save(t, r, one, d)
	base := find(t, r, pullScope, "k", "1")
	r = r.at(noon)
	d = draft("2", "k", "2")
	d.Bases = []*Entry{base}
	saved := save(t, r, one, d)
	if base.Manifest.Packs[0].SHA256 != old.Manifest.Packs[0].SHA256 || saved.Manifest.Packs[0].SHA256 == old.Manifest.Packs[0].SHA256 {
		t.Error("a pack that is about to be collected is used again, on the word of an untrusted manifest")
	}
}

// Many small saves do not end in many small packs.
func TestSmallPacksAreJoined(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	files := map[string]string{}
	var base []*Entry
	most := 0
	for i := range 2*maxSmall + 4 {
		files[fmt.Sprint("f", i)] = noise(1000, uint32(i))
		key := fmt.Sprint(i)
		d := draft(key, "k", key)
		d.Bases = base
		saved := save(t, r, files, d)
		base = []*Entry{find(t, r, mainScope, "k", key)}
		most = max(most, len(saved.Manifest.Packs))
	}
	if most > maxSmall+1 || most < maxSmall {
		t.Errorf("an entry has up to %d packs, want about %d", most, maxSmall)
	}
	got, _ := restore(t, r, base[0], RestoreOptions{})
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("Restore (-want +got):\n%.500s", diff)
	}
}

// A pack of the right name says nothing about what is in it.
func TestPackThatExists(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content string // "" for the genuine pack
		age     time.Duration
		used    bool
	}{
		"genuine":     {"", day, true},
		"of a day":    {"", 13 * day, true},
		"about to go": {"", 29 * day, false},
		"forged":      {"forged", day, false},
		"empty":       {" ", day, false},
	} {
		in := newMemory()
		r := newRepository(in).at(noon.Add(-tc.age))
		d := draft("1", "k", "1")
		d.Expires = noon.Add(30 * day)
		save(t, r, one, d)
		pack := in.names(packSuffix)[0]
		if tc.content != "" {
			in.objects[pack] = []byte(strings.TrimSpace(tc.content))
		}
		r = r.at(noon)
		var notes []string
		r.Note = func(text string) { notes = append(notes, text) }
		second := save(t, r, one, draft("2", "k", "2")) // without bases
		if used := strings.Contains(pack, second.Manifest.Packs[0].SHA256); used != tc.used {
			t.Errorf("%s: the pack that was there is used: %v, want %v", name, used, tc.used)
		}
		if forged := tc.content != ""; forged != (len(notes) == 1) {
			t.Errorf("%s: notes %q", name, notes)
		} else if want := pack + " does not hold what its name says: the pack"; forged && !strings.Contains(notes[0], want) {
			t.Errorf("%s: the note is %q, want %q", name, notes[0], want)
		}
		got, _ := restore(t, r, find(t, r, mainScope, "k", "2"), RestoreOptions{})
		if diff := cmp.Diff(one, got); diff != "" {
			t.Errorf("%s: Restore (-want +got):\n%s", name, diff)
		}
	}
}

// Copies of packs in front of the store save reading it, and are not believed.
func TestLocalTier(t *testing.T) {
	t.Parallel()
	far, near := newMemory(), newMemory()
	r := newRepository(far)
	saved := save(t, r, one, draft("1", "k"))
	pack := far.names(packSuffix)[0]
	var notes []string
	r.Note = func(text string) { notes = append(notes, text) }
	r.Local = near
	e := find(t, r, mainScope, "k")
	reads := func() int {
		far.gets = nil
		got, _ := restore(t, r, e, RestoreOptions{})
		if diff := cmp.Diff(one, got); diff != "" {
			t.Errorf("Restore (-want +got):\n%s", diff)
		}
		return len(far.gets)
	}
	if n := reads(); n != 1 || len(near.names("")) != 1 || len(near.names(pack)) != 1 {
		t.Errorf("the first restore read %d packs and left the copies %q", n, near.names(""))
	}
	if n := reads(); n != 0 || len(notes) != 0 {
		t.Errorf("the second restore read %d packs, with notes %q, want none", n, notes)
	}
	near.objects[pack] = []byte("poison")
	if n := reads(); n != 1 || len(notes) != 1 || string(near.objects[pack]) == "poison" {
		t.Errorf("beside a poisoned copy %d packs were read, with notes %q, and the copy is %q", n, notes, near.objects[pack])
	}
	near.put[pack], notes = noon.Add(-15*day), nil
	if n := reads(); n != 0 || len(near.names("")) != 0 {
		t.Errorf("with an old copy %d packs were read, and left %q, want none", n, near.names(""))
	}
	near.fail = func(int, string, string) error { return context.DeadlineExceeded }
	if n := reads(); n != 1 || len(notes) == 0 {
		t.Errorf("with a broken copy %d packs were read, with notes %q", n, notes)
	}
	if saved.NewBytes == 0 {
		t.Error("the save moved nothing")
	}
}

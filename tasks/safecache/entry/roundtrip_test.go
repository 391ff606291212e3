package entry

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree has files of every kind: compressed and not, small and in several frames,
// empty, equal, programs; and an empty folder.
var tree = map[string]string{
	"a/one.tgz": "\x1f\x8bone", "a/two": strings.Repeat("two ", 1<<20), "b": "", "b.d/run.sh": "#!/bin/sh\n",
	"e/m/p/t/y/": "", "ünï/cödé": "x", "big/noise": noise(9<<20+5, 1), "big/gzip": "\x1f\x8b" + noise(5<<20, 2),
	"same/1": noise(3000, 3), "same/2": noise(3000, 3), "same/big": strings.Repeat("two ", 1<<20),
	"exactly": noise(maxFrame, 4), "one more": noise(maxFrame+1, 5),
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]Scope{"trusted": mainScope, "untrusted": pullScope} {
		r := newRepository(newMemory())
		r.Signer = newSigner(t, 0)
		if scope == mainScope {
			r.Keys = append(r.Keys, r.Signer.Key())
		}
		d := draft("1", "a", "b")
		d.Scope = scope
		d.Producer.Tool, d.Ecosystem, d.Packages = "npm 11", "npm", []string{"lodash@4.17.21 sha512-x"}
		saved := save(t, r, tree, d)
		e := find(t, r, scope, "a", "b")
		if diff := cmp.Diff(saved.Manifest, e.Manifest); diff != "" {
			t.Errorf("%s: Find after Save (-saved +found):\n%s", name, diff)
		}
		if saved.NewBytes != saved.StoredBytes || saved.Name != e.Name || saved.KeyID != r.Signer.Key().ID() {
			t.Errorf("%s: Save returned %+v", name, saved)
		}
		got, restored := restore(t, r, e, RestoreOptions{})
		if diff := cmp.Diff(tree, got); diff != "" {
			t.Errorf("%s: Restore after Save (-want +got):\n%.2000s", name, diff)
		}
		if restored.Files != 12 || restored.Bytes != e.Manifest.Totals.Bytes {
			t.Errorf("%s: Restore returned %+v", name, restored)
		}
	}
}

// The same files make the same packs.
func TestPacksAreReproducible(t *testing.T) {
	t.Parallel()
	one, two := newMemory(), newMemory()
	a := save(t, newRepository(one), tree, draft("1", "k"))
	b := save(t, newRepository(two), tree, draft("1", "k"))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two saves of the same tree (-one +two):\n%s", diff)
	}
	if len(a.Manifest.Packs) < 3 {
		t.Errorf("the tree makes %d packs, too few to show anything", len(a.Manifest.Packs))
	}
	if !maps.EqualFunc(one.objects, two.objects, bytes.Equal) {
		t.Errorf("two saves of the same tree made %q and %q", one.names(""), two.names(""))
	}
}

// Equal contents are stored once, and what does not shrink is stored as it is.
func TestStoredSize(t *testing.T) {
	t.Parallel()
	r := newRepository(newMemory())
	dense := "\x1f\x8b" + noise(1<<20, 9)
	saved := save(t, r, map[string]string{"1": dense, "2": dense, "3": dense, "text": strings.Repeat("abc", 1<<20)}, draft("1", "k"))
	if got := saved.Manifest.Totals.Stored; got < 1<<20 || got > 1<<20+50_000 {
		t.Errorf("a MB three times, and 3 MB that shrink, are stored in %d bytes", got)
	}
	if _, err := r.Find(context.Background(), pullScope, []string{"k"}); err != nil {
		t.Error(err)
	}
}

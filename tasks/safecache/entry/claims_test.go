package entry

import (
	"context"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
)

var packages = map[string]string{
	"a.tgz": "\x1f\x8bone", "b/c.tgz": "\x1f\x8b" + noise(5<<20, 1), "b/d.tgz": "\x1f\x8b" + noise(9<<20, 2), "empty": "",
}

func with(files map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for name, text := range files {
		all[name] = text
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// Only what the lock files name is saved, and only what they name today is restored.
func TestOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	d := draft("1", "k")
	d.Claims = named(packages)
	saved := save(t, r, with(packages, "metadata", "evil", "b/index", "evil", "empty folder/", ""), d)
	if saved.Dropped != 2 || saved.Manifest.Totals.Files != 4 || len(saved.Manifest.EmptyDirs) != 0 {
		t.Errorf("Save kept %+v and dropped %d files, want 4 and 2", saved.Manifest.Totals, saved.Dropped)
	}
	got, restored := restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{Claims: named(packages)})
	if diff := cmp.Diff(packages, got); diff != "" {
		t.Errorf("Restore (-want +got):\n%.500s", diff)
	}
	if restored.Verified != 4 || restored.Dropped != 0 {
		t.Errorf("Restore: %+v, want 4 verified files", restored)
	}
	in.gets = nil
	few := map[string]string{"a.tgz": packages["a.tgz"], "new.tgz": "not in the entry"}
	got, restored = restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{Claims: named(few)})
	if diff := cmp.Diff(map[string]string{"a.tgz": few["a.tgz"]}, got); diff != "" {
		t.Errorf("Restore of fewer files (-want +got):\n%.500s", diff)
	}
	if restored.Files != 1 || restored.Dropped != 3 || len(saved.Manifest.Packs) < 2 || len(in.gets) != 2 {
		t.Errorf("Restore: %+v by reading %q, want 1 file, 3 dropped, by a manifest and one pack of %d",
			restored, in.gets, len(saved.Manifest.Packs))
	}
}

// An entry of which nothing is named is no entry for this build, and no attack.
func TestNothingIsNamed(t *testing.T) {
	t.Parallel()
	r := newRepository(newMemory())
	save(t, r, packages, draft("1", "k"))
	parent := t.TempDir()
	restored, err := r.Restore(context.Background(), find(t, r, mainScope, "k"), filepath.Join(parent, "dst"),
		RestoreOptions{Claims: named(nil)})
	if !errors.Is(err, archive.ErrEmpty) || restored.Dropped != 4 {
		t.Errorf("Restore of nothing: %+v, error %v, want archive.ErrEmpty", restored, err)
	}
	onlyEntry(t, parent)
}

// claimAll claims all files alike.
func claimAll(c claim.Claim) claim.Set { return func(string) (claim.Claim, bool) { return c, true } }

func sumOf(h crypto.Hash, text string) claim.Claim {
	sum := h.New()
	sum.Write([]byte(text))
	return claim.Claim{ID: h.String(), Hash: h, Sum: sum.Sum(nil)}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	refuse := func(fs.FS, string) error { return errors.New("expected h1:x, found h1:y") }
	accept := func(tree fs.FS, path string) error {
		_, err := fs.ReadFile(tree, path)
		return err
	}
	big := noise(5<<20, 7)
	for name, tc := range map[string]struct {
		text  string
		claim claim.Claim
		want  string // "" if it is met
	}{
		"SHA-512":             {"x", sumOf(crypto.SHA512, "x"), ""},
		"other SHA-512":       {"x", sumOf(crypto.SHA512, "y"), "its SHA-512 begins with"},
		"SHA-512 of a big":    {big, sumOf(crypto.SHA512, big), ""},
		"other, of a big":     {big, sumOf(crypto.SHA512, "y"), "its SHA-512 begins with"},
		"SHA-256":             {"x", sumOf(crypto.SHA256, "x"), ""},
		"other SHA-256":       {"x", sumOf(crypto.SHA256, "y"), "its SHA-256 begins with"},
		"SHA-256 of a big":    {big, sumOf(crypto.SHA256, big), ""},
		"other 256 of a big":  {big, sumOf(crypto.SHA256, "y"), "its SHA-256 begins with"},
		"SHA-1":               {"x", sumOf(crypto.SHA1, "x"), ""},
		"other SHA-1":         {"x", sumOf(crypto.SHA1, "y"), "its SHA-1 begins with"},
		"other, of nothing":   {"", sumOf(crypto.SHA512, "y"), "its SHA-512 begins with"},
		"a part of a hash":    {"x", claim.Claim{Hash: crypto.SHA512, Sum: sumOf(crypto.SHA512, "x").Sum[:20]}, "begins with"},
		"no hash":             {"x", claim.Claim{Hash: crypto.SHA512}, "begins with"},
		"unknown hash":        {"x", claim.Claim{Hash: crypto.BLAKE2b_256, Sum: []byte("x")}, "does not have"},
		"unknown, of a big":   {big, claim.Claim{Hash: crypto.BLAKE2b_256, Sum: []byte("x")}, "does not have"},
		"deep":                {"x", claim.Claim{ID: "h1:x", Deep: accept}, ""},
		"deep refuses":        {"x", claim.Claim{ID: "h1:x", Deep: refuse}, "found h1:y"},
		"deep, but not hash":  {"x", claim.Claim{Hash: crypto.SHA256, Sum: []byte("x"), Deep: accept}, "begins with"},
		"hash, but not deep":  {"x", claim.Claim{Hash: crypto.SHA256, Sum: sumOf(crypto.SHA256, "x").Sum, Deep: refuse}, "h1:y"},
		"nothing but a name ": {"x", claim.Claim{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Saving.
			d := draft("1", "k")
			d.Claims = claimAll(tc.claim)
			in := newMemory()
			root := folder(t, map[string]string{"f": tc.text})
			_, err := newRepository(in).Save(context.Background(), root, d)
			var wrong *FileError
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("Save: %v", err)
			case tc.want != "" && (!errors.As(err, &wrong) || wrong.Path != "f" || !strings.Contains(wrong.Reason, tc.want)):
				t.Errorf("Save: error %v, want a *FileError of f with %q", err, tc.want)
			}
			if left := in.names(jsonSuffix); (len(left) == 1) != (tc.want == "") {
				t.Errorf("Save left the manifests %q", left)
			}
			// Restoring what somebody saved who did not care.
			r := newRepository(newMemory())
			save(t, r, map[string]string{"f": tc.text}, draft("1", "k"))
			o := RestoreOptions{Claims: claimAll(tc.claim)}
			if tc.want == "" {
				restore(t, r, find(t, r, mainScope, "k"), o)
			} else if got := refused(t, r, mainScope, KindClaim, []string{"k"}, o); !strings.Contains(got.Reason, tc.want) {
				t.Errorf("Restore: %v, want %q", got, tc.want)
			}
		})
	}
}

// A claim that is only a name for contents is met by what was saved under it.
func TestClaimByName(t *testing.T) {
	t.Parallel()
	r := newRepository(newMemory())
	d := draft("1", "k")
	d.Claims = claimAll(claim.Claim{ID: "v1"})
	save(t, r, map[string]string{"f": "x"}, d)
	restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{Claims: d.Claims})
	refused(t, r, mainScope, KindClaim, []string{"k"}, RestoreOptions{Claims: claimAll(claim.Claim{ID: "v2"})})
}

// Deep checks are expensive. They are left out only if a trusted saver has made the
// very same one, and nobody can have changed its word.
func TestDeepIsAskedUnlessProven(t *testing.T) {
	t.Parallel()
	signer := newSigner(t, 0)
	for name, tc := range map[string]struct {
		keys  []seal.Key
		tier  Scope
		saved string
		asked string
		want  int32
	}{
		"proven":         {[]seal.Key{signer.Key()}, mainScope, "h1:x", "h1:x", 0},
		"other claim":    {[]seal.Key{signer.Key()}, mainScope, "h1:x", "h1:y", 1},
		"no claim":       {[]seal.Key{signer.Key()}, mainScope, "", "", 1},
		"key not known":  {nil, mainScope, "h1:x", "h1:x", 1},
		"untrusted tier": {[]seal.Key{signer.Key()}, pullScope, "h1:x", "h1:x", 1},
	} {
		var calls atomic.Int32
		deep := func(id string) claim.Set {
			return claimAll(claim.Claim{ID: id, Deep: func(fs.FS, string) error { calls.Add(1); return nil }})
		}
		r := newRepository(newMemory())
		r.Keys, r.Signer = tc.keys, signer
		d := draft("1", "k")
		d.Scope, d.Claims = tc.tier, deep(tc.saved)
		save(t, r, map[string]string{"f": "x"}, d)
		if calls.Load() != 1 {
			t.Errorf("%s: Save asked %d times, want once", name, calls.Load())
		}
		calls.Store(0)
		base := find(t, r, tc.tier, "k")
		restore(t, r, base, RestoreOptions{Claims: deep(tc.asked)})
		if got := calls.Load(); got != tc.want {
			t.Errorf("%s: Restore asked %d times, want %d", name, got, tc.want)
		}
		calls.Store(0)
		d = draft("2", "k", "2")
		d.Scope, d.Claims, d.Bases = tc.tier, deep(tc.asked), []*Entry{base}
		save(t, r, map[string]string{"f": "x"}, d)
		if got := calls.Load(); got != tc.want {
			t.Errorf("%s: Save after it asked %d times, want %d", name, got, tc.want)
		}
		calls.Store(0)
		d = draft("3", "k", "3")
		d.Scope, d.Claims, d.Bases = tc.tier, deep(tc.asked), []*Entry{base}
		save(t, r, map[string]string{"f": "tampered"}, d)
		if got := calls.Load(); got != 1 {
			t.Errorf("%s: Save of other contents asked %d times, want once", name, got)
		}
	}
}

// Deep sees all files of the folder, the big ones too.
func TestDeepSeesTheFolder(t *testing.T) {
	t.Parallel()
	claims := claimAll(claim.Claim{ID: "x", Deep: func(tree fs.FS, _ string) error {
		for name, want := range packages {
			got, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			if sha256.Sum256(got) != sha256.Sum256([]byte(want)) {
				return errors.New(name + " is not there yet")
			}
		}
		return nil
	}})
	r := newRepository(newMemory())
	save(t, r, packages, draft("1", "k"))
	restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{Claims: claims})
}

// A link in the place of a file that the lock files name is refused; other links
// are nobody's business, unless everything is to be saved.
func TestLinksAreNotSaved(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need privileges on Windows")
	}
	root := folder(t, packages)
	if err := os.Symlink("a.tgz", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	r := newRepository(newMemory())
	for name, tc := range map[string]struct {
		claims  claim.Set
		refused bool
	}{
		"not named":  {named(packages), false},
		"named":      {named(with(packages, "link", "x")), true},
		"everything": {nil, true},
	} {
		d := draft("1", name)
		d.Claims = tc.claims
		_, err := r.Save(context.Background(), root, d)
		var refused *archive.RefusedError
		if errors.As(err, &refused) != tc.refused || !tc.refused && err != nil {
			t.Errorf("%s: Save beside a link: error %v, want a *archive.RefusedError: %v", name, err, tc.refused)
		}
	}
}

func TestWeakHashIsNotAlone(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"f": "x"}, draft("1", "k"))
	m := clone(t, saved.Manifest)
	m.Files[0].SHA256 = strings.Repeat("0", 64)
	m.Content = m.content()
	in.write(t, saved.Name, string(encode(m)), nil)
	sum := sha1.Sum([]byte("x"))
	c := claim.Claim{Hash: crypto.SHA1, Sum: sum[:]}
	refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{Claims: claimAll(c)})
}

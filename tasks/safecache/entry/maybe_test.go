package entry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// byContents claims files that hold one of these words, as pip's are by any hash of
// the lock file; "EVIL" is a named file that is wrong.
func byContents(words ...string) claim.Set {
	return claimAll(claim.Claim{ID: "any of " + strings.Join(words, ","), Maybe: true, Deep: func(tree fs.FS, path string) error {
		data, err := fs.ReadFile(tree, path)
		if err != nil || string(data) == "EVIL" {
			return errors.Join(err, errors.New("it is evil"))
		}
		for _, w := range words {
			if string(data) == w {
				return nil
			}
		}
		return fmt.Errorf("%w: it has another hash", claim.ErrNotNamed)
	}})
}

func TestContentsTellWhatIsNamed(t *testing.T) {
	t.Parallel()
	r := newRepository(newMemory())
	d := draft("1", "k")
	d.Claims = byContents("one", "two")
	saved := save(t, r, map[string]string{"a": "one", "b": "two", "page": "the index"}, d)
	if saved.Dropped != 1 || saved.Manifest.Totals.Files != 2 {
		t.Errorf("Save kept %+v and dropped %d, want 2 and 1", saved.Manifest.Totals, saved.Dropped)
	}
	// Another lock file does not name all that this entry has.
	got, restored := restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{Claims: byContents("two", "three")})
	if diff := cmp.Diff(map[string]string{"b": "two"}, got); diff != "" {
		t.Errorf("Restore (-want +got):\n%s", diff)
	}
	if restored.Files != 1 || restored.Bytes != 3 || restored.Dropped != 1 || restored.Verified != 1 {
		t.Errorf("Restore: %+v, want 1 verified file of 3 bytes and 1 dropped", restored)
	}
	parent := t.TempDir()
	_, err := r.Restore(context.Background(), find(t, r, mainScope, "k"), filepath.Join(parent, "dst"),
		RestoreOptions{Claims: byContents("three")})
	if !errors.Is(err, archive.ErrEmpty) {
		t.Errorf("Restore of nothing: got %v, want archive.ErrEmpty", err)
	}
	onlyEntry(t, parent)
}

func TestNamedAndWrongIsRefused(t *testing.T) {
	t.Parallel()
	r := newRepository(newMemory())
	d := draft("1", "k")
	d.Claims = byContents("one")
	var file *FileError
	if _, err := r.Save(context.Background(), folder(t, map[string]string{"a": "one", "b": "EVIL"}), d); !errors.As(err, &file) {
		t.Errorf("Save: got %v, want a FileError", err)
	}
	save(t, r, map[string]string{"a": "one", "b": "EVIL"}, draft("1", "k"))
	refused(t, r, mainScope, KindClaim, []string{"k"}, RestoreOptions{Claims: byContents("one")})
}

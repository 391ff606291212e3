package entry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// collectAge is how old an object must be to be garbage. A saver that is at work
// refers to packs that are much younger: see reuseAge.
const collectAge = 30 * 24 * time.Hour

// Delete deletes an entry, with all generations of its key: name is that of one of
// their manifests. What it had in packs is left to Collect.
func (r Repository) Delete(ctx context.Context, name string) error {
	if generationOf(name) == 0 {
		return fmt.Errorf("%.200q is not the name of an entry", name)
	}
	objects, err := r.Store.List(ctx, path.Dir(name)+"/")
	if err != nil {
		return err
	}
	// From the oldest: half done, readers still find the newest.
	for _, o := range objects {
		if err := r.Store.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}

// Collected says what Collect has deleted.
type Collected struct {
	Entries int
	Packs   int
	Bytes   int64
}

// Collect deletes what nobody can use any more, in one scope or, if scope is nil,
// in the whole store: entries that have expired or were replaced, and packs that no
// entry refers to and that are older than any saver at work could need.
//
// For a trusted scope all branches of its pipeline are collected, in both tiers:
// trusted branches share their packs, and of the untrusted ones many are gone and
// will collect nothing themselves.
func (r Repository) Collect(ctx context.Context, scope *Scope) (Collected, error) {
	var c Collected
	starts := []string{trustedRoot, untrustedRoot}
	switch {
	case scope != nil && scope.Tier == trusted:
		starts = []string{trustedRoot + scope.id() + "/", untrustedRoot + scope.id() + "/"}
	case scope != nil:
		starts = []string{scope.root() + "/"}
	}
	trouble := &trouble{}
	for _, start := range starts {
		objects, err := r.Store.List(ctx, start)
		if err != nil {
			return c, err
		}
		work := &collecting{repo: r, live: map[string]bool{}, unclear: map[string]bool{}, result: &c, trouble: trouble}
		err = work.manifests(ctx, objects)
		if err == nil { // and so it is known which packs are needed
			err = work.packs(ctx, objects)
		}
		if err != nil {
			return c, err
		}
	}
	return c, trouble.first
}

type collecting struct {
	repo    Repository
	live    map[string]bool // names of packs that are needed
	unclear map[string]bool // folders of packs, any of which may be needed by what cannot be read
	result  *Collected
	trouble *trouble
}

// trouble is with single objects: somebody has a lease on one, or it belongs to
// another account. The others are collected all the same.
type trouble struct {
	objects int
	first   error
}

// goOn returns an error when there is no point in trying yet another object.
func (t *trouble) goOn(ctx context.Context, err error) error {
	if t.objects++; t.first == nil {
		t.first = err
	}
	if ctx.Err() != nil || t.objects >= maxRefusals {
		return t.first
	}
	return nil
}

// manifests deletes those that are of no use and notes what the others need.
func (c *collecting) manifests(ctx context.Context, objects []store.Object) error {
	strange := func(o store.Object) bool { return generationOf(o.Name) == 0 }
	manifests := slices.DeleteFunc(slices.Clone(objects), strange)
	for i, o := range manifests {
		// Names sort, so a newer generation would come next.
		useless := i+1 < len(manifests) && path.Dir(manifests[i+1].Name) == path.Dir(o.Name)
		var err error
		if !useless {
			useless, err = c.look(ctx, o)
		}
		if useless {
			err = c.delete(ctx, o, &c.result.Entries)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *collecting) delete(ctx context.Context, o store.Object, count *int) error {
	if err := c.repo.Store.Delete(ctx, o.Name); err != nil {
		return c.trouble.goOn(ctx, err)
	}
	*count++
	c.result.Bytes += o.Size
	return nil
}

// look reads a manifest. Signatures do not count here: an entry signed by a key
// that is not known here has its readers elsewhere.
func (c *collecting) look(ctx context.Context, o store.Object) (useless bool, err error) {
	object, err := c.repo.Store.Get(ctx, o.Name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		c.unclear[packRootOf(o.Name)] = true
		return false, c.trouble.goOn(ctx, err)
	}
	anyone := c.repo
	anyone.Keys = nil
	e, err := anyone.open(o.Name, object)
	if err != nil {
		if c.repo.Now().Sub(o.Modified) > collectAge {
			c.repo.note("what is no entry is deleted: %s", err)
			return true, nil
		}
		c.repo.note("packs beside it are kept: %s", err)
		c.unclear[packRootOf(o.Name)] = true
		return false, nil
	}
	if !c.repo.Now().Before(e.Manifest.Expires) {
		return true, nil
	}
	for _, p := range e.Manifest.Packs {
		c.live[e.Manifest.Scope.packName(p.SHA256)] = true
	}
	return false, nil
}

// packRootOf returns the folder of the packs that an entry of this name may need, or
// that a pack of this name is in: see Scope.packRoot.
func packRootOf(name string) string {
	parts := strings.Split(name, "/")
	if strings.HasPrefix(name, trustedRoot) {
		return strings.Join(parts[:min(3, len(parts))], "/")
	}
	return strings.Join(parts[:min(4, len(parts))], "/")
}

func (c *collecting) packs(ctx context.Context, objects []store.Object) error {
	for _, o := range objects {
		if shaOfPack(o.Name) == "" || c.live[o.Name] || c.unclear[packRootOf(o.Name)] ||
			c.repo.Now().Sub(o.Modified) <= collectAge {
			continue
		}
		if err := c.delete(ctx, o, &c.result.Packs); err != nil {
			return err
		}
	}
	return nil
}

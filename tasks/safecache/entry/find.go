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

// Find returns the newest generation of the entry of exactly this key, or nil if
// there is none. The error is a *RejectedError if it must not be used, and
// otherwise the store's.
func (r Repository) Find(ctx context.Context, scope Scope, values []string) (*Entry, error) {
	newest, err := r.newest(ctx, scope.folder(values))
	if newest == "" || err != nil {
		return nil, err
	}
	return r.get(ctx, newest, scope, values)
}

// newest returns the name of the newest generation in an entry's folder.
func (r Repository) newest(ctx context.Context, folder string) (string, error) {
	objects, err := r.Store.List(ctx, folder)
	if err != nil {
		return "", err
	}
	newest := ""
	for _, o := range objects {
		if generationOf(o.Name) > 0 && o.Name > newest {
			newest = o.Name
		}
	}
	return newest, nil
}

// get reads an entry that is to have this scope and a key that begins with these
// values.
func (r Repository) get(ctx context.Context, name string, scope Scope, values []string) (*Entry, error) {
	object, err := r.Store.Get(ctx, name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // somebody deletes it
	}
	if err != nil {
		return nil, err
	}
	e, err := r.open(name, object)
	if err != nil {
		return nil, err
	}
	m := &e.Manifest
	switch {
	case m.Scope != scope:
		return nil, rejected(name, KindScope, "it is of %s, not of %s", m.Scope, scope)
	case !m.StartsWith(values):
		return nil, rejected(name, KindKey, "it is of the key %.200q", m.Fingerprint)
	}
	if reason := r.tooOld(m); reason != "" {
		return nil, rejected(name, KindExpired, "%s", reason)
	}
	return e, nil
}

// String names the scope for a log.
func (s Scope) String() string {
	return fmt.Sprintf("%.60q of pipeline %.40q in project %.60q (%.20s)", s.Branch, s.Definition, s.Project, s.Tier)
}

// tooOld returns why an entry is not used at this time.
func (r Repository) tooOld(m *Manifest) string {
	now := r.Now()
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	switch {
	case m.Created.After(now.Add(skew)):
		return fmt.Sprintf("it was saved on %s, which lies in the future", day(m.Created))
	case !now.Before(m.Expires):
		return fmt.Sprintf("it expired on %s", day(m.Expires))
	case r.MaxAge > 0 && now.Sub(m.Created) > r.MaxAge:
		return fmt.Sprintf("it was saved on %s, more than %v ago", day(m.Created), r.MaxAge)
	}
	return ""
}

// maxRefusals is how many unusable entries FindPrefix passes over.
const maxRefusals = 16

// FindPrefix returns the newest entry whose key begins with all these segments, or
// nil if there is none. Entries that must not be used are passed over; the error
// is the *RejectedError of the newest of them if there is no other.
func (r Repository) FindPrefix(ctx context.Context, scope Scope, values []string) (*Entry, error) {
	candidates, err := r.candidates(ctx, scope, values)
	if err != nil {
		return nil, err
	}
	var first error
	refusals := 0
	for _, o := range candidates {
		e, err := r.get(ctx, o.Name, scope, nil)
		switch {
		case isRejected(err):
			if first == nil {
				first = err
			}
			if refusals++; refusals == maxRefusals {
				return nil, first
			}
			r.note("an entry is passed over: %s", err)
		case err != nil:
			return nil, err
		case e != nil && e.Manifest.StartsWith(values):
			return e, nil
		}
	}
	return nil, first
}

// candidates returns the newest generations of all entries whose names allow the
// leading values, the youngest first.
func (r Repository) candidates(ctx context.Context, scope Scope, values []string) ([]store.Object, error) {
	start := scope.root() + entries
	objects, err := r.Store.List(ctx, start+prefix(values))
	if err != nil {
		return nil, err
	}
	var found []store.Object
	for _, o := range objects {
		folder, _, _ := strings.Cut(strings.TrimPrefix(o.Name, start), "/")
		if generationOf(o.Name) == 0 || path.Dir(o.Name) != start+folder {
			continue
		}
		// Names sort, so the last of a folder is its newest generation.
		if n := len(found); n > 0 && path.Dir(found[n-1].Name) == path.Dir(o.Name) {
			found[n-1] = o
			continue
		}
		found = append(found, o)
	}
	slices.SortStableFunc(found, func(a, b store.Object) int { return b.Modified.Compare(a.Modified) })
	return found, nil
}

// Listed is what List finds.
type Listed struct {
	Name     string // of the object that holds the manifest
	Size     int64  // of that object
	Modified time.Time
	Entry    *Entry // nil if it must not be used
	Err      error  // why
}

// IsOf reports whether the name says that this is an entry of the key, of the scope
// or, if that has no branch, of its pipeline. An entry that cannot be read says
// nothing else, and may still have to be deleted.
func (l Listed) IsOf(scope Scope, values []string) bool {
	return strings.Contains(l.Name, entries+entryName(values)+"/") &&
		slices.ContainsFunc(roots(&scope), func(root string) bool { return strings.HasPrefix(l.Name, root) })
}

// List returns all entries of a scope, of a pipeline if the scope has no branch, or
// of the whole store if scope is nil, with all their generations, sorted by name.
func (r Repository) List(ctx context.Context, scope *Scope) ([]Listed, error) {
	var all []Listed
	for _, start := range roots(scope) {
		objects, err := r.Store.List(ctx, start)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if generationOf(o.Name) == 0 {
				continue
			}
			l := Listed{Name: o.Name, Size: o.Size, Modified: o.Modified}
			object, err := r.Store.Get(ctx, o.Name, nil)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return nil, err
			}
			if l.Entry, l.Err = r.open(o.Name, object); l.Err == nil {
				if reason := r.tooOld(&l.Entry.Manifest); reason != "" {
					l.Err = rejected(o.Name, KindExpired, "%s", reason)
				}
			}
			all = append(all, l)
		}
	}
	return all, nil
}

// roots are the prefixes of all entries of a scope.
func roots(scope *Scope) []string {
	switch {
	case scope == nil:
		return []string{trustedRoot, untrustedRoot}
	case scope.Branch == "":
		return []string{trustedRoot + scope.id() + "/", untrustedRoot + scope.id() + "/"}
	}
	return []string{scope.root() + entries}
}

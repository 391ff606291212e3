package entry

import (
	"context"
	"errors"
	"io/fs"
	"strings"
)

// Keep deletes everything from the store but one entry, which was just saved: what
// carries a folder from run to run carries all of it.
func (r Repository) Keep(ctx context.Context, saved Saved) error {
	needed := map[string]bool{saved.Name: true}
	for _, p := range saved.Manifest.Packs {
		needed[saved.Manifest.Scope.packName(p.SHA256)] = true
	}
	objects, err := r.Store.List(ctx, "")
	if err != nil {
		return err
	}
	for _, o := range objects {
		if needed[o.Name] {
			continue
		}
		if err := r.Store.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}

// Elsewhere returns an entry of exactly this key that another branch of the
// pipeline has saved, or nil. It is for explaining a miss: the entry must not be
// restored.
func (r Repository) Elsewhere(ctx context.Context, scope Scope, values []string) (*Entry, error) {
	folder := entries + entryName(values) + "/"
	tries := 0 // anybody may have written there, and as much as they like
	for _, root := range []string{trustedRoot, untrustedRoot} {
		objects, err := r.Store.List(ctx, root+scope.id()+"/")
		if err != nil {
			return nil, err
		}
		for i := len(objects) - 1; i >= 0 && tries < maxRefusals; i-- {
			if generationOf(objects[i].Name) == 0 || !strings.Contains(objects[i].Name, folder) {
				continue
			}
			tries++
			object, err := r.Store.Get(ctx, objects[i].Name, nil)
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return nil, err
			}
			if e, err := r.open(objects[i].Name, object); err == nil {
				return e, nil
			}
		}
	}
	return nil, nil
}

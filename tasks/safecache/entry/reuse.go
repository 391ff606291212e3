package entry

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
)

// What of older packs is used again.
const (
	reuseAge = 14 * 24 * time.Hour // well below collectAge
	// A pack with more dead bytes than that is written anew: whoever restores reads all.
	liveQuarters = 3
	// More than this many small packs are written anew as one.
	smallPack, maxSmall = packTarget / 4, 8
)

func (f *source) hex() string { return hex.EncodeToString(f.sum[:]) }

func (f *source) changed() error { return fmt.Errorf("%q: %w", f.Path, archive.ErrChanged) }

// bases returns the entries whose packs may be used again: those that this run may
// believe, with packs where this entry's readers look.
func (s *saving) bases() []*Entry {
	signed := s.draft.Scope.Tier == trusted && (len(s.repo.Keys) > 0 || s.repo.Signer != nil)
	var good []*Entry
	for _, base := range s.draft.Bases {
		if base != nil && base.checked && base.Manifest.Scope.packRoot() == s.draft.Scope.packRoot() &&
			(base.KeyID != "" || !signed) {
			good = append(good, base)
		}
	}
	return good
}

// place is where some contents are in the packs of a base.
type place struct {
	base  *Entry
	parts []extent
}

// packOf identifies a pack of any base.
func (p place) packOf(x extent) string { return p.base.Manifest.Packs[x.Pack].SHA256 }

// reuse finds files whose contents are in packs of the bases.
func (s *saving) reuse(ctx context.Context, bases []*Entry) error {
	places := map[string]place{}
	offered := map[string]pack{}
	for _, base := range bases {
		for _, p := range base.Manifest.Packs {
			if age := s.now.Sub(p.Created); age <= reuseAge && age >= -skew {
				offered[p.SHA256] = p
			}
		}
		for _, f := range base.Manifest.Files {
			if at := (place{base, f.Extents}); len(f.Extents) > 0 && at.isIn(offered) {
				places[f.SHA256] = at
			}
		}
	}
	if err := s.checkThere(ctx, offered, places); err != nil {
		return err
	}
	for {
		useless := s.useless(offered, places)
		if len(useless) == 0 {
			break
		}
		for _, sha := range useless {
			delete(offered, sha)
		}
		for sha, at := range places {
			if !at.isIn(offered) {
				delete(places, sha)
			}
		}
	}
	s.take(offered, places)
	return nil
}

func (p place) isIn(offered map[string]pack) bool {
	return !slices.ContainsFunc(p.parts, func(x extent) bool {
		_, ok := offered[p.packOf(x)]
		return !ok
	})
}

// checkThere withdraws the offer of packs that would be used and are gone or, if the
// draft distrusts them, damaged.
func (s *saving) checkThere(ctx context.Context, offered map[string]pack, places map[string]place) error {
	var used []string
	for sha := range s.live(places) {
		used = append(used, sha)
	}
	slices.Sort(used)
	gone := make([]bool, len(used))
	err := each(ctx, workers()+waiting, len(used), func(ctx context.Context, i int) error {
		name := s.draft.Scope.packName(used[i])
		if s.draft.Distrust {
			good, err := s.usable(ctx, name, offered[used[i]])
			gone[i] = !good
			return err
		}
		objects, err := s.repo.Store.List(ctx, name)
		gone[i] = len(objects) != 1 || objects[0].Name != name || objects[0].Size != offered[used[i]].Size
		return err
	})
	for i, sha := range used {
		if gone[i] {
			delete(offered, sha)
		}
	}
	for sha, at := range places {
		if !at.isIn(offered) {
			delete(places, sha)
		}
	}
	return err
}

// live returns how many raw bytes of each pack would be used.
func (s *saving) live(places map[string]place) map[string]int64 {
	bytes := map[string]int64{}
	counted := map[string]bool{}
	for i := range s.files {
		sha := s.files[i].hex()
		at, ok := places[sha]
		if !ok || !s.files[i].hashed || counted[sha] {
			continue
		}
		counted[sha] = true
		for _, x := range at.parts {
			bytes[at.packOf(x)] += x.Length
		}
	}
	return bytes
}

// useless returns the packs that are better written anew.
func (s *saving) useless(offered map[string]pack, places map[string]place) []string {
	var dead, small []string
	for sha, live := range s.live(places) {
		p := offered[sha]
		raw := int64(0)
		for _, f := range p.Frames {
			raw += f.Raw
		}
		switch {
		case live < raw/4*liveQuarters:
			dead = append(dead, sha)
		case p.Size < smallPack:
			small = append(small, sha)
		}
	}
	if len(small) > maxSmall {
		dead = append(dead, small...)
	}
	return dead
}

// take gives the files the extents that they have in the packs of bases.
func (s *saving) take(offered map[string]pack, places map[string]place) {
	live := s.live(places)
	number := map[string]int{}
	for sha := range live {
		s.packs = append(s.packs, offered[sha])
	}
	slices.SortFunc(s.packs, func(a, b pack) int { return cmp.Compare(a.SHA256, b.SHA256) })
	for i, p := range s.packs {
		number[p.SHA256] = i
	}
	for i := range s.files {
		f := &s.files[i]
		at, ok := places[f.hex()]
		if !ok || !f.hashed {
			continue
		}
		for _, x := range at.parts {
			x.Pack = number[at.packOf(x)]
			f.extents = append(f.extents, x)
		}
	}
}

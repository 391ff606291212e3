package entry

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	if strings.HasPrefix(s.draft.Replaces, s.draft.Scope.folder(valuesOf(s.draft.Segments))) {
		return nil // a base may be to blame, even one of good packs: it can lie about what is in them
	}
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

// offers are what the bases have: packs by their hashes, and where contents are in
// them, by theirs.
type offers struct {
	packs  map[string]pack
	places map[string]place
}

func (s *saving) offers(bases []*Entry) offers {
	o := offers{map[string]pack{}, map[string]place{}}
	for _, base := range bases {
		for _, p := range base.Manifest.Packs {
			if age := s.now.Sub(p.Created); age <= reuseAge && age >= -skew {
				o.packs[p.SHA256] = p
			}
		}
		for _, f := range base.Manifest.Files {
			if at := (place{base, f.Extents}); len(f.Extents) > 0 && o.has(at) {
				o.places[f.SHA256] = at
			}
		}
	}
	return o
}

// has reports whether all packs of a place are offered.
func (o offers) has(at place) bool {
	return !slices.ContainsFunc(at.parts, func(x extent) bool {
		_, ok := o.packs[at.packOf(x)]
		return !ok
	})
}

// withdraw takes back the offer of some packs.
func (o offers) withdraw(packs []string) {
	for _, sha := range packs {
		delete(o.packs, sha)
	}
	for sha, at := range o.places {
		if !o.has(at) {
			delete(o.places, sha)
		}
	}
}

// reuse finds files whose contents are in packs of the bases.
func (s *saving) reuse(ctx context.Context, bases []*Entry) error {
	o := s.offers(bases)
	gone, err := s.gone(ctx, o)
	if err != nil {
		return err
	}
	o.withdraw(gone)
	// What one pack loses, another one may lose by it: a file can be in both.
	for useless := s.useless(o); len(useless) > 0; useless = s.useless(o) {
		o.withdraw(useless)
	}
	s.take(o)
	return nil
}

// gone returns packs that would be used and are not in the store or, if the draft
// distrusts them, damaged. Collecting goes by the age of the object, so that counts.
func (s *saving) gone(ctx context.Context, o offers) ([]string, error) {
	used := slices.Sorted(maps.Keys(s.live(o)))
	there := make([]bool, len(used))
	err := each(ctx, workers()+waiting, len(used), func(ctx context.Context, i int) error {
		name, p := s.draft.Scope.packName(used[i]), o.packs[used[i]]
		at, err := s.young(ctx, name)
		there[i] = at != nil && at.Size == p.Size
		if there[i] && s.draft.Distrust {
			there[i], err = s.good(ctx, name, p)
		}
		return err
	})
	var gone []string
	for i, sha := range used {
		if !there[i] {
			gone = append(gone, sha)
		}
	}
	return gone, err
}

// live returns how many raw bytes of each pack would be used.
func (s *saving) live(o offers) map[string]int64 {
	bytes := map[string]int64{}
	counted := map[string]bool{}
	for i := range s.files {
		sha := s.files[i].hex()
		at, ok := o.places[sha]
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
func (s *saving) useless(o offers) []string {
	var dead, small []string
	for sha, live := range s.live(o) {
		p := o.packs[sha]
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
func (s *saving) take(o offers) {
	number := map[string]int{}
	for sha := range s.live(o) {
		s.packs = append(s.packs, o.packs[sha])
	}
	slices.SortFunc(s.packs, func(a, b pack) int { return cmp.Compare(a.SHA256, b.SHA256) })
	for i, p := range s.packs {
		number[p.SHA256] = i
	}
	for i := range s.files {
		f := &s.files[i]
		at, ok := o.places[f.hex()]
		if !ok || !f.hashed {
			continue
		}
		for _, x := range at.parts {
			x.Pack = number[at.packOf(x)]
			f.extents = append(f.extents, x)
		}
	}
}

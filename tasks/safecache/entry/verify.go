package entry

import (
	"context"
	"crypto"
	"crypto/sha256"
)

// mustHash decides whose hash must be known before anything is compressed: with
// bases all, as it may be in one of their packs already; else those that could be
// equal, because their sizes are.
func (s *saving) mustHash(all bool) func(*source) bool {
	bySize := map[int64]int{}
	for _, f := range s.files {
		bySize[f.Size]++
	}
	return func(f *source) bool { return all || bySize[f.Size] > 1 || f.Size == 0 }
}

// hash reads the files that need it, and holds them against their claims.
func (s *saving) hash(ctx context.Context, needed func(*source) bool) error {
	return each(ctx, workers(), len(s.files), func(_ context.Context, i int) error {
		if f := &s.files[i]; needed(f) {
			return s.hashOne(f)
		}
		return nil
	})
}

func (s *saving) hashOne(f *source) error {
	file, err := s.tree.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close() // only read from
	sums := newSums(crypto.SHA256, f.claim.Hash)
	n, err := sums.copyFrom(file)
	if err != nil {
		return err
	}
	if n != f.Size {
		return f.changed()
	}
	return f.verify(sums.get)
}

// verify holds what was read of a file against what is known of it: its hash, if it
// was read before, or else its claim.
func (f *source) verify(hash hasher) error {
	sum := [sha256.Size]byte(hash(crypto.SHA256))
	if f.hashed {
		if sum != f.sum {
			return f.changed()
		}
		return nil
	}
	if f.claim.Hash == crypto.SHA256 {
		hash = func(crypto.Hash) []byte { return sum[:] }
	}
	if err := checkClaim(f.claim, hash); err != nil {
		return &FileError{f.Path, err.Error()}
	}
	f.sum, f.hashed = sum, true
	return nil
}

// deep asks the claims that want to see the whole folder. What a trusted saver has
// found out about the same bytes need not be found out again.
func (s *saving) deep(ctx context.Context, bases []*Entry) error {
	type proof struct{ sha256, claim string }
	proven := map[proof]bool{}
	for _, base := range bases {
		if !base.proves() {
			continue
		}
		for _, f := range base.Manifest.Files {
			proven[proof{f.SHA256, f.Claim}] = f.Claim != ""
		}
	}
	var open []*source
	for i := range s.files {
		f := &s.files[i]
		if f.claim.Deep != nil && !f.seen && !(f.hashed && proven[proof{f.hex(), f.claim.ID}]) {
			open = append(open, f)
		}
	}
	tree := s.tree.FS()
	return each(ctx, workers(), len(open), func(_ context.Context, i int) error {
		if err := open[i].claim.Deep(tree, open[i].Path); err != nil {
			return &FileError{open[i].Path, err.Error()}
		}
		return nil
	})
}

// findEqual finds files that have the same contents as one before them, which are
// stored once.
func (s *saving) findEqual() {
	first := map[[32]byte]int{}
	for i := range s.files {
		f := &s.files[i]
		if !f.hashed || len(f.extents) > 0 || f.Size == 0 {
			continue
		}
		if before, seen := first[f.sum]; seen {
			f.sameAs = before
		} else {
			first[f.sum] = i
		}
	}
}

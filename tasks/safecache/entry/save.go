package entry

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
)

// Draft is an entry to save.
type Draft struct {
	Scope     Scope
	Segments  []Segment
	Producer  Producer
	Expires   time.Time
	Ecosystem string
	Packages  []string
	// Claims are what the lock files say: files without a claim are left out. If it
	// is nil, everything is saved, and links and devices are refused.
	Claims claim.Set
	// Bases are entries whose packs may be used again. Those of another tier, and
	// unsigned ones where signatures count, are ignored.
	Bases []*Entry
	// Distrust makes Save read and verify the packs of Bases that it would use again:
	// an entry was rejected, or nobody has tried to restore one.
	Distrust bool
	// MaxBytes is how much the files may have together; 0 for Repository.Limits.
	MaxBytes int64
	// Replaces is the name of an entry of this key that was rejected when it was
	// restored. What Find rejects is replaced anyway.
	Replaces string
}

// Saved says what a save came to.
type Saved struct {
	Name        string // of the object that holds the manifest
	Manifest    Manifest
	KeyID       string // of the key that signed it; empty if none did
	StoredBytes int64  // all objects that the entry needs
	NewBytes    int64  // those of them that were not in the store before
	Dropped     int    // files that no lock file names
}

// Save makes an entry of the files below root. Errors are *FileError, *ExistsError,
// *RejectedError (the store holds something wrong under a name that is needed, or
// the entry could not be trusted), *archive.RefusedError, archive.ErrEmpty,
// archive.ErrChanged, and those of the file system and the store.
func (r Repository) Save(ctx context.Context, root string, d Draft) (Saved, error) {
	if len(d.Segments) == 0 {
		return Saved{}, errors.New("an entry needs a key")
	}
	if reason := r.unsignable(d.Scope); reason != "" {
		return Saved{}, rejected(d.Scope.folder(valuesOf(d.Segments)), KindSignature, "%s", reason)
	}
	saved, err := r.try(ctx, root, d)
	if errors.Is(err, archive.ErrChanged) {
		// Tools write their last files while the step before is ending.
		saved, err = r.try(ctx, root, d)
	}
	return saved, err
}

// unsignable returns why nobody would believe an entry that this run saves.
func (r Repository) unsignable(s Scope) string {
	switch {
	case s.Tier != trusted || len(r.Keys) == 0:
		return ""
	case r.Signer == nil:
		return "trusted entries must be signed here, and there is no key to sign with"
	}
	known := func(k seal.Key) bool { return k.ID() == r.Signer.Key().ID() }
	if !slices.ContainsFunc(r.Keys, known) {
		return "the key to sign with, " + r.Signer.Key().ID() + ", is not among the keys that entries are verified with"
	}
	return ""
}

// saving is the work on one entry.
type saving struct {
	repo  Repository
	draft Draft
	now   time.Time
	tree  *archive.Tree
	files []source // sorted by path
	dirs  []string // empty ones
	packs []pack
	saved Saved
}

// source is a file to save.
type source struct {
	archive.File
	claim   claim.Claim
	unnamed bool // as its contents show
	seen    bool // by claim.Deep, which found nothing wrong
	hashed  bool
	sum     [32]byte
	sameAs  int // the file before it that has the same contents; -1 if none
	extents []extent
}

func (r Repository) try(ctx context.Context, root string, d Draft) (Saved, error) {
	tree, err := archive.Scan(ctx, root)
	if err != nil {
		return Saved{}, err
	}
	defer tree.Close() // only read from
	s := &saving{repo: r, draft: d, now: r.Now().UTC().Truncate(time.Second), tree: tree}
	if err := s.choose(ctx); err != nil {
		return Saved{}, err
	}
	newest, current, err := s.current(ctx)
	if err != nil {
		return Saved{}, err
	}
	if current != nil {
		return Saved{}, s.blame(ctx, s.exists(ctx, current))
	}
	if err := s.contents(ctx); err != nil {
		return Saved{}, s.blame(ctx, err)
	}
	if err := s.unchanged(ctx); err != nil {
		return Saved{}, err
	}
	return s.publish(ctx, newest+1)
}

// blame tells a file that somebody was writing from one that is wrong.
func (s *saving) blame(ctx context.Context, err error) error {
	var file *FileError
	if errors.As(err, &file) {
		if changed := s.tree.Unchanged(ctx, []string{file.Path}); changed != nil {
			return changed
		}
	}
	return err
}

// choose decides which files are saved, before any is read.
func (s *saving) choose(ctx context.Context) error {
	named := s.draft.Claims
	if named == nil {
		named = func(string) (claim.Claim, bool) { return claim.Claim{}, true }
		s.dirs = s.tree.EmptyDirs
	}
	for _, special := range s.tree.Special {
		if c, ok := named(special.Path); ok && !c.Maybe {
			return &archive.RefusedError{Path: special.Path, Reason: "it is " + special.What +
				", and only files and folders can be put back safely"}
		}
	}
	for _, f := range s.tree.Files {
		if c, ok := named(f.Path); ok {
			s.files = append(s.files, source{File: f, claim: c, sameAs: -1})
		}
	}
	if err := s.leaveOut(ctx); err != nil {
		return err
	}
	s.saved.Dropped = len(s.tree.Files) - len(s.files)
	files := make([]archive.File, len(s.files))
	for i, f := range s.files {
		files[i] = f.File
	}
	if len(files) == 0 {
		return archive.ErrEmpty
	}
	limits := s.repo.limits()
	if s.draft.MaxBytes > 0 {
		limits.Bytes = min(limits.Bytes, s.draft.MaxBytes)
	}
	return archive.Check(files, s.dirs, limits)
}

// leaveOut leaves out the files whose contents show that no lock file names them.
func (s *saving) leaveOut(ctx context.Context) error {
	tree := s.tree.FS()
	err := each(ctx, workers(), len(s.files), func(_ context.Context, i int) error {
		f := &s.files[i]
		if !f.claim.Maybe || f.claim.Deep == nil {
			return nil
		}
		err := f.claim.Deep(tree, f.Path)
		f.unnamed, f.seen = errors.Is(err, claim.ErrNotNamed), err == nil
		return nil // what is wrong is found again, and said, when it is read
	})
	s.files = slices.DeleteFunc(s.files, func(f source) bool { return f.unnamed })
	return err
}

// current returns the newest generation of the key, and its entry if that is still
// good.
func (s *saving) current(ctx context.Context) (int, *Entry, error) {
	values := valuesOf(s.draft.Segments)
	name, err := s.repo.newest(ctx, s.draft.Scope.folder(values))
	if name == "" || err != nil {
		return 0, nil, err
	}
	generation := generationOf(name)
	if name == s.draft.Replaces {
		return generation, nil, nil
	}
	e, err := s.repo.get(ctx, name, s.draft.Scope, values)
	if isRejected(err) {
		s.repo.note("an entry is replaced: %s", err)
		return generation, nil, nil
	}
	return generation, e, err
}

// exists compares what is there with what would have been saved.
func (s *saving) exists(ctx context.Context, e *Entry) error {
	if err := s.hash(ctx, func(*source) bool { return true }); err != nil {
		return err
	}
	if err := s.unchanged(ctx); err != nil {
		return err
	}
	m := s.manifest(0)
	return &ExistsError{e.Name, e.Manifest, m.Content == e.Manifest.Content}
}

// unchanged makes sure that all was read at one moment.
func (s *saving) unchanged(ctx context.Context) error {
	if s.draft.Claims == nil {
		return s.tree.Unchanged(ctx, nil)
	}
	names := make([]string, len(s.files))
	for i, f := range s.files {
		names[i] = f.Path
	}
	return s.tree.Unchanged(ctx, names)
}

// contents checks the files and puts their contents into packs.
func (s *saving) contents(ctx context.Context) error {
	bases := s.bases()
	if err := s.hash(ctx, s.mustHash(len(bases) > 0)); err != nil {
		return err
	}
	if err := s.deep(ctx, bases); err != nil {
		return err
	}
	if err := s.reuse(ctx, bases); err != nil {
		return err
	}
	s.findEqual()
	if err := s.pack(ctx); err != nil {
		return err
	}
	for i := range s.files {
		if f := &s.files[i]; f.sameAs >= 0 {
			f.extents = s.files[f.sameAs].extents
		}
	}
	return nil
}

// manifest describes what was packed.
func (s *saving) manifest(generation int) *Manifest {
	d := s.draft
	m := &Manifest{
		Version: version, Fingerprint: fingerprint(valuesOf(d.Segments)), Segments: d.Segments, Scope: d.Scope,
		Generation: generation, Producer: d.Producer, Created: s.now, Expires: d.Expires.UTC().Truncate(time.Second),
		Ecosystem: d.Ecosystem, Packages: d.Packages, Packs: s.packs, EmptyDirs: s.dirs,
	}
	for _, f := range s.files {
		m.Files = append(m.Files, File{
			Path: f.Path, Size: f.Size, SHA256: hex.EncodeToString(f.sum[:]), Executable: f.Executable,
			Claim: f.claim.ID, Extents: f.extents,
		})
	}
	m.Totals, m.Content = m.total(), m.content()
	return m
}

// publish writes the manifest, which makes the entry visible. Of several savers
// one wins; the others are told.
func (s *saving) publish(ctx context.Context, generation int) (Saved, error) {
	values := valuesOf(s.draft.Segments)
	for range 10 {
		m := s.manifest(generation)
		name := manifestName(s.draft.Scope, values, generation)
		if generationOf(name) != generation {
			return Saved{}, fmt.Errorf("%s: this key was saved too often; delete its entries", name)
		}
		if kind, reason := m.check(s.repo.limits()); reason != "" {
			return Saved{}, s.unwritable(kind, reason)
		}
		text := encode(m)
		payload, err := packManifest(text)
		if err != nil {
			return Saved{}, err
		}
		if uint64(len(text)) > mostText(payload) || crowded(text) {
			return Saved{}, s.unwritable(KindLimits, "its files are too many to list")
		}
		object := seal.Seal(payloadType, payload, s.repo.Signer)
		err = s.repo.Store.Put(ctx, name, object)
		if err == nil || errors.Is(err, fs.ErrExist) && s.isOurs(ctx, name, object) {
			return s.done(m, name, int64(len(object))), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return Saved{}, err
		}
		newest, current, err := s.current(ctx)
		switch {
		case err != nil:
			return Saved{}, err
		case current != nil:
			return Saved{}, &ExistsError{current.Name, current.Manifest, m.Content == current.Manifest.Content}
		}
		generation = max(newest, generation) + 1
	}
	return Saved{}, rejected(s.draft.Scope.folder(values), KindTampered,
		"somebody keeps writing objects there that are no entries")
}

// unwritable is for a manifest that no reader would take. With names and sizes
// checked before, that is one which holds too much of nothing.
func (s *saving) unwritable(kind Kind, reason string) error {
	if kind == KindLimits {
		return &archive.RefusedError{Reason: reason}
	}
	return fmt.Errorf("the manifest would not be readable: %s", reason)
}

// isOurs reports whether the object is what was to be put: the store did so, and
// its answer was lost.
func (s *saving) isOurs(ctx context.Context, name string, want []byte) bool {
	got, err := s.repo.Store.Get(ctx, name, nil)
	return err == nil && bytes.Equal(got, want)
}

func (s *saving) done(m *Manifest, name string, size int64) Saved {
	s.saved.Name, s.saved.Manifest = name, *m
	if s.repo.Signer != nil {
		s.saved.KeyID = s.repo.Signer.Key().ID()
	}
	s.saved.StoredBytes = m.Totals.Stored + size
	s.saved.NewBytes += size
	return s.saved
}

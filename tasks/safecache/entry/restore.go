package entry

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/klauspost/compress/zstd"
)

// RestoreOptions say what of an entry is restored.
type RestoreOptions struct {
	// Claims are what today's lock files say. Files without a claim are left out. If
	// it is nil, everything is restored, and held against the manifest alone.
	Claims claim.Set
	// MustProve: the claims cannot prove what is in the files, so the entry needs the
	// signature of a known key.
	MustProve bool
}

// Restored says what a restore came to.
type Restored struct {
	Files    int
	Bytes    int64
	Verified int // files that were held against the lock files, and not the manifest alone
	Dropped  int // files of the entry that the lock files do not name
}

// Restore makes the folder dst of an entry, which replaces what is there as a
// whole. The error is a *RejectedError if the entry is to blame, archive.ErrEmpty
// if the lock files name none of its files, and an *archive.LeftoverError if only
// the old folder could not be deleted; others are about dst and the store.
func (r Repository) Restore(ctx context.Context, e *Entry, dst string, o RestoreOptions) (Restored, error) {
	if !e.checked {
		return Restored{}, errors.New("this entry was not found by Find")
	}
	if o.MustProve && e.KeyID == "" {
		return Restored{}, rejected(e.Name, KindSignature,
			"it is not signed by a known key, and nothing else proves what is in its files")
	}
	if reason := r.tooOld(&e.Manifest); reason != "" {
		return Restored{}, rejected(e.Name, KindExpired, "%s", reason)
	}
	job, err := newRestoring(r, e, o)
	if err != nil {
		return job.result, err
	}
	if job.folder, err = archive.NewFolder(dst); err != nil {
		return job.result, err
	}
	if err := job.run(ctx); err != nil {
		return job.result, errors.Join(err, job.folder.Discard())
	}
	r.pruneLocal(ctx)
	return job.result, job.folder.Place()
}

// restoring is the work on one folder.
type restoring struct {
	repo    Repository
	entry   *Entry
	folder  *archive.Folder
	files   []wanted
	pieces  []piece // by where they lie
	dirs    []string
	decoder *zstd.Decoder
	result  Restored
}

// wanted is a file to restore.
type wanted struct {
	*File
	claim claim.Claim
	sum   [sha256.Size]byte
	big   *bigFile // nil if it has one extent at most
}

// bigFile is a file that comes in several pieces.
type bigFile struct {
	mu   sync.Mutex
	out  *os.File
	left int64
}

// piece is a part of a wanted file.
type piece struct {
	extent
	file int
	at   int64 // where in the file
}

// newRestoring decides what is to be restored.
func newRestoring(r Repository, e *Entry, o RestoreOptions) (*restoring, error) {
	job := &restoring{repo: r, entry: e}
	if o.Claims == nil {
		job.dirs = e.Manifest.EmptyDirs
	}
	for i := range e.Manifest.Files {
		w := wanted{File: &e.Manifest.Files[i]}
		if o.Claims != nil {
			c, named := o.Claims(w.Path)
			if !named {
				job.result.Dropped++
				continue
			}
			if c.Hash != 0 || c.Deep != nil || c.ID != "" {
				job.result.Verified++
			}
			w.claim = c
		}
		if _, err := hex.Decode(w.sum[:], []byte(w.SHA256)); err != nil {
			return job, rejected(e.Name, KindTampered, "the hash of its file %.120q is not a SHA-256", w.Path)
		}
		if reason := job.unproven(&w); reason != "" {
			return job, rejected(e.Name, KindClaim, "its file %.120q: %s", w.Path, reason)
		}
		job.add(w)
	}
	if len(job.files) == 0 {
		return job, archive.ErrEmpty
	}
	slices.SortFunc(job.pieces, func(a, b piece) int { return compare(a.extent, b.extent) })
	return job, nil
}

// unproven returns why a file's claim, which is only a name for its contents,
// cannot be met.
func (job *restoring) unproven(w *wanted) string {
	c := w.claim
	if c.ID != "" && c.Hash == 0 && c.Deep == nil && c.ID != w.Claim {
		return fmt.Sprintf("it was saved as %.100q, and the lock files want %.100q", w.Claim, c.ID)
	}
	return ""
}

func (job *restoring) add(w wanted) {
	at := int64(0)
	for _, x := range w.Extents {
		job.pieces = append(job.pieces, piece{x, len(job.files), at})
		at += x.Length
	}
	if len(w.Extents) > 1 {
		w.big = &bigFile{left: w.Size}
	}
	job.result.Files++
	job.result.Bytes += w.Size
	job.files = append(job.files, w)
}

func (job *restoring) run(ctx context.Context) (err error) {
	if job.decoder, err = newDecoder(); err != nil {
		return err
	}
	defer job.decoder.Close()
	defer func() { err = errors.Join(err, job.closeAll()) }()
	byPack := job.byPack()
	err = each(ctx, workers()+waiting, len(byPack), func(ctx context.Context, i int) error {
		return job.pack(ctx, byPack[i])
	})
	if err == nil {
		err = job.empty()
	}
	if err == nil {
		err = job.deep(ctx)
	}
	return err
}

// byPack cuts the pieces where a pack ends.
func (job *restoring) byPack() [][]piece {
	return cut(job.pieces, func(a, b piece) bool { return a.Pack == b.Pack })
}

// cut divides pieces into runs of those that belong together.
func cut(pieces []piece, together func(a, b piece) bool) [][]piece {
	var runs [][]piece
	for start, i := 0, 1; i <= len(pieces); i++ {
		if i == len(pieces) || !together(pieces[start], pieces[i]) {
			runs = append(runs, pieces[start:i])
			start = i
		}
	}
	return runs
}

// pack fetches a pack and restores the pieces of files that lie in it.
func (job *restoring) pack(ctx context.Context, pieces []piece) error {
	m := &job.entry.Manifest
	p := m.Packs[pieces[0].Pack]
	memory, raw := packMemory.Get().(*[]byte), frameMemory.Get().(*[]byte)
	defer packMemory.Put(memory)
	defer frameMemory.Put(raw)
	name := m.Scope.packName(p.SHA256)
	data, err := job.repo.fetch(ctx, name, p, *memory)
	if err != nil {
		return err
	}
	*memory = data[:0]
	next, start := 0, int64(0) // the frame that begins at start
	for _, inFrame := range cut(pieces, func(a, b piece) bool { return a.Frame == b.Frame }) {
		for ; next < inFrame[0].Frame; next++ {
			start += p.Frames[next].Stored
		}
		f := p.Frames[next]
		contents, reason := f.expand(job.decoder, data[start:start+f.Stored], *raw)
		if reason != "" {
			return rejected(name, KindTampered, "its frame %d %s", next, reason)
		}
		for _, piece := range inFrame {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := job.write(piece, contents[piece.Offset:piece.Offset+piece.Length]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (job *restoring) write(p piece, data []byte) error {
	w := &job.files[p.file]
	if w.big != nil {
		return job.writePart(w, p.at, data)
	}
	if reason := w.check(bytesHash(data)); reason != nil {
		return job.reject(w, reason)
	}
	return job.folder.WriteFile(w.entry(), data)
}

func (w *wanted) entry() archive.File {
	return archive.File{Path: w.Path, Size: w.Size, Executable: w.Executable}
}

// writePart writes a part of a big file, and checks the file when it was the last.
func (job *restoring) writePart(w *wanted, at int64, data []byte) error {
	out, err := job.open(w)
	if err != nil {
		return err
	}
	if _, err := out.WriteAt(data, at); err != nil {
		return err
	}
	w.big.mu.Lock()
	w.big.left -= int64(len(data))
	complete := w.big.left == 0
	w.big.mu.Unlock()
	if !complete {
		return nil
	}
	if err := w.big.close(); err != nil {
		return err
	}
	hash, err := hashFile(job.folder.FS(), w.Path, w.algorithms()...)
	if err != nil {
		return err
	}
	if reason := w.check(hash); reason != nil {
		return job.reject(w, reason)
	}
	return nil
}

func (job *restoring) open(w *wanted) (*os.File, error) {
	w.big.mu.Lock()
	defer w.big.mu.Unlock()
	if w.big.out == nil {
		out, err := job.folder.Create(w.entry())
		if err != nil {
			return nil, err
		}
		w.big.out = out
	}
	return w.big.out, nil
}

func (b *bigFile) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out == nil {
		return nil
	}
	out := b.out
	b.out = nil
	return out.Close()
}

// closeAll closes what a failure has left open.
func (job *restoring) closeAll() error {
	var errs []error
	for _, w := range job.files {
		if w.big != nil {
			errs = append(errs, w.big.close())
		}
	}
	return errors.Join(errs...)
}

// empty makes the files and folders that hold nothing.
func (job *restoring) empty() error {
	for i := range job.files {
		w := &job.files[i]
		if len(w.Extents) > 0 {
			continue
		}
		if reason := w.check(bytesHash(nil)); reason != nil {
			return job.reject(w, reason)
		}
		if err := job.folder.WriteFile(w.entry(), nil); err != nil {
			return err
		}
	}
	for _, dir := range job.dirs {
		if err := job.folder.Mkdir(dir); err != nil {
			return err
		}
	}
	return nil
}

// algorithms are the hashes by which a file is checked. The pack that its contents
// came from was what the manifest says, so they are what its author has put there.
// If the lock file pins them by a hash that cannot be forged, the manifest's hash of
// the file would say nothing new; it decides where the lock file does not.
func (w *wanted) algorithms() []crypto.Hash {
	switch h := w.claim.Hash; h {
	case 0:
		return []crypto.Hash{crypto.SHA256}
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		return []crypto.Hash{h}
	default:
		return []crypto.Hash{crypto.SHA256, h}
	}
}

// check returns why contents with these hashes are not the file's.
func (w *wanted) check(hash hasher) error {
	for _, algorithm := range w.algorithms() {
		if algorithm == w.claim.Hash {
			if err := checkClaim(w.claim, hash); err != nil {
				return err
			}
			continue
		}
		if sum := hash(crypto.SHA256); !bytes.Equal(sum, w.sum[:]) {
			return fmt.Errorf("its SHA-256 begins with %.6x, not %.6x", sum, w.sum)
		}
	}
	return nil
}

func (job *restoring) reject(w *wanted, reason error) error {
	kind := KindTampered
	var unmet *unmetError
	if errors.As(reason, &unmet) {
		kind = KindClaim
	}
	return rejected(job.entry.Name, kind, "its file %.120q: %s", w.Path, reason)
}

// deep asks the claims that want to see the whole folder. A trusted saver has done
// that for the same claim and the same bytes, if its signature is there.
func (job *restoring) deep(ctx context.Context) error {
	var open []*wanted
	proven := job.entry.proves()
	for i := range job.files {
		w := &job.files[i]
		if w.claim.Deep != nil && !(proven && w.claim.ID != "" && w.claim.ID == w.Claim) {
			open = append(open, w)
		}
	}
	tree := job.folder.FS()
	unnamed := make([]bool, len(open))
	err := each(ctx, workers(), len(open), func(_ context.Context, i int) error {
		err := open[i].claim.Deep(tree, open[i].Path)
		if unnamed[i] = open[i].claim.Maybe && errors.Is(err, claim.ErrNotNamed); err != nil && !unnamed[i] {
			return rejected(job.entry.Name, KindClaim, "its file %.120q: %s", open[i].Path, err)
		}
		return nil
	})
	// Only now: a claim may look at the files beside its own.
	for i := range open {
		if err == nil && unnamed[i] {
			err = job.leaveOut(open[i])
		}
	}
	if err == nil && job.result.Files == 0 {
		return archive.ErrEmpty
	}
	return err
}

// leaveOut takes a file out again whose contents show that no lock file names it:
// the entry was made for another one.
func (job *restoring) leaveOut(w *wanted) error {
	job.result.Files--
	job.result.Bytes -= w.Size
	job.result.Verified--
	job.result.Dropped++
	return job.folder.Remove(w.Path)
}

// proves reports whether the entry's word about its claims can be taken.
func (e *Entry) proves() bool { return e.KeyID != "" && e.Manifest.Scope.Tier == trusted }

// Package dirstore keeps cache entries in a directory: an agent's own disk, or a
// share of several agents.
//
// Layout:
//
//	<directory>/v1/<scope>/<entry>/data.zst       contents, see package archive
//	                               files.json     index of the contents
//	                               manifest.json  key, producer, digests of the other two
//	<directory>/v1/<scope>/.tmp-<random>/         an entry in the making
//
// A scope is the hash of what must not share entries (collection, project,
// pipeline), an entry the hashes of its key's segments, so that one listing finds
// all entries below a restore key.
//
// Promises:
//   - an entry is there completely or not at all, also after a power cut or
//     kill -9 in the middle of saving: it is made beside the others and renamed;
//   - a complete entry is never changed; of several savers of one key the first wins, and
//     the others learn who ([ExistsError]);
//   - an entry that somebody has deleted in part counts as none
//     ([IncompleteError]), and the next saver replaces it;
//   - only the account that saves can read an entry;
//   - a restored folder holds the bytes the manifest stands for, or nothing is
//     restored ([TamperedError]).
//
// It does not know who wrote a manifest. Whoever can write to the directory
// decides what is restored from it.
package dirstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
)

const (
	dataName     = "data.zst"
	indexName    = "files.json"
	manifestName = "manifest.json"
	tmpPrefix    = ".tmp-"
	staleAfter   = 24 * time.Hour
)

// Store is the entries of one scope in one directory.
type Store struct {
	Dir    string    // the directory, absolute
	Scope  Scope     // whose entries
	Now    time.Time // the time that goes into new entries
	Limits archive.Limits
	// Skipped is told of each incomplete entry that was passed over. It may be nil.
	Skipped func(*IncompleteError)
	// Check is asked before an entry is restored, and may refuse what is in it: it
	// is given the entry's folder and index. It may be nil.
	Check func(dir string, index archive.Index) error
}

// Scope is what separates caches: entries of one are never seen in another.
type Scope struct {
	Collection string `json:"collection"` // URL of the organisation
	Project    string `json:"project"`    // its id
	Definition string `json:"definition"` // the pipeline's id
}

// TamperedError is an entry that is not as it was saved.
type TamperedError struct {
	Entry  string // path of the entry's folder; deleting it helps
	File   string // the file in it that is wrong
	Reason string
}

// Error says which entry, which file and what is wrong.
func (e *TamperedError) Error() string {
	return fmt.Sprintf("entry %s: %s: %s", e.Entry, e.File, e.Reason)
}

// IncompleteError is an entry that lacks a file: entries appear with all of them,
// so somebody has deleted it, or is about to.
type IncompleteError struct {
	Entry string // path of the entry's folder
	File  string // the file that is missing
}

// Error says which entry, and what it lacks.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("entry %s is incomplete: %s is missing", e.Entry, e.File)
}

// ExistsError says that there is an entry for the key already.
type ExistsError struct {
	Manifest Manifest // of that entry
}

// Error says who saved it.
func (e *ExistsError) Error() string {
	return "already saved by " + e.Manifest.Producer.String()
}

// MakeError says that the store's folders are not there and cannot be made.
type MakeError struct {
	Dir string // the store's directory
	Err error  // the file system's
}

// Error says which directory, and why.
func (e *MakeError) Error() string { return "making " + e.Dir + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *MakeError) Unwrap() error { return e.Err }

func (s Store) dir() string {
	id := sha256.Sum256(encode(s.Scope))
	return filepath.Join(s.Dir, "v1", hex.EncodeToString(id[:]))
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("dirstore: " + err.Error()) // strings and numbers only
	}
	return text
}

// Segments that count in an entry's name. More would make paths too long for
// Windows; the manifest has them all.
const namedSegments = 6

// prefix is what the names of all entries with these leading values begin with.
func prefix(values []string) string {
	parts := make([]string, min(len(values), namedSegments))
	for i := range parts {
		sum := sha256.Sum256([]byte(values[i]))
		parts[i] = hex.EncodeToString(sum[:8])
	}
	return strings.Join(parts, "-")
}

func entryName(values []string) string {
	sum := sha256.Sum256(encode(values))
	return prefix(values) + "." + hex.EncodeToString(sum[:16])
}

// Find returns the entry of the key, or nil if there is none.
func (s Store) Find(values []string) (*Entry, error) {
	return s.find(entryName(values))
}

// find is open for a reader, to whom an incomplete entry is none.
func (s Store) find(name string) (*Entry, error) {
	entry, err := s.open(name)
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) {
		return entry, err
	}
	if s.Skipped != nil {
		s.Skipped(incomplete)
	}
	return nil, nil
}

// FindPrefix returns the newest entry whose key begins with all the given
// segments, or nil if there is none. Without segments that is the newest of all.
func (s Store) FindPrefix(ctx context.Context, values []string) (*Entry, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	start := prefix(values)
	var newest *Entry
	for _, name := range names {
		if !isBelow(name, start) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entry, err := s.find(name)
		if err != nil {
			return nil, err
		}
		if entry != nil && entry.Manifest.StartsWith(values) &&
			(newest == nil || entry.Manifest.Created.After(newest.Manifest.Created)) {
			newest = entry
		}
	}
	return newest, nil
}

// isBelow reports whether an entry's name has this prefix, ending at a segment.
func isBelow(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (prefix == "" || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "."))
}

// names lists the scope's entries.
func (s Store) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// sweep deletes what savers left that were killed. Others may do the same at the
// same time, and nothing depends on it.
func (s Store) sweep() {
	entries, err := os.ReadDir(s.dir())
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), tmpPrefix) && s.Now.Sub(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(filepath.Join(s.dir(), entry.Name()))
		}
	}
}

// Save makes an entry of the files below root. The manifest needs Segments and
// Producer; the rest is filled in and returned. Errors are those of archive.Pack,
// *ExistsError, *MakeError, and the file system's.
func (s Store) Save(ctx context.Context, root string, m Manifest) (Manifest, error) {
	if err := s.makeDirs(); err != nil {
		return Manifest{}, &MakeError{s.Dir, err}
	}
	name := entryName(m.values())
	if existing, err := s.find(name); err != nil {
		return Manifest{}, err
	} else if existing != nil {
		return Manifest{}, &ExistsError{existing.Manifest}
	}
	s.sweep()
	tmp := s.tmp()
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return Manifest{}, err
	}
	m, err := s.fill(ctx, tmp, root, m)
	if err == nil {
		err = s.publish(tmp, name)
	}
	if err != nil {
		return Manifest{}, errors.Join(err, os.RemoveAll(tmp))
	}
	return m, nil
}

// makeDirs makes the store's folders. What a build downloads may be private, and a
// hidden entry cannot be changed by another account either.
func (s Store) makeDirs() error {
	if err := os.MkdirAll(filepath.Dir(s.Dir), 0o755); err != nil {
		return err
	}
	return os.MkdirAll(s.dir(), 0o700)
}

// tmp is a new name that no reader looks at, and sweep does.
func (s Store) tmp() string {
	return filepath.Join(s.dir(), tmpPrefix+strings.ToLower(rand.Text()[:16]))
}

// publish makes a finished entry visible, unless there is one by now. A folder
// cannot be renamed over another that is not empty, which a complete entry never is.
func (s Store) publish(tmp, name string) error {
	place := filepath.Join(s.dir(), name)
	err := os.Rename(tmp, place)
	if err == nil {
		return syncDir(s.dir())
	}
	existing, openErr := s.open(name)
	var incomplete *IncompleteError
	switch {
	case openErr == nil && existing != nil:
		return &ExistsError{existing.Manifest}
	case !errors.As(openErr, &incomplete):
		return err
	}
	if err := s.setAside(place); err != nil {
		return err
	}
	if err := os.Rename(tmp, place); err != nil {
		if existing, openErr := s.open(name); openErr == nil && existing != nil {
			return &ExistsError{existing.Manifest}
		}
		return err
	}
	return syncDir(s.dir())
}

// setAside removes an incomplete entry. If another saver has replaced it by a
// complete one just now, that is put back.
func (s Store) setAside(place string) error {
	aside := s.tmp()
	if err := os.Rename(place, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if lacks(aside) == "" && os.Rename(aside, place) == nil {
		return nil
	}
	_ = os.RemoveAll(aside) // or sweep does it
	return nil
}

// fill writes the three files of an entry, the manifest last.
func (s Store) fill(ctx context.Context, tmp, root string, m Manifest) (Manifest, error) {
	index, data, err := s.pack(ctx, filepath.Join(tmp, dataName), root)
	if errors.Is(err, archive.ErrChanged) {
		// Tools write their last files while the step before is ending.
		index, data, err = s.pack(ctx, filepath.Join(tmp, dataName), root)
	}
	if err != nil {
		return Manifest{}, err
	}
	list := encode(index)
	sum := sha256.Sum256(list)
	m.Schema, m.Scope, m.Created = schema, s.Scope, s.Now.UTC()
	m.Fingerprint = strings.Join(m.values(), "|")
	m.Files, m.Bytes = len(index.Files), index.Bytes()
	m.Data, m.Index = data, archive.Stream{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(list))}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Manifest{}, err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{indexName, list}, {manifestName, text}} {
		err := writeSynced(filepath.Join(tmp, file.name), func(f *os.File) error {
			_, err := f.Write(file.data)
			return err
		})
		if err != nil {
			return Manifest{}, err
		}
	}
	return m, syncDir(tmp)
}

func (s Store) pack(ctx context.Context, name, root string) (x archive.Index, data archive.Stream, err error) {
	err = writeSynced(name, func(f *os.File) error {
		var err error
		x, data, err = archive.Pack(ctx, root, f, s.Limits)
		return err
	})
	return x, data, err
}

// writeSynced makes a file that is on the disk when it returns.
func writeSynced(name string, write func(*os.File) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// StartsWith reports whether the key's leading segments have these values.
func (m Manifest) StartsWith(values []string) bool {
	own := m.values()
	return len(own) >= len(values) && slices.Equal(own[:len(values)], values)
}

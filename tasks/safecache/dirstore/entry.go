package dirstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
)

// schema is the version of the manifest's form.
const schema = 1

// Manifest describes an entry. Its file names the other two by their digests, so
// it stands for every byte of the entry.
type Manifest struct {
	Schema      int            `json:"schema"`
	Fingerprint string         `json:"fingerprint"` // the resolved key, as it is shown
	Segments    []Segment      `json:"segments"`
	Scope       Scope          `json:"scope"`
	Producer    Producer       `json:"producer"`
	Created     time.Time      `json:"created"`
	Files       int            `json:"files"`
	Bytes       int64          `json:"bytes"` // of all files together
	Index       archive.Stream `json:"index"` // files.json
	Data        archive.Stream `json:"data"`  // data.zst
}

// Segment is one segment of the key.
type Segment struct {
	Source string `json:"source"` // as the user wrote it
	Kind   string `json:"kind"`
	Value  string `json:"value"` // what it came to
}

// Producer is the run that saved an entry.
type Producer struct {
	BuildID     string `json:"buildId"`
	BuildNumber string `json:"buildNumber"`
	Commit      string `json:"commit"`
	Branch      string `json:"branch"`
	Agent       string `json:"agent"`
}

// String names the run for a log.
func (p Producer) String() string {
	if p.BuildID == "" {
		return "an unnamed run"
	}
	text := "build " + p.BuildID
	if p.BuildNumber != "" && p.BuildNumber != p.BuildID {
		text += " (" + p.BuildNumber + ")"
	}
	if p.Branch != "" {
		text += " of " + p.Branch
	}
	return text
}

func (m Manifest) values() []string {
	values := make([]string, len(m.Segments))
	for i, s := range m.Segments {
		values[i] = s.Value
	}
	return values
}

// Entry is an entry that was found. Nothing of its contents was read yet.
type Entry struct {
	Manifest Manifest
	Dir      string // its folder

	limits archive.Limits
	check  func(string, archive.Index) error
}

// Sizes of files that are read whole. A real manifest has a few kilobytes, and
// an index 150 bytes for each file.
const (
	maxManifest = 4 << 20
	maxIndex    = 512 << 20
)

// open reads an entry's manifest; nil if there is no such entry, and an
// *IncompleteError if there is not all of it.
func (s Store) open(name string) (*Entry, error) {
	e := &Entry{Dir: filepath.Join(s.dir(), name), limits: s.Limits, check: s.Check}
	if _, err := os.Lstat(e.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if file := lacks(e.Dir); file != "" {
		return nil, &IncompleteError{e.Dir, file}
	}
	text, err := e.read(manifestName, maxManifest)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &e.Manifest); err != nil {
		return nil, e.tampered(manifestName, "it is not JSON of the right form")
	}
	m := e.Manifest
	switch {
	case m.Schema != schema:
		return nil, e.tampered(manifestName, fmt.Sprintf("it has schema %d, not %d", m.Schema, schema))
	case m.Scope != s.Scope:
		return nil, e.tampered(manifestName, "it is of another project or pipeline")
	case entryName(m.values()) != name || m.Fingerprint != strings.Join(m.values(), "|"):
		return nil, e.tampered(manifestName, "it is of another key")
	}
	return e, nil
}

// lacks names a file that an entry's folder does not have, or "".
func lacks(dir string) string {
	for _, file := range []string{manifestName, indexName, dataName} {
		if _, err := os.Lstat(filepath.Join(dir, file)); errors.Is(err, fs.ErrNotExist) {
			return file
		}
	}
	return ""
}

func (e *Entry) tampered(file, reason string) error {
	return &TamperedError{Entry: e.Dir, File: file, Reason: reason}
}

// read returns one of the entry's files.
func (e *Entry) read(name string, most int64) ([]byte, error) {
	f, err := e.file(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, e.tampered(name, fmt.Sprintf("it has more than %d bytes", most))
	}
	return text, nil
}

func (e *Entry) file(name string) (*os.File, error) {
	path := filepath.Join(e.Dir, name)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &IncompleteError{e.Dir, name}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, e.tampered(name, "it is not a file")
	}
	return os.Open(path)
}

// Restore makes the folder dst of the entry, as archive.Unpack does. Errors are
// *TamperedError, *IncompleteError (somebody is deleting it), Store.Check's, those of
// archive.Unpack about dst, and the file system's.
func (e *Entry) Restore(ctx context.Context, dst string) error {
	index, err := e.index()
	if err != nil {
		return err
	}
	if e.check != nil {
		if err := e.check(e.Dir, index); err != nil {
			return err
		}
	}
	data, err := e.file(dataName)
	if err != nil {
		return err
	}
	defer data.Close() // only read from
	err = archive.Unpack(ctx, data, archive.Archive{Index: index, Stream: e.Manifest.Data, Limits: e.limits}, dst)
	var corrupt *archive.CorruptError
	if errors.As(err, &corrupt) {
		return e.tampered(dataName, corrupt.Error())
	}
	return err
}

func (e *Entry) index() (archive.Index, error) {
	text, err := e.read(indexName, min(maxIndex, max(0, e.Manifest.Index.Size)))
	if err != nil {
		return archive.Index{}, err
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != e.Manifest.Index.SHA256 {
		return archive.Index{}, e.tampered(indexName,
			fmt.Sprintf("its SHA-256 is %.12s..., not %.12q as in the manifest", got, e.Manifest.Index.SHA256))
	}
	var index archive.Index
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&index); err != nil {
		return archive.Index{}, e.tampered(indexName, "it is not JSON of the right form")
	}
	if len(index.Files) != e.Manifest.Files || index.Bytes() != e.Manifest.Bytes {
		return archive.Index{}, e.tampered(indexName, "its files are not those the manifest counts")
	}
	return index, nil
}

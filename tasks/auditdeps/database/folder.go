package database

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// folder is a source on the disk: a folder of what OSV's bucket has, or one zip file.
type folder struct {
	config Config
	path   string
	isFile bool
}

func (f *folder) String() string { return f.path }

// refresh reads the data again if the files are others. How old it is, is told by the
// newest record: a copy's time proves nothing.
func (f *folder) refresh(ctx context.Context, ecosystem string, old *index.Index) (news, error) {
	at, err := f.find(ecosystem)
	if err != nil {
		return news{}, err
	}
	if old != nil && old.Info().ETag == at.tag {
		return news{}, nil
	}
	t := newTally(ecosystem, f.config.Now())
	if at.zip != "" {
		err = t.zipFile(ctx, at.zip)
	} else {
		err = t.jsonFiles(ctx, at.json)
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return news{}, &Error{Ecosystem: ecosystem, Reason: "its advisories in " + at.name() + " are of no use",
			Fix: "copy them again from " + DefaultBucket, Err: err}
	}
	info := t.info(f.path, f.config.Now())
	info.ETag = at.tag
	return news{t.builder, info}, nil
}

// place is where an ecosystem's records are: in a zip file, or files of their own.
type place struct {
	zip  string
	json []string
	tag  string // changes with the files
}

func (p place) name() string {
	if p.zip != "" {
		return p.zip
	}
	return filepath.Dir(p.json[0])
}

func (f *folder) find(ecosystem string) (place, error) {
	if f.isFile {
		return zipAt(f.path)
	}
	escaped := url.PathEscape(ecosystem)
	for _, name := range []string{
		filepath.Join(escaped, "all.zip"), escaped + ".zip", filepath.Join("osv-scalibr", escaped, "all.zip"),
	} {
		at, err := zipAt(filepath.Join(f.path, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return at, err
		}
	}
	at, err := jsonAt(filepath.Join(f.path, escaped))
	if err == nil && len(at.json) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return at, err
	}
	return place{}, &Error{
		Ecosystem: ecosystem,
		Reason:    fmt.Sprintf("there are no advisories for it in %s", f.path),
		Fix:       fmt.Sprintf("put %s/all.zip of %s there", escaped, DefaultBucket),
		Err:       err,
	}
}

func zipAt(path string) (place, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return place{}, err
	}
	return place{zip: path, tag: fmt.Sprintf("zip %s %d %d", path, stat.Size(), stat.ModTime().UnixNano())}, nil
}

func jsonAt(dir string) (place, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return place{}, err
	}
	at, sum := place{}, sha256.New()
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		stat, err := os.Stat(path)
		switch {
		case err != nil:
			return place{}, err
		case !stat.Mode().IsRegular() || stat.Size() > maxRecord:
			return place{}, fmt.Errorf("%s is not a file of at most %d bytes", path, maxRecord)
		}
		at.json = append(at.json, path)
		fmt.Fprintf(sum, "%q %d %d\n", e.Name(), stat.Size(), stat.ModTime().UnixNano())
	}
	at.tag = fmt.Sprintf("json %s %x", dir, sum.Sum(nil))
	return at, nil
}

// jsonFiles reads records that are files of their own.
func (t *tally) jsonFiles(ctx context.Context, paths []string) error {
	return inParallel(ctx, len(paths), func(i int, buf *[]byte) error {
		data, err := readFile(paths[i], buf)
		if err != nil {
			return err
		}
		t.record(strings.TrimSuffix(filepath.Base(paths[i]), ".json"), data)
		return nil
	})
}

func readFile(path string, buf *[]byte) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() || stat.Size() > maxRecord {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", path, maxRecord)
	}
	if data, err = readInto(buf, f, stat.Size()); err != nil {
		err = fmt.Errorf("reading %s: %w", path, err)
	}
	return data, err
}

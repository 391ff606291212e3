package checkout

import (
	"bytes"
	"context"
	"crypto/sha1" // the names that git gives to objects
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// files returns what a commit would change, of what is wanted.
func (r *reader) files(ctx context.Context, s sorted) ([]File, error) {
	out, err := r.repo.Run(ctx, nil, "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev",
		"--ignore-submodules=dirty", string(r.base), "--")
	if err != nil {
		return nil, fmt.Errorf("comparing the files of %s with commit %.12s: %w", r.Dir, r.base, err)
	}
	all, err := parseDiff(out)
	if err != nil {
		return nil, err
	}
	var files []File
	ids := map[string]git.ID{} // of those whose content is still to be found
	for _, c := range all {
		if !r.wanted(c.path) {
			continue
		}
		f := File{Change: git.Change{Path: c.path, Mode: c.index.mode}, Before: c.head.id, BeforeMode: c.head.mode}
		switch p, large := s.pointers[c.path]; {
		case c.index.mode == deleted:
			f.Mode = ""
		case c.index.mode == submodule:
			f.ID = c.index.id
		case large:
			f.Data, f.Large = p.data, p.large
		default:
			if f.Data, err = r.onDisk(c); err != nil {
				return nil, err
			}
			if f.Data == nil {
				ids[c.path] = c.index.id
			}
		}
		files = append(files, f)
	}
	return r.find(ctx, files, ids, s)
}

// onDisk returns what a commit would hold of a file, if that is what the disk has, but
// for line ends. The object's name tells: git has made it from the file with whatever
// attributes and settings there are.
func (r *reader) onDisk(c change) ([]byte, error) {
	data, err := r.bytes(c)
	if err != nil || data == nil {
		return nil, err
	}
	if blobID(data) == c.index.id {
		return data, nil
	}
	if unix := bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")); blobID(unix) == c.index.id {
		return unix, nil
	}
	return nil, nil
}

// bytes reads a file or where a link leads; nil if there is none.
func (r *reader) bytes(c change) ([]byte, error) {
	name := r.full(c.path)
	info, err := os.Lstat(name)
	if err != nil {
		return nil, nil
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		return []byte(filepath.ToSlash(target)), err
	}
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", show(c.path), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it has grown to more than %d MiB", maxFile>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", show(c.path), err)
	}
	return append([]byte{}, data...), nil // never nil
}

// blobID is the name that git gives to a file's content.
func blobID(data []byte) git.ID {
	hash := sha1.New()
	fmt.Fprintf(hash, "blob %d\x00", len(data))
	hash.Write(data)
	return git.ID(hex.EncodeToString(hash.Sum(nil)))
}

// find fills in the contents that the disk does not have in that form: what was staged
// and changed or removed since, what an encoding or $Id$ stands for.
func (r *reader) find(ctx context.Context, files []File, ids map[string]git.ID, s sorted) ([]File, error) {
	if len(ids) == 0 {
		return files, r.filtered(s, files)
	}
	var staged []git.ID
	var converted []string
	for path, id := range ids {
		if _, ok := s.staged[path]; ok {
			staged = append(staged, id)
		} else {
			converted = append(converted, path)
		}
	}
	contents, err := r.repo.Contents(ctx, staged...)
	if err != nil {
		return nil, fmt.Errorf("reading what is staged in %s: %w", r.Dir, err)
	}
	if len(converted) > 0 {
		more, err := r.convert(ctx, converted, ids, s.index)
		if err != nil {
			return nil, err
		}
		for id, data := range more {
			contents[id] = data
		}
	}
	for i, f := range files {
		id, missing := ids[f.Path]
		if !missing {
			continue
		}
		data, ok := contents[id]
		if !ok || blobID(data) != id {
			return nil, fmt.Errorf("reading %s: %w", show(f.Path), errRestless)
		}
		files[i].Data = data
	}
	return files, r.filtered(s, files)
}

var errRestless = errors.New("it was changed while it was read; let no other step run beside this one")

// convert lets git make what the disk does not have, with objects of our own alone: git
// would set the times of those it finds in the checkout. For that it needs what the index
// had before, because line ends are kept as they were there.
func (r *reader) convert(
	ctx context.Context, paths []string, ids map[string]git.ID, index map[string]side,
) (map[git.ID][]byte, error) {
	failed := func(err error) error { return fmt.Errorf("converting changed files of %s: %w", r.Dir, err) }
	var old []git.ID
	entries, names := &strings.Builder{}, &strings.Builder{}
	wanted := make([]git.ID, 0, len(paths))
	for _, path := range paths {
		wanted = append(wanted, ids[path])
		names.WriteString(path + "\x00")
		if was := index[path]; was.id != "" && was.id != none {
			old = append(old, was.id)
			fmt.Fprintf(entries, "%s %s\t%s\x00", was.mode, was.id, path)
		} else {
			fmt.Fprintf(entries, "0 %s\t%s\x00", none, path)
		}
	}
	before, err := r.repo.Contents(ctx, old...)
	if err != nil {
		return nil, failed(err)
	}
	if err := os.Remove(r.repo.alternates()); err != nil {
		return nil, failed(err)
	}
	for _, data := range before {
		if _, err := r.repo.Run(ctx, bytes.NewReader(data), "hash-object", "-w", "-t", "blob", "--stdin"); err != nil {
			return nil, failed(err)
		}
	}
	if err := r.update(ctx, entries.String(), "--index-info"); err != nil {
		return nil, err
	}
	if err := r.update(ctx, names.String(), "--add", "--replace", "--stdin"); err != nil {
		return nil, err
	}
	contents, err := r.repo.Contents(ctx, wanted...)
	if err != nil {
		return nil, failed(err)
	}
	return contents, nil
}

// filtered refuses what was staged although its filter has not run: then git would have
// made the same of it here, where no filter runs.
func (r *reader) filtered(s sorted, files []File) error {
	data := map[string][]byte{}
	for _, f := range files {
		data[f.Path] = f.Data
	}
	for _, c := range s.filtered {
		raw, err := r.bytes(c)
		if err != nil {
			return err
		}
		unix := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
		if held := data[c.path]; len(held) > 0 && (bytes.Equal(held, raw) || bytes.Equal(held, unix)) {
			return fmt.Errorf("%s was staged, but its filter has not run: it would be committed as it lies there, "+
				"perhaps unencrypted; set the filter up before git add, or leave the file out", show(c.path))
		}
	}
	return nil
}

package installed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
)

// disk is a tree whose files nobody vouches for.
type disk struct {
	tree fs.FS
	path string // of the tree, for messages
}

// maxNote bounds what is read of a file that describes a package.
const maxNote = 16 << 20

var (
	errNotThere   = errors.New("is missing")
	errNoFile     = errors.New("is not a file")
	errUnreadable = errors.New("cannot be read")
	errTooLarge   = errors.New("is too large to be looked at")
)

// open opens a file. What is no regular one could block, or never end. A link is
// followed as long as the tree allows it.
func (d disk) open(name string) (fs.File, int64, error) {
	if !fs.ValidPath(name) {
		return nil, 0, errNoFile
	}
	info, err := fs.Stat(d.tree, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, errNotThere
	case err != nil:
		return nil, 0, errUnreadable
	case !info.Mode().IsRegular():
		return nil, 0, errNoFile
	}
	file, err := d.tree.Open(name)
	if err != nil {
		return nil, 0, errUnreadable
	}
	return file, info.Size(), nil
}

// small reads a file of at most limit bytes.
func (d disk) small(name string, limit int64) ([]byte, error) {
	file, size, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, errUnreadable
	case int64(len(data)) > limit:
		return nil, errTooLarge
	}
	return data, nil
}

// sum feeds a file to a hash, and returns it in hex.
func (d disk) sum(name string, digest hash.Hash) (string, error) {
	file, _, err := d.open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	// Hidden from io.CopyBuffer is every method but Read and Write: it shall use the buffer.
	if _, err := io.CopyBuffer(digest, struct{ io.Reader }{file}, *buffer); err != nil {
		return "", errUnreadable
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func (d disk) sha256(name string) (string, error) { return d.sum(name, sha256.New()) }

var buffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// maxFiles bounds the files of one package.
const maxFiles = 200_000

// walk visits all that is below a folder and is no folder itself. It does not follow
// links: those are visited.
func (d disk) walk(folder string, visit func(name string, entry fs.DirEntry)) error {
	seen := 0
	err := fs.WalkDir(d.tree, folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		}
		if seen++; seen > maxFiles {
			return errTooLarge
		}
		visit(name, entry)
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errTooLarge):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return errNotThere
	}
	return errUnreadable
}

// complaints are the problems of one package: the first ones, so that a tree in which
// everything is wrong does not bury the rest.
type complaints struct {
	at   disk
	list []Problem
	more int
}

const maxComplaints = 10

func (c *complaints) wrong(name, format string, args ...any) { c.add(name, false, format, args...) }

func (c *complaints) unread(name, format string, args ...any) { c.add(name, true, format, args...) }

func (c *complaints) add(name string, unread bool, format string, args ...any) {
	if len(c.list) >= maxComplaints {
		c.more++
		return
	}
	c.list = append(c.list, Problem{path.Join(c.at.path, name), fmt.Sprintf(format, args...), unread})
}

// about words that a file of a package is missing (which is wrong), or could not be looked at.
func (c *complaints) about(name, owner string, err error) {
	c.add(name, !errors.Is(err, errNotThere), "a file of %s %v", owner, err)
}

func (c *complaints) all() []Problem {
	if c.more > 0 {
		last := c.list[len(c.list)-1]
		c.list = append(c.list, Problem{last.Path, fmt.Sprintf("%d more of the same package", c.more), last.Unread})
	}
	return c.list
}

// result is what was found of one package.
type result struct {
	packages []Package
	problems []Problem
}

// gather looks at n packages on all cores, and adds what it finds to the tree, in order.
func (t *Tree) gather(ctx context.Context, n int, look func(i int) result) {
	found := make([]result, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				found[i] = look(i)
			}
		})
	}
	workers.Wait()
	for _, r := range found {
		t.Packages = append(t.Packages, r.packages...)
		t.Problems = append(t.Problems, r.problems...)
	}
	if ctx.Err() != nil {
		t.unread("", "it was not looked at to its end: the time is up, or the task was cancelled")
	}
}

func (t *Tree) unread(name, format string, args ...any) {
	t.Problems = append(t.Problems, Problem{path.Join(t.Path, name), fmt.Sprintf(format, args...), true})
}

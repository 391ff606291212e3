package fingerprint

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"sync"

	"github.com/moby/patternmatcher"
)

// maxEntries is far more than a build context can sensibly have.
const maxEntries = 2_000_000

// walker lists a context's files and hashes them.
type walker struct {
	root  *os.Root
	skip  *matcher
	all   []entry
	files []int // in all: those to hash
}

// walk returns what is in root but for what skip leaves out.
func walk(ctx context.Context, root *os.Root, skip *matcher) ([]entry, error) {
	w := &walker{root: root, skip: skip}
	if err := w.folder(ctx, ".", patternmatcher.MatchInfo{}); err != nil {
		return nil, err
	}
	return w.all, w.hash(ctx)
}

// folder lists a folder. The folder itself is noted by whoever comes here.
func (w *walker) folder(ctx context.Context, name string, above patternmatcher.MatchInfo) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	list, err := fs.ReadDir(w.root.FS(), name)
	if err != nil {
		return fmt.Errorf("the folder %s cannot be read", show(name))
	}
	for _, d := range list {
		full := path.Join(name, d.Name())
		out, info, err := w.skip.match(full, above)
		if err != nil {
			return errors.New("a pattern of .dockerignore cannot be read")
		}
		if !out {
			if err := w.add(full, d); err != nil {
				return err
			}
		}
		if d.IsDir() && (!out || w.skip.mayTakeIn(full)) {
			if err := w.folder(ctx, full, info); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) add(name string, d fs.DirEntry) error {
	e := entry{Path: name}
	switch mode := d.Type(); {
	case len(w.all) == maxEntries:
		return fmt.Errorf("it holds more than %d files: leave some out with .dockerignore", maxEntries)
	case mode.IsDir():
		e.Kind = 'd'
	case mode.IsRegular():
		e.Kind = 'f'
		w.files = append(w.files, len(w.all))
	case mode&fs.ModeSymlink != 0:
		target, err := w.root.Readlink(name)
		if err != nil {
			return fmt.Errorf("the link %s cannot be read", show(name))
		}
		e.Kind, e.Data = 'l', target
	default:
		return fmt.Errorf("%s is neither file, folder nor link: remove it, or leave it out with .dockerignore",
			show(name))
	}
	w.all = append(w.all, e)
	return nil
}

// hash reads the files, several at once.
func (w *walker) hash(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			buffer := make([]byte, 128<<10)
			for i := range next {
				if err := w.file(&w.all[i], buffer); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, i := range w.files {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// file hashes a file, and makes sure that it was the same all the time.
func (w *walker) file(e *entry, buffer []byte) error {
	f, err := w.root.Open(e.Path)
	if err != nil {
		return fmt.Errorf("the file %s cannot be read", show(e.Path))
	}
	defer func() { _ = f.Close() }() // it was only read
	before, err := f.Stat()
	if err != nil || !before.Mode().IsRegular() {
		return changed(e)
	}
	sum := sha256.New()
	n, err := io.CopyBuffer(sum, onlyReader{f}, buffer)
	if err != nil {
		return fmt.Errorf("the file %s cannot be read", show(e.Path))
	}
	after, err := f.Stat()
	if err != nil || n != before.Size() || after.Size() != n || !after.ModTime().Equal(before.ModTime()) {
		return changed(e)
	}
	e.Data = string(sum.Sum(nil))
	if isExecutable(before.Mode()) {
		e.Kind = 'x'
	}
	return nil
}

// onlyReader hides that a file can write itself to something, with a buffer of its own.
type onlyReader struct{ io.Reader }

func changed(e *entry) error {
	return fmt.Errorf("the file %s changes while it is read: let the step that writes it end first", show(e.Path))
}

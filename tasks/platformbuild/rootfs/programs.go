package rootfs

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Programs calls visit for every regular file of the image that is executable or begins like a
// program, in the order of their paths. It reads all layers to their end. Paths are those in the
// layers: of Windows they begin with /Files.
func (f *FS) Programs(ctx context.Context, visit func(File) error) error {
	if err := f.readAll(ctx); err != nil {
		return err
	}
	var roots []*node
	for _, l := range f.layers {
		roots = append(roots, &l.tree.root)
		if l.tree.root.hides {
			break
		}
	}
	m := merged{fs: f, ctx: ctx, visit: visit}
	return m.walk(nil, roots)
}

// readAll reads the layers side by side: unpacking is work for a processor each.
func (f *FS) readAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	turns := make(chan struct{}, max(1, min(runtime.NumCPU(), 4)))
	for _, l := range f.layers {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			if err := l.read(ctx, false); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}

// merged walks all layers at once.
type merged struct {
	fs    *FS
	ctx   context.Context
	visit func(File) error
}

// walk visits what is below a folder, which is made of those of several layers, the highest first.
func (m *merged) walk(path []string, folders []*node) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	for _, name := range childNames(folders) {
		here := append(path[:len(path):len(path)], name)
		top, below := pick(folders, name)
		switch {
		case top == nil:
		case top.mode.IsDir():
			if err := m.walk(here, below); err != nil {
				return err
			}
		default:
			if err := m.file(here, top); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *merged) file(path []string, n *inode) error {
	if n.hard {
		w := walk{fs: m.fs, ctx: m.ctx}
		var err error
		if n, err = w.lstat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
	}
	if !n.mode.IsRegular() || n.program == nil {
		return nil
	}
	return m.visit(n.file("/" + strings.Join(path, "/")))
}

func childNames(folders []*node) []string {
	var names []string
	for _, folder := range folders {
		for name := range folder.children {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pick is what a name stands for, and of a folder all that it is made of.
func pick(folders []*node, name string) (top *inode, below []*node) {
	for _, folder := range folders {
		n := folder.children[name]
		if n == nil {
			continue
		}
		if n.ino != nil && top == nil {
			top = n.ino
		}
		if n.isDir() {
			below = append(below, n)
		}
		if n.hides || n.ino != nil && !n.isDir() {
			break
		}
	}
	return top, below
}

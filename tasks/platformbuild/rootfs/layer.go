package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
)

// layer is a layer that is read as far as it was needed.
type layer struct {
	source Layer
	budget *budget
	quick  bool // see Limits
	tree   *tree
	done   bool
	err    error // *LayerError: it will not get better

	stream *stream
	tar    *tar.Reader
	head   []byte
}

// read goes on: by one entry, or to the layer's end.
func (l *layer) read(ctx context.Context, one bool) error {
	if l.stream != nil {
		l.stream.stored.ctx, l.stream.unpacked.ctx = ctx, ctx
	}
	for first := true; !l.done && (first || !one); first = false {
		if l.err != nil {
			return l.err
		}
		if err := l.next(ctx); err != nil {
			l.close() // the error of closing says nothing new
			return l.judge(err)
		}
	}
	return nil
}

// judge tells a broken layer from a broken connection.
func (l *layer) judge(err error) error {
	var broken *brokenError
	switch {
	case errors.As(err, &broken):
		l.err = &LayerError{l.source.Digest(), "it is broken: " + reason(broken.error), broken.error}
	case errors.Is(err, ErrForeign):
		l.err = &LayerError{l.source.Digest(), ErrForeign.Error(), err}
	default:
		return err
	}
	return l.err
}

// reason is in words of ours: a library's could hold the layer's own text.
func reason(err error) string {
	switch {
	case errors.Is(err, errTooLong):
		return "it has a name or a link that is too long"
	case errors.Is(err, errTwice):
		return "it has two files with the same name"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.Is(err, tar.ErrHeader):
		return "it is not a tar file"
	}
	return "it cannot be unpacked"
}

// next reads one entry, or the end.
func (l *layer) next(ctx context.Context) error {
	if l.stream == nil {
		s, err := open(ctx, l.source, l.budget)
		if err != nil {
			return err
		}
		l.stream, l.tree, l.tar = s, newTree(l.budget), tar.NewReader(s.unpacked)
	}
	h, err := l.tar.Next()
	if errors.Is(err, io.EOF) {
		if err := l.stream.drain(); err != nil {
			return err
		}
		l.done = true
		return l.close()
	}
	if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are made harmless by clean
		return l.stream.cause(err)
	}
	return l.enter(h)
}

func (l *layer) enter(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // says something of other entries, and is none: its name means nothing
	}
	names, err := clean(h.Name)
	if err != nil {
		return &brokenError{err}
	}
	if len(names) == 0 {
		return nil // the root itself
	}
	if strings.HasPrefix(names[len(names)-1], whiteout) {
		return l.wrap(l.tree.hide(names))
	}
	if h.Typeflag == tar.TypeChar && h.Devmajor == 0 && h.Devminor == 0 {
		// Overlayfs takes such a device for a whiteout, however it came there.
		names[len(names)-1] = whiteout + names[len(names)-1]
		return l.wrap(l.tree.hide(names))
	}
	ino, err := l.inode(h)
	if err != nil {
		return err
	}
	return l.wrap(l.tree.put(names, ino))
}

// wrap takes any error but a limit for the layer's fault.
func (l *layer) wrap(err error) error {
	var limit *BudgetError
	if err == nil || errors.As(err, &limit) {
		return err
	}
	return &brokenError{err}
}

func (l *layer) inode(h *tar.Header) (*inode, error) {
	ino := &inode{mode: h.FileInfo().Mode(), size: h.Size}
	switch h.Typeflag {
	case tar.TypeSymlink:
		if len(h.Linkname) > maxPath {
			return nil, &brokenError{errTooLong}
		}
		ino.link = strings.Clone(h.Linkname) // as it is, it would keep the whole header
		return ino, l.budget.text(len(ino.link))
	case tar.TypeLink:
		names, err := clean(h.Linkname)
		if err != nil {
			return nil, &brokenError{err}
		}
		if n, _ := l.tree.walk(names, false); n != nil && !n.isDir() && n.ino != nil {
			return n.ino, nil
		}
		ino.link, ino.hard = strings.Clone(strings.Join(names, "/")), true
		return ino, l.budget.text(len(ino.link))
	case tar.TypeReg:
		return ino, l.sniff(ino)
	}
	return ino, nil
}

// sniff keeps what the first bytes say, if it can matter: most files are neither executable nor programs.
func (l *layer) sniff(ino *inode) error {
	if l.head == nil {
		l.head = make([]byte, machine.HeadSize)
	}
	n, err := io.ReadFull(l.tar, l.head)
	if err != nil && !errors.Is(err, io.EOF) && (!errors.Is(err, io.ErrUnexpectedEOF) || int64(n) < ino.size) {
		return l.stream.cause(err)
	}
	if p := machine.Sniff(l.head[:n]); p.Format != machine.Unknown || p.Broken != "" && n > 0 || ino.mode&0o111 != 0 {
		ino.program = &p
		return l.budget.text(len(p.Loader) + len(strings.Join(p.Shebang, " ")))
	}
	return nil
}

// close ends the download; a layer that is not read to its end begins anew if it is needed again.
func (l *layer) close() error {
	if l.stream == nil {
		return nil
	}
	err := l.stream.close()
	l.stream, l.tar = nil, nil
	if !l.done {
		l.tree = nil
	}
	return err
}

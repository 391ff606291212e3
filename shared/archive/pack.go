package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// window is the most memory that reading a stream may need, so it is set on both
// sides. Bigger windows gain nothing on package files, which are compressed.
const window = 8 << 20

// Pack writes the contents of all files below root to w and returns what they
// are. Besides the errors of the package it returns those of the file system and
// of w; what was written is worthless then.
func Pack(ctx context.Context, root string, w io.Writer, l Limits) (Index, Stream, error) {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return Index{}, Stream{}, err
	}
	defer tree.Close() // only read from
	before, err := look(ctx, tree)
	if err != nil {
		return Index{}, Stream{}, err
	}
	if len(before.files) == 0 {
		return Index{}, Stream{}, ErrEmpty
	}
	index := before.index()
	if path, reason := before.index().check(l); reason != "" {
		return Index{}, Stream{}, &RefusedError{path, reason}
	}
	stream, err := write(ctx, tree, before, &index, w)
	if err != nil {
		return Index{}, Stream{}, err
	}
	after, err := look(ctx, tree)
	if err != nil {
		return Index{}, Stream{}, err
	}
	if where := before.differs(after); where != "" {
		return Index{}, Stream{}, fmt.Errorf("%q: %w", where, ErrChanged)
	}
	if reason := l.checkRatio(index.Bytes(), stream); reason != "" {
		return Index{}, Stream{}, &RefusedError{"", reason}
	}
	return index, stream, nil
}

// snapshot is a tree as the file system describes it.
type snapshot struct {
	files     map[string]fs.FileInfo
	emptyDirs []string
}

// look describes the tree without reading its files.
func look(ctx context.Context, tree *os.Root) (snapshot, error) {
	s := snapshot{files: map[string]fs.FileInfo{}}
	err := s.dir(ctx, tree.FS(), ".")
	return s, err
}

func (s *snapshot) dir(ctx context.Context, tree fs.FS, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		return gone(err, dir)
	}
	if len(entries) == 0 && dir != "." {
		s.emptyDirs = append(s.emptyDirs, dir)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			if err := s.dir(ctx, tree, name); err != nil {
				return err
			}
			continue
		}
		if !entry.Type().IsRegular() {
			reason := "it is " + describe(entry.Type()) + ", and only files and folders can be put back safely"
			return &RefusedError{name, reason}
		}
		info, err := entry.Info()
		if err != nil {
			return gone(err, name)
		}
		s.files[name] = info
	}
	return nil
}

// gone turns the loss of something that was there a moment ago into ErrChanged.
func gone(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", name, ErrChanged)
	}
	return err
}

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// index is the tree without hashes, which makes check possible before anything
// is read. A place-holder stands for each of them.
func (s snapshot) index() Index {
	var placeHolder [sha256.Size]byte
	var x Index
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		x.Files = append(x.Files, File{
			Path: name, Size: s.files[name].Size(), SHA256: hex.EncodeToString(placeHolder[:]),
			Executable: s.files[name].Mode()&0o100 != 0,
		})
	}
	x.EmptyDirs = slices.Sorted(slices.Values(s.emptyDirs))
	return x
}

// differs returns a name at which the two trees are not the same, or "".
func (s snapshot) differs(other snapshot) string {
	for name, info := range s.files {
		now, there := other.files[name]
		if !there || !same(info, now) {
			return name
		}
	}
	for name := range other.files {
		if _, there := s.files[name]; !there {
			return name
		}
	}
	return ""
}

// same reports whether nothing happened to a file between two looks. The change
// time shows writes whose author has set the modification time back.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() &&
		a.ModTime().Equal(b.ModTime()) && changeTime(a).Equal(changeTime(b))
}

// write streams the files and fills in their hashes.
func write(ctx context.Context, tree *os.Root, s snapshot, x *Index, w io.Writer) (_ Stream, err error) {
	out := &meter{to: w, sum: sha256.New()}
	encoder, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window))
	if err != nil {
		return Stream{}, err
	}
	defer func() {
		if err != nil {
			encoder.Close() // frees its goroutines; the first error counts
		}
	}()
	p := packing{tree: tree, to: encoder, buffer: make([]byte, 1<<20)}
	for i := range x.Files {
		f := &x.Files[i]
		if f.SHA256, err = p.file(ctx, f.Path, s.files[f.Path]); err != nil {
			return Stream{}, err
		}
	}
	if err := encoder.Close(); err != nil {
		return Stream{}, err
	}
	return out.stream(), nil
}

// packing is the work on one tree.
type packing struct {
	tree   *os.Root
	to     io.Writer
	buffer []byte
}

// file writes a file's contents and returns their hash. It must still be the
// file that was looked at.
func (p packing) file(ctx context.Context, name string, want fs.FileInfo) (string, error) {
	file, err := p.tree.Open(name)
	if err != nil {
		return "", gone(err, name)
	}
	defer file.Close() // only read from
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !same(want, info) {
		return "", fmt.Errorf("%q: %w", name, ErrChanged)
	}
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(p.to, sum), reader{ctx, file}, p.buffer)
	if err != nil {
		return "", err
	}
	if n != want.Size() {
		return "", fmt.Errorf("%q: %w", name, ErrChanged)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// meter hashes and counts what passes.
type meter struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.sum.Write(p[:n])
	m.n += int64(n)
	return n, err
}

func (m *meter) stream() Stream { return Stream{hex.EncodeToString(m.sum.Sum(nil)), m.n} }

// reader ends when ctx does, and hides every other method of what it reads, as
// io.Copy would prefer those to its buffer.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

package archive

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Archive is what Unpack needs to know about a stream.
type Archive struct {
	Index  Index
	Stream Stream
	Limits Limits
}

// Unpack makes the folder dst of the archive whose stream r is. A folder that is
// there already is replaced as a whole; its permissions stay. The parent of dst
// is made if need be.
func Unpack(ctx context.Context, r io.Reader, a Archive, dst string) error {
	if path, reason := a.Index.check(a.Limits); reason != "" {
		return &CorruptError{path, reason}
	}
	if reason := a.Limits.checkRatio(a.Index.Bytes(), a.Stream); reason != "" {
		return &CorruptError{"", reason}
	}
	old, err := os.Lstat(dst)
	switch {
	case err == nil && !old.IsDir():
		return &PlaceError{Path: dst, Reason: "it is not a folder"}
	case err == nil && isMount(dst):
		return &PlaceError{Path: dst, Reason: "it is a mount point"}
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return &PlaceError{Path: dst, Err: err}
	}
	stage, err := newStage(dst, old)
	if err != nil {
		return &PlaceError{Path: dst, Err: err}
	}
	if err := extract(ctx, r, a, stage); err != nil {
		return errors.Join(err, remove(stage))
	}
	if old != nil {
		if err := os.Chmod(stage, old.Mode()&(fs.ModePerm|fs.ModeSetgid|fs.ModeSticky)); err != nil {
			return errors.Join(err, remove(stage))
		}
	}
	return disk.replace(stage, dst)
}

// newStage makes the folder to unpack in. What replaces a private folder is
// private from the start.
func newStage(dst string, old fs.FileInfo) (string, error) {
	perm := fs.FileMode(0o755)
	if old != nil {
		perm = 0o700
	}
	stage := dst + stageMark + strings.ToLower(rand.Text()[:stageLetters])
	return stage, os.Mkdir(stage, perm)
}

// extract fills the folder stage and checks all that can be checked.
func extract(ctx context.Context, r io.Reader, a Archive, stage string) (err error) {
	root, err := os.OpenRoot(stage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// One byte more than there should be is enough to know that there are too many.
	in := &source{r: reader{ctx, io.LimitReader(r, a.Stream.Size+1)}, sum: meter{to: io.Discard, sum: sha256.New()}}
	decoder, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return err
	}
	defer decoder.Close()
	x := extraction{root: root, from: decoder, dirs: map[string]bool{".": true}, buffer: make([]byte, 1<<20)}
	if err := x.all(a.Index); err != nil {
		return in.blame(err)
	}
	switch _, err := io.ReadFull(decoder, x.buffer[:1]); err {
	case io.EOF:
	case nil:
		return in.blame(&CorruptError{"", "it goes on after its last file"})
	default:
		return in.blame(&decodeError{"", err})
	}
	if got := in.sum.stream(); got != a.Stream {
		return &CorruptError{"", fmt.Sprintf("its data have %d bytes and the SHA-256 %.12s..., not %d and %.12s...",
			got.Size, got.SHA256, a.Stream.Size, a.Stream.SHA256)}
	}
	return nil
}

// source is the compressed stream. It remembers its own failure, which would
// otherwise look like the decoder's.
type source struct {
	r   io.Reader
	sum meter
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n]) // a hash does not fail
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame tells a stream that cannot be read from one that is wrong.
func (s *source) blame(err error) error {
	var decoding *decodeError
	switch {
	case s.err != nil:
		return s.err
	case errors.As(err, &decoding):
		return &CorruptError{decoding.path, "its data cannot be decompressed: " + decoding.err.Error()}
	}
	return err
}

// decodeError is a failure to get a file's bytes, as opposed to writing them.
type decodeError struct {
	path string
	err  error
}

func (e *decodeError) Error() string { return e.err.Error() }

// extraction is the work on one folder.
type extraction struct {
	root   *os.Root
	from   io.Reader
	dirs   map[string]bool // made already
	buffer []byte
}

func (x *extraction) all(index Index) error {
	for _, f := range index.Files {
		if err := x.dir(path.Dir(f.Path)); err != nil {
			return err
		}
		if err := x.file(f); err != nil {
			return err
		}
	}
	for _, dir := range index.EmptyDirs {
		if err := x.dir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (x *extraction) dir(dir string) error {
	if x.dirs[dir] {
		return nil
	}
	x.dirs[dir] = true
	return x.root.MkdirAll(filepath.FromSlash(dir), 0o755)
}

func (x *extraction) file(f File) (err error) {
	perm := fs.FileMode(0o644)
	if f.Executable {
		perm = 0o755
	}
	out, err := x.root.OpenFile(filepath.FromSlash(f.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	sum := sha256.New()
	for left := f.Size; left > 0; {
		n, err := io.ReadFull(x.from, x.buffer[:min(left, int64(len(x.buffer)))])
		if err != nil {
			return &decodeError{f.Path, err}
		}
		sum.Write(x.buffer[:n])
		if _, err := out.Write(x.buffer[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return &CorruptError{f.Path, fmt.Sprintf("its SHA-256 is %.12s..., not %.12s...", got, f.SHA256)}
	}
	return nil
}

package rootfs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// blob is a layer in memory.
type blob struct {
	data  []byte
	opens int
	fail  error // what reading ends with, instead of io.EOF
	body  func([]byte) io.Reader
}

func (b *blob) Digest() string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b.data)) }
func (b *blob) Size() int64    { return int64(len(b.data)) }

func (b *blob) Open(context.Context) (io.ReadCloser, error) {
	b.opens++
	var r io.Reader = bytes.NewReader(b.data)
	if b.body != nil {
		r = b.body(b.data)
	}
	if b.fail != nil {
		r = io.MultiReader(r, failing{b.fail})
	}
	return io.NopCloser(r), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// program and other are the heads of programs, told apart by their processor.
const (
	program = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00\x01\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x40\x00\x38\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"
	other = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00\x01\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x40\x00\x38\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"
)

// entries is a layer in words: "dir a", "file a/b text", "exec a/b text", "link a -> b", "hard a ->
// b", "dev a", "hide a" (a whiteout), "opaque a". "PROGRAM" and "OTHER" stand for programs.
func entries(t testing.TB, lines ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, line := range lines {
		h, text := entry(t, line)
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func entry(t testing.TB, line string) (h *tar.Header, text string) {
	t.Helper()
	kind, rest, _ := strings.Cut(line, " ")
	name, text, _ := strings.Cut(rest, " ")
	text = strings.NewReplacer("PROGRAM", program, "OTHER", other).Replace(text)
	target := strings.TrimPrefix(text, "-> ")
	slash := strings.LastIndex(name, "/") + 1
	switch kind {
	case "dir":
		return &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}, ""
	case "file":
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}, text
	case "exec":
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(text))}, text
	case "link":
		return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""
	case "hard":
		return &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o755}, ""
	case "dev":
		return &tar.Header{Typeflag: tar.TypeChar, Name: name}, ""
	case "fifo":
		return &tar.Header{Typeflag: tar.TypeFifo, Name: name}, ""
	case "hide":
		return &tar.Header{Typeflag: tar.TypeReg, Name: name[:slash] + ".wh." + name[slash:]}, ""
	case "opaque":
		return &tar.Header{Typeflag: tar.TypeReg, Name: name + "/.wh..wh..opq"}, ""
	}
	t.Fatalf("%q is no entry", line)
	return nil, ""
}

func zipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// image is a file system of layers in words, the lowest first: one line each, entries parted by "; ".
func image(t testing.TB, limits Limits, layers ...string) *FS {
	t.Helper()
	var list []Layer
	for _, text := range layers {
		list = append(list, &blob{data: zipped(t, entries(t, strings.Split(text, "; ")...))})
	}
	f := New(list, limits)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

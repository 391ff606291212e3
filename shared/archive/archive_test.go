package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// plant makes files below a new folder: their paths and contents. A path that
// ends in a slash is a folder, content that begins with #! makes a program.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		dir := filepath.Dir(full)
		if strings.HasSuffix(name, "/") {
			dir = full
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == full {
			continue
		}
		perm := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			perm = 0o755
		}
		if err := os.WriteFile(full, []byte(content), perm); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// tree reads back what plant makes.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entries, err := os.ReadDir(name); err == nil && len(entries) == 0 && rel != "." {
				found[filepath.ToSlash(rel)+"/"] = ""
			}
			return nil
		}
		content, err := os.ReadFile(name)
		info, err2 := entry.Info()
		if err2 == nil && runtime.GOOS != "windows" && (info.Mode()&0o100 != 0) != bytes.HasPrefix(content, []byte("#!")) {
			t.Errorf("%s has mode %v", rel, info.Mode())
		}
		found[filepath.ToSlash(rel)] = string(content)
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var sample = map[string]string{
	"a/one.tgz": "one", "a/two": strings.Repeat("two", 1<<20), "b": "", "b.d/run.sh": "#!/bin/sh\n",
	"e/m/p/t/y/": "", "ünï/cödé": "x",
}

func pack(t *testing.T, root string) ([]byte, Archive) {
	t.Helper()
	var out bytes.Buffer
	index, stream, err := Pack(context.Background(), root, &out, DefaultLimits())
	if err != nil {
		t.Fatalf("Pack(%s): %v", root, err)
	}
	return out.Bytes(), Archive{index, stream, DefaultLimits()}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	data, a := pack(t, plant(t, sample))
	if want := (Stream{sum(data), int64(len(data))}); a.Stream != want {
		t.Errorf("Pack: stream %+v, want %+v", a.Stream, want)
	}
	for name, prepare := range map[string]func(dst string) error{
		"nothing there":   func(string) error { return nil },
		"no parent":       func(dst string) error { return os.Remove(filepath.Dir(dst)) },
		"an empty folder": func(dst string) error { return os.Mkdir(dst, 0o700) },
		"an old folder": func(dst string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dst, "old", "er"), 0o700),
				os.WriteFile(filepath.Join(dst, "old", "er", "file"), nil, 0o600), os.Chmod(filepath.Join(dst, "old", "er"), 0o500))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := filepath.Join(t.TempDir(), "parent")
			dst := filepath.Join(parent, "dst")
			if err := errors.Join(os.Mkdir(parent, 0o755), prepare(dst)); err != nil {
				t.Fatal(err)
			}
			if err := Unpack(context.Background(), bytes.NewReader(data), a, dst); err != nil {
				t.Fatalf("Unpack: %v", err)
			}
			if diff := cmp.Diff(sample, tree(t, dst)); diff != "" {
				t.Errorf("Unpack(Pack(x)) (-want +got):\n%s", diff)
			}
			onlyEntry(t, parent, "dst")
		})
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// onlyEntry fails unless dir holds want and nothing else.
func onlyEntry(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s holds (-want +got):\n%s", dir, diff)
	}
}

// stream compresses contents as Pack does, and describes the result truthfully.
func stream(t testing.TB, contents ...string) ([]byte, Stream) {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	data := encoder.EncodeAll([]byte(strings.Join(contents, "")), nil)
	return data, Stream{sum(data), int64(len(data))}
}

func file(path, content string) File {
	return File{Path: path, Size: int64(len(content)), SHA256: sum([]byte(content))}
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	data, good := stream(t, "one", "two")
	files := func(a, b string) Index { return Index{Files: []File{file(a, "one"), file(b, "two")}} }
	flipped := bytes.Clone(data)
	flipped[len(flipped)-5] ^= 1
	limits := DefaultLimits()
	small := limits
	small.Files, small.Bytes = 1, 5
	bomb, bombStream := stream(t, strings.Repeat("\x00", ratioFloor+1))
	for name, tc := range map[string]struct {
		data []byte
		a    Archive
		want string
	}{
		"parent":           {data, Archive{files("../a", "b"), good, limits}, `"../a"`},
		"absolute":         {data, Archive{files("/tmp/a", "b"), good, limits}, `"/tmp/a"`},
		"not clean":        {data, Archive{files("x//a", "b"), good, limits}, "shortest form"},
		"inner parent":     {data, Archive{files("x/../a", "b"), good, limits}, "shortest form"},
		"backslash":        {data, Archive{files(`..\a`, "b"), good, limits}, "operating system"},
		"drive":            {data, Archive{files("C:a", "b"), good, limits}, "operating system"},
		"device":           {data, Archive{files("x/NUL.txt", "b"), good, limits}, "operating system"},
		"case":             {data, Archive{files("x/a", "x/A"), good, limits}, "upper and lower case"},
		"case of a folder": {data, Archive{files("x/a", "X/b"), good, limits}, "upper and lower case"},
		"twice":            {data, Archive{files("a", "a"), good, limits}, "twice"},
		"file and folder":  {data, Archive{files("a", "a/b"), good, limits}, "twice"},
		"empty folder": {
			data, Archive{Index{files("a", "b").Files, []string{"../x"}}, good, limits}, `"../x"`,
		},
		"empty folder that is not": {
			data, Archive{Index{files("x/a", "b").Files, []string{"x"}}, good, limits}, "twice",
		},
		"no hash":        {data, Archive{Index{[]File{{Path: "a", Size: 6}}, nil}, good, limits}, "not a SHA-256"},
		"negative size":  {data, Archive{Index{[]File{{"a", -1, sum(nil), false}}, nil}, good, limits}, "negative"},
		"wrong hash":     {data, Archive{Index{[]File{file("a", "one"), file("b", "twO")}, nil}, good, limits}, `"b"`},
		"too short":      {data, Archive{Index{[]File{file("a", "one"), file("b", "two!")}, nil}, good, limits}, `"b"`},
		"too long":       {data, Archive{Index{[]File{file("a", "one")}, nil}, good, limits}, "goes on"},
		"flipped":        {flipped, Archive{files("a", "b"), Stream{sum(flipped), good.Size}, limits}, ""},
		"other digest":   {data, Archive{files("a", "b"), Stream{sum(nil), good.Size}, limits}, "SHA-256"},
		"other size":     {data, Archive{files("a", "b"), Stream{good.SHA256, good.Size + 1}, limits}, "bytes"},
		"appended":       {append(bytes.Clone(data), data...), Archive{files("a", "b"), good, limits}, ""},
		"cut":            {data[:len(data)-3], Archive{files("a", "b"), good, limits}, ""},
		"empty":          {nil, Archive{files("a", "b"), good, limits}, `"a"`},
		"not compressed": {[]byte("onetwo"), Archive{files("a", "b"), good, limits}, `"a"`},
		"too many":       {data, Archive{files("a", "b"), good, small}, "more than 1 files"},
		"too big":        {data, Archive{Index{[]File{file("a", "onetwo")}, nil}, good, small}, "more than 5 bytes"},
		"bomb": {
			bomb, Archive{Index{[]File{{"a", ratioFloor + 1, sum(nil), false}}, nil}, bombStream, limits}, "times as many",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dst := filepath.Join(parent, "dst")
			err := errors.Join(os.Mkdir(dst, 0o755), os.WriteFile(filepath.Join(dst, "old"), []byte("old"), 0o600))
			if err != nil {
				t.Fatal(err)
			}
			err = Unpack(context.Background(), bytes.NewReader(tc.data), tc.a, dst)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Unpack(%+v): error %v, want a *CorruptError with %q", tc.a.Index, err, tc.want)
			}
			onlyEntry(t, parent, "dst")
			onlyEntry(t, dst, "old")
		})
	}
}

// Every byte of a stream counts.
func TestUnpackNoticesEveryByte(t *testing.T) {
	t.Parallel()
	data, a := pack(t, plant(t, map[string]string{"a": strings.Repeat("some text ", 50), "b": "two"}))
	for i := range data {
		dst := filepath.Join(t.TempDir(), "dst")
		broken := bytes.Clone(data)
		broken[i] ^= 0x41
		var corrupt *CorruptError
		if err := Unpack(context.Background(), bytes.NewReader(broken), a, dst); !errors.As(err, &corrupt) {
			t.Fatalf("Unpack with byte %d of %d changed: error %v, want a *CorruptError", i, len(data), err)
		}
		if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Unpack with byte %d changed left %s behind", i, dst)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// A disk that fails is not the archive's fault.
func TestUnpackBlamesTheDisk(t *testing.T) {
	t.Parallel()
	data, a := pack(t, plant(t, sample))
	parent := t.TempDir()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		ctx  func() context.Context
		r    io.Reader
		want error
	}{
		"reading":   {context.Background, io.MultiReader(bytes.NewReader(data[:10]), failing{boom}), boom},
		"cancelled": {cancelled, bytes.NewReader(data), context.Canceled},
	} {
		err := Unpack(tc.ctx(), tc.r, a, filepath.Join(parent, "dst"))
		var corrupt *CorruptError
		if !errors.Is(err, tc.want) || errors.As(err, &corrupt) {
			t.Errorf("%s: Unpack: error %v, want %v", name, err, tc.want)
		}
		onlyEntry(t, parent)
	}
	blocked := filepath.Join(parent, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{blocked, filepath.Join(blocked, "dst")} {
		if err := Unpack(context.Background(), bytes.NewReader(data), a, dst); err == nil {
			t.Errorf("Unpack to %s, where a file is in the way, succeeded", dst)
		}
		onlyEntry(t, parent, "file")
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func FuzzUnpack(f *testing.F) {
	data, _ := stream(f, "one", "two")
	f.Add("a\nb/c", data, "one")
	f.Add("../../x\n/y", data, "one")
	f.Add(`C:\x`+"\nb\\..\\..\\c", data, "onetwo")
	f.Add("a\na/b\nA", []byte("junk"), "")
	f.Fuzz(func(t *testing.T, names string, data []byte, content string) {
		outside := t.TempDir()
		parent := filepath.Join(outside, "parent")
		if err := os.Mkdir(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		a := Archive{Stream: Stream{sum(data), int64(len(data))}, Limits: Limits{Files: 100, Bytes: 1 << 20, Ratio: 100}}
		for name := range strings.SplitSeq(names, "\n") {
			a.Index.Files = append(a.Index.Files, file(name, content))
			a.Index.EmptyDirs = append(a.Index.EmptyDirs, name+content)
		}
		err := Unpack(context.Background(), bytes.NewReader(data), a, filepath.Join(parent, "dst"))
		onlyEntry(t, outside, "parent")
		if err != nil {
			onlyEntry(t, parent)
			return
		}
		onlyEntry(t, parent, "dst")
		for name, got := range tree(t, filepath.Join(parent, "dst")) {
			if got != content {
				t.Errorf("Unpack made %q with %q, want %q", name, got, content)
			}
		}
	})
}

// A stream decides how much memory reading it takes, up to a limit.
func TestUnpackRefusesBigWindows(t *testing.T) {
	t.Parallel()
	for size, fits := range map[int]bool{window: true, 2 * window: false} {
		content := strings.Repeat("0123456789abcdef", size/16+1)
		var out bytes.Buffer
		encoder, err := zstd.NewWriter(&out, zstd.WithWindowSize(size))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(encoder, content); err != nil || encoder.Close() != nil {
			t.Fatal(err)
		}
		a := Archive{Index{Files: []File{file("a", content)}}, Stream{sum(out.Bytes()), int64(out.Len())}, DefaultLimits()}
		err = Unpack(context.Background(), &out, a, filepath.Join(t.TempDir(), "dst"))
		var corrupt *CorruptError
		if fits && err != nil || !fits && !errors.As(err, &corrupt) {
			t.Errorf("Unpack of a stream with a window of %d bytes: error %v, want a *CorruptError: %v", size, err, !fits)
		}
	}
}

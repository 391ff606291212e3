package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestFindReadsEveryCompression(t *testing.T) {
	t.Parallel()
	plain := entries(t, "exec app PROGRAM")
	gz, half := zipped(t, plain), len(plain)/2
	var best bytes.Buffer
	w, err := zstd.NewWriter(&best, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	skip := append([]byte{0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0}, "any"...)
	for name, data := range map[string][]byte{
		"plain":            plain,
		"gzip":             gz,
		"gzip in members":  append(zipped(t, plain[:half]), zipped(t, plain[half:])...),
		"gzip in tiny":     append(zipped(t, plain[:1]), append(zipped(t, nil), zipped(t, plain[1:])...)...),
		"zstd":             zstandard(t, plain),
		"zstd, stream":     best.Bytes(),
		"zstd in frames":   append(zstandard(t, plain[:half]), zstandard(t, plain[half:])...),
		"zstd, skip first": append(skip, zstandard(t, plain)...),
		"trailing junk":    append(bytes.Clone(gz), "junk"...),
		"trailing tar":     append(bytes.Clone(plain), entries(t, "exec app OTHER")...),
		"no end":           plain[:len(plain)-1024],
	} {
		source := &blob{data: data}
		f := New([]Layer{source}, Limits{})
		if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
			t.Errorf("%s: Find: %s, want %s", name, got, want)
		}
		if f.Downloaded() != source.Size() {
			t.Errorf("%s: read %d bytes of %d: the reader's check of the digest is at the end", name, f.Downloaded(), source.Size())
		}
	}
	for name, data := range map[string][]byte{"empty tar": make([]byte, 1024), "nothing": nil, "empty gzip": zipped(t, nil)} {
		f := New([]Layer{&blob{data: entries(t, "exec app PROGRAM")}, &blob{data: data}}, Limits{})
		if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
			t.Errorf("%s on top: Find: %s, want %s", name, got, want)
		}
	}
}

func TestFindSaysWhatIsBroken(t *testing.T) {
	t.Parallel()
	plain := entries(t, "file a "+strings.Repeat("x", 10_000), "exec app PROGRAM")
	gz := zipped(t, plain)
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x90, 1, 0, 0} // a zstd frame with a window of 256 MB
	long := func(n int) []byte { return entries(t, "file "+strings.Repeat("d/", n/2)+"f text") }
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"text":            {[]byte(strings.Repeat("hello ", 1000)), "it is not a tar file"},
		"cut":             {plain[:5000], "it ends too early"},
		"cut in the head": {plain[:1000], "it ends too early"},
		"gzip, cut":       {gz[:len(gz)/2], "it ends too early"},
		"gzip, cut short": {gz[:5], "it ends too early"},
		"gzip, broken":    {append(bytes.Clone(gz[:20]), bytes.Repeat([]byte{0xff}, 1000)...), "it cannot be unpacked"},
		"zstd, cut":       {zstandard(t, plain)[:40], "it ends too early"},
		"zstd, window":    {window, "it cannot be unpacked"},
		"long path":       {long(5000), "it has a name or a link that is too long"},
		"long name":       {entries(t, "file "+strings.Repeat("n", 256)+" text"), "it has a name or a link that is too long"},
		"long hard link":  {entries(t, "hard a -> "+strings.Repeat("n/", 3000)), "it has a name or a link that is too long"},
		"giant header":    {giant(t), "it cannot be unpacked"},
	} {
		f := New([]Layer{&blob{data: tc.data}}, Limits{})
		_, err := f.Find(t.Context(), "/nowhere")
		var broken *LayerError
		if !errors.As(err, &broken) || broken.Reason != "it is broken: "+tc.want {
			t.Errorf("%s: Find: %v, want a LayerError: %s", name, err, tc.want)
			continue
		}
		if _, again := f.Find(t.Context(), "/nowhere"); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: Find again: %v, want %v", name, again, err)
		}
		if err := f.Programs(t.Context(), func(File) error { return nil }); !errors.As(err, &broken) {
			t.Errorf("%s: Programs: %v, want the same LayerError", name, err)
		}
	}
}

// giant is a layer whose PAX header has a record of 16 MB.
func giant(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	record := "16777216 comment=" + strings.Repeat("x", 16<<20)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(record)), Mode: 0o644, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, record); err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	data[156] = 'x' // the type of a PAX header
	sum := 0
	copy(data[148:156], "        ")
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

func TestLimits(t *testing.T) {
	t.Parallel()
	bomb := zipped(t, entries(t, "file bomb "+strings.Repeat("\x00", 64<<20)))
	if len(bomb) > 100_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	var many, deep []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("file f%d x", i))
	}
	for i := range 4 {
		deep = append(deep, fmt.Sprintf("file d%d/%sf x", i, strings.Repeat("d/", 100)))
	}
	for name, tc := range map[string]struct {
		data   []byte
		limits Limits
		want   string
	}{
		"download": {entries(t, "file a "+strings.Repeat("x", 200_000)), Limits{Download: 100_000},
			"more than 100000 bytes of layers would have to be downloaded"},
		"unpacked": {bomb, Limits{Unpacked: 1 << 20}, "the layers unpack to more than 1048576 bytes"},
		"entries":  {entries(t, many...), Limits{Entries: 100}, "the layers hold more than 100 files"},
		"folders that are only in names": {entries(t, deep...), Limits{Entries: 300},
			"the layers hold more than 300 files"},
		"zstd": {zstandard(t, entries(t, "file bomb "+strings.Repeat("\x00", 64<<20))), Limits{Unpacked: 1 << 20},
			"the layers unpack to more than 1048576 bytes"},
		"junk after the end": {append(entries(t, "file a x"), make([]byte, 1<<20)...), Limits{Download: 100_000},
			"more than 100000 bytes of layers would have to be downloaded"},
	} {
		f := New([]Layer{&blob{data: tc.data}}, tc.limits)
		_, err := f.Find(t.Context(), "/nowhere")
		var limit *BudgetError
		if !errors.As(err, &limit) || err.Error() != tc.want {
			t.Errorf("%s: Find: %v, want a BudgetError: %s", name, err, tc.want)
		}
		if err := f.Programs(t.Context(), func(File) error { return nil }); !errors.As(err, &limit) {
			t.Errorf("%s: Programs: %v, want a BudgetError", name, err)
		}
	}
}

// A limit is for all layers together.
func TestLimitsAddUp(t *testing.T) {
	t.Parallel()
	layer := entries(t, "file a "+strings.Repeat("x", 200_000))
	f := New([]Layer{&blob{data: layer}, &blob{data: layer}, &blob{data: layer}}, Limits{Download: 500_000})
	_, err := f.Find(t.Context(), "/nowhere")
	var limit *BudgetError
	if !errors.As(err, &limit) {
		t.Errorf("Find: %v, want a BudgetError", err)
	}
}

// A sparse file says that it has exabytes, and has none.
func TestSparseFilesCostNothing(t *testing.T) {
	t.Parallel()
	h := make([]byte, 512)
	copy(h, "sparse")
	copy(h[100:], "0000755\x000000000\x000000000\x0000000000000\x0000000000000\x00        S")
	copy(h[257:], "ustar  \x00")
	put := func(at int, n uint64) { // base 256
		binary.BigEndian.PutUint64(h[at+4:], n)
		h[at] = 0x80
	}
	put(386, 1<<62) // one piece of no length, at the end
	put(398, 0)
	put(483, 1<<62)
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	f := New([]Layer{&blob{data: append(h, entries(t, "exec app PROGRAM")...)}}, Limits{Unpacked: 1 << 20})
	if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
		t.Errorf("Find: %s, want %s", got, want)
	}
	if got, err := f.Find(t.Context(), "/sparse"); err != nil || got.Size != 1<<62 {
		t.Errorf("Find(/sparse) = %+v, %v, want %d bytes", got, err, uint64(1<<62))
	}
}

// What the registry does wrong is no fault of the layer's, and may be better next time.
func TestFindTellsTheRegistrysErrors(t *testing.T) {
	t.Parallel()
	data := zipped(t, entries(t, "file a "+strings.Repeat("x", 10_000), "exec app PROGRAM"))
	for name, cut := range map[string]int{"at once": 0, "in the magic": 2, "in the middle": len(data) / 2, "at the end": len(data)} {
		reset := errors.New("connection reset by peer")
		source := &blob{data: data, fail: reset, body: func(b []byte) io.Reader { return bytes.NewReader(b[:cut]) }}
		f := New([]Layer{source}, Limits{})
		_, err := f.Find(t.Context(), "/app")
		var broken *LayerError
		if !errors.Is(err, reset) || errors.As(err, &broken) {
			t.Errorf("%s: Find: %v, want %v", name, err, reset)
		}
		source.fail, source.body = nil, nil
		if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
			t.Errorf("%s: Find again: %s, want %s", name, got, want)
		}
	}
}

type foreign struct{ blob }

func (*foreign) Open(context.Context) (io.ReadCloser, error) {
	return nil, fmt.Errorf("blob sha256:00: %w", ErrForeign)
}

func TestFindTellsForeignLayers(t *testing.T) {
	t.Parallel()
	f := New([]Layer{&foreign{}, &blob{data: entries(t, "exec app PROGRAM")}}, Limits{})
	if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
		t.Errorf("Find above it: %s, want %s", got, want)
	}
	_, err := f.Find(t.Context(), "/bin/sh")
	var broken *LayerError
	if !errors.As(err, &broken) || !errors.Is(err, ErrForeign) {
		t.Errorf("Find in it: %v, want a LayerError for ErrForeign", err)
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, quick := range map[string]bool{"whole": false, "quick": true} {
		ctx, cancel := context.WithCancel(t.Context())
		endless := &blob{body: func([]byte) io.Reader {
			return &endless{after: 1000, then: cancel, unit: entries(t, "file a x")[:1024]}
		}}
		f := New([]Layer{endless}, Limits{Quick: quick})
		if _, err := f.Find(ctx, "/nowhere"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Find: %v, want context.Canceled", name, err)
		}
	}
}

// endless gives unit again and again, and calls then after some times.
type endless struct {
	after, at int
	then      func()
	unit      []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.at == 0 {
		if e.after--; e.after == 0 {
			e.then()
		}
	}
	n := copy(p, e.unit[e.at:])
	e.at = (e.at + n) % len(e.unit)
	return n, nil
}

func TestErrorsAreClean(t *testing.T) {
	t.Parallel()
	f := image(t, Limits{}, "link a -> /##vso[task.setvariable]\x1b[31m\n"+strings.Repeat("y", 200))
	_, err := f.Find(t.Context(), "/a")
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "##vso[") || len(err.Error()) > 250 {
		t.Errorf("Find: %v, want a clean error", err)
	}
}

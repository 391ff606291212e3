package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// headers is a layer of headers only.
func headers(t testing.TB, list []tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range list {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// heap is how many bytes f keeps once it has read everything.
func heap(t *testing.T, f *FS) int64 {
	t.Helper()
	used := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := used()
	if _, err := f.Find(t.Context(), "/nowhere"); err == nil {
		t.Fatal("Find(/nowhere) found it")
	}
	after := used()
	runtime.KeepAlive(f)
	return after - before
}

// What a small layer says must not stay in memory as a whole: each of these headers is a megabyte, or
// would keep 4 kB for a name of one letter. Not parallel: it measures the heap.
func TestHostileHeadersAreNotKept(t *testing.T) {
	var links, notes, deep, dirs []tar.Header
	for i := range 20 {
		name := fmt.Sprintf("l%d", i)
		links = append(links, tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: strings.Repeat("x/", 500_000)})
		pax := map[string]string{"GUARDRAILS.note": strings.Repeat("x", 900_000)}
		target := "/" + strings.Repeat("x/", 100)
		notes = append(notes, tar.Header{Typeflag: tar.TypeSymlink, Name: "é" + name, Linkname: "é" + target, PAXRecords: pax},
			tar.Header{Typeflag: tar.TypeLink, Name: "h" + name, Linkname: "gone", PAXRecords: pax})
	}
	for i := range 1000 {
		name := fmt.Sprintf("%s%d", strings.Repeat("d/", 2000), i)
		deep = append(deep, tar.Header{Typeflag: tar.TypeReg, Name: name})
		dirs = append(dirs, tar.Header{Typeflag: tar.TypeLink, Name: fmt.Sprint(i), Linkname: strings.Repeat("./", 2000) + "x"})
	}
	for name, list := range map[string][]tar.Header{"links": links, "notes": notes, "deep names": deep, "hard links": dirs} {
		source := &blob{data: headers(t, list)}
		if kept := heap(t, New([]Layer{source}, Limits{})); kept > 1<<20 {
			t.Errorf("%s: a layer of %d bytes makes Find keep %d bytes, want less than 1 MB", name, source.Size(), kept)
		}
	}
}

func TestNamesHaveALimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 200)
	script := tar.Header{Typeflag: tar.TypeSymlink, Linkname: long}
	var links, hard, names []tar.Header
	for i := range 100 {
		script.Name = fmt.Sprint(i)
		links = append(links, script)
		hard = append(hard, tar.Header{Typeflag: tar.TypeLink, Name: fmt.Sprint(i), Linkname: long})
		names = append(names, tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(long, i)})
	}
	var scripts []string
	for i := range 100 {
		scripts = append(scripts, fmt.Sprintf("exec %d #!/bin/%s\n", i, long))
	}
	for name, data := range map[string][]byte{
		"symbolic links": headers(t, links), "hard links": headers(t, hard), "names": headers(t, names),
		"scripts": entries(t, scripts...),
	} {
		_, err := New([]Layer{&blob{data: data}}, Limits{Names: 10_000}).Find(t.Context(), "/nowhere")
		var limit *BudgetError
		if want := "the names and links in the layers have more than 10000 bytes"; !errors.As(err, &limit) || err.Error() != want {
			t.Errorf("%s: Find: %v, want a BudgetError: %s", name, err, want)
		}
		if got := what(New([]Layer{&blob{data: data}}, Limits{}).Find(t.Context(), "/nowhere")); !strings.Contains(got, "no such file") {
			t.Errorf("%s without a limit: Find: %s, want no such file", name, got)
		}
	}
}

// A header for all that follow is no entry, whatever its name is.
func TestGlobalHeadersAreNoEntries(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app/.wh.server", "app/.wh..wh..opq", "app/server", "app"} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		h := &tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: name, PAXRecords: map[string]string{"comment": "x"}}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&out, bytes.NewReader(entries(t, "file b text"))); err != nil {
			t.Fatal(err)
		}
		f := New([]Layer{&blob{data: entries(t, "exec app/server PROGRAM")}, &blob{data: out.Bytes()}}, Limits{})
		if got, want := what(f.Find(t.Context(), "/app/server")), "/app/server amd64"; got != want {
			t.Errorf("Find below a global header named %s: %s, want %s", name, got, want)
		}
	}
}

// In a folder of Windows names are looked for in upper and lower case, after each entry if it is to be quick.
func TestManyNamesOfWindows(t *testing.T) {
	t.Parallel()
	var list []tar.Header
	for i := range 20_000 {
		list = append(list, tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("Files/Windows/System32/f%d.dll", i)})
	}
	list = append(list, tar.Header{Typeflag: tar.TypeReg, Name: "Files/Windows/System32/Cmd.exe"},
		tar.Header{Typeflag: tar.TypeReg, Name: "Files/Windows/System32/CMD.exe"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for path, want := range map[string]string{`C:\windows\system32\cmd.EXE`: `C:\windows\system32\cmd.EXE`, `C:\Windows\System32\F1.dll`: `C:\Windows\System32\F1.dll`} {
		f := New([]Layer{&blob{data: headers(t, list)}}, Limits{Quick: true})
		if got, err := f.Find(ctx, path); err != nil || got.Path != want {
			t.Errorf("Find(%s) = %s, %v, want %s", path, got.Path, err, want)
		}
	}
}

// Only a device with the numbers 0 and 0 is a whiteout.
func TestDevicesThatAreNoWhiteouts(t *testing.T) {
	t.Parallel()
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeChar, Name: "app", Devmajor: 1}, {Typeflag: tar.TypeChar, Name: "app", Devminor: 3}, {Typeflag: tar.TypeBlock, Name: "app"},
	} {
		f := New([]Layer{&blob{data: entries(t, "exec app PROGRAM")}, &blob{data: headers(t, []tar.Header{h})}}, Limits{})
		if got, err := f.Find(t.Context(), "/app"); err != nil || got.Mode.IsRegular() {
			t.Errorf("Find below device %d, %d: %+v, %v, want the device", h.Devmajor, h.Devminor, got, err)
		}
	}
}

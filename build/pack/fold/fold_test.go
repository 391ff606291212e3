package fold

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
)

// fixture is a program with what folding is about: calls, variables, constants, types and methods.
const fixture = `package main

import (
	"os"
	"sort"
	"strconv"
	"time"
)

type named map[string]int

func (n named) sum() (total int) {
	for _, v := range n {
		total += v
	}
	return total
}

var all = named{"a": 1}

func main() {
	all[time.Now().String()] = len(os.Args)
	words := append(os.Environ(), strconv.Itoa(all.sum()))
	sort.Strings(words)
	os.Stdout.WriteString(words[0])
}
`

var systems = []string{"linux", "darwin", "windows"}

var build = sync.OnceValues(func() (map[string][][]byte, error) {
	dir, err := os.MkdirTemp("", "fold-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"main.go": fixture, "go.mod": "module example.test/fixture\n\ngo 1.26.0\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	programs := map[string][][]byte{}
	for code := range coders {
		for _, system := range systems {
			cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "program", ".")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+code, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, &os.PathError{Op: string(out), Path: system + "/" + code, Err: err}
			}
			data, err := os.ReadFile(filepath.Join(dir, "program"))
			if err != nil {
				return nil, err
			}
			programs[code] = append(programs[code], data)
		}
	}
	return programs, nil
})

// built returns the fixture for each processor, for Linux, macOS and Windows.
func built(t testing.TB) map[string][][]byte {
	t.Helper()
	programs, err := build()
	if err != nil {
		t.Fatalf("building the fixture: %v", err)
	}
	return programs
}

// unfolded fails the test unless a folded program comes back.
func unfolded(t *testing.T, f Folded, want []byte) {
	t.Helper()
	got := f.Data
	if f.Map != nil {
		var err error
		if got, err = Unfold(bytes.Clone(f.Data), *f.Map); err != nil {
			t.Fatalf("Unfold(%+v): %v", *f.Map, err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("Unfold(%+v) is not the program that was folded", f.Map)
	}
}

func TestProgramsAreFoldedAndComeBack(t *testing.T) {
	t.Parallel()
	for code, programs := range built(t) {
		folded := Programs(programs...)
		for i, f := range folded {
			if f.Map == nil {
				t.Errorf("Programs of %s: the one for %s was not folded", code, systems[i])
				continue
			}
			unfolded(t, f, programs[i])
			if bytes.Equal(f.Data[4*f.Map.Labels:], programs[i]) {
				t.Errorf("Programs of %s: the one for %s is unchanged", code, systems[i])
			}
		}
		var plain, better [][]byte
		for i := range programs {
			plain, better = append(plain, programs[i]), append(better, folded[i].Data)
		}
		// It is 24 hundredths for these programs, 27 for large ones.
		before, after := compressed(t, plain), compressed(t, better)
		if after*100 > before*80 {
			t.Errorf("programs for %s take %d bytes folded and %d as they are, want a fifth less", code, after, before)
		}
	}
}

func compressed(t *testing.T, parts [][]byte) int64 {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: 9, LGWin: 24})
	if _, err := io.Copy(w, bytes.NewReader(bytes.Join(parts, nil))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(out.Len())
}

func TestProgramsIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	programs := built(t)["amd64"]
	first := Programs(programs...)
	for range 3 {
		for i, f := range Programs(programs...) {
			if !bytes.Equal(f.Data, first[i].Data) || *f.Map != *first[i].Map {
				t.Errorf("Programs of the same programs folded the one for %s to something else", systems[i])
			}
		}
	}
}

func TestWhatCannotBeFoldedStays(t *testing.T) {
	t.Parallel()
	programs := built(t)
	linux, arm := programs["amd64"][0], programs["arm64"][0]
	img, ok := read(linux)
	if !ok {
		t.Fatal("read of the fixture failed")
	}
	noTable := bytes.Clone(linux)
	clear(noTable[img.table:][:8*len(img.funcs)+64])
	for name, data := range map[string][]byte{
		"nothing": {}, "text": []byte("#!/bin/sh\n"), "headers alone": linux[:4096], "half": linux[:len(linux)/2],
		"zeros": make([]byte, 5000), "no table of functions": noTable, "too large": make([]byte, maxSize+1),
	} {
		for i, f := range Programs(data, linux, arm) {
			want := [][]byte{data, linux, arm}[i]
			if folded := f.Map != nil; folded != (i == 1) {
				t.Errorf("%s: Programs folded program %d: %t, want amd64 alone", name, i, folded)
			}
			unfolded(t, f, want)
		}
	}
	if got := Programs(); len(got) != 0 {
		t.Errorf("Programs() = %v, want nothing", got)
	}
}

// A signer appends to a program, and a damaged one may have anything anywhere: whatever is folded comes back.
func TestChangedProgramsComeBack(t *testing.T) {
	t.Parallel()
	for code, programs := range built(t) {
		img, _ := read(programs[0])
		for _, at := range []int{100, img.text + 5, img.end - 3, img.table - 20, img.table + 4, img.table + 8*len(img.funcs) + 30} {
			changed := bytes.Clone(programs[0])
			for i := range 64 {
				changed[at+i] ^= byte(37 * (i + at))
			}
			for i, f := range Programs(programs[1], changed, append(changed, "SIGNED"...)) {
				unfolded(t, f, [][]byte{programs[1], changed, append(changed, "SIGNED"...)}[i])
			}
		}
		if f := Programs(append(bytes.Clone(programs[2]), "SIGNED"...)); f[0].Map == nil {
			t.Errorf("Programs of a signed program for %s did not fold it", code)
		}
	}
}

func TestUnfoldRefuses(t *testing.T) {
	t.Parallel()
	good := Map{Code: "amd64", Labels: 1, Text: [2]int{0, 8}}
	for name, change := range map[string]func(*Map){
		"processor":         func(m *Map) { m.Code = "riscv64" },
		"labels below zero": func(m *Map) { m.Labels = -1 },
		"too many labels":   func(m *Map) { m.Labels = 30 },
		"code before":       func(m *Map) { m.Text[0] = -1 },
		"code backwards":    func(m *Map) { m.Text[0] = 9 },
		"code behind":       func(m *Map) { m.Text[1] = 101 },
		"page":              func(m *Map) { m.Page = pageSize },
		"page below zero":   func(m *Map) { m.Page = -1 },
		"table before":      func(m *Map) { m.Funcs[0] = -8 },
		"table behind":      func(m *Map) { m.Funcs[0] = 101 },
		"count below zero":  func(m *Map) { m.Funcs[1] = -1 },
		"too many records":  func(m *Map) { m.Funcs[1] = 3 },
	} {
		m := good
		change(&m)
		if _, err := Unfold(make([]byte, 104), m); err == nil {
			t.Errorf("%s: Unfold of 104 bytes with %+v: got no error", name, m)
		}
	}
	if _, err := Unfold(make([]byte, 104), good); err != nil {
		t.Errorf("Unfold of 104 bytes with %+v: %v", good, err)
	}
}

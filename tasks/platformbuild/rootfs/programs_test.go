package rootfs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func programs(t testing.TB, f *FS) (list []string) {
	t.Helper()
	err := f.Programs(t.Context(), func(file File) error {
		list = append(list, what(file, nil))
		return nil
	})
	if err != nil {
		t.Fatalf("Programs: %v", err)
	}
	return list
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	f := image(t, Limits{},
		"exec bin/a PROGRAM; exec bin/b PROGRAM; exec old/x PROGRAM; exec gone/x PROGRAM; exec over PROGRAM; file text x",
		"exec bin/b OTHER; hide gone; opaque old; link l -> bin/a; hard bin/h -> bin/a; exec script #!/bin/sh; file lib.so OTHER",
		"file over/file x; exec plain text; fifo bin/p; dir bin/d; file z PROGRAM")
	want := []string{"/bin/a amd64", "/bin/b arm64", "/bin/h amd64", "/lib.so arm64", "/plain", "/script script", "/z amd64"}
	if diff := cmp.Diff(want, programs(t, f)); diff != "" {
		t.Errorf("Programs (-want +got):\n%s", diff)
	}
	hidden := image(t, Limits{}, "exec a PROGRAM", "opaque .; exec b OTHER", "exec c OTHER")
	if diff := cmp.Diff([]string{"/b arm64", "/c arm64"}, programs(t, hidden)); diff != "" {
		t.Errorf("Programs over a hidden root (-want +got):\n%s", diff)
	}
	stop := errors.New("enough")
	n := 0
	err := f.Programs(t.Context(), func(File) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("Programs went on %d times after visit's error: %v", n, err)
	}
}

// model applies layers to a map of paths, one after the other, without any tree: slow and plain.
type model map[string]string

func (m model) remove(name string) {
	for other := range m {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(m, other)
		}
	}
}

// apply knows files, folders, whiteouts and opaque folders.
func (m model) apply(lines []string) {
	own := model{}
	for _, line := range lines { // whiteouts first: they are for lower layers only
		kind, rest, _ := strings.Cut(line, " ")
		name, _, _ := strings.Cut(rest, " ")
		switch kind {
		case "hide":
			m.remove(name)
		case "opaque":
			for other := range m {
				if strings.HasPrefix(other, name+"/") {
					m.remove(other)
				}
			}
		}
	}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		name, text, _ := strings.Cut(rest, " ")
		switch kind {
		case "dir", "exec":
			own.folder(path.Dir(name))
			if kind == "dir" {
				own.folder(name)
				continue
			}
			own.remove(name)
			own[name] = text
		case "hide":
			own.folder(path.Dir(name))
		case "opaque":
			own.folder(name)
		}
	}
	for _, name := range slices.Sorted(keys(own)) {
		if old, ok := m[name]; !ok || old != "folder" || own[name] != "folder" {
			m.remove(name)
		}
		m[name] = own[name]
	}
}

func (m model) folder(name string) {
	if name == "." {
		return
	}
	m.folder(path.Dir(name))
	if m[name] != "folder" {
		m.remove(name)
		m[name] = "folder"
	}
}

func keys(m model) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

// randomLayer has a few entries with few names, so that they meet.
func randomLayer(r *rand.Rand) (lines []string) {
	names := []string{"a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b", "a/b/a", "b/a/a"}
	files, others := map[string]bool{}, map[string]bool{}
	for range 1 + r.IntN(6) {
		name, kind := names[r.IntN(len(names))], r.IntN(8)
		// No runtime unpacks a layer that has something below a file.
		clash := kind > 2 && others[name] || kind < 3 && kind > 0 && files[name]
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			clash = clash || files[dir]
		}
		if clash {
			continue
		}
		files[name] = files[name] || kind > 2
		for dir := name; dir != "."; dir = path.Dir(dir) {
			others[dir] = others[dir] || dir != name || kind == 1 || kind == 2
		}
		switch kind {
		case 0:
			lines = append(lines, "hide "+name)
		case 1:
			lines = append(lines, "opaque "+name)
		case 2:
			lines = append(lines, "dir "+name)
		case 3, 4, 5:
			lines = append(lines, "exec "+name+" PROGRAM")
		default:
			lines = append(lines, "exec "+name+" OTHER")
		}
	}
	return lines
}

// TestAgainstTheModel compares with the plain way of applying layers.
func TestAgainstTheModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		m, words := model{}, []string{}
		for range 1 + r.IntN(4) {
			lines := randomLayer(r)
			m.apply(lines)
			if len(lines) == 0 {
				continue
			}
			words = append(words, strings.Join(lines, "; "))
		}
		compare(t, m, words)
		if t.Failed() {
			return
		}
	}
}

func compare(t *testing.T, m model, layers []string) {
	t.Helper()
	word := map[string]string{"PROGRAM": " amd64", "OTHER": " arm64"}
	var want []string
	var list []Layer
	for _, layer := range layers {
		list = append(list, &blob{data: entries(t, strings.Split(layer, "; ")...)})
	}
	f := New(list, Limits{})
	for _, name := range slices.Sorted(keys(m)) {
		found := "/" + name + " folder"
		if m[name] != "folder" {
			found = "/" + name + word[m[name]]
			want = append(want, found)
		}
		if got := what(f.Find(t.Context(), "/"+name)); got != found {
			t.Errorf("Find(/%s) in\n%s\n%s, want %s", name, strings.Join(layers, "\n"), got, found)
		}
	}
	got := programs(t, f)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Programs of\n%s\n(-want +got):\n%s", strings.Join(layers, "\n"), diff)
	}
}

func FuzzLayer(f *testing.F) {
	f.Add(entries(f, "dir a", "exec a/b PROGRAM", "link l -> a", "hard h -> a/b", "hide x", "opaque a"), []byte{})
	f.Add(zipped(f, entries(f, "exec a PROGRAM")), entries(f, "hide a", "link a -> a/a"))
	f.Add(zstandard(f, entries(f, "exec a PROGRAM")), entries(f, "link a -> ../b", "exec a/b/c OTHER", "hard a -> a"))
	f.Fuzz(func(t *testing.T, low, high []byte) {
		limits := Limits{Download: 1 << 20, Unpacked: 1 << 20, Entries: 1000}
		files := New([]Layer{&blob{data: low}, &blob{data: high}}, limits)
		defer files.Close()
		var all []File
		if err := files.Programs(t.Context(), func(file File) error {
			all = append(all, file)
			return nil
		}); err != nil {
			return
		}
		for _, file := range all {
			// What is visited is found, at the same place.
			got, err := files.Find(t.Context(), file.Path)
			if err != nil || got.Path != file.Path || fmt.Sprint(got.Program) != fmt.Sprint(file.Program) {
				t.Errorf("Find(%q) = %+v, %v, want %+v", file.Path, got, err, file)
			}
		}
		if n := len(all); n > limits.Entries {
			t.Errorf("visited %d files", n)
		}
	})
}

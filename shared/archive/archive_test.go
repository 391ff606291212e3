package archive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// plant makes files below a new folder: their paths and contents. A path that
// ends in a slash is a folder, content that begins with #! makes a program.
func plant(t testing.TB, files map[string]string) string {
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

// contents reads back what plant makes.
func contents(t testing.TB, root string) map[string]string {
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

// onlyEntry fails unless dir holds want and nothing else.
func onlyEntry(t testing.TB, dir string, want ...string) {
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

var sample = map[string]string{
	"a/one.tgz": "one", "a/two": strings.Repeat("two", 1<<20), "b": "", "b.d/run.sh": "#!/bin/sh\n",
	"e/m/p/t/y/": "", "ünï/cödé": "x",
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	source := scan(t, plant(t, sample))
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
			if err := copyTree(t, source, dst); err != nil {
				t.Fatalf("a Folder with what Scan found: %v", err)
			}
			if diff := cmp.Diff(sample, contents(t, dst)); diff != "" {
				t.Errorf("a copy of what Scan found (-want +got):\n%s", diff)
			}
			onlyEntry(t, parent, "dst")
		})
	}
}

// copyTree puts a tree into a Folder, half of its files by Create.
func copyTree(t *testing.T, source *Tree, dst string) error {
	t.Helper()
	if err := Check(source.Files, source.EmptyDirs, DefaultLimits()); err != nil {
		t.Fatalf("Check of what Scan found: %v", err)
	}
	folder, err := NewFolder(dst)
	if err != nil {
		return err
	}
	for i, file := range source.Files {
		data, err := fs.ReadFile(source.FS(), file.Path)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			err = folder.WriteFile(file, data)
		} else {
			err = inPieces(folder, file, data)
		}
		if err != nil {
			return errors.Join(err, folder.Discard())
		}
	}
	for _, dir := range source.EmptyDirs {
		if err := folder.Mkdir(dir); err != nil {
			return errors.Join(err, folder.Discard())
		}
	}
	return folder.Place()
}

// inPieces writes a file from its end.
func inPieces(folder *Folder, file File, data []byte) error {
	out, err := folder.Create(file)
	if err != nil {
		return err
	}
	half := len(data) / 2
	_, err = out.WriteAt(data[half:], int64(half))
	_, err2 := out.WriteAt(data[:half], 0)
	return errors.Join(err, err2, out.Close())
}

func TestCheck(t *testing.T) {
	t.Parallel()
	limits := Limits{Files: 2, Bytes: 5}
	files := func(paths ...string) []File {
		var all []File
		for _, p := range paths {
			all = append(all, File{Path: p})
		}
		return all
	}
	for name, tc := range map[string]struct {
		files []File
		dirs  []string
		want  string // "" if all is well
	}{
		"nothing":                  {nil, nil, ""},
		"within the limits":        {[]File{{"a", 2, true}, {"b", 3, false}}, nil, ""},
		"a folder twice":           {files("x/a", "x/b"), nil, ""},
		"parent":                   {files("../a"), nil, `"../a"`},
		"absolute":                 {files("/tmp/a"), nil, `"/tmp/a"`},
		"empty":                    {files(""), nil, "shortest form"},
		"not clean":                {files("x//a"), nil, "shortest form"},
		"inner parent":             {files("x/../a"), nil, "shortest form"},
		"a folder's name":          {files("x/"), nil, "shortest form"},
		"backslash":                {files(`..\a`), nil, "operating system"},
		"drive":                    {files("C:a"), nil, "operating system"},
		"stream":                   {files("x/a:b"), nil, `"x/a:b"`},
		"device":                   {files("x/NUL.txt"), nil, "operating system"},
		"trailing dot":             {files("x./a"), nil, "operating system"},
		"case":                     {files("x/a", "x/A"), nil, "upper and lower case"},
		"case of a folder":         {files("x/a", "X/b"), nil, "upper and lower case"},
		"case beyond ASCII":        {files("x/ä", "x/Ä"), nil, "upper and lower case"},
		"composed differently":     {files("x/\u00e4", "x/a\u0308"), nil, "upper and lower case"},
		"Kelvin":                   {files("x/k", "x/\u212a"), nil, "upper and lower case"},
		"twice":                    {files("a", "a"), nil, "twice"},
		"file and folder":          {files("a", "a/b"), nil, "twice"},
		"folder and file":          {files("a/b", "a"), nil, "twice"},
		"empty folder outside":     {nil, []string{"../x"}, `"../x"`},
		"empty folder twice":       {nil, []string{"x", "x"}, "twice"},
		"empty folder that is not": {files("x/a"), []string{"x"}, "twice"},
		"filled empty folder":      {nil, []string{"x", "x/y"}, "twice"},
		"long":                     {files(strings.Repeat("a/", 511) + "b"), nil, "more than 2 folders"},
		"too long":                 {files(strings.Repeat("a/", 512) + "b"), nil, "1024 is the most"},
		"empty folder too long":    {nil, []string{strings.Repeat("a/", 512) + "b"}, "1024 is the most"},
		"folders":                  {files("a/b/c"), nil, ""},
		"too many folders":         {files("a/b/c/d"), nil, "more than 2 folders"},
		"too many above empty":     {nil, []string{"a/b/c/d"}, "more than 2 folders"},
		"negative size":            {[]File{{"a", -1, false}}, nil, "negative"},
		"too many":                 {files("a", "b"), []string{"c"}, "more than 2 files"},
		"too big":                  {[]File{{"a", 3, false}, {"b", 3, false}}, nil, "more than 5 bytes"},
		"overflow":                 {[]File{{"a", 1<<63 - 1, false}, {"b", 1<<63 - 1, false}}, nil, "more than 5 bytes"},
	} {
		err := Check(tc.files, tc.dirs, limits)
		var refused *RefusedError
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: Check(%v, %q): error %v, want none", name, tc.files, tc.dirs, err)
		case tc.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: Check(%v, %q): error %v, want a *RefusedError with %q", name, tc.files, tc.dirs, err, tc.want)
		}
	}
}

// The short cut for usual names gives the key that the long way does.
func TestFoldKeyOfASCII(t *testing.T) {
	t.Parallel()
	for c := range 128 {
		name := "x" + string(rune(c)) + "Y"
		if got, want := foldKey(name), safepath.FoldKey(name); got != want {
			t.Errorf("foldKey(%q) = %q, want %q", name, got, want)
		}
	}
}

package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/fold"
	"github.com/guardrails-ci/guardrails/build/pack/sample"
	"github.com/guardrails-ci/guardrails/build/pack/solid"
	"github.com/guardrails-ci/guardrails/build/pack/targets"
)

var (
	linux     = targets.Target{GOOS: "linux", GOARCH: "amd64", Node: "linux-x64"}
	windows   = targets.Target{GOOS: "windows", GOARCH: "amd64", Node: "win32-x64"}
	linuxArm  = targets.Target{GOOS: "linux", GOARCH: "arm64", Node: "linux-arm64"}
	published = Release{Version: "1.7.9", Minor: 7, Patch: 9, Commit: "c0ffee"}
)

// tree reads all files under dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func written(t *testing.T, root, name string, bin func(*Task) (map[string][]byte, error)) map[string]string {
	t.Helper()
	task, err := Read(root, name)
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	files, err := bin(task)
	if err != nil {
		t.Fatalf("the files of bin: %v", err)
	}
	dir := t.TempDir()
	if err := task.Write(dir, filepath.Join(root, "build/launcher"), published, files); err != nil {
		t.Fatalf("Write: %v", err)
	}
	return tree(t, dir)
}

func TestPlain(t *testing.T) {
	t.Parallel()
	root := sample.Root(t)
	got := written(t, root, "Beta", func(task *Task) (map[string][]byte, error) {
		return task.Plain(published, Program{windows, []byte("abc")})
	})
	source := tree(t, root)
	want := map[string]string{
		"Beta/BetaV3/task.json": strings.Replace(source["tasks/beta/task.json"],
			`{"Major": 3, "Minor": 0, "Patch": 0}`, `{ "Major": 3, "Minor": 7, "Patch": 9 }`, 1),
		"Beta/BetaV3/icon.png":     source["tasks/beta/icon.png"],
		"Beta/BetaV3/launch.js":    source["build/launcher/launch.js"],
		"Beta/BetaV3/unpack.js":    source["build/launcher/unpack.js"],
		"Beta/BetaV3/pre.js":       "require('./launch.js').run('pre');\n",
		"Beta/BetaV3/main.js":      "require('./launch.js').run('main');\n",
		"Beta/BetaV3/bin/beta.exe": "abc",
		"Beta/BetaV3/bin/manifest.json": `{
  "schema": 1,
  "task": "Beta",
  "version": "1.7.9",
  "commit": "c0ffee",
  "platforms": {
    "win32-x64": {
      "file": "beta.exe",
      "size": 3,
      "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
  }
}
`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the staged folder (-want +got):\n%s", diff)
	}
}

// folds says which of the programs below are folded, and how.
var folds = map[string]*fold.Map{"win": {Code: "amd64", Labels: 5, Text: [2]int{1, 2}, Page: 3, Funcs: [2]int{0, 0}}}

// joined stands for compression: the offsets and folds show, and nothing else changes.
func joined(programs ...[]byte) (solid.Archive, error) {
	var a solid.Archive
	for _, p := range programs {
		a.Offsets = append(a.Offsets, int64(len(a.Data)))
		a.Folds = append(a.Folds, folds[string(p)])
		a.Data = append(a.Data, p...)
	}
	return a, nil
}

func TestPacked(t *testing.T) {
	t.Parallel()
	got := written(t, sample.Root(t), "Alpha", func(task *Task) (map[string][]byte, error) {
		return task.Packed(published, []Program{{linux, []byte("abc")}, {linuxArm, []byte("arm")}, {windows, []byte("win")}}, joined)
	})
	for name, want := range map[string]string{
		"Alpha/AlphaV1/bin/amd64.br": "abcwin",
		"Alpha/AlphaV1/bin/arm64.br": "arm",
		"Alpha/AlphaV1/post.js":      "require('./launch.js').run('post');\n",
		"Alpha/AlphaV1/pre.js":       "",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	manifest := strings.Join(strings.Fields(got["Alpha/AlphaV1/bin/manifest.json"]), " ")
	for _, want := range []string{
		`"linux-x64": { "file": "alpha", "size": 3, "sha256": "ba7816bf`, `"archive": "amd64.br", "offset": 0 }`,
		`"win32-x64": { "file": "alpha.exe"`, `"archive": "amd64.br", "offset": 3, "fold": { "code": "amd64", "labels": 5, "text": [ 1, 2 ], "page": 3, "funcs": [ 0, 0 ] } }`,
		`"linux-arm64": {`, `"archive": "arm64.br", "offset": 0 }`,
	} {
		if !strings.Contains(manifest, want) {
			t.Errorf("bin/manifest.json does not contain %s:\n%s", want, manifest)
		}
	}
}

func TestPackedReportsTheCompressor(t *testing.T) {
	t.Parallel()
	task, err := Read(sample.Root(t), "Alpha")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no room")
	_, err = task.Packed(published, []Program{{linux, nil}, {linuxArm, nil}}, func(...[]byte) (solid.Archive, error) {
		return solid.Archive{}, broken
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "packing task Alpha") {
		t.Errorf("Packed with a broken compressor: got %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const file = "tasks/alpha/task.json"
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, root string)
		want  string
	}{
		"no task.json":  {func(t *testing.T, root string) { remove(t, root, file) }, "take Alpha out of vss-extension.json"},
		"damaged":       {func(t *testing.T, root string) { sample.Write(t, root, file, `{"name":`) }, "not a readable task.json"},
		"not an object": {func(t *testing.T, root string) { sample.Write(t, root, file, `[]`) }, "not a readable task.json"},
		"null":          {func(t *testing.T, root string) { sample.Write(t, root, file, `null`) }, "no stage is declared"},
		"other name":    {func(t *testing.T, root string) { sample.Edit(t, root, file, `"Alpha"`, `"Alfa"`) }, `names the task "Alfa"`},
		"other target": {func(t *testing.T, root string) { sample.Edit(t, root, file, `"post.js"`, `"index.js"`) },
			`postjobexecution.Node24.target is "index.js"; the file packed for that stage is "post.js"`},
		"no stage":      {func(t *testing.T, root string) { sample.Write(t, root, file, `{"name":"Alpha"}`) }, "no stage is declared"},
		"no version":    {func(t *testing.T, root string) { sample.Edit(t, root, file, `"version"`, `"Version"`) }, `"version" is missing`},
		"version twice": {func(t *testing.T, root string) { sample.Edit(t, root, file, `"id"`, `"version": {"Major": 1}, "id"`) }, "stands in it twice"},
		"no icon":       {func(t *testing.T, root string) { remove(t, root, "tasks/alpha/icon.png") }, "must be a PNG picture of 32x32"},
		"icon size":     {func(t *testing.T, root string) { sample.Write(t, root, "tasks/alpha/icon.png", sample.Icon(t, 64)) }, "64x64 pixels; make it 32x32"},
		"icon format":   {func(t *testing.T, root string) { sample.Write(t, root, "tasks/alpha/icon.png", "GIF89a") }, "is not a PNG picture"},
		"no program":    {func(t *testing.T, root string) { remove(t, root, "tasks/alpha/cmd") }, "make the package ./tasks/alpha/cmd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := sample.Root(t)
			tc.spoil(t, root)
			_, err := Read(root, "Alpha")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read(Alpha): got error %v, want one containing %q", err, tc.want)
			}
		})
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

func TestWriteNeedsTheLauncherAndAnEmptyPlace(t *testing.T) {
	t.Parallel()
	root := sample.Root(t)
	task, err := Read(root, "Alpha")
	if err != nil {
		t.Fatal(err)
	}
	err = task.Write(t.TempDir(), filepath.Join(root, "gone"), published, nil)
	if err == nil || !strings.Contains(err.Error(), "task Alpha needs the launcher") {
		t.Errorf("Write without a launcher: got %v", err)
	}
	dir := t.TempDir()
	sample.Write(t, dir, "Alpha/AlphaV1/launch.js", "somebody else's")
	err = task.Write(dir, filepath.Join(root, "build/launcher"), published, nil)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("Write over an existing file: got %v, want %v", err, fs.ErrExist)
	}
}

func TestReplaceAndSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sample.Write(t, dir, "old/stale.txt", "stale")
	sample.Write(t, dir, "new/fresh.txt", "fresh")
	if err := Replace(filepath.Join(dir, "old"), filepath.Join(dir, "new")); err != nil {
		t.Fatalf("Replace: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"old/fresh.txt": "fresh"}, tree(t, dir)); diff != "" {
		t.Errorf("after Replace (-want +got):\n%s", diff)
	}
	got, err := Sources(sample.Root(t))
	if diff := cmp.Diff([]string{"alpha", "beta"}, got); err != nil || diff != "" {
		t.Errorf("Sources: %v (-want +got):\n%s", err, diff)
	}
}

package plan

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// repo returns the fixture's repository, in memory.
func repo(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := os.DirFS(filepath.FromSlash("../testdata/repo"))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const (
	taskFile   = "tasks/fixture/task.json"
	goFileName = "tasks/fixture/inputs_gen.go"
	readmeFile = "tasks/fixture/README.md"
)

func TestStale(t *testing.T) {
	t.Parallel()
	whole := repo(t)
	replaced := func(path, old, with string) *fstest.MapFile {
		text := string(whole[path].Data)
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", path, old)
		}
		return &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, old, with))}
	}
	for name, tc := range map[string]struct {
		change  fstest.MapFS // nil: remove
		stale   []string
		wantErr []string
	}{
		"up to date": {},
		"up to date with CRLF": {change: fstest.MapFS{
			goFileName: replaced(goFileName, "\n", "\r\n"), readmeFile: replaced(readmeFile, "\n", "\r\n"),
		}},
		"input's help changed": {
			change: fstest.MapFS{taskFile: replaced(taskFile, "What to call it.", "The name.")},
			stale:  []string{goFileName, readmeFile},
		},
		"struct edited by hand": {
			change: fstest.MapFS{goFileName: replaced(goFileName, "Count int", "Count int64")},
			stale:  []string{goFileName},
		},
		"struct missing": {change: fstest.MapFS{goFileName: nil}, stale: []string{goFileName}},
		"table edited": {
			change: fstest.MapFS{readmeFile: replaced(readmeFile, "| path |", "| file |")},
			stale:  []string{readmeFile},
		},
		"text edited": {change: fstest.MapFS{readmeFile: replaced(readmeFile, "The end.", "Fin.")}},
		"README is missing, the struct is still known": {
			change: fstest.MapFS{readmeFile: nil, goFileName: nil},
			stale:  []string{goFileName},
			wantErr: []string{"tasks/fixture/README.md: it does not exist; write it, with the lines " +
				"<!-- inputs:begin --> and <!-- inputs:end --> where its table of inputs goes (and outputs likewise)"},
		},
		"README without a place": {
			change: fstest.MapFS{readmeFile: {Data: []byte("# Fixture\n<!-- outputs:begin -->\n<!-- outputs:end -->\n")}},
			wantErr: []string{"tasks/fixture/README.md: the table of inputs has no place; " +
				"put a line <!-- inputs:begin --> and after it a line <!-- inputs:end -->, each once"},
		},
		"bad task.json, nothing is made of it": {
			change: fstest.MapFS{
				taskFile: replaced(taskFile, `"Node24"`, `"Node10"`), goFileName: nil, readmeFile: nil,
			},
			wantErr: []string{
				"tasks/fixture/task.json: prejobexecution.Node10: Node10 is a Node past its end, " +
					"which new agents no longer have and warn about; remove it [handlers]",
				`tasks/fixture/task.json: prejobexecution.Node24: is missing; write { "target": "pre.js" } [handlers]`,
				"tasks/fixture/task.json: execution.Node10: Node10 is a Node past its end, " +
					"which new agents no longer have and warn about; remove it [handlers]",
				`tasks/fixture/task.json: execution.Node24: is missing; write { "target": "main.js" } [handlers]`,
				"tasks/fixture/task.json: postjobexecution.Node10: Node10 is a Node past its end, " +
					"which new agents no longer have and warn about; remove it [handlers]",
				`tasks/fixture/task.json: postjobexecution.Node24: is missing; write { "target": "post.js" } [handlers]`,
			},
		},
		"all tasks are looked at": {
			change: fstest.MapFS{
				taskFile:               {Data: []byte("{\"a\": 1,\n\"A\": 2, \"b\": {\"c\": 1, \"c\": 2}}")},
				"tasks/empty/x.go":     {Data: []byte("package empty")},
				"tasks/notes.txt":      {Data: []byte("not a folder")},
				"tasks/.idea/x":        {Data: []byte("not a task")},
				"tasks/text/task.json": {Data: []byte("text")},
			},
			wantErr: []string{
				"tasks/empty/task.json: cannot be read (open tasks/empty/task.json: file does not exist); " +
					"every folder in tasks/ is a task",
				`tasks/fixture/task.json: line 2: A stands twice in the same object (as "a" and "A"; ` +
					"the agent reads keys in any case); keep one of them",
				`tasks/fixture/task.json: line 2: b.c stands twice in the same object (as "c" and "c"; ` +
					"the agent reads keys in any case); keep one of them",
				"tasks/text/task.json: line 1: it is not JSON: invalid character 'e' in literal true (expecting 'r')",
				`vss-extension.json: contribution "fixture" names "Fixture", which is no task; ` +
					"remove it, or write the task [contribution]",
			},
		},
		"a new task that the manifest does not have yet is generated": {
			change: fstest.MapFS{
				"vss-extension.json": {Data: []byte(`{"files": [], "contributions": []}`)},
				goFileName:           nil,
				readmeFile: {Data: []byte("<!-- inputs:begin -->\n<!-- inputs:end -->\n" +
					"<!-- outputs:begin -->\n<!-- outputs:end -->\n")},
			},
			stale:   []string{goFileName, readmeFile},
			wantErr: []string{notContributed("fixture", "Fixture")},
		},
		"the same id twice": {
			change: fstest.MapFS{
				"tasks/other/task.json": replaced(taskFile, `"name": "Fixture"`, `"name": "Other"`),
			},
			wantErr: []string{
				"tasks/other/task.json: id: tasks/fixture has the same; make a new one (uuidgen) [unique]",
				notContributed("other", "Other"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(whole)
			for path, file := range tc.change {
				if files[path] = file; file == nil {
					delete(files, path)
				}
			}
			stale, err := Stale(files)
			var paths []string
			for _, file := range stale {
				paths = append(paths, file.Path)
			}
			if diff := cmp.Diff(tc.stale, paths); diff != "" {
				t.Errorf("Stale (-want +got):\n%s", diff)
			}
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tc.wantErr, lines); diff != "" {
				t.Errorf("Stale's error (-want +got):\n%s", diff)
			}
		})
	}
}

func notContributed(folder, name string) string {
	return strings.NewReplacer("FOLDER", folder, "NAME", name).Replace(
		`vss-extension.json: tasks/FOLDER is not in the extension; ` +
			`add to "files": { "path": "build/out/stage/NAME", "packagePath": "NAME" } ` +
			`and to "contributions": { "id": "FOLDER", "type": "ms.vss-distributed-task.task", ` +
			`"targets": ["ms.vss-distributed-task.tasks"], "properties": { "name": "NAME" } } [contribution]`)
}

func TestStaleNoTasks(t *testing.T) {
	t.Parallel()
	if stale, err := Stale(fstest.MapFS{}); err != nil || stale != nil {
		t.Errorf("Stale of nothing = %v, %v; want nil, nil", stale, err)
	}
}

func TestStaleIsDeterministic(t *testing.T) {
	t.Parallel()
	files := repo(t)
	delete(files, goFileName)
	first, err := Stale(files)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := Stale(files); err != nil || !cmp.Equal(first, again) {
			t.Fatalf("Stale differs from itself (%v):\n%s", err, cmp.Diff(first, again))
		}
	}
}

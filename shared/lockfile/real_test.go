package lockfile

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// testProject reads a project of testdata: lock files as the real package managers
// made them, of a project with workspaces, an alias, overrides and a local folder.
func testProject(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, f := range archive.Files {
		tree[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return tree
}

// lockIn is the lock file at the root of a project.
func lockIn(t testing.TB, tree fs.FS) string {
	t.Helper()
	for name := range readers {
		if _, err := fs.Stat(tree, name); err == nil {
			return name
		}
	}
	t.Fatal("the project has no lock file")
	return ""
}

func TestRealLockFilesAreReadAndFresh(t *testing.T) {
	t.Parallel()
	workspaces := "balanced-match 1.0.2, brace-expansion 1.1.11, color-name 1.1.4, concat-map 0.0.1, debug 4.3.4, " +
		"has-flag 4.0.0, is-number 7.0.0, minimatch 3.1.5, ms 2.0.0, ms 2.1.2, ms 2.1.3"
	npm := strings.Replace(workspaces, "debug 4.3.4", "debug 4.3.7", 1)
	berry := strings.Replace(workspaces, "is-number 7.0.0", "is-number 7.0.0, local 1.0.0", 1)
	for name, tc := range map[string]struct {
		format   Format
		packages string
	}{
		"npm3": {NPM, npm}, "npm2": {NPM, npm},
		"npm1": {NPM, "balanced-match 1.0.2, brace-expansion 1.1.22, concat-map 0.0.1, debug 4.3.7, has-flag 4.0.0, " +
			"minimatch 3.1.5, ms 2.0.0, ms 2.1.3"},
		"yarn1": {Yarn1, workspaces}, "yarn3": {Berry, berry}, "yarn4": {Berry, berry},
		"pnpm7": {PNPM, workspaces}, "pnpm8": {PNPM, workspaces}, "pnpm10": {PNPM, workspaces},
		"pnpm8single": {PNPM, "@types/ms 0.7.34, ansi-styles 4.3.0, balanced-match 1.0.2, brace-expansion 1.1.22, chalk 4.1.2, " +
			"color-convert 2.0.1, color-name 1.1.4, concat-map 0.0.1, debug 4.4.3, fsevents 2.3.3, has-flag 4.0.0, " +
			"lodash 4.17.21, minimatch 3.1.5, ms 2.1.3, supports-color 7.2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := testProject(t, name)
			lock, err := Read(tree, lockIn(t, tree))
			if err != nil {
				t.Fatal(err)
			}
			var packages []string
			for _, p := range lock.Packages {
				packages = append(packages, p.Name+" "+p.Version)
				if len(p.Integrity) == 0 {
					t.Errorf("%s %s has no integrity", p.Name, p.Version)
				}
			}
			if got := strings.Join(packages, ", "); got != tc.packages || lock.Format != tc.format {
				t.Errorf("got %s with %s\nwant %s with %s", lock.Format, got, tc.format, tc.packages)
			}
			if len(lock.Unproven) > 0 || len(lock.SHA256) != 64 {
				t.Errorf("Unproven %q, SHA256 %q", lock.Unproven, lock.SHA256)
			}
			if err := Stale(tree, lock); err != nil {
				t.Errorf("Stale of a fresh lock file: %v", err)
			}
		})
	}
}

// edit replaces text in a file of a project, which must have it; without an old
// text it makes or replaces the file, and "" removes it.
type edit struct{ file, old, new string }

func edited(t *testing.T, project string, edits []edit) fs.FS {
	t.Helper()
	tree := maps.Clone(testProject(t, project))
	for _, e := range edits {
		data := e.new
		if e.old != "" {
			before := string(tree[e.file].Data)
			if data = strings.Replace(before, e.old, e.new, 1); data == before {
				t.Fatalf("%s has no %q", e.file, e.old)
			}
		}
		tree[e.file] = &fstest.MapFile{Data: []byte(data)}
		if data == "" {
			delete(tree, e.file)
		}
	}
	return tree
}

const rootManifest, memberManifest = "package.json", "packages/b/package.json"

// staleCases are edits that every format must notice, or must not.
var staleCases = map[string]struct {
	edits []edit
	want  []string // what each difference starts with
	not   []string // formats without workspaces, or without overrides
}{
	"the post-mortem's fix in package.json only": {
		edits: []edit{{rootManifest, `"debug": "~4.3.0"`, `"debug": "4.3.8"`}},
		want:  []string{"debug: package.json wants 4.3.8, "},
		not:   []string{"pnpm"}, // where an override decides
	},
	"new dependency": {
		edits: []edit{{rootManifest, `"dependencies": {`, `"dependencies": {"left-pad": "^1.3.0", `}},
		want:  []string{"left-pad: package.json wants ^1.3.0, the lock file does not know it"},
	},
	"new version of a development dependency": {
		edits: []edit{{rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "4.0.1"`}},
		want:  []string{"has-flag: package.json wants 4.0.1, the lock file "},
	},
	"new target of an alias": {
		edits: []edit{{rootManifest, "npm:ms@2.0.0", "npm:ms@2.1.3"}},
		want:  []string{"ms2: package.json wants npm:ms@2.1.3, the lock file "},
		not:   []string{"npm1"},
	},
	"moved to another kind": {
		edits: []edit{{rootManifest, `"devDependencies"`, `"optionalDependencies"`}},
	},
	"in a workspace": {
		edits: []edit{{memberManifest, "2.1.2", "2.1.1"}},
		want:  []string{"packages/b/package.json: ms: package.json wants 2.1.1, the lock file was made for "},
		not:   []string{"npm1"},
	},
	"a new workspace": {
		edits: []edit{{"packages/c/package.json", "", `{"name": "c", "version": "1.0.0", "dependencies": {"left-pad": "1"}}`}},
		want:  []string{"packages/c"},
		not:   []string{"npm1"},
	},
	"a workspace that is gone": {
		edits: []edit{{memberManifest, "", ""}},
		want:  []string{"packages/b: the lock file has it, but there is no package.json"},
		not:   []string{"npm1", "yarn1"}, // Yarn 1 does not keep workspaces
	},
	"a fix by an override": {
		edits: []edit{{rootManifest, `"brace-expansion": "1.1.11"`, `"brace-expansion": "1.1.12"`}},
		want:  []string{"brace-expansion: "},
		not:   []string{"npm1"},
	},
	"an override for one other package only": {
		edits: []edit{{rootManifest, `"minimatch/concat-map": "0.0.1"`, `"minimatch/concat-map": "0.0.2"`}},
		not:   []string{"npm", "pnpm"},
	},
	"no manifest": {
		edits: []edit{{rootManifest, "", ""}},
		want:  []string{"there is no package.json beside it"},
	},
	"byte order mark": {
		edits: []edit{{rootManifest, "{", utf8BOM + "{"}},
	},
}

func TestStaleLockFilesAreFound(t *testing.T) {
	t.Parallel()
	for _, project := range []string{"npm1", "npm2", "npm3", "yarn1", "yarn3", "yarn4", "pnpm7", "pnpm8", "pnpm10"} {
		for name, tc := range staleCases {
			if slices.ContainsFunc(tc.not, func(not string) bool { return strings.HasPrefix(project, not) }) {
				continue
			}
			t.Run(project+"/"+name, func(t *testing.T) {
				t.Parallel()
				checkDifferences(t, edited(t, project, tc.edits), tc.want)
			})
		}
	}
}

// checkDifferences reads the project's lock file and compares the starts of what
// is stale about it.
func checkDifferences(t *testing.T, tree fs.FS, want []string) {
	t.Helper()
	lock, err := Read(tree, lockIn(t, tree))
	if err != nil {
		t.Fatal(err)
	}
	err = Stale(tree, lock)
	if want == nil {
		if err != nil {
			t.Errorf("Stale: got %v, want nil", err)
		}
		return
	}
	stale, ok := err.(*StaleError)
	if !ok || len(stale.Differences) != len(want) || !strings.Contains(stale.Fix, "commit "+lock.Path) {
		t.Fatalf("Stale: got %v, want differences that start with %q", err, want)
	}
	for i, difference := range stale.Differences {
		if !strings.HasPrefix(difference, want[i]) {
			t.Errorf("Stale: got %q, want differences that start with %q", stale.Differences, want)
		}
	}
}

func TestStaleWordsOfEachFormat(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		project string
		edits   []edit
		want    []string
	}{
		"npm: dependency taken away": {"npm3", []edit{{rootManifest, `, "debug": "~4.3.0"`, ""}},
			[]string{"debug: package.json does not want it, the lock file has ~4.3.0"}},
		"npm: root entry edited by hand": {"npm3", []edit{
			{rootManifest, `"has-flag": "4.0.0"`, `"has-flag": "4.0.1"`},
			{"package-lock.json", `"has-flag": "4.0.0"`, `"has-flag": "4.0.1"`}},
			[]string{"has-flag: package.json wants 4.0.1, the lock file has 4.0.0"}},
		"npm: entry taken out by hand": {"npm3", []edit{{"package-lock.json", `"node_modules/debug"`, `"node_modules/bug"`}},
			[]string{"debug: package.json wants ~4.3.0, the lock file has none"}},
		"npm: other workspaces": {"npm3", []edit{{rootManifest, `["packages/*"]`, `{"packages": ["packages/*", "tools/*"]}`}},
			[]string{"workspaces: package.json has packages/* tools/*, the lock file was made for packages/*"}},
		"npm: excluded folder": {"npm3", []edit{
			{rootManifest, `["packages/*"]`, `["packages/*", "!packages/c"]`},
			{"package-lock.json", `"packages/*"`, `"packages/*", "!packages/c"`},
			{"packages/c/package.json", "", `{"name": "c"}`}}, nil},
		"npm: override by reference": {"npm3", []edit{{rootManifest, `"minimatch": {"concat-map": "0.0.1"}`,
			`"concat-map": "$has-flag"`}}, []string{"concat-map: package.json overrides it with 4.0.0, the lock file has 0.0.1"}},
		"npm: override of a range": {"npm3", []edit{{rootManifest, `"brace-expansion": "1.1.11"`, `"brace-expansion": "^1.1.12"`}}, nil},
		"yarn 4: catalog": {"yarn4", []edit{{".yarnrc.yml", "^7.0.0", "^7.0.1"}},
			[]string{"packages/a/package.json: is-number: the catalog in .yarnrc.yml has ^7.0.1, the lock file does not know it"}},
		"yarn 4: peer": {"yarn4", []edit{{"packages/a/package.json", `"has-flag": "*"`, `"has-flag": ">=3"`}},
			[]string{"packages/a/package.json: has-flag: package.json wants >=3, the lock file was made for *"}},
		"yarn 4: configuration with anchors": {"yarn4", []edit{{".yarnrc.yml", "catalog:",
			"x: &a {b: c}\ny:\n  <<: *a\nz: *a\ncatalog:"}}, nil},
		"pnpm 10: catalog": {"pnpm10", []edit{{"pnpm-workspace.yaml", "^7.0.0", "^7.0.1"}},
			[]string{"is-number: the catalog in pnpm-workspace.yaml has ^7.0.1, the lock file was made for ^7.0.0"}},
		"pnpm 10: override in the workspace file": {"pnpm10", []edit{{"pnpm-workspace.yaml", "catalog:",
			"overrides:\n  debug: 4.3.5\ncatalog:"}},
			[]string{"debug: it is overridden with 4.3.5, in the lock file with 4.3.4"}},
		"pnpm 10: override gone": {"pnpm10", []edit{{rootManifest, `, "debug": "4.3.4"`, ""}},
			[]string{"debug: the lock file overrides it with 4.3.4, no manifest does"}},
		"pnpm 10: new override": {"pnpm10", []edit{{rootManifest, `"debug": "4.3.4"`, `"debug": "4.3.4", "x": "1"`}},
			[]string{"x: it is overridden with 1, the lock file does not know that"}},
		"pnpm 10: overridden with a link": {"pnpm10", []edit{
			{rootManifest, `"debug": "4.3.4"`, `"debug": "link:./local"`},
			{"pnpm-lock.yaml", "debug: 4.3.4", "debug: link:./local"},
			{"pnpm-lock.yaml", "specifier: 4.3.4", "specifier: link:local"}}, nil},
		"pnpm 10: manifest in another form": {"pnpm10", []edit{{"packages/b/package.json", "", ""},
			{"packages/b/package.yaml", "", "name: b"}}, nil},
		"control characters are quoted": {"npm3", []edit{{rootManifest, `"dependencies": {`, `"dependencies": {"a\u001b[2J": "1", `}},
			[]string{`"a\x1b[2J: package.json wants 1, the lock file does not know it"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkDifferences(t, edited(t, tc.project, tc.edits), tc.want)
		})
	}
}

func TestStaleNoticesAnotherFile(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "npm3")
	lock, err := Read(tree, "package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	tree["package-lock.json"].Data = append(tree["package-lock.json"].Data, '\n')
	if err := Stale(tree, lock); err == nil || !strings.Contains(err.Error(), "changed while it was used") {
		t.Errorf("Stale of a lock file that changed: %v", err)
	}
}

func TestShrinkwrapComesFirst(t *testing.T) {
	t.Parallel()
	tree := edited(t, "npm3", []edit{{"npm-shrinkwrap.json", "", `{"lockfileVersion": 3, "packages": {}}`}})
	lock, err := Read(tree, "package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := Stale(tree, lock).(*StaleError)
	want := &StaleError{"package-lock.json", "package.json",
		[]string{"npm reads npm-shrinkwrap.json, which is beside it, instead"}, "git rm package-lock.json", nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Stale (-want +got):\n%s", diff)
	}
}

package drift

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// goodLock is a lock file that npm could have written.
const goodLock = `{
  "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": {"name": "app", "version": "1.0.0", "workspaces": ["packages/*"],
      "dependencies": {"mkdirp": "^0.5.5", "lodash4": "npm:lodash@^4.17.0", "tar": "^6.0.0"},
      "devDependencies": {"mocha": "^9.0.0"},
      "optionalDependencies": {"fsevents": "^2.0.0"}},
    "node_modules/fsevents": {"version": "2.3.3", "resolved": "https://registry.npmjs.org/fsevents/-/fsevents-2.3.3.tgz",
      "integrity": "sha512-fsevents", "optional": true, "os": ["darwin"]},
    "node_modules/lodash4": {"name": "lodash", "version": "4.17.21", "resolved": "https://registry.npmjs.org/lodash/-/lodash-4.17.21.tgz",
      "integrity": "sha512-lodash"},
    "node_modules/member": {"resolved": "packages/member", "link": true},
    "node_modules/minimist": {"version": "1.2.8", "resolved": "https://registry.npmjs.org/minimist/-/minimist-1.2.8.tgz",
      "integrity": "sha512-minimist"},
    "node_modules/mkdirp": {"version": "0.5.6", "resolved": "https://registry.npmjs.org/mkdirp/-/mkdirp-0.5.6.tgz",
      "integrity": "sha512-mkdirp", "dependencies": {"minimist": "^1.2.6"}},
    "node_modules/mocha": {"version": "9.2.2", "resolved": "https://registry.npmjs.org/mocha/-/mocha-9.2.2.tgz",
      "integrity": "sha512-mocha", "dev": true, "dependencies": {"@scope/ms": "2.1.3"}},
    "node_modules/@scope/ms": {"version": "2.1.3", "resolved": "https://registry.npmjs.org/@scope/ms/-/ms-2.1.3.tgz",
      "integrity": "sha512-ms", "dev": true},
    "node_modules/tar": {"version": "6.1.0", "resolved": "https://registry.npmjs.org/tar/-/tar-6.1.0.tgz",
      "integrity": "sha512-tar", "bundleDependencies": ["yallist"], "dependencies": {"yallist": "^4.0.0"}},
    "node_modules/tar/node_modules/yallist": {"version": "4.0.0", "inBundle": true},
    "packages/member": {"version": "1.0.0", "dependencies": {"minimist": "^1.2.0"}}
  }
}`

// goodFiles is what npm installs for it.
func goodFiles() map[string]string {
	return map[string]string{
		"package.json": `{"name": "app", "version": "1.0.0", "workspaces": ["packages/*"],
			"dependencies": {"mkdirp": "^0.5.5", "lodash4": "npm:lodash@^4.17.0", "tar": "^6.0.0"},
			"devDependencies": {"mocha": "^9.0.0"}, "optionalDependencies": {"fsevents": "^2.0.0"}}`,
		"packages/member/package.json": `{"name": "member", "version": "1.0.0", "dependencies": {"minimist": "^1.2.0"}}`,
		"package-lock.json":            goodLock,

		"node_modules/member":                 "-> ../packages/member",
		"node_modules/.bin/mocha":             "",
		"node_modules/.cache/x/package.json":  `{}`,
		"node_modules/lodash4/package.json":   `{"name": "lodash", "version": "4.17.21"}`,
		"node_modules/minimist/package.json":  `{"name": "minimist", "version": "1.2.8"}`,
		"node_modules/mkdirp/package.json":    `{"name": "mkdirp", "version": "0.5.6", "dependencies": {"minimist": "^1.2.6"}}`,
		"node_modules/mocha/package.json":     `{"name": "mocha", "version": "9.2.2", "dependencies": {"@scope/ms": "2.1.3"}}`,
		"node_modules/@scope/ms/package.json": `{"name": "@scope/ms", "version": "2.1.3"}`,
		"node_modules/tar/package.json": `{"name": "tar", "version": "6.1.0", "bundleDependencies": ["yallist"],
			"dependencies": {"yallist": "^4.0.0"}}`,
		"node_modules/tar/node_modules/yallist/package.json": `{"name": "yallist", "version": "4.0.0"}`,
	}
}

// edit is a file in which something is replaced; without old it is written, without both
// it is removed.
type edit struct{ file, old, new string }

func tree(t *testing.T, files map[string]string, edits []edit) fstest.MapFS {
	t.Helper()
	for _, e := range edits {
		switch {
		case e.old == "" && e.new == "":
			delete(files, e.file)
		case e.old == "":
			files[e.file] = e.new
		case !strings.Contains(files[e.file], e.old):
			t.Fatalf("%s has no %q", e.file, e.old)
		default:
			files[e.file] = strings.ReplaceAll(files[e.file], e.old, e.new)
		}
	}
	m := fstest.MapFS{}
	for name, text := range files {
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			m[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

// facts reads a project as the task does.
func facts(t *testing.T, m fs.FS, lock string) Facts {
	t.Helper()
	l, err := lockfile.Read(m, lock)
	if err != nil {
		t.Fatalf("lockfile.Read(%s): %v", lock, err)
	}
	f := Facts{Lock: l, Stale: lockfile.Stale(m, l)}
	var locations []string
	for _, e := range l.Entries {
		locations = append(locations, e.Location)
	}
	if installed := installed.Node(t.Context(), m, path.Dir(lock), locations); installed.Kind != "" {
		f.Trees = append(f.Trees, installed)
	}
	if f.Overrides, err = installed.Overrides(m, path.Dir(lock)); err != nil {
		t.Fatalf("installed.Overrides: %v", err)
	}
	hidden, err := lockfile.Read(m, path.Join(path.Dir(lock), "node_modules/.package-lock.json"))
	if err == nil {
		f.Hidden = &hidden
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return f
}

// said are findings as "severity rule package".
func said(found []Finding) []string {
	var all []string
	for _, f := range found {
		all = append(all, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Package))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

const lock, minimistFile = "package-lock.json", "node_modules/minimist/package.json"

// The names of the cases are those of a drift matrix: each is let pass by npm ci, by
// npm audit, or by both. Where several rules bite, the others are said, too.
func TestWhatIsInstalledIsWhatIsLocked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edits []edit
		want  []string
	}{
		"nothing": {},
		"nothing, without dev": {edits: []edit{
			{"node_modules/mocha/package.json", "", ""}, {"node_modules/@scope/ms/package.json", "", ""},
		}},
		"A2: direct range raised, lock file stale": {
			edits: []edit{{lock, `"mkdirp": "^0.5.5"`, `"mkdirp": "^1.0.0"`}, {"package.json", `"mkdirp": "^0.5.5"`, `"mkdirp": "^1.0.0"`}},
			want:  []string{"fail drift/range mkdirp@0.5.6", "fail edges/range app@1.0.0"},
		},
		"A3: dependency added": {
			edits: []edit{{"package.json", `"mkdirp"`, `"yallist": "4.0.0", "mkdirp"`}},
			want:  []string{"fail drift/manifest ", "fail edges/missing app@1.0.0"},
		},
		"A4: left in the lock file, gone from the disk": {
			edits: []edit{
				{lock, `"lodash4": "npm:lodash@^4.17.0", `, ""}, {"package.json", `"lodash4": "npm:lodash@^4.17.0", `, ""},
				{"node_modules/lodash4/package.json", "", ""},
			},
			want: []string{"warn lint/extraneous lodash@4.17.21"},
		},
		"A5: override, lock file stale": {
			edits: []edit{{"package.json", `"workspaces"`, `"overrides": {"minimist": ">=1.2.9"}, "workspaces"`}},
			want: []string{
				"fail drift/override minimist@1.2.8",
				"fail edges/range member@1.0.0", "fail edges/range mkdirp@0.5.6",
			},
		},
		"override that is kept, against the range": {
			edits: []edit{
				{"package.json", `"workspaces"`, `"overrides": {"minimist": "1.2.8"}, "workspaces"`},
				{"node_modules/mkdirp/package.json", "^1.2.6", "^0.0.8"}, {lock, `"minimist": "^1.2.6"`, `"minimist": "^0.0.8"`},
			},
		},
		"A6: label of a newer version, address of the older": {
			edits: []edit{{lock, "minimist/-/minimist-1.2.8.tgz", "minimist/-/minimist-1.2.5.tgz"}, {minimistFile, "1.2.8", "1.2.5"}},
			want: []string{
				"fail edges/range mkdirp@0.5.6", "fail installed/version minimist@1.2.8", "fail lint/address minimist@1.2.8",
			},
		},
		"A8: address and hash of another package": {
			edits: []edit{{lock, "minimist/-/minimist-1.2.8.tgz", "ms/-/ms-2.1.3.tgz"}, {minimistFile, "", `{"name": "ms", "version": "2.1.3"}`}},
			want: []string{
				"fail edges/range member@1.0.0", "fail edges/range mkdirp@0.5.6",
				"fail installed/other minimist@1.2.8", "fail lint/address minimist@1.2.8",
			},
		},
		"A7b: foreign host, without encryption": {
			edits: []edit{{lock, "https://registry.npmjs.org/minimist", "http://evil.example/minimist"}},
			want:  []string{"fail lint/host minimist@1.2.8", "fail lint/scheme minimist@1.2.8"},
		},
		"A9: hash removed": {
			edits: []edit{{lock, `"integrity": "sha512-minimist"`, `"license": "MIT"`}},
			want:  []string{"fail lint/integrity-missing minimist@1.2.8"},
		},
		"weak hash": {
			edits: []edit{{lock, `sha512-minimist`, `sha1-minimist`}},
			want:  []string{"warn lint/integrity-weak minimist@1.2.8"},
		},
		"A11b: restored node_modules is older": {
			edits: []edit{{minimistFile, "1.2.8", "1.2.6"}},
			want:  []string{"fail installed/version minimist@1.2.8"},
		},
		"A11c: tampered node_modules, npm remembers the lock file": {
			edits: []edit{{minimistFile, "1.2.8", "0.0.8"}, {"node_modules/.package-lock.json", "", goodLock}},
			want:  []string{"fail edges/range member@1.0.0", "fail edges/range mkdirp@0.5.6", "fail installed/version minimist@1.2.8"},
		},
		"A11c: npm remembers another version": {
			edits: []edit{{"node_modules/.package-lock.json", "", strings.ReplaceAll(goodLock, "1.2.8", "1.2.7")}},
			want:  []string{"fail installed/hidden minimist@1.2.8"},
		},
		"npm remembers another hash": {
			edits: []edit{{"node_modules/.package-lock.json", "", strings.ReplaceAll(goodLock, "sha512-minimist", "sha512-other")}},
			want:  []string{"fail installed/hidden minimist@1.2.8"},
		},
		"npm remembers another package": {
			edits: []edit{{"node_modules/.package-lock.json", "", strings.ReplaceAll(goodLock, `"node_modules/minimist"`, `"node_modules/evil"`)}},
			want:  []string{"fail installed/hidden evil@1.2.8"},
		},
		"A12b: the lock file's copy of a range loosened": {
			edits: []edit{
				{lock, `"minimist": "^1.2.6"`, `"minimist": "*"`}, {lock, `"minimist": "^1.2.0"`, `"minimist": "*"`},
				{"packages/member/package.json", "^1.2.0", "*"},
				{lock, "1.2.8", "0.0.8"}, {minimistFile, "1.2.8", "0.0.8"},
			},
			want: []string{"fail edges/range mkdirp@0.5.6", "warn edges/lock mkdirp@0.5.6"},
		},
		"A13: transitive dependency dropped": {
			edits: []edit{
				{lock, `, "dependencies": {"minimist": "^1.2.6"}`, ""}, {lock, `, "dependencies": {"minimist": "^1.2.0"}`, ""},
				{"packages/member/package.json", `, "dependencies": {"minimist": "^1.2.0"}`, ""},
				{lock, `"node_modules/minimist": {`, `"node_modules/elsewhere/node_modules/minimist": {"extraneous": true, `},
				{minimistFile, "", ""},
			},
			want: []string{"fail edges/missing mkdirp@0.5.6", "note lint/extraneous minimist@1.2.8", "warn edges/lock mkdirp@0.5.6"},
		},
		"A14c: entry dropped, what requires it left": {
			edits: []edit{{lock, `"node_modules/minimist"`, `"node_modules/mocha/node_modules/minimist"`}, {minimistFile, "", ""}},
			want: []string{
				"fail drift/manifest ", "fail edges/lock member@1.0.0", "fail edges/lock mkdirp@0.5.6",
				"fail edges/missing member@1.0.0", "fail edges/missing mkdirp@0.5.6", "warn lint/extraneous minimist@1.2.8",
			},
		},
		"A22: dev flag on what production needs": {
			edits: []edit{{lock, `"integrity": "sha512-minimist"`, `"integrity": "sha512-minimist", "dev": true`}},
			want:  []string{"fail lint/reach minimist@1.2.8"},
		},
		"optional flag on what is needed": {
			edits: []edit{{lock, `"integrity": "sha512-minimist"`, `"integrity": "sha512-minimist", "optional": true`}},
			want:  []string{"fail lint/reach minimist@1.2.8"},
		},
		"called superfluous, and needed": {
			edits: []edit{{lock, `"integrity": "sha512-minimist"`, `"integrity": "sha512-minimist", "extraneous": true`}},
			want:  []string{"fail lint/reach minimist@1.2.8"},
		},
		"A24: entry that nothing requires": {
			edits: []edit{{lock, `"node_modules/tar":`, `"node_modules/x": {"version": "1.0.0", "integrity": "sha512-x"}, "node_modules/tar":`}},
			want:  []string{"warn lint/extraneous x@1.0.0"},
		},
		"A25: said to be bundled, and is not": {
			edits: []edit{{"node_modules/tar/package.json", `"bundleDependencies": ["yallist"],`, ""}},
			want:  []string{"fail lint/bundled yallist@4.0.0"},
		},
		"A25: flagged as bundled, to hide the address": {
			edits: []edit{{lock, `"https://registry.npmjs.org/minimist/-/minimist-1.2.8.tgz",`, `"https://evil.example/minimist-1.2.8.tgz", "inBundle": true,`}},
			want:  []string{"fail lint/host minimist@1.2.8"},
		},
		"A25: flagged as bundled, to need no hash": {
			edits: []edit{{lock, `"resolved": "https://registry.npmjs.org/minimist/-/minimist-1.2.8.tgz",
      "integrity": "sha512-minimist"`, `"inBundle": true`}},
			want: []string{"fail lint/bundled minimist@1.2.8", "fail lint/integrity-missing minimist@1.2.8"},
		},
		"missing": {
			edits: []edit{{"node_modules/lodash4/package.json", "", ""}},
			want:  []string{"fail edges/missing app@1.0.0", "fail installed/missing lodash@4.17.21"},
		},
		"missing, one of those for development": {
			edits: []edit{{"node_modules/@scope/ms/package.json", "", ""}},
			want:  []string{"fail edges/missing mocha@9.2.2", "fail installed/missing @scope/ms@2.1.3"},
		},
		"extra": {
			edits: []edit{{"node_modules/evil/package.json", "", `{"name": "evil", "version": "1.0.0"}`}},
			want:  []string{"fail installed/extra evil@1.0.0"},
		},
		"extra, before the one that is locked": {
			edits: []edit{{"node_modules/mkdirp/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.8"}`}},
			want:  []string{"fail installed/extra minimist@1.2.8"},
		},
		"extra, without package.json": {
			edits: []edit{{"node_modules/mkdirp/node_modules/minimist/index.js", "", `evil()`}},
			want:  []string{"fail installed/extra "},
		},
		"extra file that is loaded first": {
			edits: []edit{{"node_modules/minimist.js", "", `evil()`}},
			want:  []string{"fail installed/extra "},
		},
		"link in place of a package": {
			edits: []edit{{minimistFile, "", ""}, {"node_modules/minimist", "", "-> ../vendor"}, {"vendor/index.js", "", "evil()"}},
			want:  []string{"fail installed/other minimist@1.2.8"},
		},
		"link that nobody knows": {
			edits: []edit{{"node_modules/evil", "", "-> ../vendor"}, {"vendor/index.js", "", "evil()"}},
			want:  []string{"fail installed/extra evil"},
		},
		"hidden folder that is no tool's": {
			edits: []edit{{"node_modules/.evil/index.js", "", "evil()"}},
			want:  []string{"fail installed/extra "},
		},
		"link into a hidden folder": {
			edits: []edit{
				{"node_modules/evil", "", "-> .cache/node_modules/evil"},
				{"node_modules/.cache/node_modules/evil/package.json", "", `{"name": "evil", "version": "1.0.0"}`},
			},
			want: []string{"fail installed/extra evil", "fail installed/extra evil@1.0.0"},
		},
		"link to another package": {
			edits: []edit{{"node_modules/evil", "", "-> minimist"}},
			want:  []string{"fail installed/other minimist@1.2.8"},
		},
		"link of a workspace to elsewhere": {
			edits: []edit{
				{"node_modules/member", "", "-> ../tools/member"}, {"tools/member/package.json", "", `{"name": "member", "version": "1.0.0"}`},
			},
			want: []string{"fail installed/other member@1.0.0"},
		},
		"version is there twice": {
			edits: []edit{{minimistFile, "", `{"name": "minimist", "version": "1.2.5", "version": "1.2.8"}`}},
			want:  []string{"fail installed/changed "},
		},
		"from git, although a version is asked for": {
			edits: []edit{{lock, "https://registry.npmjs.org/minimist/-/minimist-1.2.8.tgz", "git+ssh://git@github.com/evil/minimist.git#abc"}},
			want:  []string{"fail lint/host minimist@1.2.8"},
		},
		"from git, as asked for": {
			edits: []edit{
				{lock, "https://registry.npmjs.org/tar/-/tar-6.1.0.tgz", "git+ssh://git@github.com/isaacs/tar.git#abc"},
				{lock, `"tar": "^6.0.0"`, `"tar": "github:isaacs/tar"`}, {"package.json", `"tar": "^6.0.0"`, `"tar": "github:isaacs/tar"`},
			},
		},
		"lock file that says two things": {
			edits: []edit{{lock, `"node_modules/minimist": {`, `"node_modules/./minimist": {"version": "9.0.0", "integrity": "sha512-x"}, "node_modules/minimist": {`}},
			want:  []string{"fail lint/contradiction ", "warn lint/extraneous ./minimist@9.0.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Find(facts(t, tree(t, goodFiles(), tc.edits), lock))
			if diff := cmp.Diff(tc.want, said(found)); diff != "" {
				t.Errorf("Find (-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

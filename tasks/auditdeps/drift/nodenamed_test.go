package drift

import (
	"archive/zip"
	"bytes"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

const yarnLock = `# yarn lockfile v1


minimist@^1.2.5, minimist@^1.2.6:
  version "1.2.8"
  resolved "https://registry.yarnpkg.com/minimist/-/minimist-1.2.8.tgz#c1a464e7693302e082a075cee0c057741ac4772c"
  integrity sha512-minimist

mkdirp@^0.5.5:
  version "0.5.6"
  resolved "https://registry.yarnpkg.com/mkdirp/-/mkdirp-0.5.6.tgz#7def03d2432dcae4ba1d611445c48396062255f6"
  integrity sha512-mkdirp
  dependencies:
    minimist "^1.2.6"

"other@npm:ms@2.1.3":
  version "2.1.3"
  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2"
  integrity sha512-ms
`

func yarnFiles() map[string]string {
	return map[string]string{
		"yarn.lock": yarnLock,
		"package.json": `{"name": "app", "version": "1.0.0",
			"dependencies": {"mkdirp": "^0.5.5", "minimist": "^1.2.5", "other": "npm:ms@2.1.3"}}`,
		"node_modules/mkdirp/package.json":   `{"name": "mkdirp", "version": "0.5.6", "dependencies": {"minimist": "^1.2.6"}}`,
		"node_modules/minimist/package.json": `{"name": "minimist", "version": "1.2.8"}`,
		"node_modules/other/package.json":    `{"name": "ms", "version": "2.1.3"}`,
	}
}

func TestYarnInstallsWhatIsLocked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edits []edit
		want  []string
	}{
		"nothing": {},
		"resolutions, of which Yarn says nothing": {
			edits: []edit{{"package.json", `"dependencies"`, `"resolutions": {"minimist": "1.2.6"}, "dependencies"`}, {minimistFile, "1.2.8", "1.2.6"}},
			want:  []string{"fail drift/override minimist@1.2.8", "fail installed/version minimist@1.2.8"},
		},
		"older on the disk": {
			edits: []edit{{minimistFile, "1.2.8", "1.2.6"}},
			want:  []string{"fail installed/version minimist@1.2.8"},
		},
		"another package on the disk, which is locked elsewhere": {
			edits: []edit{{minimistFile, "", `{"name": "ms", "version": "2.1.3"}`}},
			want: []string{
				"fail edges/range app@1.0.0", "fail edges/range mkdirp@0.5.6",
				"fail installed/missing minimist@1.2.8", "fail installed/other ms@2.1.3",
			},
		},
		"extra": {
			edits: []edit{{"node_modules/evil/package.json", "", `{"name": "evil", "version": "1.0.0"}`}},
			want:  []string{"fail installed/extra evil@1.0.0"},
		},
		"brought by a package": {
			edits: []edit{
				{"node_modules/mkdirp/package.json", `"dependencies"`, `"bundledDependencies": ["inner"], "dependencies"`},
				{"node_modules/mkdirp/node_modules/inner/package.json", "", `{"name": "inner", "version": "1.0.0"}`},
			},
		},
		"missing": {
			edits: []edit{{"node_modules/other/package.json", "", ""}},
			want:  []string{"fail edges/missing app@1.0.0", "fail installed/missing ms@2.1.3"},
		},
		"missing, beside a problem elsewhere": {
			edits: []edit{{"node_modules/other/package.json", "", ""}, {"packages/package.json", "", "{"}, {"node_modules/l", "", "-> ../gone"}},
			want:  []string{"fail edges/missing app@1.0.0", "fail installed/changed ", "fail installed/missing ms@2.1.3"},
		},
		"link in place of a package": {
			edits: []edit{{minimistFile, "", ""}, {"node_modules/minimist", "", "-> ../vendor"}, {"vendor/package.json", "", `{}`}},
			want:  []string{"fail installed/other minimist@1.2.8"},
		},
		"link to a folder of the repository": {
			edits: []edit{{"node_modules/evil", "", "-> ../tools/evil"}, {"tools/evil/package.json", "", `{"name": "evil", "version": "1.0.0"}`}},
			want:  []string{"fail installed/extra evil"},
		},
		"link to a folder that the lock file has": {
			edits: []edit{
				{"package.json", `"dependencies": {`, `"dependencies": {"tool": "link:./tools/tool", `}, {"tools/tool/index.js", "", "x"},
				{"yarn.lock", "# yarn lockfile v1\n\n\n", "# yarn lockfile v1\n\n\n\"tool@link:./tools/tool\":\n  version \"0.0.0\"\n  uid \"\"\n\n"},
				{"node_modules/tool", "", "-> ../tools/tool"},
			},
		},
		"link to a folder that the lock file has for another": {
			edits: []edit{
				{"package.json", `"dependencies": {`, `"dependencies": {"tool": "link:./tools/tool", `}, {"tools/other/index.js", "", "x"},
				{"yarn.lock", "# yarn lockfile v1\n\n\n", "# yarn lockfile v1\n\n\n\"tool@link:./tools/tool\":\n  version \"0.0.0\"\n  uid \"\"\n\n"},
				{"node_modules/tool", "", "-> ../tools/other"},
			},
			want: []string{"fail installed/extra tool"},
		},
		"link to a workspace": {
			edits: []edit{
				{"package.json", `"dependencies"`, `"workspaces": ["packages/*"], "dependencies"`},
				{"packages/member/package.json", "", `{"name": "member", "version": "1.0.0"}`}, {"node_modules/member", "", "-> ../packages/member"},
			},
		},
		"link to what is left out on this system": {
			edits: []edit{
				{"node_modules/.store/x/package/package.json", "", `{"name": "other", "mocked": true}`},
				{"node_modules/other/package.json", "", ""}, {"node_modules/other", "", "-> .store/x/package"},
			},
			want: []string{"fail installed/missing ms@2.1.3"},
		},
		"moved into a hidden folder, and linked from there": {
			edits: []edit{
				{"node_modules/mkdirp/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.8"}`},
				{minimistFile, "", ""}, {"node_modules/minimist", "", "-> .x/node_modules/minimist"},
				{"node_modules/.x/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.5"}`},
			},
			want: []string{"fail installed/extra minimist", "fail installed/version minimist@1.2.8"},
		},
		"address of another package": {
			edits: []edit{{"yarn.lock", "minimist/-/minimist-1.2.8", "ms/-/ms-2.1.3"}},
			want:  []string{"fail lint/address minimist@1.2.8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := tree(t, yarnFiles(), tc.edits)
			found := Find(facts(t, m, "yarn.lock"))
			found = keep(found, func(f Finding) bool { return f.Rule != "drift/manifest" })
			if diff := cmp.Diff(tc.want, said(found)); diff != "" {
				t.Errorf("Find (-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

func keep(found []Finding, which func(Finding) bool) []Finding {
	var kept []Finding
	for _, f := range found {
		if which(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

const pnpmLock = `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      mkdirp:
        specifier: ^0.5.5
        version: 0.5.6
      short:
        specifier: npm:minimist@1.2.6
        version: minimist@1.2.6
packages:
  minimist@1.2.6:
    resolution: {integrity: sha512-old}
  minimist@1.2.8:
    resolution: {integrity: sha512-minimist}
  mkdirp@0.5.6:
    resolution: {integrity: sha512-mkdirp}
snapshots:
  minimist@1.2.6: {}
  minimist@1.2.8: {}
  mkdirp@0.5.6:
    dependencies:
      minimist: 1.2.8
`

func pnpmFiles() map[string]string {
	return map[string]string{
		"pnpm-lock.yaml":       pnpmLock,
		"package.json":         `{"name": "app", "dependencies": {"mkdirp": "^0.5.5", "short": "npm:minimist@1.2.6"}}`,
		"node_modules/mkdirp":  "-> .pnpm/mkdirp@0.5.6/node_modules/mkdirp",
		"node_modules/short":   "-> .pnpm/minimist@1.2.6/node_modules/minimist",
		".pnpm-not/x/y.txt":    "",
		oldPath:                `{"name": "minimist", "version": "1.2.6"}`,
		newPath:                `{"name": "minimist", "version": "1.2.8"}`,
		mkdirpPath:             `{"name": "mkdirp", "version": "0.5.6", "dependencies": {"minimist": "^1.2.6"}}`,
		linkInStore:            "-> ../../minimist@1.2.8/node_modules/minimist",
		"node_modules/.bin/x":  "",
		"node_modules/.pnpm/x": "",
	}
}

const (
	oldPath     = "node_modules/.pnpm/minimist@1.2.6/node_modules/minimist/package.json"
	newPath     = "node_modules/.pnpm/minimist@1.2.8/node_modules/minimist/package.json"
	mkdirpPath  = "node_modules/.pnpm/mkdirp@0.5.6/node_modules/mkdirp/package.json"
	linkInStore = "node_modules/.pnpm/mkdirp@0.5.6/node_modules/minimist"
)

func TestPNPMInstallsWhatIsLocked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edits []edit
		want  []string
	}{
		"nothing": {},
		"a locked version in another's place": {
			edits: []edit{{newPath, "1.2.8", "1.2.6"}},
			want:  []string{"fail installed/missing minimist@1.2.8", "fail installed/version minimist@1.2.6"},
		},
		"a version that is not locked": {
			edits: []edit{{newPath, "1.2.8", "0.0.8"}},
			want: []string{
				"fail edges/range mkdirp@0.5.6", "fail installed/missing minimist@1.2.8", "fail installed/version minimist@1.2.6",
			},
		},
		"link to another package": {
			edits: []edit{{linkInStore, "../../minimist@1.2.8/node_modules/minimist", "../../mkdirp@0.5.6/node_modules/mkdirp"}},
			want:  []string{"fail edges/range mkdirp@0.5.6", "fail installed/other mkdirp@0.5.6"},
		},
		"link taken away": {
			edits: []edit{{linkInStore, "", ""}},
			want:  []string{"fail edges/missing mkdirp@0.5.6"},
		},
		"link into a hidden folder": {
			edits: []edit{
				{linkInStore, "../../minimist@1.2.8/", "../../../.x/"},
				{"node_modules/.x/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.8"}`},
			},
			want: []string{"fail installed/extra minimist"},
		},
		"link to a folder of the repository": {
			edits: []edit{{"node_modules/evil", "", "-> ../tools/evil"}, {"tools/evil/package.json", "", `{"name": "evil", "version": "1.0.0"}`}},
			want:  []string{"fail installed/extra evil"},
		},
		"link to a folder that the project asks for": {
			edits: []edit{
				{"node_modules/tool", "", "-> ../tools/tool"}, {"tools/tool/index.js", "", "x"},
				{"package.json", `"dependencies": {`, `"dependencies": {"tool": "link:tools/tool", `},
				{"pnpm-lock.yaml", "    dependencies:\n      mkdirp:", "    dependencies:\n      tool: {specifier: 'link:tools/tool', version: 'link:tools/tool'}\n      mkdirp:"},
			},
		},
		"packages are kept beside node_modules": { // virtual-store-dir
			edits: []edit{
				{"node_modules/mkdirp", ".pnpm/", "../.store/"}, {"node_modules/short", ".pnpm/", "../.store/"},
				{oldPath, "", ""}, {newPath, "", ""}, {mkdirpPath, "", ""}, {linkInStore, "", ""},
				{".store/minimist@1.2.6/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.6"}`},
				{".store/minimist@1.2.8/node_modules/minimist/package.json", "", `{"name": "minimist", "version": "1.2.8"}`},
				{".store/mkdirp@0.5.6/node_modules/minimist", "", "-> ../../minimist@1.2.8/node_modules/minimist"},
				{".store/mkdirp@0.5.6/node_modules/mkdirp/package.json", "",
					`{"name": "mkdirp", "version": "0.5.6", "dependencies": {"minimist": "^1.2.6"}}`},
			},
		},
		"left out by a hook, and locked so": {
			edits: []edit{{linkInStore, "", ""}, {"pnpm-lock.yaml", "    dependencies:\n      minimist: 1.2.8\n", "    optional: false\n"}, {newPath, "", ""}, {"pnpm-lock.yaml", "  minimist@1.2.8: {}\n", ""}, {"pnpm-lock.yaml", "  minimist@1.2.8:\n    resolution: {integrity: sha512-minimist}\n", ""}},
			want:  []string{"warn edges/missing mkdirp@0.5.6"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := tree(t, pnpmFiles(), tc.edits)
			found := Find(facts(t, m, "pnpm-lock.yaml"))
			if diff := cmp.Diff(tc.want, said(found)); diff != "" {
				t.Errorf("Find (-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

// plugAndPlay is a project of Yarn Berry with one package in a zip file.
func plugAndPlay(t *testing.T, manifest, checksum string) fstest.MapFS {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	f, err := w.Create("node_modules/minimist/package.json")
	if err == nil {
		_, err = f.Write([]byte(manifest))
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if checksum == "" {
		checksum = fmt.Sprintf("%x", sha512.Sum512(archive.Bytes()))
	}
	m := fstest.MapFS{}
	for name, text := range map[string]string{
		"package.json": `{"name": "app", "dependencies": {"minimist": "^1.2.5"}}`,
		"yarn.lock": `__metadata:
  version: 8
  cacheKey: 10c0

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  dependencies:
    minimist: "npm:^1.2.5"
  languageName: unknown
  linkType: soft

"minimist@npm:^1.2.5":
  version: 1.2.8
  resolution: "minimist@npm:1.2.8"
  checksum: 10c0/` + checksum + `
  languageName: node
  linkType: hard
`,
		".pnp.cjs": `const RAW_RUNTIME_STATE =
'{\
  "packageRegistryData": [\
    [null, [[null, {"packageLocation": "./", "linkType": "SOFT"}]]],\
    ["app", [["workspace:.", {"packageLocation": "./", "linkType": "SOFT"}]]],\
    ["minimist", [["npm:1.2.8", {"packageLocation": "./.yarn/cache/minimist-npm-1.2.8-x-y.zip/node_modules/minimist/", "linkType": "HARD"}]]]\
  ]\
}';
`,
		".yarn/cache/minimist-npm-1.2.8-x-y.zip": archive.String(),
	} {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// Yarn 1 installs with a frozen lock file also if there is more in it than is asked for.
func TestYarnKeepsWhatNothingRequires(t *testing.T) {
	t.Parallel()
	all := []string{"warn lint/extraneous minimist@1.2.8", "warn lint/extraneous mkdirp@0.5.6", "warn lint/extraneous ms@2.1.3"}
	for name, tc := range map[string]struct {
		manifest string
		want     []string
	}{
		"something is required": {`{"name": "app", "dependencies": {"mkdirp": "^0.5.5"}}`, all[2:]},
		"nothing is required":   {`{"name": "app"}`, all},
		"no manifest":           {"", []string{"fail drift/manifest "}},
		"a broken manifest":     {"{", []string{"fail drift/manifest "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := fstest.MapFS{"yarn.lock": {Data: []byte(yarnLock)}, "package.json": {Data: []byte(tc.manifest)}}
			if tc.manifest == "" {
				delete(m, "package.json")
			}
			l, err := lockfile.Read(m, "yarn.lock")
			if err != nil {
				t.Fatal(err)
			}
			got := said(Find(Facts{Lock: l, Stale: lockfile.Stale(m, l)}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Find with the manifest %q (-want +got):\n%s", tc.manifest, diff)
			}
		})
	}
}

func TestPlugAndPlayLoadsWhatIsLocked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manifest, checksum string
		want               []string
	}{
		"nothing":         {manifest: `{"name": "minimist", "version": "1.2.8"}`},
		"another version": {`{"name": "minimist", "version": "1.2.5"}`, "", []string{"fail installed/version minimist@1.2.8"}},
		"another package": {`{"name": "evil", "version": "1.2.8"}`, "", []string{"fail installed/extra evil@1.2.8", "fail installed/missing minimist@1.2.8"}},
		"another hash": {
			`{"name": "minimist", "version": "1.2.8"}`, strings.Repeat("0", 128), []string{"fail installed/changed minimist@1.2.8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Find(facts(t, plugAndPlay(t, tc.manifest, tc.checksum), "yarn.lock"))
			if diff := cmp.Diff(tc.want, said(found)); diff != "" {
				t.Errorf("Find (-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

func TestPlugAndPlayKnowsNoOtherProjects(t *testing.T) {
	t.Parallel()
	m := plugAndPlay(t, `{"name": "minimist", "version": "1.2.8"}`, "")
	code := string(m[".pnp.cjs"].Data)
	more := `["evil", [["workspace:evil", {"packageLocation": "./evil/", "linkType": "SOFT"}]]], ["minimist"`
	m[".pnp.cjs"].Data = []byte(strings.Replace(code, `["minimist"`, more, 1))
	m["evil/package.json"] = &fstest.MapFile{Data: []byte(`{"name": "evil", "version": "1.0.0"}`)}
	got := said(Find(facts(t, m, "yarn.lock")))
	if diff := cmp.Diff([]string{"fail installed/extra evil@1.0.0"}, got); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
}

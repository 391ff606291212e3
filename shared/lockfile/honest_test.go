package lockfile

import (
	"io/fs"
	"testing"
)

// TestHonestProjectsAreNotStale has what package managers accept, and what somebody
// who compares texts would take for a lock file of another manifest.
func TestHonestProjectsAreNotStale(t *testing.T) {
	t.Parallel()
	const (
		yarnMS = `ms@^2.0.0:
  version "2.1.3"
  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2"
`
		requirementsIn = "setuptools>=70\npip\nfoo>=1,<2\n"
	)
	for name, tc := range map[string]struct {
		lock string
		tree fs.FS
		want []string
	}{
		"npm, a workspace asks for what the root overrides": {lock: "package-lock.json", tree: mapTree(
			"package.json", `{"name": "x", "workspaces": ["a"], "overrides": {"ms": "2.1.3"}}`,
			"a/package.json", `{"name": "a", "dependencies": {"ms": "2.0.0"}}`,
			"package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"name": "x", "workspaces": ["a"]},
				"node_modules/a": {"resolved": "a", "link": true}, "a": {"dependencies": {"ms": "2.0.0"}},
				"node_modules/ms": {"version": "2.1.3", "integrity": "`+sha512None+`"}}}`)},
		"npm, a workspace that is gone, and that npm knows is": {lock: "package-lock.json", tree: mapTree(
			"package.json", `{"name": "x", "workspaces": ["a/*"]}`,
			"package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"name": "x", "workspaces": ["a/*"]},
				"a/gone": {"extraneous": true}}}`)},
		"npm, a script that is there twice": {lock: "package-lock.json", tree: mapTree(
			"package.json", `{"name": "x", "scripts": {"test": "a", "test": "b"}, "dependencies": {"ms": "1"}, "dependencies": {}}`,
			"package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"name": "x"}}}`)},
		"npm, a dependency that is there twice: the last counts": {lock: "package-lock.json", tree: mapTree(
			"package.json", `{"name": "x", "dependencies": {"ms": "^1.0.0", "ms": "^2.0.0"}}`,
			"package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"name": "x", "dependencies": {"ms": "^1.0.0"}},
				"node_modules/ms": {"version": "1.0.0", "integrity": "`+sha512None+`"}}}`),
			want: []string{"ms: package.json wants ^2.0.0, the lock file was made for ^1.0.0"}},
		"yarn 1, which does not override what the project itself asks for": {lock: "yarn.lock", tree: mapTree(
			"package.json", `{"name": "x", "dependencies": {"ms": "^2.0.0"}, "resolutions": {"ms": "2.0.0"}}`,
			"yarn.lock", yarnMS)},
		"yarn 1, a folder that a workspace asks for": {lock: "yarn.lock", tree: mapTree(
			"package.json", `{"name": "x", "workspaces": ["a/*"]}`,
			"a/b/package.json", `{"name": "b", "dependencies": {"l": "file:../../l"}}`,
			"yarn.lock", "\"l@file:l\":\n  version \"1.0.0\"\n")},
		"yarn 1, an override of what others ask for": {lock: "yarn.lock", tree: mapTree(
			"package.json", `{"name": "x", "resolutions": {"ms": "2.0.0"}}`, "yarn.lock", yarnMS),
			want: []string{"ms: package.json overrides it with 2.0.0, the lock file has 2.1.3"}},
		"pnpm, an override of a range as pnpm audit --fix writes it": {lock: "pnpm-lock.yaml", tree: mapTree(
			"package.json", `{"dependencies": {"ms": "^2.0.0"}}`,
			"pnpm-workspace.yaml", "overrides:\n  'ms@>=1.0.0 <2.1.0': '>=2.1.0'\n",
			"pnpm-lock.yaml", "lockfileVersion: '9.0'\noverrides:\n  'ms@>=1.0.0 <2.1.0': '>=2.1.0'\nimporters:\n  .:\n"+
				"    dependencies:\n      ms:\n        specifier: '>=2.1.0'\n        version: 2.1.3\n")},
		"pnpm, an override within another package": {lock: "pnpm-lock.yaml", tree: mapTree(
			"package.json", `{"dependencies": {"ms": "^2.0.0"}}`,
			"pnpm-workspace.yaml", "overrides:\n  'debug@>=4>ms@>2': 2.1.3\n",
			"pnpm-lock.yaml", "lockfileVersion: '9.0'\noverrides:\n  'debug@>=4>ms@>2': 2.1.3\nimporters:\n  .:\n"+
				"    dependencies:\n      ms:\n        specifier: ^1.0.0\n        version: 1.0.0\n"),
			want: []string{"ms: package.json wants ^2.0.0, the lock file was made for ^1.0.0"}},
		"pnpm, which installs Node.js": {lock: "pnpm-lock.yaml", tree: mapTree(
			"package.json", `{"devEngines": {"runtime": {"name": "node", "version": "^24.4.0", "onFail": "download"}}}`,
			"pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .:\n    devDependencies:\n      node:\n"+
				"        specifier: runtime:^24.4.0\n        version: runtime:24.4.1\n")},
		"pnpm, a catalog with an anchor": {lock: "pnpm-lock.yaml", tree: mapTree(
			"package.json", `{"dependencies": {"react-dom": "catalog:"}}`,
			"pnpm-workspace.yaml", "catalog:\n  react: &react ^19.0.0\n  react-dom: *react\n",
			"pnpm-lock.yaml", "lockfileVersion: '9.0'\ncatalogs:\n  default:\n    react-dom:\n      specifier: ^19.0.0\n"+
				"      version: 19.0.0\nimporters:\n  .:\n    dependencies:\n      react-dom:\n        specifier: 'catalog:'\n"+
				"        version: 19.0.0\n")},
		"pnpm, a lock file for one project of a workspace": {lock: "a/pnpm-lock.yaml", tree: mapTree(
			"a/package.json", `{"dependencies": {"ms": "catalog:"}}`, "package.json", `{}`,
			"pnpm-workspace.yaml", "sharedWorkspaceLockfile: false\npackages: [a]\ncatalog:\n  ms: 2.1.3\noverrides:\n  debug: 4.3.4\n",
			"a/pnpm-lock.yaml", "lockfileVersion: '9.0'\noverrides:\n  debug: 4.3.4\ncatalogs:\n  default:\n    ms:\n"+
				"      specifier: 2.1.3\n      version: 2.1.3\nimporters:\n  .:\n    dependencies:\n      ms:\n"+
				"        specifier: 'catalog:'\n        version: 2.1.3\n")},
		"pip-compile, which leaves out what it finds unsafe": {lock: "requirements.txt", tree: mapTree(
			"requirements.in", requirementsIn, "requirements.txt", "foo==1.1\n")},
		"poetry, this range or that": {lock: "poetry.lock", tree: mapTree(
			"poetry.lock", "[[package]]\nname = 'foo'\nversion = '1.2.0'\n",
			"pyproject.toml", "[tool.poetry.dependencies]\nfoo = '>=2,<3 || >=1,<1.5'\n")},
		"pip-compile, a range": {lock: "requirements.txt", tree: mapTree(
			"requirements.in", "foo>=1.2,<2\nbar>1,!=3\n", "requirements.txt", "foo==1.1\nbar==2\n"),
			want: []string{"foo: requirements.in says 1.2, the lock file 1.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := readerOf(tc.lock)
			checkStale(t, tc.tree, r, tc.lock, tc.want, "")
		})
	}
}

// TestGitHostsHaveNoHashes has archives of commits, which neither Yarn nor pnpm
// writes a hash for.
func TestGitHostsHaveNoHashes(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://gitlab.com/api/v4/projects/o%2Fr/repository/archive.tar.gz?ref=abc",
		"https://gitlab.com/o/r/repository/archive.tar.gz?ref=abc",
		"https://bitbucket.org/o/r/get/abc.tar.gz",
		"https://codeload.github.com/o/r/tar.gz/abc",
	} {
		for name, text := range map[string]string{
			"pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  g@" + url + ":\n    resolution: {tarball: '" + url + "'}\n    version: 1.0.0\n",
			"yarn.lock":      "\"g@" + url + "\":\n  version \"1.0.0\"\n  resolved \"" + url + "\"\n",
		} {
			lock, err := Read(mapTree(name, text), name)
			if err != nil || len(lock.Unproven) > 0 || len(lock.Notes) != 1 {
				t.Errorf("Read of a %s with %s: got unproven %q, notes %q, error %v, want one note that it is from git",
					name, url, lock.Unproven, lock.Notes, err)
			}
		}
	}
}

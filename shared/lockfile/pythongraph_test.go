package lockfile

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown writes the entries of a lock file down, a line each: what it is, and after ">" what
// it requires, as name, range, kind and the line of the answer.
func shown(lock Lock) []string {
	var lines []string
	for _, e := range lock.Entries {
		line := e.Name + " " + e.Version + " " + string(e.Source)
		for _, word := range []string{e.Location, e.URL, strings.Join(e.Integrity, " ")} {
			if word != "" {
				line += " " + word
			}
		}
		if e.Dev {
			line += " dev"
		}
		if e.Optional {
			line += " optional"
		}
		for _, r := range e.Requires {
			to := "nothing"
			if r.To >= 0 {
				to = lock.Entries[r.To].Name + " " + lock.Entries[r.To].Version
			}
			line += " > " + r.Name + " " + r.Range + " " + string(r.Kind) + " " + to
		}
		lines = append(lines, line)
	}
	return lines
}

func checkShown(t *testing.T, tree fs.FS, name string, want []string) Lock {
	t.Helper()
	lock, err := Read(tree, name)
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	if diff := cmp.Diff(want, shown(lock)); diff != "" {
		t.Errorf("Read(%s) (-want +got):\n%s", name, diff)
	}
	return lock
}

// lines are those of the entries.
func lines(lock Lock) []int {
	var list []int
	for _, e := range lock.Entries {
		list = append(list, e.Line)
	}
	return list
}

func contradictions(lock Lock) []string {
	var list []string
	for _, c := range lock.Contradictions {
		list = append(list, c.Text)
	}
	return list
}

func TestPoetryEntries(t *testing.T) {
	t.Parallel()
	tree := mapTree("poetry.lock", `# generated
[[package]]
name = "Requests"
version = "2.31.0"
groups = ["main", "dev"]
files = [{file = "requests-2.31.0-py3-none-any.whl", hash = "sha256:aa"}, {file = "requests-2.31.tar.gz", hash = "md5:bb"}]
[package.dependencies]
numpy = [
    {version = ">=1.0,<2", markers = "python_version < '3.9'"},
    {version = ">=2", markers = "python_version >= '3.9'"},
]
socks = {version = "*", optional = true}
[package.extras]
socks = ["socks"]

[[package]]
name = "numpy"
version = "1.26.0"
markers = "python_version < '3.9'"
groups = ["main"]
[package.source]
type = "legacy"
url = "https://user:secret@x.test/simple"

[[package]]
name = "numpy"
version = "2.1.0"
markers = "python_version >= '3.9'"
groups = ["main"]

[[package]]
name = "pytest"
version = "8.0.0"
category = "dev"
optional = false

[[package]]
name = "mypy"
version = "1.0.0"
groups = ["lint"]
[package.dependencies]
requests = "^2.0"

[[package]]
name = "here"
version = "0.1"
[package.source]
type = "directory"
url = "../here"

[[package]]
name = "there"
version = "0.2"
[package.source]
type = "git"
url = "https://x.test/there.git"

[[package]]
name = "far"
version = "0.3"
[package.source]
type = "url"
url = "https://x.test/far-0.3.zip"
`, "pyproject.toml", `
[tool.poetry]
name = "app"
version = "1.0.0"
[tool.poetry.dependencies]
python = "^3.8"
requests = "^2.31"
here = {path = "../here"}
there = {git = "https://x.test/there.git", markers = "sys_platform == 'win32'"}
far = {url = "https://x.test/far-0.3.zip", optional = true}
[tool.poetry.group.test.dependencies]
pytest = ">=8"
[tool.poetry.dev-dependencies]
mypy = "*"
`)
	lock := checkShown(t, tree, "poetry.lock", []string{
		"app 1.0.0 project > far  optional far 0.3 > here  prod here 0.1 > requests ^2.31 prod requests 2.31.0" +
			" > there  optional there 0.2 > mypy * dev mypy 1.0.0 > pytest >=8 dev pytest 8.0.0",
		"requests 2.31.0 registry sha256:aa md5:bb > numpy >=1.0,<2 optional numpy 1.26.0 > numpy >=2 optional numpy 2.1.0" +
			" > socks * optional nothing",
		"numpy 1.26.0 registry https://x.test/simple optional",
		"numpy 2.1.0 registry optional",
		"pytest 8.0.0 registry dev",
		"mypy 1.0.0 registry dev > requests ^2.0 prod requests 2.31.0",
		"here 0.1 folder ../here",
		"there 0.2 git https://x.test/there.git",
		"far 0.3 remote https://x.test/far-0.3.zip",
	})
	if got, want := lines(lock), []int{0, 2, 16, 25, 31, 37, 44, 51, 58}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
	if got := contradictions(lock); got != nil {
		t.Errorf("contradictions: got %q, want none", got)
	}
}

func TestUVEntries(t *testing.T) {
	t.Parallel()
	tree := mapTree("uv.lock", `version = 1
[manifest]
members = ["app", "tool"]

[[package]]
name = "app"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "numpy", version = "1.0.0", source = { registry = "https://x.test/simple" }, marker = "python_version < '3.9'" }, { name = "numpy", version = "2.0.0" }, { name = "tool" }]
[package.optional-dependencies]
web = [{ name = "flask" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[package.metadata]
requires-dist = [{ name = "numpy", marker = "python_version < '3.9'", specifier = "<2" }, { name = "numpy", specifier = ">=2" }, { name = "flask", marker = "extra == 'web'", specifier = "==3.*" }]
[package.metadata.requires-dev]
dev = [{ name = "pytest", specifier = ">8" }]

[[package]]
name = "flask"
version = "3.0.0"
source = { registry = "https://x.test/simple" }
sdist = { url = "https://files.test/flask-3.0.0.tar.gz", hash = "sha256:aa" }
wheels = [{ url = "https://files.test/flask-3.0.0-py3-none-any.whl", hash = "sha256:bb" }, { url = "https://u:p@evil.test/flask-3.0.0-py3-none-linux_x86_64.whl", hash = "sha256:cc" }]

[[package]]
name = "numpy"
version = "1.0.0"
source = { registry = "https://x.test/simple" }

[[package]]
name = "numpy"
version = "2.0.0"
source = { registry = "https://x.test/simple" }

[[package]]
name = "pytest"
version = "8.1.0"
source = { git = "https://x.test/pytest?rev=a#b" }

[[package]]
name = "tool"
version = "0.2.0"
source = { virtual = "packages/tool" }
dependencies = [{ name = "beside" }, { name = "zip" }]

[[package]]
name = "beside"
version = "0.3.0"
source = { directory = "../beside" }

[[package]]
name = "zip"
version = "0.4.0"
source = { url = "https://x.test/zip-main.zip" }
sdist = { hash = "sha256:dd" }
`)
	lock := checkShown(t, tree, "uv.lock", []string{
		"app 0.1.0 project > numpy <2 optional numpy 1.0.0 > numpy >=2 prod numpy 2.0.0 > tool  prod tool 0.2.0" +
			" > flask ==3.* optional flask 3.0.0 > pytest >8 dev pytest 8.1.0",
		"flask 3.0.0 registry https://evil.test/flask-3.0.0-py3-none-linux_x86_64.whl sha256:bb sha256:cc sha256:aa",
		"numpy 1.0.0 registry https://x.test/simple",
		"numpy 2.0.0 registry https://x.test/simple",
		"pytest 8.1.0 git https://x.test/pytest?rev=a#b",
		"tool 0.2.0 project packages/tool > beside  prod beside 0.3.0 > zip  prod zip 0.4.0",
		"beside 0.3.0 folder ../beside",
		"zip 0.4.0 remote https://x.test/zip-main.zip sha256:dd",
	})
	if got, want := lines(lock), []int{5, 19, 26, 31, 36, 41, 47, 52}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
}

func TestPDMEntries(t *testing.T) {
	t.Parallel()
	tree := mapTree("pdm.lock", `[metadata]
groups = ["default", "test", "socks"]
[[package]]
name = "requests"
version = "2.31.0"
groups = ["default"]
dependencies = ["idna<4,>=2.5", "colorama; sys_platform == 'win32'"]
[[package]]
name = "requests"
version = "2.31.0"
extras = ["socks"]
groups = ["socks"]
dependencies = ["PySocks!=1.5.7", "requests==2.31.0"]
[[package]]
name = "idna"
version = "3.6"
groups = ["default", "test"]
[[package]]
name = "pysocks"
version = "1.7.1"
groups = ["socks"]
[[package]]
name = "colorama"
version = "0.4.6"
marker = "sys_platform == 'win32'"
groups = ["test"]
`, "pyproject.toml", `
[project]
name = "app"
version = "1.0"
dependencies = ["requests>=2.30"]
[project.optional-dependencies]
socks = ["requests[socks]"]
[tool.pdm.dev-dependencies]
test = ["colorama (>=0.4)", "-e file:///x"]
`)
	checkShown(t, tree, "pdm.lock", []string{
		"app 1.0 project > requests >=2.30 prod requests 2.31.0 > requests  optional requests 2.31.0" +
			" > requests  optional requests 2.31.0 > colorama >=0.4 dev colorama 0.4.6",
		"requests 2.31.0 registry > idna <4,>=2.5 prod idna 3.6 > colorama  optional colorama 0.4.6",
		"requests 2.31.0 registry > PySocks !=1.5.7 prod pysocks 1.7.1 > requests ==2.31.0 prod requests 2.31.0",
		"idna 3.6 registry",
		"pysocks 1.7.1 registry",
		"colorama 0.4.6 registry dev optional",
	})
}

func TestPylockEntries(t *testing.T) {
	t.Parallel()
	const head = "lock-version = '1.0'\n"
	checkShown(t, mapTree("pylock.toml", head+`
[[packages]]
name = "a"
version = "1.0"
index = "https://x.test/simple"
wheels = [{name = "a-1.0-py3-none-any.whl", url = "https://files.test/a-1.0-py3-none-any.whl", hashes = {sha256 = "aa"}}]
[[packages]]
name = "b"
version = "2.0"
marker = "'dev' in dependency_groups"
sdist = {path = "b-2.0.tar.gz", hashes = {sha256 = "bb"}}
[[packages]]
name = "c"
vcs = {type = "git", url = "https://x.test/c", commit-id = "d"}
[[packages]]
name = "d"
archive = {url = "https://x.test/main.zip", hashes = {sha256 = "dd"}}
marker = "sys_platform == 'win32' or 'dev' in dependency_groups"
[[packages]]
name = "e"
directory = {path = "./e"}
`), "pylock.toml", []string{
		"pylock.toml  project > a  prod a 1.0 > b  dev b 2.0 > c  prod c  > d  optional d  > e  prod e ",
		"a 1.0 registry https://files.test/a-1.0-py3-none-any.whl sha256:aa",
		"b 2.0 registry sha256:bb dev optional",
		"c  git https://x.test/c",
		"d  remote https://x.test/main.zip sha256:dd optional",
		"e  folder ./e",
	})
	checkShown(t, mapTree("pylock.toml", head+`
[[packages]]
name = "app"
directory = {path = ".", editable = true}
dependencies = [{name = "a"}, {name = "b", version = "2.0"}]
[[packages]]
name = "a"
version = "1.0"
[[packages]]
name = "b"
version = "1.0"
[[packages]]
name = "b"
version = "2.0"
`), "pylock.toml", []string{"app  project > a  prod a 1.0 > b  prod b 2.0",
		"a 1.0 registry", "b 1.0 registry", "b 2.0 registry"})
}

func TestPipfileEntries(t *testing.T) {
	t.Parallel()
	lock := checkShown(t, mapTree("Pipfile.lock", `{
  "_meta": {"sources": [{"name": "pypi", "url": "https://${USER}:${PASSWORD}@x.test/simple"}]},
  "default": {
    "b": {"version": "==2.0", "hashes": ["sha256:bb", "md5:x"], "index": "pypi"},
    "a": {"version": "==1.0", "markers": "python_version < '3'"}
  },
  "develop": {
    "b": {"version": "==2.0"},
    "g": {"git": "https://x.test/g.git", "ref": "abc"},
    "p": {"path": ".", "editable": true},
    "f": {"file": "https://x.test/f.zip"},
    "w": {"version": "*"}
  }
}`, "Pipfile", "[packages]\nB = '>=2'\n[dev-packages]\nb = {version = '~=2.1'}\n"), "Pipfile.lock", []string{
		"Pipfile.lock  project > b >=2 prod b 2.0 > a  optional a 1.0 > b ~=2.1 dev b 2.0 > g  dev g  > p  dev p " +
			" > f  dev f  > w  dev w ",
		"b 2.0 registry https://x.test/simple sha256:bb md5:x",
		"a 1.0 registry optional",
		"b 2.0 registry dev",
		"g  git https://x.test/g.git dev",
		"p  folder . dev",
		"f  remote https://x.test/f.zip dev",
		"w  registry dev",
	})
	if got, want := lines(lock), []int{0, 4, 5, 8, 9, 10, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
}

// TestForeignFilesAreFound has packages whose files are another's: the hash fits, and the
// name that everybody looks at does not.
func TestForeignFilesAreFound(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"foo_bar-1.0-py3-none-any.whl":               false,
		"foo.bar-1.0.0-2-py3-none-any.whl":           false, // a build number
		"Foo-Bar-1.0.tar.gz":                         false,
		"foo-bar-1.0.post1.zip":                      false, // not of plain numbers: not compared
		"foo_bar-1.0%2Bcu118-py3-none-any.whl":       false,
		"https://x.test/a/foo-bar-1.0.zip#sha256=aa": false,
		"main.zip":                       false,
		"ms-2.1.3-py3-none-any.whl":      true,
		"foo_bar-1.1-py3-none-any.whl":   true,
		"foo-bar-baz-1.0.tar.gz":         true,
		"https://x.test/foo-1.0.tgz?a=b": true,
	} {
		lock, err := Read(mapTree("poetry.lock", "[[package]]\nname = 'Foo.Bar'\nversion = '1.0'\nfiles = [{file = '"+file+"', hash = 'x'}]\n"),
			"poetry.lock")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(lock.Contradictions) == 1; got != want {
			t.Errorf("a package foo-bar 1.0 with the file %s: contradictions %v, want some: %v", file, lock.Contradictions, want)
		}
	}
}

func TestTableLinesGiveUpOnWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"inline":             "package = [{name = 'a', version = '1'}]\n",
		"quoted":             "[['package']]\nname = 'a'\nversion = '1'\n",
		"a header in a text": "[[package]]\nname = 'a'\nversion = '1'\ndescription = '''\n[[package]]\n'''\n",
	} {
		lock, err := Read(mapTree("poetry.lock", text), "poetry.lock")
		if err != nil || len(lock.Entries) != 1 || lock.Entries[0].Line != 0 {
			t.Errorf("%s: got %v, %v, want an entry without a line", name, lock.Entries, err)
		}
	}
}

func TestConditional(t *testing.T) {
	t.Parallel()
	for marker, want := range map[string]bool{
		"": false, " ": false, "python_version >= '3.7'": false,
		`python_version >= "3.7" and python_full_version != "3.9.0"`:  false,
		"(python_version > '3') and python_version not in '3.1, 3.2'": false,
		"python_version < '3.7'": true, "sys_platform == 'win32'": true,
		"python_version >= '3.7' and sys_platform == 'win32'": true,
		"python_version >= '3.7' or extra == 'x'":             true,
	} {
		if got := conditional(marker); got != want {
			t.Errorf("conditional(%q): got %v, want %v", marker, got, want)
		}
	}
}

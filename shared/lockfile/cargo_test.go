package lockfile

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

const (
	sumA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sumB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

	cratesIO = "registry+https://github.com/rust-lang/crates.io-index"
)

// cratePackage is a [[package]] of Cargo.lock.
func cratePackage(name, version, source, sum string, dependencies ...string) string {
	text := "[[package]]\nname = '" + name + "'\nversion = '" + version + "'\n"
	if source != "" {
		text += "source = '" + source + "'\n"
	}
	if sum != "" {
		text += "checksum = '" + sum + "'\n"
	}
	if len(dependencies) > 0 {
		text += "dependencies = ['" + strings.Join(dependencies, "', '") + "']\n"
	}
	return text
}

func TestCargoLock(t *testing.T) {
	t.Parallel()
	serde := []Package{{Name: "serde", Version: "1.0.1+x", Integrity: []string{"sha256:" + sumA}, URL: cratesIO}}
	for name, tc := range map[string]struct {
		lock string
		want Lock
		err  string
	}{
		"version 4": {
			lock: "# generated\nversion = 4\n" + cratePackage("app", "0.1.0", "", "", "serde") +
				cratePackage("serde", "1.0.1+x", cratesIO, sumA),
			want: Lock{Packages: serde},
		},
		"version 1": {
			lock: cratePackage("serde", "1.0.1+x", cratesIO, "") +
				"[metadata]\n\"checksum serde 1.0.1+x (" + cratesIO + ")\" = '" + sumA + "'\n",
			want: Lock{Packages: serde},
		},
		"version 1, checksum unknown": {
			lock: cratePackage("serde", "1.0.1", cratesIO, "") +
				"[metadata]\n\"checksum serde 1.0.1 (" + cratesIO + ")\" = '<none>'\n",
			want: Lock{Unproven: []string{"serde@1.0.1"}},
		},
		"checksum of another version": {
			lock: cratePackage("serde", "1.0.1", cratesIO, "") +
				"[metadata]\n\"checksum serde 1.0.2 (" + cratesIO + ")\" = '" + sumA + "'\n",
			want: Lock{Unproven: []string{"serde@1.0.1"}},
		},
		"no checksum": {
			lock: "version = 3\n" + cratePackage("serde", "1.0.1", "sparse+https://x.test/", ""),
			want: Lock{Unproven: []string{"serde@1.0.1"}},
		},
		"git": {
			lock: cratePackage("serde", "1.0.1", "git+https://x.test/serde#abc", ""),
			want: Lock{Notes: []string{"serde 1.0.1 comes from git, which is not cached"}},
		},
		"oldest, with [root]": {lock: "[root]\nname = 'app'\nversion = '0.1.0'\n"},
		"nothing":             {},
		"future version":      {lock: "version = 5\n", err: "version 5 is not known"},
		"not TOML":            {lock: "version = \n", err: "line 1"},
		"merge conflict":      {lock: "version = 4\n<<<<<<< HEAD\n", err: "line 2"},
		"other type":          {lock: "version = 4\npackage = 'x'\n", err: "TOML"},
		"traversal in a name": {lock: cratePackage("../evil", "1.0.0", cratesIO, sumA), err: "name and version of a crate"},
		"slash in a version":  {lock: cratePackage("evil", "1.0.0/../x", cratesIO, sumA), err: "name and version of a crate"},
		"dash first":          {lock: cratePackage("-evil", "1.0.0", cratesIO, sumA), err: "name and version of a crate"},
		"short checksum":      {lock: cratePackage("evil", "1.0.0", cratesIO, "abc"), err: "not a SHA-256"},
		"upper-case checksum": {lock: cratePackage("evil", "1.0.0", cratesIO, strings.ToUpper(sumA)), err: "not a SHA-256"},
		"deep":                {lock: "a = " + strings.Repeat("[", 100_000), err: "TOML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Lock{}
			err := parseCargoLock([]byte(tc.lock), mapTree(), &got)
			got.tidy()
			got.Format = ""
			checkParse(t, got, tc.want, err, tc.err)
		})
	}
}

func TestStaleCargoLock(t *testing.T) {
	t.Parallel()
	const head = "[package]\nname = 'app'\nversion = '0.1.0'\n"
	lock := cratePackage("app", "0.1.0", "", "", "app-core", "rand 0.8.5", "rand 0.9.0", "serde") +
		cratePackage("app-core", "0.2.0", "", "", "serde") +
		cratePackage("rand", "0.8.5", cratesIO, sumA) + cratePackage("rand", "0.9.0", cratesIO, sumA) +
		cratePackage("serde", "1.0.210", cratesIO, sumA)
	for name, tc := range map[string]struct {
		tree fs.FS
		want []string
		err  string
	}{
		"fits": {tree: mapTree("Cargo.lock", lock, "Cargo.toml", head+"[dependencies]\nserde = '1.0.200'\n"+
			"rand = '0.8'\nrand9 = { package = 'rand', version = '0.9', optional = true }\n"+
			"app-core = { path = 'core' }\n[dev-dependencies]\napp = { path = '.' }\n")},
		"a version was raised": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", head+"[dependencies]\nserde = '1.0.211'\n"),
			want: []string{"serde: Cargo.toml says 1.0.211, the lock file 1.0.210"},
		},
		"a crate was added": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", head+"[build-dependencies]\ncc = '1'\n"+
				"[target.'cfg(windows)'.dependencies]\nwinapi = { version = '0.3' }\n"),
			want: []string{"cc: Cargo.toml has it, the lock file does not", "winapi: Cargo.toml has it, the lock file does not"},
		},
		"renamed": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", head+"[dependencies]\nserde = { package = 'serde_fork', version = '1' }\n"),
			want: []string{"serde_fork: Cargo.toml has it, the lock file does not"},
		},
		"none of two versions": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", head+"[dependencies]\nrand = '0.7'\n"),
			want: []string{"rand: Cargo.toml says 0.7, the lock file 0.8.5, 0.9.0"},
		},
		"from the workspace": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", "[workspace]\nmembers = ['co*']\n[workspace.dependencies]\nserde = '2'\n",
				"core/Cargo.toml", "[package]\nname = 'app-core'\n[dependencies]\nserde = { workspace = true }\n", "cob", "a file"),
			want: []string{"serde: Cargo.toml says 2, the lock file 1.0.210"},
		},
		"a new member": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", "[workspace]\nmembers = ['new']\n",
				"new/Cargo.toml", "[package]\nname = 'new'\n"),
			want: []string{"new: the lock file does not have this package"},
		},
		"excluded, missing and outside members": {
			tree: mapTree("Cargo.lock", lock, "Cargo.toml", "[workspace]\nmembers = ['a/*', '../x', 'gone', '**']\nexclude = ['a/b']\n",
				"a/b/Cargo.toml", "[package]\nname = 'new'\n"),
		},
		"no manifest":     {tree: mapTree("Cargo.lock", lock)},
		"broken manifest": {tree: mapTree("Cargo.lock", lock, "Cargo.toml", "[package"), err: "Cargo.toml: line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkStale(t, tc.tree, reader{parseCargoLock, staleCargoLock}, "Cargo.lock", tc.want, tc.err)
		})
	}
}

func TestCargoAllows(t *testing.T) {
	t.Parallel()
	for requirement, tc := range map[string]struct{ yes, no []string }{
		"1.2.3":       {[]string{"1.2.3", "1.9.0", "1.2.3+x"}, []string{"1.2.2", "2.0.0", "0.9.9"}},
		"1.2":         {[]string{"1.2.0", "1.3.0"}, []string{"1.1.9", "2.0.0"}},
		"1":           {[]string{"1.0.0", "1.9.9"}, []string{"0.1.0", "2.0.0"}},
		"^0.2.3":      {[]string{"0.2.3", "0.2.9"}, []string{"0.2.2", "0.3.0", "1.2.3"}},
		"0.0.3":       {[]string{"0.0.3"}, []string{"0.0.4", "0.0.2"}},
		"0.0":         {[]string{"0.0.3"}, []string{"0.1.0"}},
		"0":           {[]string{"0.9.0"}, []string{"1.0.0"}},
		"~1.2.3":      {[]string{"1.2.3", "1.2.9"}, []string{"1.3.0", "1.2.2"}},
		"~1":          {[]string{"1.9.9"}, []string{"2.0.0"}},
		"=1.2.3":      {[]string{"1.2.3"}, []string{"1.2.4"}},
		"= 1.2":       {[]string{"1.2.7"}, []string{"1.3.0"}},
		"*":           {[]string{"0.0.1", "9.9.9"}, nil},
		"1.*":         {[]string{"1.5.0"}, []string{"2.0.0"}},
		"1.2.*":       {[]string{"1.2.5"}, []string{"1.3.0"}},
		">=1.2, <1.5": {[]string{"1.2.0", "1.4.9"}, []string{"1.1.0", "1.5.0"}},
		">1.2":        {[]string{"1.3.0"}, []string{"1.2.9"}},
		"<=1.2":       {[]string{"1.2.9"}, []string{"1.3.0"}},
		"":            {[]string{"1.2.3"}, nil},
		"gibberish":   {[]string{"1.2.3"}, nil},
		"1.2.3-rc.1":  {[]string{"1.2.3", "0.0.1"}, nil}, // not understood
		"1.2.4":       {[]string{"1.2.3-rc.1"}, []string{"1.2.3"}},
		"1.2.3.4":     {[]string{"1.2.3"}, nil},
		"===1":        {[]string{"7.0.0"}, nil},
	} {
		for _, v := range tc.yes {
			if !cargoAllows(requirement, v) {
				t.Errorf("cargoAllows(%q, %q): got false, want true", requirement, v)
			}
		}
		for _, v := range tc.no {
			if cargoAllows(requirement, v) {
				t.Errorf("cargoAllows(%q, %q): got true, want false", requirement, v)
			}
		}
	}
}

func FuzzCargo(f *testing.F) {
	f.Add("version = 4\n"+cratePackage("a", "1.0.0", cratesIO, sumA, "b 1.0.0"), "[package]\nname='a'\n[dependencies]\nb='1'\n", "1")
	f.Add("[metadata]\n'checksum a 1 (x)' = 1\n", "[workspace]\nmembers=['[','*']\n", ">=1,<*")
	f.Fuzz(func(t *testing.T, text, toml, requirement string) {
		cargoAllows(requirement, "1.2.3")
		cargoAllows("1", requirement)
		lock := Lock{Path: "Cargo.lock"}
		if err := parseCargoLock([]byte(text), mapTree(), &lock); err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("parseCargoLock(%q): got %T, want *FormatError", text, err)
			}
			return
		}
		for _, p := range lock.Packages {
			if !crateName.MatchString(p.Name) || strings.ContainsAny(p.Version, `/\`) || len(p.Integrity) != 1 {
				t.Errorf("parseCargoLock(%q): package %v", text, p)
			}
		}
		_ = staleCargoLock([]byte(text), mapTree("Cargo.toml", toml, "Cargo.lock", text), lock)
	})
}

package lockfile

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readEntries reads a package-lock.json beside a package.json.
func readEntries(t *testing.T, lock, manifest string) Lock {
	t.Helper()
	got, err := Read(mapTree("package-lock.json", lock, "package.json", manifest), "package-lock.json")
	if err != nil {
		t.Fatalf("Read(%s): %v", lock, err)
	}
	return got
}

func TestNPMEntries(t *testing.T) {
	t.Parallel()
	lock := readEntries(t, `{
"lockfileVersion": 3,
"packages": {
  "": {"name": "app", "version": "1.0.0", "workspaces": ["w"],
    "dependencies": {"a": "^1.0.0", "c": "https://x/c.tgz", "twice": "1"},
    "devDependencies": {"alias": "npm:real@1", "twice": "2"}},
  "node_modules/a": {"version": "1.2.3", "resolved": "https://u:p@r.example/a/-/a-1.2.3.tgz",
    "integrity": "sha512-x sha1-y?z", "dependencies": {"b": "\t~1.0.0\u200b", "gone": "1"},
    "peerDependencies": {"p": "*", "q": "*"}, "peerDependenciesMeta": {"q": {"optional": true}}},
  "node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": true, "optional": true},
  "node_modules/alias": {"name": "real", "version": "1.0.0", "dev": true},
  "node_modules/c": {"version": "1.0.0", "resolved": "https://x/c.tgz"},
  "node_modules/f": {"version": "1.0.0", "resolved": "file:f.tgz", "extraneous": true},
  "node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/o/g.git#abc", "devOptional": true},
  "node_modules/p": {"version": "2.0.0", "peer": true, "devDependencies": {"a": "1"}},
  "node_modules/@s/w": {"resolved": "w", "link": true},
  "w": {"name": "@s/w", "version": "0.1.0", "devDependencies": {"a": "*"}},
  "node_modules/old": {"resolved": "my_node_modules/old", "link": true},
  "my_node_modules/old": {"version": "0.2.0", "extraneous": true}
}}`, "")
	want := []Entry{
		{Name: "app", Version: "1.0.0", Line: 4, Source: Project, Requires: []Require{
			{"a", "^1.0.0", Prod, 1}, {"c", "https://x/c.tgz", Prod, 4},
			{"alias", "npm:real@1", Dev, 3}, {"twice", "2", Dev, -1}, {"@s/w", "", Prod, 8}}},
		{Name: "a", Version: "1.2.3", Location: "node_modules/a", Line: 7, Source: Registry,
			URL: "https://r.example/a/-/a-1.2.3.tgz", Integrity: []string{"sha512-x", "sha1-y?z"}, Requires: []Require{
				{"p", "*", Peer, 7}, {"q", "*", PeerOptional, -1},
				{"b", " ~1.0.0\ufffd", Prod, 2}, {"gone", "1", Prod, -1}}},
		{Name: "b", Version: "1.0.0", Location: "node_modules/a/node_modules/b", Line: 10, Source: Bundled, Optional: true},
		{Name: "real", Alias: "alias", Version: "1.0.0", Location: "node_modules/alias", Line: 11, Source: Registry, Dev: true},
		{Name: "c", Version: "1.0.0", Location: "node_modules/c", Line: 12, Source: Remote, URL: "https://x/c.tgz"},
		{Name: "f", Version: "1.0.0", Location: "node_modules/f", Line: 13, Source: Folder, URL: "file:f.tgz", Ghost: true},
		{Name: "g", Version: "1.0.0", Location: "node_modules/g", Line: 14, Source: Git,
			URL: "git+ssh://github.com/o/g.git#abc", DevOptional: true},
		{Name: "p", Version: "2.0.0", Location: "node_modules/p", Line: 15, Source: Registry, Peer: true},
		{Name: "@s/w", Version: "0.1.0", Location: "node_modules/@s/w", Line: 16, Source: Project, URL: "w",
			Requires: []Require{{"@s/w", "", Prod, 9}}},
		{Name: "@s/w", Version: "0.1.0", Location: "w", Line: 17, Source: Project, Requires: []Require{{"a", "*", Dev, 1}}},
		{Name: "old", Version: "0.2.0", Location: "node_modules/old", Line: 18, Source: Project, URL: "my_node_modules/old", Ghost: true,
			Requires: []Require{{"old", "", Prod, 11}}},
		{Name: "old", Version: "0.2.0", Location: "my_node_modules/old", Line: 19, Source: Project, Ghost: true},
	}
	if diff := cmp.Diff(want, lock.Entries); diff != "" {
		t.Errorf("Entries (-want +got):\n%s", diff)
	}
	if len(lock.Contradictions) > 0 {
		t.Errorf("Contradictions: got %v, want none", lock.Contradictions)
	}
}

func TestNPMEntriesOfVersion1(t *testing.T) {
	t.Parallel()
	lock := readEntries(t, `{
"name": "app", "version": "1.0.0", "lockfileVersion": 1, "requires": true,
"dependencies": {
  "a": {"version": "1.2.3", "resolved": "https://r.example/a.tgz", "integrity": "sha1-y", "requires": {"b": "^1.0.0", "o": "*"},
    "dependencies": {
      "b": {"version": "npm:real@1.0.0", "bundled": true}}},
  "b": {"version": "2.0.0", "dev": true},
  "f": {"version": "file:../f", "requires": {"b": "*"}},
  "g": {"version": "github:o/g#abc", "from": "github:o/g"},
  "h": {"version": "https://x/h-1.0.0-rc.1.tgz#frag"},
  "o": {"version": "3.0.0", "optional": true}
}}`, `{"dependencies": {"a": "1.2.3"}, "devDependencies": {"b": "^2.0.0"}}`)
	want := []Entry{
		{Name: "app", Version: "1.0.0", Source: Project, Requires: []Require{{"a", "1.2.3", Prod, 1}, {"b", "^2.0.0", Dev, 3}}},
		{Name: "a", Version: "1.2.3", Location: "node_modules/a", Line: 4, Source: Registry, URL: "https://r.example/a.tgz",
			Integrity: []string{"sha1-y"}, Requires: []Require{{"b", "^1.0.0", Prod, 2}, {"o", "*", Optional, 8}}},
		{Name: "real", Alias: "b", Version: "1.0.0", Location: "node_modules/a/node_modules/b", Line: 6, Source: Bundled},
		{Name: "b", Version: "2.0.0", Location: "node_modules/b", Line: 7, Source: Registry, Dev: true},
		{Name: "f", Location: "node_modules/f", Line: 8, Source: Project, URL: "../f", Requires: []Require{{"f", "", Prod, 5}}},
		{Name: "f", Location: "../f", Line: 8, Source: Project, Requires: []Require{{"b", "*", Prod, -1}}},
		{Name: "g", Location: "node_modules/g", Line: 9, Source: Git, URL: "github:o/g#abc"},
		{Name: "h", Version: "1.0.0-rc.1", Location: "node_modules/h", Line: 10, Source: Remote, URL: "https://x/h-1.0.0-rc.1.tgz#frag"},
		{Name: "o", Version: "3.0.0", Location: "node_modules/o", Line: 11, Source: Registry, Optional: true},
	}
	if diff := cmp.Diff(want, lock.Entries); diff != "" {
		t.Errorf("Entries (-want +got):\n%s", diff)
	}
	_, err := Read(mapTree("package-lock.json", `{"lockfileVersion": 1}`, "package.json", "x"), "package-lock.json")
	if want := "package.json: it is not JSON"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Read beside a broken package.json: got %v, want %q: what the root requires is not known", err, want)
	}
}

func TestHiddenLockFile(t *testing.T) {
	t.Parallel()
	const name = "p/node_modules/.package-lock.json"
	if Known(name) || !Auditable(name) || !Auditable("p/package-lock.json") || Auditable("p/package.json") {
		t.Errorf("Known(%q) = %t, Auditable = %t; want false, true", name, Known(name), Auditable(name))
	}
	tree := mapTree(name, `{"lockfileVersion": 3, "packages": {
		"node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}}, "node_modules/b": {"version": "1.0.0"}}}`)
	lock, err := Read(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Name: "a", Version: "1.0.0", Location: "node_modules/a", Line: 2, Source: Registry, Requires: []Require{{"b", "1", Prod, 1}}},
		{Name: "b", Version: "1.0.0", Location: "node_modules/b", Line: 2, Source: Registry},
	}
	if diff := cmp.Diff(want, lock.Entries); diff != "" {
		t.Errorf("Entries (-want +got):\n%s", diff)
	}
	if err := Stale(tree, lock); err != nil {
		t.Errorf("Stale of a hidden lock file: got %v, want nil", err)
	}
}

func TestNPMContradictions(t *testing.T) {
	t.Parallel()
	const url = "https://registry.npmjs.org/a/-/a-1.0.0.tgz"
	lock := func(packages, dependencies string) string {
		return "{\"lockfileVersion\": 2, \"packages\": {\"\": {},\n" + packages + "},\n\"dependencies\": {\n" + dependencies + "}}"
	}
	a := func(format string, args ...any) string {
		return `"node_modules/a": {` + fmt.Sprintf(format, args...) + `}`
	}
	same := fmt.Sprintf(`"version": "1.0.0", "resolved": %q, "integrity": "sha512-x"`, url)
	for name, tc := range map[string]struct {
		lock string
		want string // of the first one; "" for none
	}{
		"none":      {lock(a("%s", same), `"a": {`+same+`}`), ""},
		"version":   {lock(a("%s", same), `"a": {`+strings.Replace(same, `"1.0.0"`, `"1.0.1"`, 1)+`}`), `4 node_modules/a: version is "1.0.0" in packages, and "1.0.1" in dependencies`},
		"resolved":  {lock(a("%s", same), `"a": {`+strings.Replace(same, "registry", "evil", 1)+`}`), "4 node_modules/a: resolved is"},
		"integrity": {lock(a("%s", same), `"a": {`+strings.Replace(same, "sha512-x", "sha512-z", 1)+`}`), "4 node_modules/a: integrity is"},
		"one without integrity": {lock(a("%s", same), `"a": {"version": "1.0.0", "resolved": "`+url+`"}`),
			`4 node_modules/a: integrity is "sha512-x" in packages, and "" in dependencies`},
		"name":  {lock(a(`"name": "b", "version": "1.0.0"`), `"a": {"version": "1.0.0"}`), `4 node_modules/a: name is "b" in packages, and "a"`},
		"alias": {lock(a(`"name": "b", "version": "1.0.0"`), `"a": {"version": "npm:b@1.0.0"}`), ""},
		"other alias": {lock(a(`"name": "b", "version": "1.0.0"`), `"a": {"version": "npm:c@1.0.0"}`),
			`4 node_modules/a: name is "b" in packages, and "c" in dependencies`},
		"git":              {lock(a(`"version": "1.0.0", "resolved": "git+ssh://git@x/a.git#1"`), `"a": {"version": "git+ssh://git@x/a.git#1"}`), ""},
		"other commit":     {lock(a(`"version": "1.0.0", "resolved": "git+ssh://git@x/a.git#1"`), `"a": {"version": "git+ssh://git@x/a.git#2"}`), "4 node_modules/a: resolved is"},
		"archive":          {lock(a(`"version": "1.0.0", "resolved": "file:a.tgz"`), `"a": {"version": "file:a.tgz"}`), ""},
		"only in packages": {lock(a("%s", same), ``), "2 node_modules/a: it is in packages, and not in dependencies"},
		"only in dependencies": {lock(a("%s", same), `"a": {`+same+`, "dependencies": {"b": {"version": "1.0.0"}}}`),
			"4 node_modules/a/node_modules/b: it is in dependencies, and not in packages"},
		"link": {lock(a(`"resolved": "w", "link": true`)+`, "w": {}, "w/node_modules/b": {"version": "1.0.0"}`,
			`"a": {"version": "file:w", "dependencies": {"b": {"version": "1.0.0"}}}`), ""},
		"link to a package":     {lock(a(`"resolved": "w", "link": true`)+`, "w": {}`, `"a": {"version": "1.0.0"}`), `4 node_modules/a: version is "a link" in packages`},
		"link to nothing":       {npmLockOf("\n" + a(`"resolved": "w", "link": true`)), "2 node_modules/a: it is a link to w, which is not in the lock file"},
		"another spelling":      {npmLockOf("\n" + `"node_modules/./a": {"version": "1.0.0"}`), "2 node_modules/./a: this is not how a folder is written"},
		"backslashes":           {npmLockOf("\n" + `"node_modules\\a": {"version": "1.0.0"}`), `2 node_modules\a: this is not how a folder is written`},
		"list of dependencies":  {npmLockOf("\n" + a(`"version": "1.0.0", "dependencies": ["b"]`)), "2 node_modules/a: its dependencies are no object"},
		"range of a wrong type": {npmLockOf("\n" + a(`"version": "1.0.0", "dependencies": {"b": {}}`)), "2 node_modules/a: it requires b in a version that is no text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := readEntries(t, tc.lock, "")
			got := ""
			for _, c := range lock.Contradictions {
				got += fmt.Sprintf("%d %s\n", c.Line, c.Text)
			}
			if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" || strings.Count(got, "\n") > 1 {
				t.Errorf("Read(%s): got contradictions %q, want %q", tc.lock, got, tc.want)
			}
		})
	}
}

// TestHostileNPM reads what makes naive readers use memory or time without bounds.
func TestHostileNPM(t *testing.T) {
	for name, tc := range map[string]struct {
		text, err string // no error: it is read
		most      uint64 // MiB that are allocated, in all
	}{
		"100 MB":              {strings.Repeat(" ", 100<<20), "larger than 64 MiB", 1},
		"10,000 deep":         {strings.Repeat(`{"dependencies":`, 10_000), "nests deeper than 100 levels", 4},
		"10,000 deep, closed": {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "nests deeper than 100 levels", 4},
		"empty lists":         {npmLockOf(`"x": {"y": [` + strings.Repeat("[],", 10<<20) + `[]]}`), "more than 1048576 values", 400},
		"lists of one":        {npmLockOf(`"x": {"y": [` + strings.Repeat("[0],", 1<<19) + `0]}`), "more than 1048576 values", 250},
		"long folders of v1":  {`{"lockfileVersion": 1, "dependencies": ` + nestedV1(8000, 300_000) + `}`, "is nested too deep", 400},
		"long folders of v2": {`{"lockfileVersion": 2, "packages": {"node_modules/` + strings.Repeat("a", 8000) + `": {}},
			"dependencies": ` + nestedV1(8000, 100_000) + `}`, "is nested too deep", 200},
		"deep folders":         {npmLockOf(`"` + strings.Repeat("a/", 1000) + `node_modules/a": {}`), "is nested too deep", 4},
		"many for one of many": {wideNPM(20_000), "", 200},
	} {
		t.Run(name, func(t *testing.T) { // alone, as all memory counts
			tree := mapTree("package-lock.json", tc.text)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(tree, "package-lock.json")
			runtime.ReadMemStats(&after)
			var format *FormatError
			if tc.err != "" && (!errors.As(err, &format) || !strings.Contains(err.Error(), tc.err) || len(err.Error()) > 300) {
				t.Errorf("got error %v, want a FormatError with %q", err, tc.err)
			} else if tc.err == "" && err != nil {
				t.Errorf("got error %v, want none", err)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > tc.most {
				t.Errorf("allocated %d MiB for a file of %d, want %d or less", used, len(tc.text)>>20, tc.most)
			}
		})
	}
}

func TestNPMContradictionsEnd(t *testing.T) {
	t.Parallel()
	lock := readEntries(t, `{"lockfileVersion": 2, "packages": {"": {}}, "dependencies": `+nestedV1(1, 2000)+`}`, "")
	if len(lock.Contradictions) != 1 { // what is in a package that is not there is not looked at
		t.Errorf("got %d contradictions, want 1: %v", len(lock.Contradictions), lock.Contradictions)
	}
	lock = readEntries(t, `{"lockfileVersion": 2, "packages": {"": {}, "node_modules/a": {}}, "dependencies": `+nestedV1(1, 2000)+`}`, "")
	last := lock.Contradictions[len(lock.Contradictions)-1].Text
	if len(lock.Contradictions) != mostContradictions+1 || !strings.HasPrefix(last, "there are more") {
		t.Errorf("got %d contradictions, the last is %q", len(lock.Contradictions), last)
	}
}

// TestNPMRequires tells what answers to a name, where that is easily got wrong.
func TestNPMRequires(t *testing.T) {
	t.Parallel()
	const b = `"node_modules/a": {"version": "1.0.0", "dependencies": {"b": "https://x/b.tgz"}}, `
	for name, tc := range map[string]struct {
		packages string
		to       string // the location that a's b is at; "" for none
		source   Source
	}{
		"beside":         {b + `"node_modules/b": {"resolved": "https://x/b.tgz", "version": "1"}`, "node_modules/b", Remote},
		"of a registry":  {b + `"node_modules/b": {"resolved": "https://r/b/-/b-1.tgz", "version": "1"}`, "node_modules/b", Registry},
		"nearest":        {b + `"node_modules/b": {}, "node_modules/a/node_modules/b": {}`, "node_modules/a/node_modules/b", Registry},
		"not in another": {b + `"node_modules/c/node_modules/b": {}`, "", ""},
		"not twice down": {b + `"node_modules/node_modules/b": {}`, "", ""},
		"not a folder":   {b + `"b": {}, "my_node_modules/b": {}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := readEntries(t, npmLockOf(tc.packages), "")
			to, source := "", Source("")
			if r := lock.Entries[1].Requires[0]; r.To >= 0 {
				to, source = lock.Entries[r.To].Location, lock.Entries[r.To].Source
			}
			if to != tc.to || source != tc.source {
				t.Errorf("%s: b is at %q from %q, want %q from %q", tc.packages, to, source, tc.to, tc.source)
			}
		})
	}
}

// nestedV1 has a package with a long name, and many in its node_modules.
func nestedV1(long, many int) string {
	var b strings.Builder
	for i := range many {
		fmt.Fprintf(&b, `,"%d":{}`, i)
	}
	return `{"` + strings.Repeat("a", long) + `": {"version": "1", "dependencies": {` + b.String()[1:] + `}}}`
}

// wideNPM has workspaces all of which are linked, and a package that requires them all.
func wideNPM(count int) string {
	var b, requires strings.Builder
	for i := range count {
		fmt.Fprintf(&b, `"node_modules/w%[1]d": {"link": true, "resolved": "w%[1]d"}, "w%[1]d": {},`, i)
		fmt.Fprintf(&requires, `,"w%d": "*"`, i)
	}
	return `{"lockfileVersion": 3, "packages": {"": {"workspaces": ["*"]}, ` + b.String() + `"node_modules/a": {"version": "1.0.0", "dependencies": {` + requires.String()[1:] + `}}}}`
}

package lockfile

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asGoList writes the entries down as go list -m does, without projects and the toolchain.
func asGoList(lock Lock) []string {
	var list []string
	for _, e := range lock.Entries {
		line := e.Name + " " + e.Version
		switch {
		case e.Source == Project || e.Name == "stdlib":
			continue
		case e.Source == Folder:
			line += " => " + e.URL + " "
		case e.Alias != "":
			line = e.Alias + " => " + line
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

// TestGoBuildListIsGos compares with the real go command: what go list -m all has of the
// modules that a build or a test uses (go list -deps -test). The rest of go list -m all is
// only there to choose versions by.
func TestGoBuildListIsGos(t *testing.T) {
	t.Parallel()
	for name, locks := range map[string][]string{
		"gomod":    {"go.sum", "go.mod"},
		"gomod116": {"go.sum", "go.mod"},
		"gowork":   {"go.work.sum", "go.work"},
	} {
		tree := testProject(t, name)
		used := map[string]bool{}
		for line := range strings.Lines(string(tree["used"].Data)) {
			used[strings.Fields(line)[0]] = true
		}
		var want []string
		for line := range strings.Lines(string(tree["list"].Data)) {
			words := strings.Fields(line)
			if !used[words[0]] {
				continue
			}
			switch len(words) { // module version => module version
			case 2:
				want = append(want, words[0]+" "+words[1])
			case 4:
				want = append(want, words[0]+" "+words[1]+" => "+words[3]+" ")
			case 5:
				line := words[3] + " " + words[4]
				if words[3] != words[0] {
					line = words[0] + " => " + line
				}
				want = append(want, line)
			}
		}
		slices.Sort(want)
		for _, file := range locks {
			lock, err := Read(tree, file)
			if err != nil {
				t.Fatalf("Read of %s of %s: %v", file, name, err)
			}
			if diff := cmp.Diff(want, asGoList(lock)); diff != "" {
				t.Errorf("Read of %s of %s (-go +ours):\n%s", file, name, diff)
			}
			for _, e := range lock.Entries {
				if e.Source == Registry && len(e.Integrity) == 0 && e.Name != "stdlib" && e.Name != "example.test/fork" {
					t.Errorf("Read of %s of %s: %s has no hash", file, name, e.Name)
				}
			}
		}
	}
}

func TestGoEntries(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "gomod")
	const mod, sum = "go.mod", "go.sum"
	fork := "h1:HhqsalRHPJXGEAZYSmE3B5LDUyrH53XHOfgvZYPASsQ="
	for name, tc := range map[string]struct {
		file, name string
		want       Entry
	}{
		"main":            {sum, "example.test/m", Entry{Source: Project}},
		"main, in go.mod": {mod, "example.test/m", Entry{Source: Project, Line: 1}},
		"replaced": {sum, "example.test/fork", Entry{Version: "v1.0.1", Alias: "example.test/forked", Line: 3,
			Source: Registry, Integrity: []string{fork}}},
		"replaced, in go.mod": {mod, "example.test/fork", Entry{Version: "v1.0.1", Alias: "example.test/forked", Line: 17,
			Source: Registry, Integrity: []string{fork}}},
		"by a folder": {mod, "example.test/local", Entry{Version: "v0.0.1", Line: 15, Source: Folder, URL: "./localfork"}},
		"toolchain":   {mod, "stdlib", Entry{Version: "1.22.3", Line: 5, Source: Registry}},
	} {
		lock, err := Read(tree, tc.file)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(lock.Entries, func(e Entry) bool { return e.Name == tc.name })
		if at < 0 {
			t.Errorf("%s: Read(%s) has no entry %s", name, tc.file, tc.name)
			continue
		}
		got := lock.Entries[at]
		if got.Source != Project && !slices.ContainsFunc(lock.Entries[0].Requires, func(r Require) bool { return r.To == at }) {
			t.Errorf("%s: Read(%s): the main module does not require entry %d", name, tc.file, at)
		}
		got.Requires, tc.want.Name = nil, tc.name
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: Read(%s) (-want +got):\n%s", name, tc.file, diff)
		}
	}
}

func TestGoEntriesOfOddFiles(t *testing.T) {
	t.Parallel()
	const (
		head = "module example.com/m\n\ngo 1.26\n\n"
		line = "example.com/a v1.0.0 " + h1A + "\nexample.com/a v1.0.0/go.mod " + h1B + "\n"
	)
	for name, tc := range map[string]struct {
		file string
		tree fs.FS
		want []string // as go list -m
		bad  []string
		err  string
	}{
		"what go.sum keeps of versions that are not used": {file: "go.sum",
			tree: mapTree("go.sum", line+strings.ReplaceAll(line, "v1.0.0", "v0.9.0"), "go.mod", head+"require example.com/a v1.0.0\n"),
			want: []string{"example.com/a v1.0.0"}},
		"no go.mod: all that there is": {file: "go.sum",
			tree: mapTree("go.sum", line+strings.ReplaceAll(line, "v1.0.0", "v0.9.0")), want: []string{"example.com/a v1.0.0"}},
		"go.mod is not valid: all that there is, and Stale says why": {file: "go.sum",
			tree: mapTree("go.sum", line, "go.mod", "module\n"), want: []string{"example.com/a v1.0.0"}},
		"go.mod alone": {file: "go.mod", tree: mapTree("go.mod", head+"require example.com/a v1.0.0\n"),
			want: []string{"example.com/a v1.0.0"}},
		"go.mod alone, not valid":  {file: "go.mod", tree: mapTree("go.mod", "module\n"), err: "line 1 is not valid"},
		"go.work alone, not valid": {file: "go.work", tree: mapTree("go.work", "use\n"), err: "line 1 is not valid"},
		"go.work that leads out":   {file: "go.work", tree: mapTree("go.work", "go 1.26\nuse ../x\n"), err: "outside of the repository"},
		"required and excluded": {file: "go.mod", tree: mapTree("go.mod", head+"require example.com/a v1.0.0\nexclude example.com/a v1.0.0\n"),
			want: []string{"example.com/a v1.0.0"}, bad: []string{"go.mod requires example.com/a v1.0.0 and excludes it"}},
		"twice: the higher version counts": {file: "go.mod",
			tree: mapTree("go.mod", head+"require example.com/a v1.0.0\nrequire example.com/a v1.10.0\nrequire example.com/a v1.9.0\n"),
			want: []string{"example.com/a v1.10.0"}, bad: []string{"go.mod requires example.com/a twice", "go.mod requires example.com/a twice"}},
		"before Go 1.17, with replacements": {file: "go.sum",
			tree: mapTree("go.sum", line+strings.ReplaceAll(line, "com/a", "com/b")+strings.ReplaceAll(line, "com/a", "com/c"),
				"go.mod", "module example.com/m\n\ngo 1.16\n\nreplace example.com/a => example.com/b v1.0.0\n"),
			want: []string{"example.com/a => example.com/b v1.0.0", "example.com/c v1.0.0"}},
		"toolchain of their own making": {file: "go.mod", tree: mapTree("go.mod", head+"toolchain default\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(tc.tree, tc.file)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("Read(%s): got error %v, want one with %q", tc.file, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var bad []string
			for _, c := range lock.Contradictions {
				bad = append(bad, c.Text)
			}
			if got := asGoList(lock); !slices.Equal(got, tc.want) || !slices.Equal(bad, tc.bad) {
				t.Errorf("Read(%s): got %q, contradictions %q, want %q, %q", tc.file, got, bad, tc.want, tc.bad)
			}
		})
	}
}

func TestGoVersion(t *testing.T) {
	t.Parallel()
	for toolchain, want := range map[string]string{
		"go1.22.3": "1.22.3", "go1.21": "1.21.0", "go1.21rc2": "1.21.0-rc.2", "go1.22.3-custom": "1.22.3",
		"default": "", "none": "", "go": "", "gox.y": "",
	} {
		if got := goVersion(toolchain); got != want {
			t.Errorf("goVersion(%q): got %q, want %q", toolchain, got, want)
		}
	}
}

func TestFilesThatSayWhatIsUsed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"go.mod", "a/go.mod", "go.work"} {
		if Known(name) || !Auditable(name) {
			t.Errorf("%s: Known is %v and Auditable %v, want false and true", name, Known(name), Auditable(name))
		}
	}
	for _, name := range []string{"build.gradle", "a/build.gradle.kts", "gradle/verification-metadata.xml", "checksums.sha256"} {
		if !Known(name) || Auditable(name) {
			t.Errorf("%s: Known is %v and Auditable %v, want true and false", name, Known(name), Auditable(name))
		}
	}
}

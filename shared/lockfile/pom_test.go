package lockfile

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestPOMIsMavens compares with the effective model that Maven itself makes: a version is
// Maven's, or it is none.
func TestPOMIsMavens(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "pom")
	lock, err := Read(tree, "pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(tree["effective"].Data)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		version, scope, _ := strings.Cut(rest, " ")
		switch name {
		case "org.test:exact": // [3.0]
			version = "3.0"
		case "org.test:range", "org.test:elsewhere", "org.test:changed":
			version = "" // by the repository, the parent, a profile
		}
		line := name + " " + version
		switch scope {
		case "test":
			line += " dev"
		case "compile optional":
			line += " optional"
		}
		want = append(want, line)
	}
	want = append(want, "org.test:in-profile 6.0 optional")
	var got []string
	for _, e := range lock.Entries {
		line := e.Name + " " + e.Version
		if e.Dev {
			line += " dev"
		}
		if e.Optional {
			line += " optional"
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Read: got\n%s\nwant as Maven\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	wantNotes := []string{
		"a pom.xml names what it asks for, not what that brings with it: this is not audited",
		"line 54: org.test:range: which version this is cannot be told from this file",
		"line 55: org.test:elsewhere: which version this is cannot be told from this file",
		"line 56: org.test:changed: which version this is cannot be told from this file",
		"the plugins and extensions of the build are not audited",
	}
	if !slices.Equal(lock.Notes, wantNotes) {
		t.Errorf("notes: got\n%s\nwant\n%s", strings.Join(lock.Notes, "\n"), strings.Join(wantNotes, "\n"))
	}
	for i, r := range lock.Entries[0].Requires {
		if r.To != i+1 || r.Name != lock.Entries[r.To].Name {
			t.Errorf("requirement %d of the project: got %v, want it to lead to %s", i, r, lock.Entries[i+1].Name)
		}
	}
}

func TestOddPOMs(t *testing.T) {
	t.Parallel()
	dependency := func(group, version string) string {
		return "<dependencies><dependency><groupId>" + group + "</groupId><artifactId>a</artifactId><version>" + version +
			"</version></dependency></dependencies>"
	}
	project := func(text string) string {
		return "<project><groupId>g</groupId><artifactId>p</artifactId><version>1</version>" + text + "</project>"
	}
	managed := func(version string) string {
		return "<dependencyManagement>" + dependency("g", version) + "</dependencyManagement>"
	}
	const bare = "<dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId></dependency></dependencies>"
	for name, tc := range map[string]struct {
		pom  string
		want []string // without the project
		bad  string   // the contradiction
	}{
		"literal":                   {pom: project(dependency("g", "1.0")), want: []string{"g:a 1.0 registry"}},
		"byte order mark":           {pom: utf8BOM + project(dependency("g", "1.0")), want: []string{"g:a 1.0 registry"}},
		"another encoding":          {pom: `<?xml version="1.0" encoding="ISO-8859-1"?>` + project("<name>\xe4</name>"+dependency("g", "1.0")), want: []string{"g:a 1.0 registry"}},
		"an encoding nobody knows":  {pom: `<?xml version="1.0" encoding="EBCDIC"?>` + project(""), bad: "not the XML"},
		"a property of itself":      {pom: project("<properties><x>${x}</x></properties>" + dependency("g", "${x}")), want: []string{"g:a  registry"}},
		"properties without end":    {pom: project("<properties><x>${y}${y}</x><y>${x}${x}</y></properties>" + dependency("g", "${x}")), want: []string{"g:a  registry"}},
		"no such group":             {pom: project(dependency("${gone}", "1.0")), want: []string{"${gone}:a  registry"}},
		"latest":                    {pom: project(dependency("g", "LATEST")), want: []string{"g:a  registry"}},
		"odd characters are quoted": {pom: project(dependency("g\n\u200b", "1\u202e0")), want: []string{`"g\n\u200b":a  registry`}},
		"a long text":               {pom: project(dependency("g", strings.Repeat("1", 9000))), want: []string{"g:a  registry"}},
		"a system's file":           {pom: project(strings.Replace(dependency("g", "1"), "<version>", "<scope>system</scope><version>", 1)), want: []string{"g:a 1 folder"}},
		"managed":                   {pom: project(bare + managed("2.0")), want: []string{"g:a 2.0 registry"}},
		"managed twice":             {pom: project(bare + managed("2.0") + managed("2.1")), want: []string{"g:a  registry"}},
		"managed by a profile": {pom: project(bare + "<profiles><profile>" + managed("2.0") + "</profile></profiles>"),
			want: []string{"g:a  registry"}},
		"managed, and a profile manages otherwise": {
			pom:  project(bare + managed("2.0") + "<profiles><profile>" + managed("2.1") + "</profile></profiles>"),
			want: []string{"g:a  registry"}},
		"in a plugin": {pom: project("<build><plugins><plugin>" + dependency("g", "1.0") + "</plugin></plugins></build>")},
		"cut":         {pom: "<project>", bad: "line 1, column 10: not the XML"},
		"empty":       {bad: "not the XML"},
		"not a pom":   {pom: "<html></html>", bad: "not the XML"},
		"not XML":     {pom: "project: x", bad: "not the XML"},
		"an entity":   {pom: `<!DOCTYPE x [<!ENTITY a "b">]><project>&a;</project>`, bad: "not the XML"},
		"deep":        {pom: strings.Repeat("<project>", 5000), bad: "it nests deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("pom.xml", tc.pom), "pom.xml")
			if err != nil {
				t.Fatalf("Read: %v; a cache may have any pom.xml in its key", err)
			}
			var got []string
			if len(lock.Entries) > 0 {
				got = shown(lock)[1:]
			}
			bad := strings.Join(contradictions(lock), "")
			if !slices.Equal(got, tc.want) || (bad == "") != (tc.bad == "") || !strings.Contains(bad, tc.bad) {
				t.Errorf("Read: got %q and %q, want %q and %q", got, bad, tc.want, tc.bad)
			}
		})
	}
}

func TestGradleEntries(t *testing.T) {
	t.Parallel()
	lock := checkShown(t, mapTree("gradle.lockfile", "# This is\norg.x:lib:1.0=compileClasspath,testCompileClasspath\n"+
		"org.x:junit:4.13=debugAndroidTestRuntimeClasspath,testCompileClasspath\norg.x:y:2.0=latestClasspath\n"+
		"org.x:z:2.0=\nempty=annotationProcessor\n"), "gradle.lockfile", []string{
		"  project > org.x:lib  prod org.x:lib 1.0 > org.x:junit  dev org.x:junit 4.13 > org.x:y  prod org.x:y 2.0" +
			" > org.x:z  prod org.x:z 2.0",
		"org.x:lib 1.0 registry", "org.x:junit 4.13 registry dev", "org.x:y 2.0 registry", "org.x:z 2.0 registry",
	})
	if got, want := lines(lock), []int{0, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
}

func TestNuGetEntries(t *testing.T) {
	t.Parallel()
	lock := checkShown(t, mapTree("a/App.csproj", "<Project/>", "a/packages.lock.json", `{
  "version": 2,
  "dependencies": {
    "net8.0": {
      "Serilog": {"type": "Direct", "requested": "[3.0.0, )", "resolved": "3.1.0", "contentHash": "`+contentA+`",
        "dependencies": {"serilog.Core": "2.0.0", "Gone": "1.0.0"}},
      "Serilog.Core": {"type": "Transitive", "resolved": "2.5.0+abc", "contentHash": "`+contentA+`"},
      "lib": {"type": "Project", "dependencies": {"Serilog": "[3.0.0, )", "Central": "[1.0.0, )"}},
      "Central": {"type": "CentralTransitive", "requested": "[1.0.0, )", "resolved": "1.0.0"}
    },
    "net8.0/linux-x64": {
      "Native": {"type": "Transitive", "resolved": "1.0.0", "dependencies": {"Serilog.Core": "2.0.0"}},
      "Serilog": {"type": "Direct", "requested": "[3.0.0, )", "resolved": "3.1.0", "contentHash": "`+contentB+`"}
    }
  }
}`), "a/packages.lock.json", []string{
		"App  project > Serilog [3.0.0, ) prod Serilog 3.1.0 > lib  prod lib  > Serilog [3.0.0, ) prod Serilog 3.1.0",
		"Serilog 3.1.0 registry sha512-" + contentA + " > serilog.Core 2.0.0 prod Serilog.Core 2.5.0+abc > Gone 1.0.0 prod nothing",
		"Serilog.Core 2.5.0+abc registry sha512-" + contentA,
		"lib  project > Serilog [3.0.0, ) prod Serilog 3.1.0 > Central [1.0.0, ) prod Central 1.0.0",
		"Central 1.0.0 registry",
		"Native 1.0.0 registry > Serilog.Core 2.0.0 prod Serilog.Core 2.5.0+abc",
		"Serilog 3.1.0 registry sha512-" + contentB,
	})
	if got, want := lines(lock), []int{0, 5, 7, 8, 9, 12, 13}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
	want := []string{"Serilog 3.1.0 has another hash in another framework"}
	if got := contradictions(lock); !slices.Equal(got, want) {
		t.Errorf("contradictions: got %q, want %q", got, want)
	}
}

func FuzzPOM(f *testing.F) {
	f.Add("<project><properties><a>${b}</a></properties><dependencies><dependency><groupId>g</groupId><artifactId>${a}" +
		"</artifactId><version>${project.version}</version></dependency></dependencies></project>")
	f.Fuzz(func(t *testing.T, text string) {
		lock, err := Read(mapTree("pom.xml", text), "pom.xml")
		if err != nil {
			t.Fatalf("Read(%q): %v; a cache may have any pom.xml in its key", text, err)
		}
		checkGraph(t, lock, text)
	})
}

// FuzzEntries reads what may be hostile as each of the formats, and fails if an entry
// leads nowhere.
func FuzzEntries(f *testing.F) {
	names := []string{"requirements.txt", "poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "go.mod",
		"go.sum", "go.work", "Cargo.lock", "packages.lock.json", "gradle.lockfile"}
	f.Add("-r pyproject.toml\na==1\n", "b\n")
	f.Add("[[package]]\nname='a'\nversion='1'\ndependencies=['b>1']\n[[package]]\nname='b'\nversion='2'\n", "[project]\ndependencies=['a']\n")
	f.Add("[[package]]\nname='a'\nversion='1.0.0'\ndependencies=['b']\n[[package]]\nname='b'\nversion='2.0.0'\n", "[dependencies]\nb={path='.'}\n")
	f.Add("module x\n\nrequire example.com/a v1.0.0\nreplace example.com/a => ../a\n", "")
	f.Add(nugetJSON(nugetDirect("a", "", "1.0.0")), "")
	f.Fuzz(func(t *testing.T, text, beside string) {
		for _, name := range names {
			lock, err := Read(mapTree(name, text, "pyproject.toml", beside, "Pipfile", beside, "Cargo.toml", beside,
				"go.work.sum", beside), name)
			var format *FormatError
			if err != nil && !errors.As(err, &format) {
				t.Fatalf("Read(%q) of %s: got %T, want a FormatError", text, name, err)
			}
			checkGraph(t, lock, text)
		}
	})
}

func checkGraph(t *testing.T, lock Lock, text string) {
	t.Helper()
	for i, e := range lock.Entries {
		if e.Name == "" && e.Source != Project && e.Source != Folder || e.Source == "" {
			t.Errorf("Read(%q): entry %d is %+v", text, i, e)
		}
		for _, r := range e.Requires {
			if r.To < -1 || r.To >= len(lock.Entries) || r.Kind == "" {
				t.Errorf("Read(%q): entry %d of %d requires %+v", text, i, len(lock.Entries), r)
			}
		}
	}
}

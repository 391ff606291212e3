package lockfile

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

var (
	contentA = strings.Repeat("A", 86) + "=="
	contentB = strings.Repeat("B", 85) + "A=="
)

// nugetJSON is a lock file with these packages of one framework.
func nugetJSON(packages string) string {
	return `{"version": 1, "dependencies": {"net8.0": {` + packages + `}}}`
}

// nugetDirect is a package that a project asks for.
func nugetDirect(id, requested, resolved string) string {
	return `"` + id + `": {"type": "Direct", "requested": "` + requested + `", "resolved": "` + resolved + `", "contentHash": "` + contentA + `"}`
}

func TestNuGetLock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want Lock
		err  string
	}{
		"version 1": {
			text: nugetJSON(nugetDirect("Newtonsoft.Json", "[13.0.1, )", "13.0.1") +
				`, "mine": {"type": "Project", "dependencies": {"X": "[1.0.0, )"}}` +
				`, "X.y": {"type": "Transitive", "resolved": "1.0.0-Beta1+abc", "contentHash": "` + contentB + `"}`),
			want: Lock{Packages: []Package{
				{Name: "newtonsoft.json", Version: "13.0.1", Integrity: []string{"sha512-" + contentA}},
				{Name: "x.y", Version: "1.0.0-beta1", Integrity: []string{"sha512-" + contentB}},
			}},
		},
		"version 2": {text: `{"version": 2, "dependencies": {}}`},
		"the same in two frameworks": {
			text: `{"version": 2, "dependencies": {"net8.0": {` + nugetDirect("x", "", "1.0.0") + `}, "net8.0/linux-x64": {` +
				nugetDirect("X", "", "1.0.0") + `}}}`,
			want: Lock{Packages: []Package{{Name: "x", Version: "1.0.0", Integrity: []string{"sha512-" + contentA}}}},
		},
		"no hash":                {text: nugetJSON(`"x": {"type": "Direct", "resolved": "1.0.0"}`), want: Lock{Unproven: []string{"x@1.0.0"}}},
		"future version":         {text: `{"version": 3, "dependencies": {}}`, err: "version"},
		"no version":             {text: `{"dependencies": {}}`, err: "version"},
		"not JSON":               {text: `{`, err: "not JSON"},
		"traversal in the id":    {text: nugetJSON(nugetDirect("../x", "", "1.0.0")), err: "id and version"},
		"dots in the id":         {text: nugetJSON(nugetDirect("x..y", "", "1.0.0")), err: "id and version"},
		"slash in the version":   {text: nugetJSON(nugetDirect("x", "", "1.0.0/../../y")), err: "id and version"},
		"no version of it":       {text: nugetJSON(`"x": {"type": "Transitive"}`), err: "id and version"},
		"hash of another length": {text: strings.ReplaceAll(nugetJSON(nugetDirect("x", "", "1.0.0")), contentA, "YWJj"), err: "contentHash"},
		"wrong type":             {text: `{"version": 1, "dependencies": []}`, err: "not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Lock{}
			err := parseNuGetLock([]byte(tc.text), mapTree(), &got)
			got.tidy()
			got.Format = ""
			checkParse(t, got, tc.want, err, tc.err)
		})
	}
}

func TestStaleNuGetLock(t *testing.T) {
	t.Parallel()
	lock := nugetJSON(nugetDirect("Newtonsoft.Json", "[13.0.1, )", "13.0.1") + "," + nugetDirect("Serilog", "[2.0.0, 3.0.0)", "2.5.0"))
	project := func(items string) string {
		return "<Project><ItemGroup>" + items + "</ItemGroup><PropertyGroup><Version>9.9</Version></PropertyGroup></Project>"
	}
	const json = `<PackageReference Include="newtonsoft.json" Version="13.0.01" />`
	for name, tc := range map[string]struct {
		lock string
		tree fs.FS
		want []string
	}{
		"fits": {tree: mapTree("packages.lock.json", lock, "a.csproj", "\xef\xbb\xbf"+project(json+
			`<PackageReference Include="Serilog"><Version> [2.0, 3.0) </Version></PackageReference>`))},
		"raised": {
			tree: mapTree("packages.lock.json", lock, "a.csproj", project(`<PackageReference Include="Newtonsoft.Json" Version="13.0.3" />`)),
			want: []string{"Newtonsoft.Json: a.csproj says 13.0.3, the lock file [13.0.1, )"},
		},
		"added": {
			tree: mapTree("packages.lock.json", lock, "a.fsproj", project(json+`<PackageReference Include="New" Version="$(V)" />`)),
			want: []string{"New: a.fsproj has it, the lock file does not"},
		},
		"conditions, properties, wildcards, two items": {tree: mapTree("packages.lock.json", lock, "a.vbproj", project(
			`<PackageReference Include="A" Condition="x" /><PackageReference Include="B"><Version Condition="x">1</Version></PackageReference>`+
				`<PackageReference Include="$(C)" /><PackageReference Include="Serilog" Version="$(D)" />`+
				`<PackageReference Include="E" Version="1" /><PackageReference Remove="e" />`)+
			`<ItemGroup Condition="x"><PackageReference Include="F" /></ItemGroup><Choose><When><PackageReference Include="G" /></When></Choose>`)},
		"floating":     {tree: mapTree("packages.lock.json", lock, "a.csproj", project(`<PackageReference Include="Serilog" Version="2.*" />`))},
		"half a range": {tree: mapTree("packages.lock.json", lock, "a.csproj", project(`<PackageReference Include="Serilog" Version="[" />`))},
		"central version": {
			lock: "src/a/packages.lock.json",
			tree: mapTree("src/a/packages.lock.json", lock, "src/a/a.csproj", project(`<PackageReference Include="Serilog" />`),
				"Directory.Packages.props", project(`<PackageVersion Include="serilog" Version="2.1.0" />`)),
			want: []string{"Serilog: a.csproj says 2.1.0, the lock file [2.0.0, 3.0.0)"},
		},
		"overridden central version": {tree: mapTree("packages.lock.json", lock,
			"a.csproj", project(`<PackageReference Include="Serilog" VersionOverride="[2.0.0,3.0.0)" />`),
			"Directory.Packages.props", project(`<PackageVersion Include="serilog" Version="2.1.0" />`))},
		"one of several projects": {
			lock: "packages.b_c.lock.json",
			tree: mapTree("packages.b_c.lock.json", lock, "a.csproj", project(`<PackageReference Include="New" />`),
				"b c.csproj", project(`<PackageReference Include="Other" />`)),
			want: []string{"Other: b c.csproj has it, the lock file does not"},
		},
		"several projects":  {tree: mapTree("packages.lock.json", lock, "a.csproj", project(`<PackageReference Include="New" />`), "b.csproj", "")},
		"no project":        {tree: mapTree("packages.lock.json", lock)},
		"project not UTF-8": {tree: mapTree("packages.lock.json", lock, "a.csproj", `<?xml version="1.0" encoding="utf-16"?>`+project(json))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.lock == "" {
				tc.lock = "packages.lock.json"
			}
			r, ok := readerOf(tc.lock)
			if !ok {
				t.Fatalf("readerOf(%q): not known", tc.lock)
			}
			checkStale(t, tc.tree, r, tc.lock, tc.want, "")
		})
	}
}

func FuzzNuGetLock(f *testing.F) {
	f.Add(nugetJSON(nugetDirect("X", "[1.0.0, )", "1.0.0")), `<Project><ItemGroup><PackageReference Include="X" Version="(1,2]"/></ItemGroup></Project>`)
	f.Add(`{"version":2,"dependencies":{}}`, `<PackageReference><Version></PackageReference></Version>`)
	f.Fuzz(func(t *testing.T, text, project string) {
		lock := Lock{Path: "packages.lock.json"}
		if err := parseNuGetLock([]byte(text), mapTree(), &lock); err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("parseNuGetLock(%q): got %T, want *FormatError", text, err)
			}
			return
		}
		for _, p := range lock.Packages {
			if strings.Contains(p.Name+p.Version, "..") || strings.ContainsAny(p.Name+p.Version, `/\+`) || len(p.Integrity) != 1 {
				t.Errorf("parseNuGetLock(%q): package %v", text, p)
			}
		}
		_ = staleNuGetLock([]byte(text), mapTree("a.csproj", project, "packages.lock.json", text), lock)
	})
}

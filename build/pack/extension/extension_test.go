package extension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const repository = "../../../"

// edited writes the real manifest with one replacement and returns its path.
func edited(t *testing.T, old, replacement string) string {
	t.Helper()
	data, err := os.ReadFile(repository + "vss-extension.json")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if !strings.Contains(text, old) {
		t.Fatalf("vss-extension.json does not contain %q", old)
	}
	path := filepath.Join(t.TempDir(), "vss-extension.json")
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	t.Parallel()
	m, err := Load(repository + "vss-extension.json")
	if err != nil {
		t.Fatalf("Load(vss-extension.json): %v", err)
	}
	if got, want := m.FileName(), "guardrails-ci.guardrails-"+m.Version+".vsix"; got != want {
		t.Errorf("FileName() = %q, want %q", got, want)
	}
	if !strings.Contains(strings.Join(m.Tasks(), " "), "SafeCache") {
		t.Errorf("Tasks() = %q, want SafeCache in it", m.Tasks())
	}
}

func TestLoadReportsMistakes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	for name, tc := range map[string]struct{ old, replacement, want string }{
		"cut off":          {`"files": [`, `"files": `, "not a readable manifest near line"},
		"unknown key":      {`"publisher"`, `"publsher"`, `unknown field "publsher"`},
		"id":               {`"id": "guardrails"`, `"id": "guard rails"`, `id "guard rails" may only`},
		"publisher":        {`"guardrails-ci",`, `"",`, `publisher "" may only`},
		"version":          {`"1.0.0"`, `"1.0"`, "must be three numbers"},
		"version zero":     {`"1.0.0"`, `"1.00.0"`, "must be three numbers"},
		"version too big":  {`"1.0.0"`, `"1.0.4294967296"`, "must be three numbers"},
		"name":             {`"name": "Guardrails"`, `"name": ""`, "name must have 1 to 200"},
		"description":      {`"description": "`, `"description": "` + long, "it must have 1 to 200"},
		"categories":       {`["Azure Pipelines"]`, `[]`, "categories is empty"},
		"icon":             {`"default": "images/icon.png"`, ``, "icons.default is missing"},
		"details":          {`"details"`, `"detail"`, "content.details is missing"},
		"link spelling":    {`"getstarted"`, `"getStarted"`, `key "getStarted" must be lower-case`},
		"link address":     {`{ "uri": "https://github.com/guardrails-ci/guardrails/issues" }`, `{}`, "links.support"},
		"repository":       {`"type": "git"`, `"type": "svn"`, "repository must be"},
		"colour":           {`#1b365d`, `rgb(1, 2, 3)`, "branding.color"},
		"path outside":     {`"overview.md"`, `"../overview.md"`, `path "../overview.md" must be`},
		"absolute path":    {`"images/icon.png"`, `"/etc/icon.png"`, `path "/etc/icon.png" must be`},
		"other folder":     {`"build/out/stage/SafeCache"`, `"tasks"`, `files takes "SafeCache" from "tasks"`},
		"no target":        {`[{ "id": "Microsoft.VisualStudio.Services" }]`, `[]`, "targets is empty"},
		"no contribution":  {`"properties": { "name": "SafeCache" }`, `"properties": { "name": "Other" }`, "no contribution names"},
		"no folder":        {`"packagePath": "SafeCache"`, `"packagePath": "Other"`, "files does not put into the package"},
		"type":             {`"ms.vss-distributed-task.task",`, `"ms.vss-web.hub",`, `has type "ms.vss-web.hub"`},
		"manifest version": {`"manifestVersion": 1`, `"manifestVersion": 2`, "manifestVersion is 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(edited(t, tc.old, tc.replacement))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load with %s for %s: got error %v, want one containing %q", tc.replacement, tc.old, err, tc.want)
			}
		})
	}
}

func TestLoadReportsAllAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vss-extension.json")
	if err := os.WriteFile(path, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil || strings.Count(err.Error(), "\n") < 8 {
		t.Errorf("Load({}): got %v, want all mistakes, one a line", err)
	}
	_, err = Load(path + ".gone")
	if err == nil || !strings.Contains(err.Error(), "reading the extension's manifest") {
		t.Errorf("Load of a missing file: got %v", err)
	}
}

func TestForTask(t *testing.T) {
	t.Parallel()
	both := &Manifest{
		ID: "pack", Name: "Pack", Publisher: "p", Version: "2.3.4",
		Files:         []File{{"a", "One"}, {"b", "Two"}},
		Contributions: []Contribution{{ID: "one", Properties: Properties{"One"}}, {ID: "two", Properties: Properties{"Two"}}},
	}
	got, err := both.ForTask("Two")
	if err != nil {
		t.Fatalf("ForTask(Two): %v", err)
	}
	want := &Manifest{
		ID: "pack-two", Name: "Pack Two", Publisher: "p", Version: "2.3.4",
		Files:         []File{{"b", "Two"}},
		Contributions: []Contribution{{ID: "two", Properties: Properties{"Two"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ForTask(Two) (-want +got):\n%s", diff)
	}
	if len(both.Files) != 2 || len(both.Contributions) != 2 {
		t.Errorf("ForTask changed the manifest it was called on: %+v", both)
	}
	if _, err := both.ForTask("Three"); err == nil || !strings.Contains(err.Error(), "it has One, Two") {
		t.Errorf("ForTask(Three): got %v, want the tasks there are", err)
	}
	if major, minor, patch := both.Numbers(); major != 2 || minor != 3 || patch != 4 {
		t.Errorf("Numbers() of 2.3.4 = %d, %d, %d", major, minor, patch)
	}
}

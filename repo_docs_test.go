package repo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// pages returns our Markdown files by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{
		"*.md", "docs/*.md", "docs/*/*.md", "tasks/*/*.md", "examples/*/*/*.md", "changelog/*.md", "changelog/*/*.md", "build/*/*.md",
		"build/*/*/*.md",
	} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(found) < 10 {
		t.Fatalf("found only %d pages: the glob is broken", len(found))
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for name, text := range pages(t) {
		if strings.Contains(name, "node_modules") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
			}
		}
	}
}

func TestMakeTargetsInTheDocsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	mention := regexp.MustCompile("(?m)(?:`|^    )make ([a-z-]+)")
	checked := 0
	for name, text := range pages(t) {
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			checked++
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s says \"make %s\", but the Makefile has no such target", name, m[1])
			}
		}
	}
	if checked < 5 {
		t.Fatalf("found only %d mentions of make: the pattern is broken", checked)
	}
}

var fence = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Every YAML sample is one that the local agent, and so the Azure Pipelines
// parser, takes.
func TestSamplesAreValidPipelines(t *testing.T) {
	t.Parallel()
	checked := 0
	check := func(name, text string) {
		checked++
		if _, err := workflow.Parse(name, []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			check(name, m[1])
		}
	}
	for _, pattern := range []string{"examples/pipelines/*.yml", "examples/disasters/*/*.yml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			check(name, string(text))
		}
	}
	if checked < 5 {
		t.Fatalf("found only %d samples", checked)
	}
}

func TestTasksAreComplete(t *testing.T) {
	t.Parallel()
	var manifest struct {
		Files         []struct{ Path, PackagePath string }
		Contributions []struct {
			Type       string
			Properties struct{ Name string }
		}
	}
	readJSON(t, "vss-extension.json", &manifest)
	contributed := map[string]bool{}
	for _, c := range manifest.Contributions {
		contributed[c.Properties.Name] = true
	}
	packed := map[string]bool{}
	for _, f := range manifest.Files {
		packed[f.PackagePath] = true
	}
	definitions, err := filepath.Glob("tasks/*/task.json")
	if err != nil || len(definitions) == 0 {
		t.Fatalf("no tasks found: %v", err)
	}
	for _, definition := range definitions {
		dir := filepath.Dir(definition)
		var d struct{ Name string }
		readJSON(t, definition, &d)
		for _, want := range []string{
			"README.md", "icon.png", "inputs_gen.go", "cmd/main.go", filepath.Base(dir) + ".go", "testdata/script/*.txtar",
			"script_test.go",
		} {
			if found, _ := filepath.Glob(filepath.Join(dir, want)); len(found) == 0 {
				t.Errorf("%s lacks %s (CONTRIBUTING.md: add a task in ten steps)", dir, want)
			}
		}
		if runner, _ := os.ReadFile(filepath.Join(dir, "script_test.go")); !strings.Contains(string(runner), "tasktest.Scripts(") {
			t.Errorf("%s/script_test.go does not run the scripts with tasktest.Scripts", dir)
		}
		page, _ := os.ReadFile(filepath.Join(dir, "README.md"))
		for _, heading := range []string{
			"## What it guards against", "## Use", "## Inputs", "## Outputs", "## What it does not do", "## Security notes",
		} {
			if !strings.Contains(string(page), "\n"+heading) {
				t.Errorf("%s/README.md lacks the section %q", dir, heading)
			}
		}
		if !contributed[d.Name] || !packed[d.Name] {
			t.Errorf("%s: %s is not in files and contributions of vss-extension.json", dir, d.Name)
		}
	}
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestChangelogFragmentsHaveTheirShape(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("changelog/unreleased/*")
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^(Added|Changed|Fixed|Removed|Security): .{10,100}\n\n[^\n]`)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !shape.Match(text) {
			t.Errorf("%s does not follow changelog/TEMPLATE.md", name)
		}
	}
}

// CI must run what the README tells people to run.
func TestCIRunsTheReadmesCommand(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"README.md": "    make test ", ".ci/run": "make check", "Makefile": "scripts/check.sh", "scripts/check.sh": "make --no-print-directory test",
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not contain %q", name, want)
		}
	}
}

package safecache

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The README names every fact of the reports, and every folder and file that gives
// an installation away.
func TestReadmeNames(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t).saved("hello")
	j.env["BUILD_BUILDID"] = "101"
	found := facts(j)
	j.must(os.RemoveAll(j.path("store")))
	j.must(os.RemoveAll(j.path("work/1/.npm")))
	j.expect("post", "Succeeded", "there are no files in")
	found = append(found, facts(j)...)
	j = newJob(t).saved("hello").again()
	j.expect("main", "Succeeded", "variable=hit;]exact")
	found = append(found, facts(j)...)
	for _, want := range []string{"hit", "restored", "producer", "commit", "saved", "storedBytes", "notSaved"} {
		if !slices.Contains(found, want) {
			t.Errorf("the reports have the facts %q, want %q too", found, want)
		}
	}
	for _, i := range installations {
		found = append(found, slices.Concat(i.names, i.last)...)
	}
	for _, m := range markers {
		found = append(found, m.file)
	}
	text := strings.ToLower(string(readme))
	for _, name := range found {
		if !strings.Contains(text, "`"+strings.ToLower(name)+"`") {
			t.Errorf("README.md does not name `%s`", name)
		}
	}
}

// facts are the names of all facts in the reports that were left so far, and of
// what is in them.
func facts(j *job) []string {
	j.t.Helper()
	files, err := filepath.Glob(j.path("work/_temp/guardrails/*.json"))
	j.must(err)
	var list []string
	for _, file := range files {
		var report struct{ Facts map[string]any }
		text, err := os.ReadFile(file)
		j.must(errors.Join(err, json.Unmarshal(text, &report)))
		list = append(list, keysOf(report.Facts)...)
	}
	return list
}

func keysOf(value any) []string {
	var list []string
	if m, ok := value.(map[string]any); ok {
		for key, inner := range m {
			list = append(append(list, key), keysOf(inner)...)
		}
	}
	return list
}

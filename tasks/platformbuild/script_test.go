package platformbuild_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/tasktest"
)

// TestScripts runs whole pipelines, through the packed extension and the local agent, with a registry and a BuildKit on
// this machine. Each script has job.sh beside its own files, and examples.txtar the pipelines that users see.
func TestScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts: %q, %v", scripts, err)
	}
	for _, name := range scripts {
		text := read(t, name) + "-- job.sh --\n" + read(t, "testdata/job.sh")
		if filepath.Base(name) == "examples.txtar" {
			text += examples(t)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tasktest.Scripts(t, dir)
}

// examples are the pipelines that users see, as files of a script.
func examples(t *testing.T) (text string) {
	t.Helper()
	names, err := filepath.Glob("../../examples/pipelines/image*.yml")
	if err != nil || len(names) < 4 {
		t.Fatalf("examples: %q, %v", names, err)
	}
	for _, name := range names {
		text += fmt.Sprintf("-- examples/%s --\n%s", filepath.Base(name), read(t, name))
	}
	return text
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

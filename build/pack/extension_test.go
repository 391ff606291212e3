package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/oracle"
)

// copyOfThis copies what packing reads of this repository, so that the test leaves build/out alone.
func copyOfThis(t *testing.T) string {
	t.Helper()
	const here = "../.."
	root := t.TempDir()
	for _, name := range []string{"tasks", "shared", "images", "build/launcher"} {
		if err := os.CopyFS(filepath.Join(root, name), os.DirFS(filepath.Join(here, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"go.mod", "go.sum", "vss-extension.json", "overview.md", "LICENSE", "build/targets.json",
	} {
		data, err := os.ReadFile(filepath.Join(here, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The real extension, for this machine, against the official packer: the manifest must be one
// that tfx-cli can read as it stands, and every task.json one that it has no complaint about.
func TestThisExtensionIsWhatTfxMakes(t *testing.T) {
	t.Parallel()
	root := copyOfThis(t)
	if _, err := packed(t, root, "stage", "-targets", "host", "-quality", "1"); err != nil {
		t.Fatalf("pack stage -targets host: %v", err)
	}
	ours := filepath.Join(t.TempDir(), "ours.vsix")
	if _, err := packed(t, root, "vsix", "-targets", "host", "-quality", "1", "-out", ours); err != nil {
		t.Fatalf("pack vsix: %v", err)
	}
	m, err := extension.Load(filepath.Join(root, "vss-extension.json"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, warnings := oracle.Create(t, root, m.Tasks()...)
	if warnings != nil {
		t.Errorf("tfx-cli warns about this extension:\n%s", strings.Join(warnings, "\n"))
	}
	oracle.Compare(t, ours, theirs)
}

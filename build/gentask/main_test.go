package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	repository = filepath.FromSlash("../..")
	example    = filepath.FromSlash("testdata/repo")
)

// TestThisRepository holds every task.json of this repository against the rules,
// and what is generated from them against the committed files.
func TestThisRepository(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join(repository, "tasks", "*", "task.json"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(repository, "tasks"))
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 && len(entries) > 0 {
		t.Errorf("tasks/ has %d entries and no task.json", len(entries))
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-check", "-root", repository}, &stdout, &stderr); status != 0 {
		t.Errorf("gentask -check: status %d, want 0; what to do is in each line:\n%s", status, stderr.String())
	}
}

func TestWriteThenCheck(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	generated := filepath.Join(root, "tasks", "fixture", "inputs_gen.go")
	want, err := os.ReadFile(generated)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(generated); err != nil {
		t.Fatal(err)
	}

	var stdout, stderr bytes.Buffer
	const complaint = "tasks/fixture/inputs_gen.go is not what task.json makes of it; run `make generate`\n"
	if status := run([]string{"-root", root, "-check"}, &stdout, &stderr); status != 1 || stderr.String() != complaint {
		t.Errorf("gentask -check of a missing file: status %d, %q; want 1, %q", status, stderr.String(), complaint)
	}
	if _, err := os.Stat(generated); err == nil {
		t.Errorf("gentask -check wrote %s", generated)
	}

	stderr.Reset()
	if status := run([]string{"-root", root}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Fatalf("gentask: status %d, %q; want 0 and silence", status, stderr.String())
	}
	if got := stdout.String(); got != "wrote tasks/fixture/inputs_gen.go\n" {
		t.Errorf("gentask printed %q", got)
	}
	if got, err := os.ReadFile(generated); err != nil || !bytes.Equal(got, want) {
		t.Errorf("gentask wrote something else than the committed file (%v):\n%s", err, got)
	}
	if status := run([]string{"-root", root, "-check"}, &stdout, &stderr); status != 0 {
		t.Errorf("gentask -check after gentask: status %d, want 0\n%s", status, stderr.String())
	}
}

// A new task is generated before the extension has it; what the extension needs is said, to be copied.
func TestNewTask(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	generated := filepath.Join(root, "tasks", "fixture", "inputs_gen.go")
	if err := os.Remove(generated); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(root, "vss-extension.json")
	if err := os.WriteFile(manifest, []byte(`{"files": [], "contributions": []}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run([]string{"-root", root}, &stdout, &stderr)
	if want := "wrote tasks/fixture/inputs_gen.go\n"; status != 1 || stdout.String() != want {
		t.Errorf("gentask with a new task: status %d, %q; want 1, %q", status, &stdout, want)
	}
	if _, err := os.Stat(generated); err != nil {
		t.Errorf("gentask with a new task wrote nothing: %v", err)
	}
	_, files, _ := strings.Cut(stderr.String(), `add to "files": `)
	files, contribution, _ := strings.Cut(files, ` and to "contributions": `)
	contribution, _, _ = strings.Cut(contribution, " [contribution]\n")
	text := `{"files": [` + files + `], "contributions": [` + contribution + `]}`
	if err := os.WriteFile(manifest, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if status := run([]string{"-root", root, "-check"}, &stdout, &stderr); status != 0 {
		t.Errorf("gentask -check with what was said to add, %s: status %d, %s", text, status, &stderr)
	}
}

func TestBadTask(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "tasks", "bad"), 0o755); err != nil {
		t.Fatal(err)
	}
	task := filepath.Join(root, "tasks", "bad", "task.json")
	if err := os.WriteFile(task, []byte(`{"name": "Bad"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-root", root}, {"-root", root, "-check"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != 1 {
			t.Errorf("gentask %v of a bad task.json: status %d, want 1", args, status)
		}
		for _, line := range []string{
			"tasks/bad/task.json: id: is missing; every task.json needs it [required-fields]",
			`tasks/bad/task.json: inputs: have no "enforcement";`,
		} {
			if !strings.Contains(stderr.String(), line) {
				t.Errorf("gentask %v: no line %q in:\n%s", args, line, stderr.String())
			}
		}
	}
	if _, err := os.Stat(filepath.Join(root, "tasks", "bad", "inputs_gen.go")); err == nil {
		t.Error("gentask wrote a struct from a bad task.json")
	}
}

func TestWronglyCalled(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-root", t.TempDir()}, {"-root", example, "tasks/x"}, {"-chekc"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("gentask %v: status %d, %q; want 2 and a message", args, status, stderr.String())
		}
	}
}

package tasktest

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Files are put beside a script's own, such as the examples that users see.
type Files struct {
	Of   string // the script that they are for, such as "examples.txtar"; "" is every one
	From string // which: a pattern from the test's folder, which must find some
	To   string // the folder that they are put into; "" is the script's own
}

// beside makes a folder of the scripts with more files.
func beside(t *testing.T, dir string, more []Files) string {
	t.Helper()
	joined := t.TempDir()
	for _, script := range found(t, filepath.Join(dir, "*.txtar")) {
		text := read(t, script)
		for _, f := range more {
			if f.Of != "" && f.Of != filepath.Base(script) {
				continue
			}
			for _, name := range found(t, f.From) {
				text += "-- " + path.Join(f.To, filepath.Base(name)) + " --\n" + read(t, name)
			}
		}
		if err := os.WriteFile(filepath.Join(joined, filepath.Base(script)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range more {
		if f.Of != "" {
			found(t, filepath.Join(joined, f.Of)) // nothing is for a script that there is not
		}
	}
	return joined
}

// found returns the files of a pattern: none is a mistake.
func found(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("files %s: %q, %v; want some", pattern, names, err)
	}
	return names
}

// read returns the text of a file, which ends in a line's end.
func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n") + "\n"
}

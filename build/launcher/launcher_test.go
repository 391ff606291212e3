package launcher_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/build/pack/fold"
)

const oldestNode = 20 // node --test as used here

// TestLauncher runs the launcher's own tests, which are JavaScript, as one subtest per file.
func TestLauncher(t *testing.T) {
	t.Parallel()
	readInputs(t)
	node := findNode(t)
	child := buildChild(t)
	folded := foldChild(t, child)
	files, err := filepath.Glob("*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("filepath.Glob(%q) = %v, %v, want the test files", "*.test.js", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".test.js"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=tap", file)
			cmd.Env = append(os.Environ(), "GUARDRAILS_TEST_CHILD="+child, "GUARDRAILS_TEST_FOLDED="+folded, "NODE_OPTIONS=")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("node --test %s: %v\n%s", file, err, failures(out))
			}
			reportSkipped(t, out)
		})
	}
}

// readInputs opens every file the tests depend on. go test caches results by the files a test itself has opened, and
// those that node and the compiler open would go unnoticed.
func readInputs(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatalf("reading the files of this folder: %v", err)
	}
}

// findNode returns a node that is new enough to run tests. The launcher under test runs on other versions.
func findNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("looking for node: %v; install Node.js %d or later", err, oldestNode)
	}
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", node, err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		t.Fatalf("%s is version %q, want %d or later", node, bytes.TrimSpace(out), oldestNode)
	}
	return node
}

// buildChild compiles the program that the launcher starts in the tests.
func buildChild(t *testing.T) string {
	t.Helper()
	child := filepath.Join(t.TempDir(), "child")
	if runtime.GOOS == "windows" {
		child += ".exe"
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", child, "./testdata/child")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build ./testdata/child: %v\n%s", err, out)
	}
	return child
}

// foldChild writes the child as the packer folds it, and beside it how it is unfolded.
func foldChild(t *testing.T, child string) string {
	t.Helper()
	program, err := os.ReadFile(child)
	if err != nil {
		t.Fatal(err)
	}
	folded := fold.Programs(program)[0]
	if folded.Map == nil {
		t.Fatalf("fold.Programs(the child for %s/%s) did not fold it", runtime.GOOS, runtime.GOARCH)
	}
	how, err := json.Marshal(folded.Map)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "folded")
	for name, data := range map[string][]byte{file: folded.Data, file + ".json": how} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

var tapResult = regexp.MustCompile(`^\s*(not )?ok \d+ - (.*)$`)

// failures returns the parts of a TAP report that are about failed tests, or all of it if there are none.
func failures(out []byte) string {
	var b strings.Builder
	failing := false
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := lines.Text()
		if m := tapResult.FindStringSubmatch(line); m != nil {
			failing = m[1] != ""
		} else if strings.HasPrefix(strings.TrimSpace(line), "# Subtest") {
			failing = false
		}
		if failing {
			b.WriteString(line + "\n")
		}
	}
	if b.Len() == 0 {
		return string(out)
	}
	return b.String()
}

// reportSkipped makes a skipped Go test of every skipped JavaScript test, so that go test -v and its JSON show them.
func reportSkipped(t *testing.T, out []byte) {
	t.Helper()
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := tapResult.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		if name, reason, ok := strings.Cut(m[2], " # SKIP "); ok {
			t.Run(name, func(t *testing.T) { t.Skip(reason) })
		}
	}
}

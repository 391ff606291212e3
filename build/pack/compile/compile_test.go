package compile

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/pack/targets"
)

var host = targets.Target{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Node: "host-host"}

// moduleWith writes a small module with a command that prints its version.
func moduleWith(t *testing.T, imports string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                    "module example.test/fixture\n\ngo 1.26.0\n",
		"shared/version/version.go": "package version\n\nvar number, commit string\n\nfunc String() string { return number + \" \" + commit }\n",
		"cmd/main.go": "package main\n\nimport (\n\"os\"\n" + imports +
			"\n\"example.test/fixture/shared/version\"\n)\n\nfunc main() { os.Stdout.WriteString(version.String()) }\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func newCompiler(t *testing.T, root string, environ ...string) *Compiler {
	t.Helper()
	c, err := New(t.Context(), Config{
		Root: root, Environ: append(os.Environ(), environ...), Version: "1.2.3", Commit: "abc",
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

func TestBuildStampsAndIgnoresTheEnvironment(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "bin", host.Program("fixture"))
	environ := []string{"GOOS=plan9", "CGO_ENABLED=1", "GOFLAGS=-tags=other", "GOEXPERIMENT=arenas", "GOAMD64=v3"}
	if err := newCompiler(t, moduleWith(t, ""), environ...).Build(t.Context(), "./cmd", host, out); err != nil {
		t.Fatalf("Build: %v", err)
	}
	got, err := exec.Command(out).Output()
	if err != nil || string(got) != "1.2.3 abc" {
		t.Errorf("the program says %q, %v; want %q", got, err, "1.2.3 abc")
	}
}

func TestBuildIsTheSameInEveryFolder(t *testing.T) {
	t.Parallel()
	var programs [2]string
	for i := range programs {
		out := filepath.Join(t.TempDir(), "program")
		if err := newCompiler(t, moduleWith(t, "")).Build(t.Context(), "./cmd", host, out); err != nil {
			t.Fatalf("Build: %v", err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		programs[i] = string(data)
	}
	if programs[0] != programs[1] {
		t.Error("the same module in two folders built to different bytes")
	}
}

func TestBuildErrors(t *testing.T) {
	t.Parallel()
	c := newCompiler(t, moduleWith(t, "\"example.test/nowhere\""))
	err := c.Build(t.Context(), "./cmd", host, filepath.Join(t.TempDir(), "x"))
	if err == nil || !strings.Contains(err.Error(), "building ./cmd for "+host.String()) ||
		!strings.Contains(err.Error(), "example.test/nowhere") {
		t.Errorf("Build of a program that does not compile: got %v, want what go said", err)
	}
	if _, err := New(t.Context(), Config{Root: t.TempDir(), Environ: os.Environ()}); err == nil {
		t.Error("New in a folder without go.mod: got no error")
	}
}

func TestCheckImports(t *testing.T) {
	t.Parallel()
	if err := newCompiler(t, moduleWith(t, "")).CheckImports(t.Context(), host, "./cmd"); err != nil {
		t.Errorf("CheckImports of a plain program: %v", err)
	}
	err := newCompiler(t, moduleWith(t, "_ \"text/template\"")).CheckImports(t.Context(), host, "./cmd")
	if err == nil || !strings.Contains(err.Error(), "./cmd links text/template") {
		t.Errorf("CheckImports of a program with text/template: got %v", err)
	}
}

func TestCheckToolchain(t *testing.T) {
	t.Parallel()
	c := newCompiler(t, moduleWith(t, ""))
	c.toolchain = runtime.Version()
	if err := c.CheckToolchain(t.Context()); err != nil {
		t.Errorf("CheckToolchain with the Go of this test: %v", err)
	}
	c.toolchain = "go1.99.0"
	if err := c.CheckToolchain(t.Context()); err == nil || !strings.Contains(err.Error(), "go.mod names go1.99.0") {
		t.Errorf("CheckToolchain with another Go in go.mod: got %v", err)
	}
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	good := []debug.BuildSetting{
		{Key: "-trimpath", Value: "true"}, {Key: "CGO_ENABLED", Value: "0"}, {Key: "GOARCH", Value: "arm64"},
		{Key: "GOOS", Value: "linux"}, {Key: "GOARM64", Value: "v8.0"},
	}
	target := targets.Target{GOOS: "linux", GOARCH: "arm64"}
	if err := checkSettings(good, target); err != nil {
		t.Errorf("checkSettings of what is asked for: %v", err)
	}
	for _, bad := range []debug.BuildSetting{
		{Key: "-trimpath", Value: "false"}, {Key: "CGO_ENABLED", Value: "1"}, {Key: "GOOS", Value: "darwin"},
		{Key: "GOARM64", Value: "v9.0"}, {Key: "GOEXPERIMENT", Value: "arenas"}, {Key: "-tags", Value: "x"},
	} {
		err := checkSettings(append(good[:len(good):len(good)], bad), target)
		if err == nil || !strings.Contains(err.Error(), bad.Key) {
			t.Errorf("checkSettings with %s=%s: got %v, want an error that names it", bad.Key, bad.Value, err)
		}
	}
}

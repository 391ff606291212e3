package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// In a process of its own this test is the program that is run: what it does is said
// by its first argument. Other arguments are those of the command registry.
func TestMain(m *testing.M) {
	if os.Getenv("REGISTRY_CONTROL") == "" {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "env":
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
	case "status":
		os.Exit(9)
	case "all":
		os.Exit(inTurn(os.Args[2:]))
	default:
		os.Exit(beside.World{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}.Command("registry", run))
	}
}

// inTurn runs several commands, each in one argument.
func inTurn(commands []string) int {
	for _, command := range commands {
		words := strings.Fields(os.Expand(command, os.Getenv))
		if words[0] != "docker" {
			words = append([]string{os.Args[0]}, words...)
		}
		c := exec.Command(words[0], words[1:]...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			fmt.Println(command, err)
			return 1
		}
	}
	return 0
}

// registry runs the command registry, with ourselves as the program.
func registry(t *testing.T, config string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	w := beside.World{Args: append([]string{"-config", file}, args...), Environ: os.Environ(), Stdout: &out, Stderr: &errs}
	status = w.Command("registry", run)
	return status, out.String(), errs.String()
}

func TestCommands(t *testing.T) {
	t.Parallel()
	if _, err := containertest.Busybox("arm64"); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	requests := filepath.Join(t.TempDir(), "requests")
	status, stdout, stderr := registry(t, `{"images": {"team/base:1": ["arm64"]}}`, "-requests", requests,
		os.Args[0], "all", "tags team/base", "digest team/base 1", "manifest team/base 1", "requests")
	lines := strings.Split(stdout, "\n")
	if status != 0 || len(lines) < 4 || lines[0] != "1" || !strings.HasPrefix(lines[1], "sha256:") ||
		!strings.HasPrefix(lines[2], `{"schemaVersion":2`) || lines[3] != "" {
		t.Errorf("the commands ended with %d and wrote\n%s%s", status, stdout, stderr)
	}
	if data, err := os.ReadFile(requests); err != nil || len(data) != 0 {
		t.Errorf("requests: %q, %v; want none", data, err)
	}
}

func TestDockerIsOurs(t *testing.T) {
	t.Parallel()
	if err := containertest.Available(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	status, stdout, stderr := registry(t, "{}", "-daemons", "buildkit", "docker", "buildx", "inspect")
	if status != 0 || !strings.Contains(stdout, "Driver:        remote") {
		t.Errorf("docker buildx inspect ended with %d and wrote\n%s%s, want the driver remote", status, stdout, stderr)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config string
		args   []string
		status int
		says   string
	}{
		"no program":       {"{}", nil, 2, "there is no program to run"},
		"unknown daemon":   {"{}", []string{"-daemons", "engine,kitchen", "x"}, 2, `there is no daemon "kitchen"`},
		"unknown member":   {`{"tsl": true}`, []string{"x"}, 2, `unknown field "tsl"`},
		"fault of nothing": {`{"faults": [{"operation": "tags"}]}`, []string{"x"}, 2, "does nothing"},
		"bad duration":     {`{"acr": {"accessFor": "1"}}`, []string{"x"}, 2, "missing unit"},
		"bearer of nobody": {`{"bearer": true}`, []string{"x"}, 2, "tokens need a user"},
		"no such program":  {"{}", []string{"/no/such/program"}, 127, "no such file"},
		"its status":       {"{}", []string{os.Args[0], "status"}, 9, ""},
		"unknown digest":   {"{}", []string{os.Args[0], "digest", "a", "b"}, 1, "the repository a has no b"},
		"bad fault":        {"{}", []string{os.Args[0], "fail", "{}"}, 1, "does nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := registry(t, tc.config, tc.args...)
			if status != tc.status || !strings.Contains(stderr, tc.says) {
				t.Errorf("registry %q with %s = %d, wrote %s%s; want %d and %q",
					tc.args, tc.config, status, stdout, stderr, tc.status, tc.says)
			}
		})
	}
}

func TestEnvironmentWithoutDaemons(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := registry(t, `{"tls": true}`, os.Args[0], "env")
	has := map[string]bool{}
	for line := range strings.Lines(stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		has[name] = value != ""
	}
	for _, name := range []string{"REGISTRY", "REGISTRY_URL", "REGISTRY_CA", "REGISTRY_CONTROL", "PATH"} {
		if !has[name] {
			t.Errorf("registry ended with %d, and the program has no %s:\n%s%s", status, name, stdout, stderr)
		}
	}
	if has["BUILDX_CONFIG"] {
		t.Errorf("the program has BUILDX_CONFIG, but there are no daemons:\n%s", stdout)
	}
}

func TestDaemons(t *testing.T) {
	t.Parallel()
	if err := containertest.Available(); err != nil {
		if os.Getenv("CI")+os.Getenv("TF_BUILD") != "" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("ARG BASE\nFROM $BASE\nRUN echo made >/made\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(builder string) string {
		return "docker buildx build --quiet --builder " + builder + " --build-arg BASE=$REGISTRY/base:1 --push -t $REGISTRY/app:" +
			builder + " " + dir
	}
	status, stdout, stderr := registry(t, `{"images": {"base:1": ["amd64", "arm64"]}}`,
		"-daemons", "container,buildkit", os.Args[0], "all", "docker version", build("default"), build("remote"),
		build("container"), "heal", "tags app")
	tags := strings.Split(strings.TrimSpace(stdout), "\n")
	if diff := cmp.Diff([]string{"container", "default", "remote"}, tags[max(0, len(tags)-3):]); status != 0 || diff != "" {
		t.Errorf("building with each driver ended with %d, tags (-want +got):\n%s\n%s%s", status, diff, stdout, stderr)
	}
}

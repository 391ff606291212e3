package main

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/pack/sample"
)

func TestRefusesBadSources(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, root string)
		want  string
	}{
		"task in no package": {func(t *testing.T, root string) {
			sample.Write(t, root, "tasks/gamma/task.json", "{}")
		}, "the task in tasks/gamma is in no package"},
		"contribution without task": {func(t *testing.T, root string) {
			remove(t, root, "tasks/beta")
		}, "task Beta has no"},
		"no task icon":      {func(t *testing.T, root string) { remove(t, root, "tasks/beta/icon.png") }, "the icon of task Beta"},
		"no extension icon": {func(t *testing.T, root string) { remove(t, root, "images/icon.png") }, "picture of 128x128"},
		"small extension icon": {func(t *testing.T, root string) {
			sample.Write(t, root, "images/icon.png", sample.Icon(t, 64))
		}, "is 64x64 pixels; make it 128x128"},
		"no launcher": {func(t *testing.T, root string) {
			remove(t, root, "build/launcher/launch.js")
		}, "needs the launcher"},
		"half a launcher": {func(t *testing.T, root string) {
			remove(t, root, "build/launcher/unpack.js")
		}, "needs the launcher"},
		"damaged manifest": {func(t *testing.T, root string) {
			sample.Edit(t, root, "vss-extension.json", `"files": [`, `"files": `)
		}, "not a readable manifest near line"},
		"no manifest":  {func(t *testing.T, root string) { remove(t, root, "vss-extension.json") }, "reading the extension's manifest"},
		"no platforms": {func(t *testing.T, root string) { remove(t, root, "build/targets.json") }, "reading the list of platforms"},
		"does not compile": {func(t *testing.T, root string) {
			sample.Edit(t, root, "tasks/beta/cmd/main.go", "func main()", "func mian()")
		}, "building ./tasks/beta/cmd for " + host},
		"text/template": {func(t *testing.T, root string) {
			sample.Edit(t, root, "tasks/beta/cmd/main.go", `"os"`, "\"os\"\n_ \"text/template\"")
		}, "./tasks/beta/cmd links text/template"},
		"name with a space": {func(t *testing.T, root string) {
			sample.Edit(t, root, "vss-extension.json", `"overview.md"`, `"over view.md"`)
			sample.Write(t, root, "over view.md", "x")
		}, `"over view.md" cannot be the name of a part`},
		"over the budget": {tooBig, "task Beta takes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := sample.Root(t)
			tc.spoil(t, root)
			_, err := packed(t, root, "vsix", "-targets", "host", "-quality", "0")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("pack vsix: got error %v, want one containing %q", err, tc.want)
			}
			if made, _ := filepath.Glob(filepath.Join(root, "build/out/*.vsix")); made != nil {
				t.Errorf("pack vsix failed and wrote %q", made)
			}
		})
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

// tooBig gives a program fourteen megabytes that nothing can compress.
func tooBig(t *testing.T, root string) {
	var key [32]byte
	noise := make([]byte, 14_000_000)
	rand.NewChaCha8(key).Read(noise)
	sample.Write(t, root, "tasks/beta/cmd/noise.bin", string(noise))
	sample.Edit(t, root, "tasks/beta/cmd/main.go", "func main() {",
		"//go:embed noise.bin\nvar noise string\n\nfunc main() {\n\tos.Stderr.WriteString(noise)\n\t")
	sample.Edit(t, root, "tasks/beta/cmd/main.go", `"os"`, "_ \"embed\"\n\"os\"")
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"none":             {nil, 2, "usage: go run ./build/pack <command>"},
		"unknown command":  {[]string{"pakc"}, 1, `there is no command "pakc"`},
		"help":             {[]string{"vsix", "-h"}, 2, "-targets"},
		"unknown flag":     {[]string{"stage", "-warm"}, 1, "flag provided but not defined: -warm"},
		"argument":         {[]string{"vsix", "linux"}, 1, `vsix takes no argument "linux"`},
		"not a number":     {[]string{"vsix", "-quality", "high"}, 1, `invalid value "high" for flag -quality`},
		"quality too high": {[]string{"vsix", "-quality", "12", "-targets", "host"}, 1, "brotli has no quality 12"},
		"unknown platform": {[]string{"vsix", "-targets", "plan9/amd64"}, 1, `platform "plan9/amd64" is not supported`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := tc.args
			if tc.code == 1 && len(args) > 1 {
				args = append([]string{args[0], "-root", sample.Root(t)}, args[1:]...)
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), world{gitEnviron(), host, &stdout, &stderr}, args)
			if code != tc.code || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("pack %v: exit status %d, %q; want %d and %q", args, code, &stderr, tc.code, tc.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("pack %v printed %q", args, &stdout)
			}
		})
	}
}

func TestMachineWithoutAPlatform(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	w := world{gitEnviron(), "plan9/mips", &stderr, &stderr}
	code := run(t.Context(), w, []string{"stage", "-root", sample.Root(t)})
	if want := `platform "plan9/mips" is not supported`; code != 1 || !strings.Contains(stderr.String(), want) {
		t.Errorf("pack stage on plan9/mips: exit status %d, %q; want 1 and %q", code, &stderr, want)
	}
}

func TestReleaseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(t *testing.T) string
		want  string
	}{
		"dirty tree": {func(t *testing.T) string {
			root, _ := repository(t)
			sample.Write(t, root, "overview.md", "changed")
			return root
		}, " M overview.md"},
		"new file": {func(t *testing.T) string {
			root, _ := repository(t)
			sample.Write(t, root, "tasks/beta/cmd/more.go", "package main\n")
			return root
		}, "?? tasks/beta/cmd/more.go"},
		"new file that the user's settings hide": {func(t *testing.T) string {
			root, _ := repository(t)
			git(t, root, "config", "status.showUntrackedFiles", "no")
			sample.Write(t, root, "tasks/beta/cmd/more.go", "package main\n")
			return root
		}, "?? tasks/beta/cmd/more.go"},
		"no commit": {func(t *testing.T) string {
			root := sample.Root(t)
			git(t, root, "init", "-q")
			return root
		}, "has no commit that could be named; make one (git commit): "},
		"no repository": {sampleRoot, "this is not a git repository"},
		"another repository around it": {func(t *testing.T) string {
			root, _ := repository(t)
			sample.Write(t, root, "copy/go.mod", "")
			inner := filepath.Join(root, "copy")
			remove(t, root, "copy")
			if err := os.CopyFS(inner, os.DirFS(sample.Root(t))); err != nil {
				t.Fatal(err)
			}
			return inner
		}, "this is not a git repository"},
		"another Go": {func(t *testing.T) string {
			root, _ := repository(t)
			sample.Edit(t, root, "go.mod", "toolchain go1.", "toolchain go1.26.0 // go1.")
			git(t, root, "commit", "-q", "-a", "-m", "other")
			return root
		}, "go.mod names go1.26.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tc.spoil(t)
			_, err := packed(t, root, "release", "-targets", "host", "-quality", "0")
			if err == nil || !strings.Contains(err.Error(), "cannot release") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("pack release: got error %v, want a refusal containing %q", err, tc.want)
			}
			if _, err := os.Stat(filepath.Join(root, "build/out/release")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("pack release refused and made build/out/release (%v)", err)
			}
		})
	}
}

// Git refuses, and that must not pass as "no repository": the program would say it is of no commit.
func TestRepositoryThatGitCannotUse(t *testing.T) {
	t.Parallel()
	root, _ := repository(t)
	foreign := []string{"GIT_TEST_ASSUME_DIFFERENT_OWNER=1"}
	for _, command := range []string{"stage", "vsix", "release", "verify"} {
		_, err := packedWith(t, root, foreign, command, "-targets", "host", "-quality", "0")
		for _, want := range []string{".git is there, but git cannot use it", "dubious ownership", "safe.directory"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("pack %s in a repository of somebody else: got error %v, want one containing %q", command, err, want)
			}
		}
	}
	remove(t, root, ".git/HEAD")
	const damaged = "but git cannot use it; do what git says, or build from a copy without it: "
	if _, err := packed(t, root, "stage"); err == nil || !strings.Contains(err.Error(), damaged) {
		t.Errorf("pack stage in a damaged repository: got error %v, want one containing %q", err, damaged)
	}
	path := []string{"PATH=" + t.TempDir()}
	if _, err := packedWith(t, root, path, "stage"); err == nil {
		t.Error("pack stage without git on PATH: want an error")
	}
}

func sampleRoot(t *testing.T) string { return sample.Root(t) }

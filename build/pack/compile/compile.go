// Package compile builds a task's program for a platform, always with the same settings,
// whatever stands in the caller's environment: the same commit and the same Go give the same
// bytes in every folder and on every machine. What was built is checked against those settings.
package compile

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/command"
	"github.com/guardrails-ci/guardrails/build/pack/targets"
)

// Config says what is compiled: the module in the folder Root. Version and Commit are what its
// programs say they are.
type Config struct {
	Root            string
	Environ         []string
	Version, Commit string
}

// Compiler builds programs of one module.
type Compiler struct {
	config            Config
	module, toolchain string
}

// New returns a compiler; it reads the module's go.mod.
func New(ctx context.Context, config Config) (*Compiler, error) {
	c := &Compiler{config: config}
	out, err := c.goTool(targets.Target{}).Output(ctx, "go", "mod", "edit", "-json")
	if err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	var file struct {
		Module        struct{ Path string }
		Go, Toolchain string
	}
	if err := json.Unmarshal(out, &file); err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	c.module, c.toolchain = file.Module.Path, cmp.Or(file.Toolchain, "go"+file.Go)
	return c, nil
}

// fixed settings decide about the bytes of a program. GOFLAGS is set, and not empty, because an
// empty one would let the user's `go env -w` file speak. GOAMD64 and GOARM64 are the oldest
// processors of each kind; a hosted agent may be anything.
var fixed = []string{
	"CGO_ENABLED=0", "GO111MODULE=on", "GOAMD64=v1", "GOARM64=v8.0",
	"GOFLAGS=-mod=readonly", "GOTOOLCHAIN=local", "GOWORK=off",
}

// dropped variables would change the bytes as well.
var dropped = []string{"GOOS", "GOARCH", "GOEXPERIMENT", "GOFIPS140", "GODEBUG"}

// Build compiles the package dir (such as "./tasks/safecache/cmd") for a platform into the file out.
func (c *Compiler) Build(ctx context.Context, dir string, t targets.Target, out string) error {
	stamp := c.module + "/shared/version."
	flags := fmt.Sprintf("-s -w -X %snumber=%s -X %scommit=%s", stamp, c.config.Version, stamp, c.config.Commit)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("making the folder for %s: %w", out, err)
	}
	_, err := c.goTool(t).Output(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", out, dir)
	if err != nil {
		return fmt.Errorf("building %s for %s: %w", dir, t, err)
	}
	info, err := buildinfo.ReadFile(out)
	if err != nil {
		return fmt.Errorf("reading what was built for %s: %w", t, err)
	}
	return checkSettings(info.Settings, t)
}

// checkSettings holds a program's own record against what was asked for: settings of `go env -w`
// that no variable can undo would otherwise make a release nobody can rebuild.
func checkSettings(settings []debug.BuildSetting, t targets.Target) error {
	got := map[string]string{}
	for _, s := range settings {
		got[s.Key] = s.Value
	}
	want := map[string]string{
		"GOOS": t.GOOS, "GOARCH": t.GOARCH, "CGO_ENABLED": "0", "-trimpath": "true",
		"GOEXPERIMENT": "", "GOFIPS140": "", "-tags": "", "-race": "", "-gcflags": "", "-asmflags": "",
	}
	switch t.GOARCH {
	case "amd64":
		want["GOAMD64"] = "v1"
	case "arm64":
		want["GOARM64"] = "v8.0"
	}
	for key, value := range want {
		if got[key] != value {
			return fmt.Errorf("the program for %s was built with %s=%q, want %q; look at `go env -changed`",
				t, key, got[key], value)
		}
	}
	return nil
}

// templates must not be linked: they call methods by name, so the linker has to keep every
// exported method of the program.
var templates = []string{"text/template", "html/template"}

// CheckImports refuses packages that no task's program may link.
func (c *Compiler) CheckImports(ctx context.Context, t targets.Target, dirs ...string) error {
	for _, dir := range dirs {
		out, err := c.goTool(t).Output(ctx, "go", "list", "-deps", dir)
		if err != nil {
			return fmt.Errorf("listing what %s imports: %w", dir, err)
		}
		for name := range strings.Lines(string(out)) {
			if name = strings.TrimSpace(name); slices.Contains(templates, name) {
				return fmt.Errorf("%s links %s, which keeps unused code in the program; "+
					"find who imports it with `go mod why %s` and do without", dir, name, name)
			}
		}
	}
	return nil
}

// CheckToolchain refuses a Go other than the one go.mod names: it would make other bytes.
func (c *Compiler) CheckToolchain(ctx context.Context) error {
	out, err := c.goTool(targets.Target{}).Output(ctx, "go", "env", "GOVERSION")
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(out)); got != c.toolchain {
		return fmt.Errorf("this is %s, and go.mod names %s; a release is built with that one, install it",
			got, c.toolchain)
	}
	return nil
}

// goTool returns the runner of the go command for a platform; the zero target means this machine.
func (c *Compiler) goTool(t targets.Target) command.Runner {
	env := slices.DeleteFunc(slices.Clone(c.config.Environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(dropped, strings.ToUpper(name))
	})
	env = append(env, fixed...)
	if t != (targets.Target{}) {
		env = append(env, "GOOS="+t.GOOS, "GOARCH="+t.GOARCH)
	}
	return command.Runner{Dir: c.config.Root, Env: env}
}

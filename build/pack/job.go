package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/command"
	"github.com/guardrails-ci/guardrails/build/pack/compile"
	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/solid"
	"github.com/guardrails-ci/guardrails/build/pack/stage"
	"github.com/guardrails-ci/guardrails/build/pack/targets"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
)

// job is the extension in one folder, read and checked, and the platforms it is built for.
type job struct {
	world
	root      string
	manifest  *extension.Manifest
	tasks     []*stage.Task
	platforms []targets.Target
	compiler  *compile.Compiler
	source    source
	release   stage.Release
	cache     string // the folder of compressed archives
	work      string // a folder of this command alone: several may run at once
}

// signCommand is the variable that names the program which signs.
const signCommand = "SIGN_CMD"

// cacheFolder has the compressed archives of earlier commands.
const cacheFolder = "build/out/cache"

// open reads the extension. The caller closes the job.
func open(ctx context.Context, w world, o options) (*job, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, err
	}
	j := &job{world: w, root: root, cache: cmp.Or(o.cache, filepath.Join(root, cacheFolder))}
	if j.manifest, err = extension.Load(j.path("vss-extension.json")); err != nil {
		return nil, err
	}
	all, err := targets.Load(j.path("build/targets.json"))
	if err != nil {
		return nil, err
	}
	if j.platforms, err = targets.Select(all, o.targets, w.host); err != nil {
		return nil, err
	}
	if err := j.readTasks(); err != nil {
		return nil, err
	}
	if j.source, err = sourceAt(ctx, w, root); err != nil {
		return nil, err
	}
	j.release = stage.Release{Version: j.manifest.Version, Commit: j.source.name()}
	_, j.release.Minor, j.release.Patch = j.manifest.Numbers()
	j.compiler, err = compile.New(ctx, compile.Config{
		Root: root, Environ: w.environ, Version: j.release.Version, Commit: j.release.Commit,
	})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(j.path("build/out"), 0o755); err != nil {
		return nil, fmt.Errorf("making build/out: %w", err)
	}
	if j.work, err = os.MkdirTemp(j.path("build/out"), "work-*"); err != nil {
		return nil, fmt.Errorf("making a folder to work in: %w", err)
	}
	return j, nil
}

// close removes what the command does not leave behind.
func (j *job) close() { os.RemoveAll(j.work) }

func (j *job) path(name string) string { return filepath.Join(j.root, filepath.FromSlash(name)) }

// readTasks reads the tasks the manifest names, and refuses one it does not name.
func (j *job) readTasks() error {
	var failed []error
	packed := map[string]bool{}
	for _, name := range j.manifest.Tasks() {
		packed[strings.ToLower(name)] = true
		task, err := stage.Read(j.root, name)
		failed = append(failed, err)
		j.tasks = append(j.tasks, task)
	}
	sources, err := stage.Sources(j.root)
	failed = append(failed, err)
	for _, name := range sources {
		if !packed[name] {
			failed = append(failed, fmt.Errorf("the task in tasks/%s is in no package; "+
				"add it to files and contributions of vss-extension.json", name))
		}
	}
	failed = append(failed, stage.CheckIcon(j.path(j.manifest.Icons["default"]), 128, 1024))
	return errors.Join(failed...)
}

// build compiles a task for all platforms, and signs the programs if there is a signer.
func (j *job) build(ctx context.Context, task *stage.Task, signer string) ([]stage.Program, error) {
	var programs []stage.Program
	for _, t := range j.platforms {
		file := filepath.Join(j.work, t.GOOS+"-"+t.GOARCH, t.Program(task.Program))
		if err := j.compiler.Build(ctx, task.Package, t, file); err != nil {
			return nil, err
		}
		if signer != "" {
			run := command.Runner{Dir: j.root, Env: j.environ}
			if _, err := run.Output(ctx, signer, file, t.GOOS, t.GOARCH); err != nil {
				return nil, fmt.Errorf("signing %s for %s with SIGN_CMD: %w", task.Name, t, err)
			}
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the program of %s: %w", task.Name, err)
		}
		programs = append(programs, stage.Program{Target: t, Data: data})
	}
	return programs, nil
}

// binaries makes the files of a task's bin folder.
type binaries func(*stage.Task) (map[string][]byte, error)

// stage makes the folder dir anew, with all tasks in it.
func (j *job) stage(dir string, make binaries) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "staging-*")
	if err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	defer os.RemoveAll(fresh)
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	for _, task := range j.tasks {
		bin, err := make(task)
		if err != nil {
			return err
		}
		if err := task.Write(fresh, j.path("build/launcher"), j.release, bin); err != nil {
			return err
		}
	}
	return stage.Replace(dir, fresh)
}

// shipped is a program as it goes into the package.
type shipped struct {
	task string
	stage.Program
}

// stagePacked compiles all tasks, stages them in dir as users get them, and returns their programs.
func (j *job) stagePacked(ctx context.Context, dir string, quality int) ([]shipped, error) {
	var dirs []string
	for _, task := range j.tasks {
		dirs = append(dirs, task.Package)
	}
	for _, t := range j.platforms {
		if err := j.compiler.CheckImports(ctx, t, dirs...); err != nil {
			return nil, err
		}
	}
	var all []shipped
	packer := solid.Packer{Quality: quality, Cache: j.cache}
	err := j.stage(dir, func(task *stage.Task) (map[string][]byte, error) {
		programs, err := j.build(ctx, task, environment(j.environ, signCommand))
		if err != nil {
			return nil, err
		}
		for _, p := range programs {
			all = append(all, shipped{task.Name, p})
		}
		return task.Packed(j.release, programs, func(programs ...[]byte) (solid.Archive, error) {
			return packer.Pack(ctx, programs...)
		})
	})
	return all, err
}

// pack makes the package of a manifest from the tasks staged in dir, and keeps to the budget.
func (j *job) pack(dir string, m *extension.Manifest) ([]byte, error) {
	parts, err := vsix.Parts(j.root, dir, m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	sizes, err := vsix.Write(&out, parts)
	if err != nil {
		return nil, err
	}
	warning, err := vsix.Budget.Check(sizes, int64(out.Len()), m.Tasks())
	if warning != "" {
		fmt.Fprintf(j.stderr, "warning: %s\n", warning)
	}
	return out.Bytes(), err
}

func environment(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

package keyvaultenv

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/workspace"
)

// paths scans the new and changed files of the workspace, the settings in which tools
// keep credentials, and what scanPaths names.
func (sc *scanner) paths(ctx context.Context) error {
	env := sc.step.env
	home, _ := env.Lookup("HOME")
	if profile, ok := env.Lookup("USERPROFILE"); ok && home == "" {
		home = profile
	}
	roots := []string{env.Var("Pipeline.Workspace")}
	if roots[0] == "" {
		sc.cannot("the workspace", errors.New("the agent has not said where it is (Pipeline.Workspace)"))
	}
	if home != "" {
		for _, name := range toolSettings {
			roots = append(roots, filepath.Join(home, filepath.FromSlash(name)))
		}
	}
	for _, name := range []string{"DOCKER_CONFIG", "NPM_CONFIG_USERCONFIG"} {
		if path, ok := env.Lookup(name); ok && path != "" {
			roots = append(roots, path)
		}
	}
	for _, path := range sc.memory.ScanPaths {
		if !filepath.IsAbs(path) {
			path = filepath.Join(env.Var("System.DefaultWorkingDirectory"), path)
		}
		roots = append(roots, path)
	}
	n, err := sc.tree(ctx, roots, sc.memory.Started, env.Var("Build.ArtifactStagingDirectory"))
	sc.lookedAt("%s of the workspace and of tools' settings", plural(n, "new or changed file"))
	return err
}

// toolSettings are the files below the home folder in which tools keep credentials.
var toolSettings = []string{
	".npmrc", ".yarnrc.yml", ".pypirc", ".netrc", ".git-credentials", ".docker/config.json",
}

// artifacts scans all that lies where artifacts are published from.
func (sc *scanner) artifacts(ctx context.Context) error {
	staging := sc.step.env.Var("Build.ArtifactStagingDirectory")
	if staging == "" {
		return errors.New("the agent has not said where it is (Build.ArtifactStagingDirectory)")
	}
	n, err := sc.tree(ctx, []string{staging}, time.Time{}, "")
	sc.lookedAt("%s where artifacts are published from", plural(n, "file"))
	return err
}

// tree scans what is new since a time below roots, and returns how many files that is.
func (sc *scanner) tree(ctx context.Context, roots []string, since time.Time, without string) (int, error) {
	var files []workspace.File
	for i, root := range roots {
		if root == "" || slices.Contains(roots[:i], root) {
			continue
		}
		found, err := workspace.Changed(ctx, root, since)
		if err != nil {
			return 0, err
		}
		for _, u := range found.Unread {
			sc.cannot(sc.shown(u.Path), errors.New(u.Reason))
		}
		for _, f := range found.Files {
			if !within(without, f.Path) {
				files = append(files, f)
			}
		}
	}
	each(ctx, files, func(f workspace.File) { sc.file(ctx, f) })
	return len(files), nil
}

func within(dir, path string) bool {
	if dir == "" {
		return false
	}
	_, err := safepath.Rel(dir, path)
	return err == nil
}

// file scans one file.
func (sc *scanner) file(ctx context.Context, f workspace.File) {
	name := sc.shown(f.Path)
	file, err := workspace.Open(f.Path)
	if err != nil {
		sc.cannot(name, err)
		return
	}
	defer file.Close()
	found, err := sc.engine.Scan(ctx, counted{file, sc}, name, textOf(f))
	if f.Old {
		found = notOurs(found)
	}
	sc.found(found)
	if err != nil && ctx.Err() == nil {
		sc.cannot(name, errors.New("it cannot be read to its end"))
	}
}

// notOurs lessens what rules have found in settings that were there before this job: its
// steps can use such a credential, and it has not leaked by them.
func notOurs(found []leak.Finding) []leak.Finding {
	for i, f := range found {
		if f.Known == "" && rank[f.Severity] < rank[leak.Medium] {
			found[i].Severity = leak.Medium
		}
	}
	return found
}

// shown is how messages call a file: below the workspace if it lies there.
func (sc *scanner) shown(path string) string {
	if name, err := safepath.Rel(sc.step.env.Var("Pipeline.Workspace"), path); err == nil {
		return name
	}
	return path
}

// sources are the endings of program text, in which words such as token are everywhere.
var sources = []string{
	".go", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".py", ".cs", ".java", ".kt", ".rb", ".php", ".rs", ".c", ".h",
	".cpp", ".hpp", ".swift", ".scala", ".html", ".css", ".map", ".md", ".svg", ".d.ts",
}

// logsOf are the endings of what programs print.
var logsOf = []string{".log", ".out", ".txt", ".trx", ".tap"}

// textOf says how to read a file. In packages of other people only the secrets of this
// run count.
func textOf(f workspace.File) leak.Text {
	ending := strings.ToLower(filepath.Ext(f.Path))
	switch {
	case f.Dependency:
		return leak.Binary
	case slices.Contains(logsOf, ending):
		return leak.Log
	case slices.Contains(sources, ending):
		return leak.Source
	}
	return leak.Config
}

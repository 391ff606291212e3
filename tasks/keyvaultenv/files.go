package keyvaultenv

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/workspace"
)

// paths scans the new and changed files of the workspace, the settings in which tools
// keep credentials, and what scanPaths names.
func (sc *scanner) paths(ctx context.Context) error {
	files := map[string]workspace.File{}
	work := sc.step.variable("Pipeline.Workspace")
	if work == "" {
		sc.cannot("the workspace", errors.New("the agent has not said where it is (Pipeline.Workspace)"))
	}
	for _, root := range append([]string{work}, sc.settings()...) {
		if root == "" {
			continue
		}
		found, err := workspace.Changed(ctx, root, sc.memory.Started)
		if err := sc.collect(files, found, err); err != nil {
			return err
		}
	}
	if staging := sc.step.variable("Build.ArtifactStagingDirectory"); slices.Contains(sc.memory.Scan, scanArtifacts) {
		maps.DeleteFunc(files, func(path string, _ workspace.File) bool { return within(staging, path) })
	}
	for _, path := range sc.memory.ScanPaths {
		if !filepath.IsAbs(path) {
			path = filepath.Join(sc.step.variable("System.DefaultWorkingDirectory"), path)
		}
		if _, err := os.Lstat(path); err != nil {
			sc.cannot("scanPaths: "+sc.shown(path), errors.New("there is no such file or folder"))
		}
		found, err := workspace.Changed(ctx, path, time.Time{})
		if err := sc.collect(files, found, err); err != nil {
			return err
		}
	}
	sc.scanFiles(ctx, files)
	sc.lookedAt("%s of the workspace and of tools' settings", plural(len(files), "new or changed file"))
	return nil
}

// toolSettings are the files below the home folder in which tools keep credentials.
var toolSettings = []string{
	".npmrc", ".yarnrc.yml", ".pypirc", ".netrc", ".git-credentials", ".gitconfig", ".docker/config.json",
}

// settings are where tools keep credentials.
func (sc *scanner) settings() []string {
	env := sc.step.env
	home, _ := env.Lookup("HOME")
	if profile, ok := env.Lookup("USERPROFILE"); ok && home == "" {
		home = profile
	}
	var paths []string
	for _, name := range toolSettings {
		if home != "" {
			paths = append(paths, filepath.Join(home, filepath.FromSlash(name)))
		}
	}
	if dir, ok := env.Lookup("DOCKER_CONFIG"); ok && dir != "" {
		paths = append(paths, filepath.Join(dir, "config.json"))
	}
	if path, ok := env.Lookup("NPM_CONFIG_USERCONFIG"); ok && path != "" {
		paths = append(paths, path)
	}
	return paths
}

// artifacts scans all that lies where artifacts are published from.
func (sc *scanner) artifacts(ctx context.Context) error {
	staging := sc.step.variable("Build.ArtifactStagingDirectory")
	if staging == "" {
		return errors.New("the agent has not said where it is (Build.ArtifactStagingDirectory)")
	}
	files := map[string]workspace.File{}
	found, err := workspace.Published(ctx, staging)
	if err := sc.collect(files, found, err); err != nil {
		return err
	}
	sc.scanFiles(ctx, files)
	sc.lookedAt("%s where artifacts are published from", plural(len(files), "file"))
	return nil
}

// collect adds what was found to files, by path and name.
func (sc *scanner) collect(files map[string]workspace.File, found workspace.Found, err error) error {
	for _, u := range found.Unread {
		sc.cannot(sc.shown(u.Path), errors.New(u.Reason))
	}
	for _, f := range found.Files {
		files[f.Name] = f
	}
	return err
}

func (sc *scanner) scanFiles(ctx context.Context, files map[string]workspace.File) {
	each(ctx, slices.Sorted(maps.Keys(files)), func(name string) { sc.file(ctx, files[name]) })
}

func within(dir, path string) bool {
	if dir == "" {
		return false
	}
	_, err := safepath.Rel(dir, path)
	return err == nil
}

// file scans one file, and its name.
func (sc *scanner) file(ctx context.Context, f workspace.File) {
	name := sc.shown(f.Name)
	sc.found(sc.engine.String(name, "the name of "+name, leak.Binary))
	file, err := workspace.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return // gone since we have seen it, and with it what it held
	}
	if err != nil {
		sc.cannot(name, err)
		return
	}
	defer file.Close()
	found, err := sc.engine.Scan(ctx, counted{file, sc}, name, textOf(f))
	if sc.isSetting(f.Path) {
		found = asSetting(found, within(sc.step.env.TempDir(), f.Path))
	}
	sc.found(found)
	if err != nil && ctx.Err() == nil {
		sc.cannot(name, errors.New("it cannot be read to its end"))
	}
}

// isSetting reports whether tools keep credentials in the file. In the workspace none
// does, whatever a step has said of that.
func (sc *scanner) isSetting(path string) bool {
	return slices.Contains(sc.settings(), path) && !within(sc.step.variable("Pipeline.Workspace"), path)
}

// asSetting lessens what rules have found where tools keep credentials: that is what these
// files are for. In a folder that the agent empties a secret of this run may be there,
// too, such as the one of docker login.
func asSetting(found []leak.Finding, emptied bool) []leak.Finding {
	for i, f := range found {
		if (f.Known == "" || emptied) && rank[f.Severity] < rank[leak.Medium] {
			found[i].Severity = leak.Medium
		}
	}
	return found
}

// shown is how messages call a file: below the workspace if it lies there.
func (sc *scanner) shown(path string) string {
	if name, err := safepath.Rel(sc.step.variable("Pipeline.Workspace"), path); err == nil {
		path = name
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, path)
}

// sources are the endings of program text, in which words such as token are everywhere.
var sources = []string{
	".go", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".py", ".cs", ".java", ".kt", ".rb", ".php", ".rs", ".c", ".h",
	".cpp", ".hpp", ".swift", ".scala", ".html", ".css", ".map", ".md", ".svg", ".d.ts",
}

// logsOf are the endings of what programs print.
var logsOf = []string{".log", ".out", ".txt", ".trx", ".tap"}

// textOf says how to read a file. In packages of other people, and in what is committed,
// only the secrets of this run count.
func textOf(f workspace.File) leak.Text {
	ending := strings.ToLower(filepath.Ext(f.Path))
	switch {
	case f.Dependency, f.Committed:
		return leak.Binary
	case slices.Contains(logsOf, ending):
		return leak.Log
	case slices.Contains(sources, ending):
		return leak.Source
	}
	return leak.Config
}

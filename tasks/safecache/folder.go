package safecache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// surroundings are the folders of a job that matter for what may be a cache.
type surroundings struct {
	// roots may lie in folders of any name: only what comes below them counts.
	roots []string
	// kept must not be replaced by a restore, nor be in what is replaced.
	kept []namedFolder
	// stores is where entries are, by all names; a cache in it would contain itself.
	stores []string
}

type namedFolder struct{ name, path string }

func look(env *task.Env, store string) surroundings {
	home, _ := env.Lookup("HOME")
	profile, _ := env.Lookup("USERPROFILE")
	var s surroundings
	for _, f := range []namedFolder{
		{"the sources", env.Var("Build.SourcesDirectory")},
		{"the sources", env.Var("Build.Repository.LocalPath")},
		{"the working directory of the steps", env.Var("System.DefaultWorkingDirectory")},
		{"the job's workspace", env.Var("Pipeline.Workspace")},
		{"the agent's work folder", env.Var("Agent.WorkFolder")},
		{"the agent's own folder", env.Var("Agent.HomeDirectory")},
		{"the agent's tools", env.Var("Agent.ToolsDirectory")},
		{"the agent's temporary folder", env.Var("Agent.TempDirectory")},
		{"the home directory", home},
		{"the home directory", profile},
	} {
		s.add(f)
	}
	if store == "" { // entries are not in a directory
		return s
	}
	for _, dir := range names(store) {
		s.kept = append(s.kept, namedFolder{"the cache directory", dir})
		s.stores = append(s.stores, dir)
	}
	return s
}

// add takes a folder in, also by its name without links if it has another.
func (s *surroundings) add(f namedFolder) {
	if !filepath.IsAbs(f.path) {
		return
	}
	for _, path := range names(f.path) {
		s.kept = append(s.kept, namedFolder{f.name, path})
		s.roots = append(s.roots, path)
	}
}

// names returns a folder's path, and its path without links if that is another.
func names(folder string) []string {
	folder = filepath.Clean(folder)
	if real, err := realPath(folder); err == nil && real != folder {
		return []string{folder, real}
	}
	return []string{folder}
}

// realPath is a path without links, as far as it exists yet: what will be made
// below a link is made where the link leads.
func realPath(path string) (string, error) {
	rest := ""
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return "", err
		}
		if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return "", refusePath(fmt.Sprintf("path leads through %s, a link to something that does not exist", dir))
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

// refuse returns why a folder must not be a cache, as far as its name tells; nil
// if it may be one. Nothing is read.
func (s surroundings) refuse(folder string) error {
	if s.tilde(folder) {
		return &task.UserError{
			Class: task.BadInput, Rule: "cache/path", Msg: "path begins with ~, and ~ is not expanded",
			Hint: "write $(HOME)/... or a folder below $(Pipeline.Workspace)",
		}
	}
	if kind, name := installedBy(s.ownPart(folder)); kind != nil {
		return refuseInstallation(kind, fmt.Sprintf("path is in %q: that is an installation (%s), not a download cache",
			name, kind.ecosystem))
	}
	if isRepository(s.ownPart(folder)) {
		return refusePath("path is in a .git folder, which programs run commands from")
	}
	if !filepath.IsAbs(folder) {
		return &task.UserError{
			Class: task.BadInput, Rule: "cache/path", Msg: fmt.Sprintf("path %q is not absolute", folder),
			Hint: "begin it with $(Pipeline.Workspace)/",
		}
	}
	if filepath.Dir(folder) == filepath.Clean(folder) {
		return refusePath("path is the root of a file system")
	}
	for _, kept := range s.kept {
		if below(kept.path, folder) && below(folder, kept.path) {
			return refusePath(fmt.Sprintf("path is %s (%s), which a restore would replace", kept.name, kept.path))
		}
	}
	for _, kept := range s.kept {
		if below(folder, kept.path) {
			return refusePath(fmt.Sprintf("path contains %s (%s), which a restore would delete", kept.name, kept.path))
		}
	}
	for _, store := range s.stores {
		if below(store, folder) {
			return refusePath("path is inside the cache directory")
		}
	}
	return nil
}

// tilde reports whether a folder was written with a leading "~", to which the agent
// gives a root as to any relative path: <sources>/~/...
func (s surroundings) tilde(folder string) bool {
	return strings.HasPrefix(folder, "~") || slices.ContainsFunc(s.roots, func(root string) bool {
		rel, err := safepath.Rel(root, folder)
		return err == nil && (rel == "~" || strings.HasPrefix(rel, "~/"))
	})
}

// isRepository reports whether a path with slashes is a repository's own folder,
// or in one: whoever fills it gives git hooks to run.
func isRepository(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(name string) bool { return strings.EqualFold(name, ".git") })
}

// below reports whether inner is outer or lies in it. Case is ignored, as a
// refusal too many is better than one too few.
func below(outer, inner string) bool {
	_, err := safepath.Rel(strings.ToLower(filepath.Clean(outer)), strings.ToLower(filepath.Clean(inner)))
	return err == nil
}

func refuseInstallation(kind *installation, msg string) error {
	return &task.UserError{
		Rule: "cache/installation", Msg: msg,
		Hint: "cache what is downloaded, and install from it: " + kind.instead,
	}
}

func refusePath(msg string) error {
	return &task.UserError{
		Rule: "cache/path", Msg: msg,
		Hint: "give the download cache a folder of its own, such as $(Pipeline.Workspace)/.npm/_cacache",
	}
}

// ownPart returns the part of a folder's path that the pipeline's author chose,
// with slashes: an agent may well be installed below a folder named "target".
func (s surroundings) ownPart(folder string) string {
	own := filepath.ToSlash(folder)
	for _, root := range s.roots {
		if rel, err := safepath.Rel(root, folder); err == nil && len(rel) < len(own) {
			own = rel
		}
	}
	return own
}

// resolve is refuse for where links lead. It returns the folder without links;
// its last parts need not exist.
func (s surroundings) resolve(folder string) (string, error) {
	real, err := realPath(folder)
	if err != nil {
		return "", err
	}
	return real, s.refuse(real)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

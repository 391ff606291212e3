package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	// store is where entries are; a cache in it would contain itself.
	store string
}

type namedFolder struct{ name, path string }

func look(env *task.Env, store string) surroundings {
	home, _ := env.Lookup("HOME")
	profile, _ := env.Lookup("USERPROFILE")
	s := surroundings{store: store}
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
	s.kept = append(s.kept, namedFolder{"the cache directory", store})
	return s
}

// add takes a folder in, also by its name without links if it has another.
func (s *surroundings) add(f namedFolder) {
	if !filepath.IsAbs(f.path) {
		return
	}
	s.kept = append(s.kept, f)
	s.roots = append(s.roots, f.path)
	if real, err := filepath.EvalSymlinks(f.path); err == nil && real != filepath.Clean(f.path) {
		s.kept = append(s.kept, namedFolder{f.name, real})
		s.roots = append(s.roots, real)
	}
}

// refuse returns why a folder must not be a cache, as far as its name tells; nil
// if it may be one. Nothing is read.
func (s surroundings) refuse(folder string) error {
	if kind, name := installedBy(s.ownPart(folder)); kind != nil {
		return refuseInstallation(kind, fmt.Sprintf("path is in %q: that is an installation (%s), not a download cache",
			name, kind.ecosystem))
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
	if below(s.store, folder) {
		return refusePath("path is inside the cache directory")
	}
	return nil
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

// inspect is refuse for what is on the disk: where links lead, and the files that
// give an installation away. It returns the folder without links.
func (s surroundings) inspect(ctx context.Context, folder string) (string, error) {
	real, err := filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return folder, nil
	}
	if err != nil {
		return "", err
	}
	if err := s.refuse(real); err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", refusePath("path is a file, not a folder")
	}
	err = filepath.WalkDir(real, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return errors.Join(ctx.Err(), ignoreMissing(err))
		}
		rel, err := safepath.Rel(real, name)
		if err != nil {
			return err
		}
		if kind := markedBy(rel); kind != nil {
			return refuseInstallation(kind, fmt.Sprintf("path holds %q, which is a part of an installation (%s), "+
				"so it is not only a download cache", rel, kind.ecosystem))
		}
		return nil
	})
	return real, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

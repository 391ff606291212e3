package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/command"
)

// source is the commit the files come from.
type source struct {
	commit  string // "" if they are not from a git repository
	changed string // what differs from the commit, as git status says it
}

// sourceAt asks git about the folder root. Files without a repository, such as those of a downloaded
// archive, are no error; a repository that git cannot read is, for its files would pass for such ones.
func sourceAt(ctx context.Context, w world, root string) (source, error) {
	repository, err := repositoryAround(root)
	if repository == "" || err != nil {
		return source{}, err
	}
	git := gitIn(w, root)
	prefix, err := git.Output(ctx, "git", "rev-parse", "--show-prefix")
	if err != nil {
		return source{}, fmt.Errorf("%s is there, but git cannot use it; do what git says, "+
			"or build from a copy without it: %w", repository, err)
	}
	if strings.TrimSpace(string(prefix)) != "" { // the repository around an unpacked archive is not ours
		return source{}, nil
	}
	commit, err := git.Output(ctx, "git", "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return source{}, fmt.Errorf("%s has no commit that could be named; make one (git commit): %w", repository, err)
	}
	// The flags say what the user's settings (status.showUntrackedFiles) could hide.
	changed, err := git.Output(ctx, "git", "status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none")
	if err != nil {
		return source{}, fmt.Errorf("asking git what differs from the commit: %w", err)
	}
	return source{strings.TrimSpace(string(commit)), string(changed)}, nil
}

// repositoryAround returns the .git of dir or of the nearest folder above it; "" if there is none.
func repositoryAround(dir string) (string, error) {
	for {
		path := filepath.Join(dir, ".git")
		if _, err := os.Lstat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("looking for the git repository: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// elsewhere are the variables by which a caller, such as a git hook, makes git look at another
// repository than that of the folder it runs in.
var elsewhere = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE",
}

// gitIn returns the runner of git for the repository of a folder. Replaced objects do not count:
// nobody else has them.
func gitIn(w world, dir string) command.Runner {
	environ := slices.DeleteFunc(slices.Clone(w.environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(elsewhere, name)
	})
	return command.Runner{Dir: dir, Env: append(environ, "GIT_NO_REPLACE_OBJECTS=1")}
}

// name is what a program says it was built from.
func (s source) name() string {
	if s.changed != "" {
		return s.commit + "+dirty"
	}
	return s.commit
}

// clean says whether anybody else can get the same files.
func (s source) clean() error {
	if s.commit == "" {
		return errors.New("this is not a git repository with a commit, so nobody could build the same again")
	}
	if s.changed != "" {
		return fmt.Errorf("the tree differs from its commit; commit or remove these files first:\n%s",
			strings.TrimRight(s.changed, "\n"))
	}
	return nil
}

// committed returns the commit of a folder that has nothing else in it, as far as git looks.
func committed(ctx context.Context, w world, root string) (string, error) {
	at, err := sourceAt(ctx, w, root)
	if err != nil {
		return "", err
	}
	return at.commit, at.clean()
}

// asCommitted are settings of a clone under which its files are the commit's, whatever the user's own say: those
// can change line ends, attributes, and everything by a hook.
var asCommitted = []string{
	"-c", "core.autocrlf=false", "-c", "core.eol=lf",
	"-c", "core.attributesFile=/dev/null", "-c", "core.hooksPath=/dev/null",
}

// inClone makes a clone of root with nothing in it but the commit, so that files which are ignored, untracked
// or hidden from git status cannot be built, and calls build with it. The folder around the clone is free
// to use; all of it is removed afterwards.
func inClone(ctx context.Context, w world, root, commit string, build func(clone string) error) error {
	scratch, err := os.MkdirTemp("", "guardrails-*")
	if err != nil {
		return fmt.Errorf("making a folder for a clone: %w", err)
	}
	defer os.RemoveAll(scratch)
	clone := filepath.Join(scratch, "clone")
	args := slices.Concat([]string{"clone", "--quiet", "--shared", "--no-checkout", "--template="},
		asCommitted, []string{"--", root, clone})
	if _, err := gitIn(w, root).Output(ctx, "git", args...); err != nil {
		return fmt.Errorf("cloning the repository: %w", err)
	}
	if _, err := gitIn(w, clone).Output(ctx, "git", "checkout", "--quiet", "--detach", commit); err != nil {
		return fmt.Errorf("checking out %s: %w", commit, err)
	}
	if _, err := committed(ctx, w, clone); err != nil {
		return fmt.Errorf("the clone is not as commit %s: %w", commit, err)
	}
	return build(clone)
}

package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/fingerprint"
)

// tree is a checkout.
type tree struct {
	root string
	head git.ID
}

// treeOf is the checkout that a folder is in. A submodule is a part of the run's own checkout, whose commit says at
// which one it is; a repository that is none of its submodules could have been made by any step before.
func (s *step) treeOf(ctx context.Context, g *git.Git, dir string) (tree, error) {
	t, err := s.repository(ctx, g, dir)
	self := s.env.Var("Build.Repository.LocalPath")
	if err != nil || self == "" || samePath(self, t.root) || !isIn(realPath(self), t.root) {
		return t, err
	}
	if _, err := g.Open(self); err != nil {
		return t, nil // the folder of several checkouts
	}
	for !samePath(self, t.root) {
		outer, err := s.repository(ctx, g, filepath.Dir(t.root))
		if err != nil {
			return t, err
		}
		if !isSubmodule(ctx, g, outer.root, t.root) {
			return t, &task.UserError{
				Rule: "image/source",
				Msg: fmt.Sprintf("%.200q is a repository of its own inside of the checkout, and none of its "+
					"submodules: the image would not be of the commit that this run is for", s.shown(t.root)),
				Hint: "do not make a repository there; have it as a submodule, or check it out beside this one (path)",
			}
		}
		t = outer
	}
	return t, nil
}

func isSubmodule(ctx context.Context, g *git.Git, outer, root string) bool {
	rel, err := safepath.Rel(outer, root)
	if err != nil || rel == "." {
		return false
	}
	repo, err := g.Open(outer)
	if err != nil {
		return false
	}
	out, err := repo.Run(ctx, nil, "ls-files", "-s", "-z", "--", rel)
	head, name, _ := strings.Cut(strings.TrimSuffix(string(out), "\x00"), "\t")
	return err == nil && strings.HasPrefix(head, "160000 ") && name == filepath.ToSlash(rel)
}

// ofRun reports whether a checkout is of the run's own repository.
func (s *step) ofRun(t tree) bool {
	self := s.env.Var("Build.Repository.LocalPath")
	return self == "" || samePath(self, t.root) || strings.EqualFold(s.env.Var("Build.SourceVersion"), string(t.head))
}

// commitOfRun refuses the run's own repository at another commit.
func (s *step) commitOfRun(t tree) error {
	started := s.env.Var("Build.SourceVersion")
	if started == "" || !s.ofRun(t) || strings.EqualFold(started, string(t.head)) {
		return nil
	}
	return &task.UserError{
		Rule: "image/commit",
		Msg: fmt.Sprintf("the checkout is at commit %.12s, but this run is for %.12s: the image would not be what "+
			"the run says", t.head, redact.Line(started)),
		Hint: "do not commit, pull or check out another branch before the image is built; or set allowDirty: true: " +
			"the label commit then ends in -dirty",
	}
}

// tracked refuses a Dockerfile that git ignores, or that is in no checkout.
func (s *step) tracked(ctx context.Context, g *git.Git, name string) error {
	rel := ""
	root, repo, err := checkoutOf(g, filepath.Dir(name))
	if err == nil {
		rel, err = safepath.Rel(root, realPath(name))
	}
	if err == nil {
		_, err = repo.Run(ctx, nil, "ls-files", "--error-unmatch", "--", rel)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &task.UserError{
		Rule: "image/dirty", Err: err, Msg: fmt.Sprintf("no commit has the Dockerfile %.200s", s.shown(name)),
		Hint: "commit it, or set allowDirty: true",
	}
}

// repository is the innermost checkout that a folder is in.
func (s *step) repository(ctx context.Context, g *git.Git, dir string) (tree, error) {
	_, repo, err := checkoutOf(g, dir)
	if err != nil {
		return tree{}, err
	}
	out, err := repo.Run(ctx, nil, "rev-parse", "--show-toplevel", "HEAD")
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != 2 {
		return tree{}, errors.New("git names no folder and commit")
	}
	return tree{filepath.FromSlash(strings.TrimSuffix(lines[0], "\r")), git.ID(lines[1])}, nil
}

// checkoutOf finds the checkout that a folder is in, by going up.
func checkoutOf(g *git.Git, dir string) (root string, repo *git.Repo, err error) {
	for root = realPath(dir); ; root = filepath.Dir(root) {
		if repo, err = g.Open(root); err == nil || filepath.Dir(root) == root {
			return root, repo, err
		}
	}
}

// refuseChanges refuses files that the image could be made of and that are not the commit's. The first of trees has
// the build context, another one the Dockerfile.
func (s *step) refuseChanges(ctx context.Context, g *git.Git, trees []tree, p *plan) error {
	for _, name := range slices.Sorted(maps.Keys(p.contexts)) {
		place := p.contexts[name]
		if _, err := safepath.Rel(trees[0].root, realPath(place)); filepath.IsAbs(place) && err != nil {
			return &task.UserError{
				Rule: "image/source",
				Msg: fmt.Sprintf("the context %.60q (%.200q) is outside of the checkout that is built, so the image "+
					"would not be of its commit alone", name, s.shown(place)),
				Hint: "put it into the repository, as a submodule for example, or set allowDirty: true",
			}
		}
	}
	home, _ := s.env.Lookup("HOME")
	var changed []string
	for i, t := range trees {
		matters, err := s.partOfImage(t.root, p)
		if err != nil {
			return err
		}
		found, err := checkout.Differing(ctx, g, checkout.Folder{
			Dir: t.root, Scratch: filepath.Join(s.scratch, "checkout-"+strconv.Itoa(i)), Home: home, Want: matters,
			Needed: func(name string) bool { return decides(filepath.Join(t.root, filepath.FromSlash(name)), p) },
		})
		if err != nil {
			return &task.UserError{
				Class: task.Environment, Rule: "image/source", Err: err,
				Msg: "whether files differ from the commit cannot be told: " + redact.Line(err.Error()),
				Hint: "check the repository out anew (clean: true, and submodules: true if it has some); if git " +
					"prints too much, name the folder with the many files in .gitignore",
			}
		}
		changed = append(changed, found...)
	}
	if len(changed) == 0 {
		return nil
	}
	verb := "differ"
	if len(changed) == 1 {
		verb = "differs"
	}
	return &task.UserError{
		Rule: "image/dirty",
		Msg: fmt.Sprintf("%s in the build context %s from the commit: %s", count(len(changed), "file"), verb,
			redact.Lines(changed)),
		Hint: "commit what is to stay (git status does not show what .git/info/exclude hides); name what a build " +
			"makes in .gitignore, and what the image does not need in .dockerignore; or set allowDirty: true",
	}
}

// partOfImage tells whether a file of the checkout can get into the image.
func (s *step) partOfImage(root string, p *plan) (func(name string) bool, error) {
	// git names the root as it really is; the sources folder may lie behind a link.
	folder := realPath(p.context)
	ignored, err := fingerprint.Ignored(p.context, p.dockerfile)
	if err != nil {
		return nil, badInput("buildContext", ".dockerignore: "+redact.Line(err.Error()), "correct the file")
	}
	folders := []string{folder}
	for _, place := range p.contexts {
		if filepath.IsAbs(place) {
			folders = append(folders, realPath(place))
		}
	}
	taken := func(full string) bool {
		if rel, err := safepath.Rel(folder, full); err == nil && (rel == "." || !ignored(rel)) {
			return true
		}
		return slices.ContainsFunc(folders[1:], func(in string) bool { return isIn(in, full) })
	}
	return func(name string) bool {
		full := filepath.Join(root, filepath.FromSlash(name))
		if decides(full, p) {
			return true
		}
		if base := filepath.Base(full); base == ".gitignore" || base == ".gitattributes" {
			// By these git sees less of what is beside and below them.
			dir := filepath.Dir(full)
			return taken(full) || taken(dir) ||
				slices.ContainsFunc(folders, func(in string) bool { return isIn(dir, in) })
		}
		return taken(full)
	}, nil
}

// decides reports whether a file says what of the others gets into the image.
func decides(full string, p *plan) bool {
	file := realPath(p.dockerfile)
	return slices.ContainsFunc([]string{
		file, file + ".dockerignore", filepath.Join(realPath(p.context), ".dockerignore"),
	}, func(one string) bool { return samePath(full, one) })
}

func isIn(folder, name string) bool {
	_, err := safepath.Rel(folder, name)
	return err == nil
}

func samePath(a, b string) bool {
	rel, err := filepath.Rel(realPath(a), realPath(b))
	return err == nil && rel == "."
}

// realPath is a path without links in it, as far as there is something.
func realPath(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil {
		return real
	}
	return filepath.Clean(p)
}

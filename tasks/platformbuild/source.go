package platformbuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/fingerprint"
)

// The labels of the post-mortem: which run built the image, from which commit.
const (
	labelBuiltBy  = "built-by"
	labelPipeline = "pipeline"
	labelBuildID  = "build-id"
	labelCommit   = "commit"

	// labelInputs is the hash of what the image was made of, see buildOnce.
	labelInputs = "inputs"

	builtByPipeline = "azure-devops"

	dirty = "-dirty" // ends the commit if the files were not the commit's
)

// commit is where the sources come from.
type commit struct {
	id    git.ID // "" if that is not known
	clean bool   // the files are the commit's
}

// sourceCommit finds out which commit is built, and refuses to build what is none: nobody could tell later what the
// image was made of.
func (s *step) sourceCommit(ctx context.Context, p *plan) (commit, error) {
	c, err := s.readSource(ctx, p)
	switch {
	case err == nil:
		c.clean = true
		return c, nil
	case s.in.AllowDirty:
		s.env.Log.Print(errorText(err) + "; the image is built and labelled all the same, as allowDirty is true")
		return c, nil
	}
	return c, s.insist(err)
}

func errorText(err error) string {
	var texts []string
	for _, e := range flat(err) {
		texts = append(texts, e.Error())
	}
	return strings.Join(texts, "; ")
}

func (s *step) readSource(ctx context.Context, p *plan) (commit, error) {
	g, err := git.New(ctx, git.Config{Environ: s.env.Environ(), Secrets: s.env.Secrets, Debug: s.env.Log.Debug})
	if err != nil {
		return commit{}, &task.UserError{
			Class: task.Environment, Rule: "image/git", Msg: err.Error(),
			Hint: "install git 2.20 or newer on the agent, and put it on the PATH",
		}
	}
	root, head, err := s.repository(ctx, g, p.context)
	if err != nil {
		return commit{}, &task.UserError{
			Class: task.Refused, Rule: "image/source", Err: err,
			Msg: fmt.Sprintf("the build context %.200q is in no git checkout, so the image would be of no commit",
				s.shown(p.context)),
			Hint: "check the repository out in this job, or set allowDirty: true",
		}
	}
	c := commit{id: head}
	started := s.env.Var("Build.SourceVersion")
	if self := s.env.Var("Build.Repository.LocalPath"); self == "" || samePath(self, root) {
		if started != "" && !strings.EqualFold(started, string(head)) {
			return c, &task.UserError{
				Rule: "image/commit",
				Msg: fmt.Sprintf(
					"the checkout is at commit %.12s, but this run is for %.12s: the image would not be what "+
						"the run says",
					head,
					redact.Line(started),
				),
				Hint: "do not commit, pull or check out another branch before the image is built",
			}
		}
	}
	if err := s.tracked(ctx, g, p.dockerfile); err != nil {
		return c, err
	}
	return c, s.refuseChanges(ctx, g, root, p)
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

// repository is the root of the checkout that a folder is in, and the commit it is at.
func (s *step) repository(ctx context.Context, g *git.Git, dir string) (root string, head git.ID, err error) {
	_, repo, err := checkoutOf(g, dir)
	if err != nil {
		return "", "", err
	}
	out, err := repo.Run(ctx, nil, "rev-parse", "--show-toplevel", "HEAD")
	if err != nil {
		return "", "", err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != 2 {
		return "", "", errors.New("git names no folder and commit")
	}
	return filepath.FromSlash(strings.TrimSuffix(lines[0], "\r")), git.ID(lines[1]), nil
}

// checkoutOf finds the checkout that a folder is in, by going up.
func checkoutOf(g *git.Git, dir string) (root string, repo *git.Repo, err error) {
	for root = realPath(dir); ; root = filepath.Dir(root) {
		if repo, err = g.Open(root); err == nil || filepath.Dir(root) == root {
			return root, repo, err
		}
	}
}

// refuseChanges refuses files that the image could be made of and that are not the commit's.
func (s *step) refuseChanges(ctx context.Context, g *git.Git, root string, p *plan) error {
	for _, name := range slices.Sorted(maps.Keys(p.contexts)) {
		place := p.contexts[name]
		if _, err := safepath.Rel(root, realPath(place)); filepath.IsAbs(place) && err != nil {
			return &task.UserError{
				Rule: "image/source",
				Msg: fmt.Sprintf("the context %.60q (%.200q) is outside of the checkout that is built, so the image "+
					"would not be of its commit alone", name, s.shown(place)),
				Hint: "put it into the repository, as a submodule for example, or set allowDirty: true",
			}
		}
	}
	matters, err := s.partOfImage(root, p)
	if err != nil {
		return err
	}
	home, _ := s.env.Lookup("HOME")
	changed, err := checkout.Differing(ctx, g, checkout.Folder{
		Dir: root, Scratch: filepath.Join(s.scratch, "checkout"), Home: home, Want: matters,
	})
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "image/source", Err: err,
			Msg:  "whether files differ from the commit cannot be told: " + redact.Line(err.Error()),
			Hint: "mend the checkout, or set allowDirty: true",
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return &task.UserError{
		Rule: "image/dirty",
		Msg: fmt.Sprintf("%s in the build context differ from the commit: %s", count(len(changed), "file"),
			redact.Lines(changed)),
		Hint: "commit them; name what a build makes in .gitignore, and what the image does not need in " +
			".dockerignore; or set allowDirty: true",
	}
}

// partOfImage tells whether a file of the checkout can get into the image.
func (s *step) partOfImage(root string, p *plan) (func(name string) bool, error) {
	// git names the root as it really is; the sources folder may lie behind a link.
	folder, file := realPath(p.context), realPath(p.dockerfile)
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
		for _, decides := range []string{
			file, file + ".dockerignore", filepath.Join(folder, ".dockerignore"),
		} {
			if samePath(full, decides) {
				return true
			}
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

// label adds what a reader of the image needs to know: the labels of the post-mortem, and those of OCI.
func (s *step) label(p *plan, c commit, now time.Time) {
	run := map[string]string{}
	if s.inPipeline() {
		run[labelBuiltBy] = builtByPipeline
		run[labelPipeline] = s.env.Var("Build.DefinitionName")
		run[labelBuildID] = s.env.Var("Build.BuildId")
		run["org.opencontainers.image.url"] = s.runURL()
	}
	run[labelCommit] = cmp.Or(string(c.id), "unknown")
	if !c.clean {
		run[labelCommit] += dirty
	}
	run["org.opencontainers.image.revision"] = run[labelCommit]
	run["org.opencontainers.image.source"] = plainURL(s.env.Var("Build.Repository.Uri"))
	run["org.opencontainers.image.created"] = now.UTC().Format(time.RFC3339)
	p.own = map[string]string{}
	for name, value := range run {
		if value == "" {
			continue
		}
		p.own[name] = value
		p.labels[name] = value
		if strings.HasPrefix(name, "org.opencontainers.") {
			p.annotations[name] = value
		}
	}
	// What everybody can read in the registry is no place for what was said to be secret.
	for name, value := range maps.Clone(p.own) {
		p.own[name] = s.env.Secrets.String(value)
		p.labels[name] = p.own[name]
		if _, ok := p.annotations[name]; ok {
			p.annotations[name] = p.own[name]
		}
	}
}

// plainURL is an address without user and password.
func plainURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// inPipeline reports whether this is an agent of Azure Pipelines.
func (s *step) inPipeline() bool {
	return strings.EqualFold(s.env.Var("TF_BUILD"), "true") && s.env.Var("Build.BuildId") != ""
}

// runURL is the page of this run.
func (s *step) runURL() string {
	collection, project := s.env.Var("System.CollectionUri"), s.env.Var("System.TeamProject")
	if collection == "" || project == "" {
		return ""
	}
	return strings.TrimSuffix(collection, "/") + "/" + url.PathEscape(project) + "/_build/results?buildId=" +
		url.QueryEscape(s.env.Var("Build.BuildId"))
}

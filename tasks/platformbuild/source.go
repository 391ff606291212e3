package platformbuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/task"
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

	foreign bool // it is of another repository than the run's
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
	t, err := s.treeOf(ctx, g, p.context)
	if err != nil {
		return commit{id: t.head}, orElse(err, &task.UserError{
			Class: task.Refused, Rule: "image/source", Err: err,
			Msg: fmt.Sprintf("the build context %.200q is in no git checkout, so the image would be of no commit",
				s.shown(p.context)),
			Hint: "check the repository out in this job, or set allowDirty: true",
		})
	}
	c := commit{id: t.head, foreign: !s.ofRun(t)}
	if err := s.tracked(ctx, g, p.dockerfile); err != nil {
		return c, err
	}
	file, err := s.treeOf(ctx, g, filepath.Dir(p.dockerfile))
	if err != nil {
		return c, err
	}
	trees := []tree{t}
	if !samePath(file.root, t.root) {
		trees = append(trees, file)
	}
	for _, t := range trees {
		if err := s.commitOfRun(t); err != nil {
			return c, err
		}
	}
	return c, s.refuseChanges(ctx, g, trees, p)
}

// orElse is an error that says what to do, or another one for it.
func orElse(err error, other *task.UserError) error {
	if told := (*task.UserError)(nil); errors.As(err, &told) {
		return told
	}
	return other
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
	if !c.foreign {
		run["org.opencontainers.image.source"] = plainURL(s.env.Var("Build.Repository.Uri"))
	}
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

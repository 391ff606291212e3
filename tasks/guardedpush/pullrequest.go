package guardedpush

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
)

// headRef is the branch of the pipeline's pull request: one for each branch that it
// pushes to, and each application and environment that it deploys.
func (s *step) headRef() string {
	ref := "refs/heads/guardrails/" + strings.TrimPrefix(s.branch, "refs/heads/") + "/" + s.self.key()
	application, environment := strings.TrimSpace(s.in.Application), strings.TrimSpace(s.in.Environment)
	if application == "" && environment == "" {
		return ref
	}
	return ref + "-" + digest(plainName(application+"-"+environment)+"-", []string{application, environment})
}

// plainName is a name for a ref: letters and digits, and hyphens for all else.
func plainName(text string) string {
	plain := func(c rune) rune {
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			return unicode.ToLower(c)
		}
		return '-'
	}
	text = strings.Trim(strings.Map(plain, text), "-")
	return text[:min(len(text), 60)]
}

// proposed reports whether the open pull request has the draft already.
func (s *step) proposed(ctx context.Context, t tip, d *draft) (bool, error) {
	if s.in.PullRequest != PullRequestAlways || t.head == "" {
		return false, nil
	}
	return s.headHas(ctx, t, d)
}

// propose pushes the draft to a branch of its own and sees to one pull request. The
// branch is never forced: on top of what it has comes a merge of the newest commit of
// the target, whose files count.
func (s *step) propose(ctx context.Context, t tip, d *draft, text string) error {
	project, repository, ok := azureRepository(s.remote.URL)
	if !s.remote.azure || !ok {
		return badInput("pullRequest", "pull requests are opened in Azure Repos only",
			"set pullRequest: off, or push to a repository of Azure Repos")
	}
	client, err := s.serverOf(project)
	if err != nil {
		return err
	}
	fresh, err := s.advance(ctx, t, d, text)
	if err != nil || s.in.DryRun {
		return err
	}
	subject, body, _ := strings.Cut(text, "\n")
	p := ado.PullRequest{
		// The trailers stay last: Azure Repos makes the merge's message of it.
		Title:       subject,
		Description: "By [run " + s.self.number + "](" + s.self.url + ").\n\n" + strings.TrimSpace(body),
		Source:      s.headRef(), Target: s.branch,
	}
	made, err := client.CreatePullRequest(ctx, repository, p)
	if err == nil && fresh && (made.Title != p.Title || made.Description != p.Description) {
		p.ID = made.ID
		made, err = client.UpdatePullRequest(ctx, repository, p)
	}
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "push/pull-request", Final: true, Err: err,
			Msg:  fmt.Sprintf("the change is in %s, but there is no pull request: %v", s.headRef(), err),
			Hint: "open it by hand, or give the build service the permission Contribute to pull requests",
		}
	}
	s.result.pullRequest = made.Page
	s.env.Log.Printf("Pull request %d: %s", made.ID, redact.Line(made.Page))
	s.summarize(d)
	return nil
}

// advance brings the pull request's branch up to date, and returns whether there was need.
func (s *step) advance(ctx context.Context, t tip, d *draft, text string) (bool, error) {
	parents := []git.ID{t.commit}
	if t.head != "" {
		has, err := s.headHas(ctx, t, d)
		if err != nil {
			return false, err
		}
		if has && s.result.pushed {
			return true, nil // by an earlier attempt, see landed
		}
		if has {
			s.result.reason = "unchanged"
			s.env.Log.Printf("%s has this change already.", redact.Line(s.headRef()))
			return false, nil
		}
		parents = []git.ID{t.head, t.commit}
	}
	c := s.commit(d, text, parents...)
	c.Base = t.commit
	id, err := s.repo.Commit(ctx, c)
	if err != nil {
		return false, s.unmade(err)
	}
	if s.in.DryRun {
		s.result.reason = "dryRun"
		s.env.Log.Printf("Dry run: commit %s would be pushed to %s now.", short(id), redact.Line(s.headRef()))
		return false, nil
	}
	if err := s.publish(ctx, d, git.Update{Ref: s.headRef(), Old: t.head, New: id}); err != nil {
		return false, err
	}
	s.result.pushed, s.result.reason, s.result.commit = true, "pullRequest", id
	s.env.Log.Printf("Pushed %s to %s.", id, redact.Line(s.headRef()))
	return true, nil
}

// headHas reports whether the pull request's branch has the draft already, and nothing
// else. A branch that is not ours is refused.
func (s *step) headHas(ctx context.Context, t tip, d *draft) (bool, error) {
	commits, err := s.repo.Commits(ctx, t.head, 1)
	if err != nil || len(commits) == 0 {
		return false, err
	}
	if err := s.refuseTheirs(commits[0]); err != nil {
		return false, err
	}
	if !slices.Contains(commits[0].Parents, t.commit) {
		return false, nil // the target has moved on
	}
	// What an earlier run has proposed, and this one does not, must not be merged.
	names := d.names()
	differing, err := s.repo.Differing(ctx, t.commit, t.head)
	if err != nil || slices.ContainsFunc(differing, func(name string) bool { return !slices.Contains(names, name) }) {
		return false, err
	}
	there, contents, err := s.read(ctx, t.head, names)
	if err != nil {
		return false, err
	}
	for _, f := range d.files {
		e := there[f.Path]
		if e.Mode != f.Mode || f.Mode != "" && !meaning.Same(f.Path, contents[e.ID], f.Data, s.ignore) {
			return false, nil
		}
	}
	return true, nil
}

// refuseTheirs refuses to build on the newest commit of the pull request's branch if it is
// not ours. One that somebody has amended still has our trailers: it is known by its
// committer, or, with --reset-author, by its author.
func (s *step) refuseTheirs(c git.Commit) error {
	st, ours := message.Read(c.Message)
	us := git.Ident{Name: s.in.AuthorName, Email: s.in.AuthorEmail}
	amended := c.Author != c.Committer || written(c.Author) != written(us)
	why := "has commits that are not this pipeline's"
	switch {
	case !ours || st.Pipeline != s.self.pipeline():
	case amended:
		why = fmt.Sprintf("has a commit of this pipeline's that was changed by %.100q (or authorName or authorEmail "+
			"is another since)", c.Committer.Name)
	default:
		return nil
	}
	return &task.UserError{
		Rule: "push/pull-request", Final: true,
		Msg:  fmt.Sprintf("the branch %.200q %s", s.headRef(), why),
		Hint: "merge or abandon its pull request and delete the branch, so that nobody's work is lost",
	}
}

// written is a name as git writes it into a commit: versions differ in what they strip.
func written(who git.Ident) git.Ident {
	strip := func(text string) string {
		return strings.TrimFunc(text, func(c rune) bool { return c <= ' ' || strings.ContainsRune(`.,:;<>"\'`, c) })
	}
	return git.Ident{Name: strip(who.Name), Email: strip(who.Email)}
}

// azureRepository takes the address of a repository of Azure Repos apart:
// https://dev.azure.com/organization/project/_git/repository, without a project when it
// is called like the repository.
func azureRepository(address string) (project, repository string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	before, repository, ok := strings.Cut(strings.Trim(u.Path, "/"), "_git/")
	repository, _, _ = strings.Cut(repository, "/")
	if !ok || repository == "" {
		return "", "", false
	}
	parts := strings.Split(strings.Trim(before, "/"), "/")
	project = parts[len(parts)-1]
	if len(parts) < 2 && strings.EqualFold(u.Host, "dev.azure.com") || project == "" {
		project = repository
	}
	return project, repository, true
}

// warnOfValidation points out that a skip token does not keep the validation of a pull
// request from starting.
func (s *step) warnOfValidation(ctx context.Context) {
	project, repository, ok := azureRepository(s.remote.URL)
	if s.in.CommitKind != CommitKindOther || !s.remote.azure || !ok {
		return
	}
	client, err := s.serverOf(project)
	if err != nil {
		return
	}
	open, err := client.PullRequests(ctx, repository, s.branch, "")
	switch {
	case err != nil:
		s.env.Log.Printf("Whether a pull request validates this branch is not known: %v", err)
	case len(open) > 0:
		s.warn(
			"loop/validation",
			fmt.Sprintf("%s is the source of pull request %d: this push starts its validation again, "+
				"because Azure DevOps does not heed %s there", redact.Line(s.branch), open[0].ID, s.skip()),
			"push to a branch that is not validated, or exclude the files from the build policy's path filter",
		)
	}
}

// Package guardedpush is the task GuardedPush: a push from a pipeline that cannot loop,
// cannot race and cannot repeat itself.
//
// The main stage understands the inputs (settings.go), finds out where to push and who
// may (remote.go), and then tries (attempt.go): it fetches the newest commit, lays the
// change on it (content.go), looks at what that would publish (screen.go), writes the
// commit's message (commit.go), asks whether the pipeline is in a loop (startedby.go,
// permit.go), and pushes, to a branch of its own if it has to (pullrequest.go); when
// somebody else was first, all of that is done again. What follows when the breaker trips
// is in trip.go and told.go, how it is closed in reset.go, what a server's no means in
// refusal.go, and what the step says in the end in outcome.go.
// Each package below knows one thing:
//
//	document    YAML and JSON files as trees, and JSONPath
//	splice      scalars changed in a file's text
//	meaning     whether two versions of a file mean the same
//	message     our commits' messages: trailers, and tokens that keep pipelines from starting
//	breaker     whether a pipeline is in a loop
//	alert       who is told
//
// Rules that hold throughout: nothing is forced; a refused push changes nothing; a check
// that cannot be made is a refusal; the checkout is not touched (shared/checkout).
package guardedpush

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// Task is GuardedPush.
var Task = waiting(nil)

// waiting is the task with a way to wait before something is tried again; nil waits on the
// system's clock.
func waiting(sleep func(context.Context, time.Duration) error) task.Task[Inputs] {
	return task.Task[Inputs]{Name: "GuardedPush", Main: func(ctx context.Context, env *task.Env, in Inputs) error {
		s, err := understand(env, in)
		if err != nil {
			return s.announce(err)
		}
		s.sleep = sleep
		return s.announce(s.work(ctx))
	}}
}

// work does what the command says, in a scratch folder.
func (s *step) work(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(s.scratch) }() // the agent empties what is left of it
	if err := s.screenReason(ctx); err != nil {
		return err
	}
	if s.in.Command == CommandReset {
		return s.reset(ctx)
	}
	return s.push(ctx)
}

// prepare finds git, the remote and a place to work in.
func (s *step) prepare(ctx context.Context) (err error) {
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		s.warn("push/connection", warning, "")
	}
	config.Secrets, config.Retry.Sleep = s.env.Secrets, s.sleep
	s.http = httpx.New(config)
	s.git, err = git.New(ctx, git.Config{
		Environ: s.env.Environ(), Secrets: s.env.Secrets, Debug: s.env.Log.Debug,
	})
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "push/git", Msg: err.Error(),
			Hint: "install git 2.20 or newer on the agent, and put it on the PATH",
		}
	}
	if s.remote, err = s.findRemote(ctx); err != nil {
		return err
	}
	s.env.Log.Printf("Repository: %s, branch %s, with %s", redact.Line(s.remote.URL), redact.Line(s.branch),
		s.remote.who)
	if s.scratch, err = os.MkdirTemp(s.env.TempDir(), "guardedpush-"); err != nil {
		return fmt.Errorf("making a folder to work in: %w", err)
	}
	if s.repo, err = s.git.Init(ctx, s.scratch+"/repository", s.remote.Remote); err != nil {
		_ = os.RemoveAll(s.scratch)
		return err
	}
	s.stateRef = s.breakerRef()
	return nil
}

// server is Azure DevOps, with the job's own token.
func (s *step) server() (*ado.Client, error) { return s.serverOf(s.env.Var("System.TeamProjectId")) }

// serverOf is the same for a project, by name or id.
func (s *step) serverOf(project string) (*ado.Client, error) {
	e := endpoint.New(s.env.Environ())
	address, err := e.SystemURL()
	if err != nil {
		return nil, err
	}
	token, err := e.SystemToken()
	if err != nil {
		return nil, err
	}
	return ado.New(ado.Config{
		HTTP: s.http, Server: address, Project: project, Token: token, Retry: retry.Policy{Sleep: s.sleep},
		Now: s.env.Now,
	})
}

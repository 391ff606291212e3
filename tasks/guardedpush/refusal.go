package guardedpush

import (
	"errors"
	"fmt"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// remoteText is what a remote did not do, in a few words.
func remoteText(err error) string {
	var no *git.RemoteError
	if errors.As(err, &no) && no.Kind == git.Raced {
		return "somebody else has pushed meanwhile; the change is made again on the newest commit"
	}
	return redact.Line(err.Error())
}

// explain turns what the remote says into what to do about it.
func (s *step) explain(err error) error {
	var no *git.RemoteError
	if !errors.As(err, &no) {
		return err
	}
	e := &task.UserError{Class: task.Environment, Final: true, Err: err}
	said := ""
	if no.Said != "" {
		said = " (" + no.Said + ")"
	}
	switch no.Kind {
	case git.Raced:
		e.Rule, e.Msg = "push/raced", fmt.Sprintf("in %d attempts somebody else was always first to push to %s",
			attempts, s.branch)
		e.Hint = "run the step again when there is less going on"
	case git.Policy:
		e.Class, e.Rule = task.Refused, "push/policy"
		e.Msg = fmt.Sprintf("%s takes pull requests only%s", s.branch, said)
		if e.Hint = "set pullRequest: whenRequired"; !s.remote.azure {
			e.Hint = "push to a branch that takes pushes, or exempt this identity from the rule"
		}
	case git.Denied:
		e.Rule, e.Msg = "push/denied", s.remote.who+" may not do that"+said
		e.Hint = s.refRight()
	case git.Hook:
		e.Class, e.Rule, e.Msg = task.Refused, "push/hook", "the server refuses the push"+said
		e.Hint = "mend what the server says, or have its rule changed"
	default:
		s.explainConnection(e, no, said)
	}
	return e
}

// explainConnection is explain for what has nothing to do with the push itself.
func (s *step) explainConnection(e *task.UserError, no *git.RemoteError, said string) {
	switch no.Kind {
	case git.Unauthorized:
		e.Rule, e.Msg = "push/credentials", "the server does not accept "+s.remote.who+said
		e.Hint = "check that it has not expired and is meant for this server; the job's token ends with the job"
	case git.NotFound:
		e.Rule, e.Msg = "push/repository", fmt.Sprintf("there is no repository %.200q for %s%s", s.remote.URL,
			s.remote.who, said)
		e.Hint = "check the address; with \"Protect access to repositories in YAML pipelines\" the repository must " +
			"be listed under resources: repositories: or checked out in this job"
	case git.NoRef:
		e.Rule, e.Msg = "push/branch", fmt.Sprintf("%s is gone%s", s.branch, said)
		e.Hint = "create it, or correct the input branch"
	case git.Throttled:
		e.Rule, e.Msg = "push/throttled", "the server limits this identity's requests"+said
		e.Hint = "run fewer jobs at once"
	case git.Certificate:
		e.Rule, e.Msg = "push/certificate", "the server's certificate is not trusted"+said
		e.Hint = "if your organization or proxy has its own authority, configure the agent with --sslcacert"
	case git.Unreachable:
		e.Rule, e.Msg = "push/unreachable", "the server cannot be reached, or does not answer to the end"+said
		e.Hint = "run the pipeline again; if it stays so, check the agent's network, proxy (--proxyurl) and firewall"
	default:
		e.Rule, e.Msg = "push/remote", "the server did not do what it was asked"+said
		e.Hint = "mend what the server says; the variable System.Debug: true shows what it was asked"
	}
}

// refRight names the right that a push needs.
func (s *step) refRight() string {
	if !s.remote.azure {
		return "give that identity write access to the repository"
	}
	return fmt.Sprintf(
		"give %q or, where the job's scope is limited to its project, %q the permission Contribute on the "+
			"repository (and Create branch for pullRequest): Project settings > Repositories > Security",
		"Project Collection Build Service ("+s.self.organization+")",
		s.self.project+" Build Service ("+s.self.organization+")",
	)
}

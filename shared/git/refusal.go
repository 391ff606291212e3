package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/proc"
)

// Kind is why a remote did not do what it was asked.
type Kind string

// The kinds.
const (
	Raced        Kind = "raced"        // somebody else has moved the ref
	Policy       Kind = "policy"       // the branch takes pull requests only
	Denied       Kind = "denied"       // the identity lacks a right
	Hook         Kind = "hook"         // the server has another rule
	Unauthorized Kind = "unauthorized" // the token is not accepted
	NotFound     Kind = "notFound"     // no such repository, or not for this identity
	NoRef        Kind = "noRef"        // no such branch
	Throttled    Kind = "throttled"
	Certificate  Kind = "certificate"
	Unreachable  Kind = "unreachable" // no or half an answer, or a server error
	Other        Kind = "other"
)

// RemoteError is what a remote did not do, in words that can be shown.
type RemoteError struct {
	Kind Kind
	Said string // the server's words, one line, fit for a log; may be empty
	Err  error
}

// means says a kind in a few words.
var means = map[Kind]string{
	Raced:        "somebody else has changed it in the meantime",
	Policy:       "the branch takes changes by pull request only",
	Denied:       "the identity of this job lacks a right",
	Hook:         "a rule of the server refuses it",
	Unauthorized: "the token is not accepted",
	NotFound:     "there is no such repository, or the identity of this job may not see it",
	NoRef:        "there is no such branch",
	Throttled:    "the server asks for a pause",
	Certificate:  "the certificate of the server is not trusted",
	Unreachable:  "the server cannot be reached, or broke off",
	Other:        "the server or git refused",
}

// Error is one line.
func (e *RemoteError) Error() string {
	if e.Said == "" {
		return means[e.Kind]
	}
	return fmt.Sprintf("%s (%s)", means[e.Kind], e.Said)
}

// Unwrap returns the cause.
func (e *RemoteError) Unwrap() error { return e.Err }

// Temporary reports whether another try may help, without fetching anew.
func (e *RemoteError) Temporary() bool { return e.Kind == Throttled || e.Kind == Unreachable }

// noneSince reports whether there is no commit as young as that.
func (e *RemoteError) noneSince() bool {
	return strings.Contains(e.Said, "no commits selected for shallow requests") ||
		strings.Contains(e.Said, "error processing shallow info")
}

// noSince reports whether the server cannot tell commits by their time, or at all.
func (e *RemoteError) noSince() bool {
	return strings.Contains(e.Said, "does not support --shallow-since") || e.noDepth()
}

// noDepth reports whether the server cannot leave out history.
func (e *RemoteError) noDepth() bool {
	return strings.Contains(e.Said, "does not support shallow")
}

// talk runs a command that asks the remote for something.
func (r *Repo) talk(ctx context.Context, c command) ([]byte, error) {
	if r.remote == nil {
		return nil, errors.New("the repository has no remote")
	}
	said, also := &words{}, c.stderr
	c.network, c.stderr = true, said
	out, err := r.run(ctx, c)
	if also != nil {
		_, _ = also.Write([]byte(said.String()))
	}
	var exit *proc.ExitError
	if errors.As(err, &exit) {
		return out, r.remote.refusal("", said.String(), "", err)
	}
	return out, err
}

// refusal says what a remote has not done; nil if it has done it. ref is the ref that was
// pushed, stdout what git push says about it.
func (r *remote) refusal(stdout, stderr, ref string, err error) *RemoteError {
	for _, s := range parsePorcelain(stdout) {
		if s.to != ref {
			continue
		}
		if s.flag != '!' {
			if err != nil {
				break
			}
			return nil
		}
		remote := remoteLines(stderr)
		said := s.reason
		if remote != "" {
			said = remote + " (" + said + ")"
		}
		return &RemoteError{Kind: kindOf(remote, s.reason, rejections), Said: oneLine(said, 300), Err: err}
	}
	if err == nil && strings.TrimSpace(stdout) == "Done" {
		return nil // all that is said with --quiet if no ref is refused
	}
	if err == nil {
		err = errors.New("git push has not said what became of the ref")
	}
	// The address may hold any word.
	kind := kindOf(strings.ReplaceAll(stderr, r.url, ""), "", failures)
	said := mainWords(stderr)
	if strings.Contains(said, "returned error: 3") {
		said += "; it names another address, to which the token is not sent: if it is right, use it"
	}
	return &RemoteError{Kind: kind, Said: oneLine(said, 300), Err: err}
}

// mainWords are those of the server, and of git without what it adds to every failure.
func mainWords(stderr string) string {
	var said []string
	for line := range strings.SplitSeq(stderr, "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(line, "fatal: "), "error: "))
		if text, ok := strings.CutPrefix(line, "remote:"); ok {
			line = strings.TrimSpace(text)
		}
		noise := slices.ContainsFunc(noises, func(n string) bool { return strings.HasPrefix(line, n) })
		if line != "" && !noise && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return stderr
	}
	return strings.Join(said, "; ")
}

var noises = []string{
	"the remote end hung up", "send-pack: unexpected disconnect", "failed to push some refs",
	"expected 'acknowledgments'", "warning: filtering not recognized",
}

// remoteLines are the words of the server itself.
func remoteLines(stderr string) string {
	var said []string
	for line := range strings.SplitSeq(stderr, "\n") {
		if text, ok := strings.CutPrefix(line, "remote:"); ok {
			said = append(said, strings.TrimSpace(text))
		}
	}
	return strings.Join(said, " ")
}

// sign is a text by which a kind is known.
type sign struct {
	text string // in lower case
	kind Kind
}

func kindOf(remote, reason string, signs []sign) Kind {
	text := strings.ToLower(remote + "\n" + reason)
	for _, s := range signs {
		if strings.Contains(text, s.text) {
			return s.kind
		}
	}
	return Other
}

// rejections are what servers say to a push, and what git says in place of them. The
// first that is found counts.
var rejections = []sign{
	{"tf401028", Raced},
	{"tf402455", Policy},
	{"tf401027", Denied},
	{"tf401019", NotFound},
	{"vs4036", Hook}, // push protection: a secret was found
	{"vs403", Denied},
	{"must be made through a pull request", Policy},
	{"gh006", Policy},
	{"protected branch", Policy},
	{"not allowed to push", Denied},
	{"permission to ", Denied},
	{"exists; cannot create", Other}, // a branch in place of a folder: no race
	{"fetch first", Raced},
	{"non-fast-forward", Raced},
	{"stale info", Raced},
	{"cannot lock ref", Raced},
	{"incorrect old value provided", Raced},
	{"failed to update ref", Raced},
	{"reference already exists", Raced},
	{"hook declined", Hook},
	{"rule violations", Hook},
	{"push was rejected", Hook},
}

// failures are what git says when a server does not answer as one should.
var failures = []sign{
	{"couldn't find remote ref", NoRef},
	{"authentication failed", Unauthorized},
	{"could not read username", Unauthorized},
	{"could not read password", Unauthorized},
	{"returned error: 401", Unauthorized},
	// Azure DevOps answers a token that it does not know with a page to sign in.
	{"not valid: is this a git repository", Unauthorized},
	{"bad line length character: <", Unauthorized},
	{"invalid content-type text/html", Unauthorized},
	{"returned error: 403", Denied},
	{"tf401019", NotFound},
	{"returned error: 404", NotFound},
	{"repository not found", NotFound},
	{"' not found", NotFound},
	{"returned error: 429", Throttled},
	{"returned error: 407", Other}, // the proxy
	{"code 407 from proxy", Other},
	{"returned error: 408", Unreachable},
	{"returned error: 3", Other}, // elsewhere: the token does not go there
	{"returned error: 4", Other},
	{"returned error: 5", Unreachable},
	{"certificate", Certificate},
	{"could not resolve", Unreachable},
	{"failed to connect", Unreachable},
	{"couldn't connect", Unreachable},
	{"connection refused", Unreachable},
	{"timed out", Unreachable},
	{"too slow", Unreachable},
	{"transfer closed", Unreachable},
	{"unexpected disconnect", Unreachable},
	{"hung up", Unreachable},
	{"early eof", Unreachable},
	{"rpc failed", Unreachable},
	{"connection reset", Unreachable},
	{"connection was reset", Unreachable},
	{"empty reply", Unreachable},
	{"expected 'acknowledgments'", Unreachable},
	{"ssl_", Unreachable},
	{"gnutls_", Unreachable},
	{"tls connect", Unreachable},
}

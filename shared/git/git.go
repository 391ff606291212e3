// Package git runs git as a typed program.
//
// What it promises:
//   - nobody's configuration counts but ours: not the machine's, not the user's, not
//     that of the repository that is looked at; no hook, filter, monitor, helper or
//     protocol of it runs;
//   - a token travels in the environment of git, never in an argument, an address or a
//     file, and with exactly one Authorization header, to one address;
//   - names of branches, files and addresses are checked before git sees them;
//   - what a server says is told apart by kind (see [RemoteError]), and its words are fit
//     for a log;
//   - the repository of a checkout is only read. What is made is made in a repository of
//     our own, see [Git.Init].
//
// It never forces a push.
package git

import (
	"context"
	"io"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// ID is the name of an object, in lower-case hexadecimal digits; "" is none.
type ID string

// Config says how to run git.
type Config struct {
	// Environ is the environment of the task: PATH and the agent's network settings are
	// taken from it.
	Environ []string
	// Secrets are hidden in what git and servers say.
	Secrets *redact.Set
	// Debug gets a line for each command, without secrets; may be nil.
	Debug func(text string)
}

// Git is the git of this machine.
type Git struct{ config Config }

// New finds git.
func New(ctx context.Context, c Config) (*Git, error) { panic("skeleton") }

// Open returns the repository that a folder is checked out from, for reading: the folder
// is not looked for in those above.
func (g *Git) Open(dir string) (*Repo, error) { panic("skeleton") }

// Remote is where a repository of ours comes from and goes to.
type Remote struct {
	URL string // see CheckURL
	// Authorization is the value of that header, such as "bearer <token>"; empty: none.
	Authorization inputs.Secret
}

// Init makes an empty bare repository in dir, which must not be there, and which the
// caller removes. Without a URL it has no remote.
func (g *Git) Init(ctx context.Context, dir string, r Remote) (*Repo, error) { panic("skeleton") }

// Repo is a repository.
type Repo struct{}

// Run runs a command in the repository and returns what it prints. stdin may be nil.
func (r *Repo) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	panic("skeleton")
}

// Depth says how much history to fetch; the zero value is the last commit alone.
type Depth struct {
	Since time.Time // also all commits from then on
}

// Remote refs that do not exist have no entry.
func (r *Repo) RemoteRefs(ctx context.Context, refs ...string) (map[string]ID, error) {
	panic("skeleton")
}

// Fetch fetches refs of the remote, without the contents of files where the server can do
// that, and returns where they stand. One that is not there is a RemoteError of kind NoRef.
func (r *Repo) Fetch(ctx context.Context, refs []string, d Depth) (map[string]ID, error) {
	panic("skeleton")
}

// Commit is a commit as it was read.
type Commit struct {
	ID        ID
	Parents   []ID // as far as they are named; a shallow boundary still names them
	Tree      ID
	Author    Ident
	Committed time.Time
	Message   string
}

// Commits returns the history of rev, newest first, up to most commits and as far as it
// has been fetched. Only first parents are followed.
func (r *Repo) Commits(ctx context.Context, rev ID, most int) ([]Commit, error) { panic("skeleton") }

// Entry is a file of a commit.
type Entry struct {
	Path string // slash-separated
	Mode string // 100644, 100755, 120000 (link), 160000 (submodule)
	ID   ID
}

// Files lists all files of a commit, or those with the given paths.
func (r *Repo) Files(ctx context.Context, commit ID, paths ...string) ([]Entry, error) {
	panic("skeleton")
}

// Contents returns what files hold; what is not here yet is fetched at once.
func (r *Repo) Contents(ctx context.Context, ids ...ID) (map[ID][]byte, error) { panic("skeleton") }

// Change is a file that a new commit changes. Data counts where ID is empty; without Mode
// the file is deleted.
type Change struct {
	Path string
	Mode string
	Data []byte
	ID   ID
}

// Ident is a person, as git writes one down.
type Ident struct{ Name, Email string }

// NewCommit is a commit to be made.
type NewCommit struct {
	Parents []ID // the files are those of the first, with Changes; none: Changes alone
	Base    ID   // the commit whose files are taken instead of those of the first parent; may be empty
	Changes []Change
	Message string
	Author  Ident // the committer, too
	When    time.Time
	// SigningKey is a file with a private key of OpenPGP (armoured) or OpenSSH; "" for none.
	SigningKey string
}

// Commit makes a commit. Nothing refers to it yet.
func (r *Repo) Commit(ctx context.Context, c NewCommit) (ID, error) { panic("skeleton") }

// Update is a ref of the remote to be moved: only if it stands at Old. Old "": only if it is not there.
type Update struct {
	Ref      string // whole, such as refs/heads/main
	Old, New ID     // New "": delete it
}

// Push moves a ref of the remote. An error is a *RemoteError if the server answered or could not be reached.
func (r *Repo) Push(ctx context.Context, u Update) error { panic("skeleton") }

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

// Error is one line.
func (e *RemoteError) Error() string { return "the server refused: " + string(e.Kind) + " " + e.Said }

// Unwrap returns the cause.
func (e *RemoteError) Unwrap() error { return e.Err }

// Temporary reports whether another try may help, without fetching anew.
func (e *RemoteError) Temporary() bool { return e.Kind == Throttled || e.Kind == Unreachable }

// CheckURL refuses an address that git must not be given: https only, and http on this machine.
func CheckURL(address string) error { panic("skeleton") }

// BranchRef returns the ref of a branch (main, refs/heads/main), or why it is none.
func BranchRef(branch string) (string, error) { panic("skeleton") }

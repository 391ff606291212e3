// Package git runs git as a typed program.
//
// What it promises:
//   - nobody's configuration counts but ours: not the machine's, not the user's, and no
//     hook, filter, monitor, helper or protocol of a repository that is looked at runs;
//   - a token travels in the environment of git, never in an argument, an address or a
//     file, and with exactly one Authorization header, to one address, which is not left
//     for another one that the server names;
//   - names of branches, files and addresses are checked before git sees them;
//   - what a server says is told apart by kind (see [RemoteError]), and its words are fit
//     for a log;
//   - the repository of a checkout is only read. What is made is made in a repository of
//     our own, see [Git.Init];
//   - a push moves a ref from where it was seen to a commit that follows on it, or does
//     nothing. It never forces.
//
// What it does not do: check out files, or look for a repository.
package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// ID is the name of an object, in lower-case hexadecimal digits; "" is none.
type ID string

// Config says how to run git.
type Config struct {
	// Environ is the environment of the task: PATH and the agent's network settings are
	// taken from it.
	Environ []string
	// Secrets are hidden in what git and servers say. The Authorization of a remote is
	// added to it; may be nil.
	Secrets *redact.Set
	// Debug gets a line for each command, without secrets; may be nil.
	Debug func(text string)
}

// Git is the git of this machine.
type Git struct {
	config  Config
	version version
	silence time.Duration // how long a server may say nothing
}

// maxSilence ends a transfer without a byte. A server that thinks sends a sign of life
// every five seconds (receive.keepAlive, uploadpack.keepAlive).
const maxSilence = time.Minute

// New finds git, which must be 2.20 or later.
func New(ctx context.Context, c Config) (*Git, error) {
	if c.Secrets == nil {
		c.Secrets = &redact.Set{}
	}
	g := &Git{config: c, silence: maxSilence}
	out, err := (&Repo{git: g, dir: ""}).run(ctx, command{args: []string{"version"}})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("git was not found on PATH; install git 2.20 or later on the agent")
	}
	if err != nil {
		return nil, fmt.Errorf("asking git for its version: %w", err)
	}
	if g.version, err = parseVersion(string(out)); err != nil {
		return nil, err
	}
	if !g.version.atLeast(2, 20) {
		return nil, fmt.Errorf("git on this agent is %s; install git 2.20 or later, of 2018", g.version)
	}
	return g, nil
}

// version is that of git.
type version struct{ major, minor int }

var versionLine = regexp.MustCompile(`^git version (\d{1,4})\.(\d{1,4})\b`)

func parseVersion(text string) (version, error) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("git says %.60q where its version was expected; "+
			"is it git that PATH finds first", text)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return version{major, minor}, nil
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// String is such as 2.39.
func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// setting is an entry of git's configuration.
type setting struct{ key, value string }

// configEnv hands settings to git. Like those of -c they count more than every file's, but
// nobody sees them in the list of processes. Before 2.31 there was only the variable that
// git itself makes of -c; its old form is also read by each later git.
func (v version) configEnv(settings []setting) []string {
	if v.atLeast(2, 31) {
		env := []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(len(settings))}
		for i, s := range settings {
			n := strconv.Itoa(i)
			env = append(env, "GIT_CONFIG_KEY_"+n+"="+s.key, "GIT_CONFIG_VALUE_"+n+"="+s.value)
		}
		return env
	}
	quoted := make([]string, len(settings))
	for i, s := range settings {
		quoted[i] = "'" + strings.ReplaceAll(s.key+"="+s.value, "'", `'\''`) + "'"
	}
	return []string{"GIT_CONFIG_PARAMETERS=" + strings.Join(quoted, " ")}
}

// settings are those of every command.
func (v version) settings() []setting {
	// Before 2.28 git waits for ever when a server says no in version 2 of the protocol.
	protocol := "2"
	if !v.atLeast(2, 28) {
		protocol = "0"
	}
	return []setting{
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"core.protectNTFS", "true"},
		{"core.protectHFS", "true"},
		{"core.longPaths", "true"},
		{"core.autocrlf", "false"},
		{"core.fsync", "none"}, // what we write is thrown away at the end
		{"credential.helper", ""},
		{"credential.interactive", "never"},
		{"safe.directory", "*"}, // a job's folders may be another user's, as in a container
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"submodule.recurse", "false"},
		{"fetch.recurseSubmodules", "false"},
		{"push.recurseSubmodules", "no"},
		{"push.gpgSign", "false"},
		{"push.followTags", "false"},
		{"commit.gpgSign", "false"},
		{"protocol.version", protocol},
	}
}

// environment is the whole environment of a git process. home is a folder without
// settings: before 2.32 nothing else keeps git from reading the user's.
func (g *Git) environment(home, protocol string, also []setting) []string {
	env := proc.Only(g.config.Environ, "PATH", "SYSTEMROOT", "PATHEXT", "TEMP", "TMP", "TMPDIR",
		"SSL_CERT_FILE", "SSL_CERT_DIR")
	env = append(env,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_ATTR_NOSYSTEM=1", "HOME="+home,
		// Empty means that there is nobody to ask, also not on a terminal.
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=force", "GCM_INTERACTIVE=never",
		"GIT_ALLOW_PROTOCOL="+protocol, "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1",
		"GIT_NO_LAZY_FETCH=1", "LC_ALL=C",
	)
	return append(env, g.version.configEnv(append(g.version.settings(), also...))...)
}

// Repo is a repository. It is for one goroutine at a time.
type Repo struct {
	git     *Git
	dir     string // GIT_DIR
	workDir string // where commands run
	home    string
	remote  *remote // nil: none

	partial bool        // some contents have not been fetched
	here    map[ID]bool // contents that are known to be here
	parents map[ID][]ID // of the commits made here
	ids     int         // names of temporary files
}

// Open returns the repository that a folder is checked out from, for reading: the folder
// is not looked for in those above. Its own configuration counts as far as ours does not
// differ, so that nothing but objects and refs should be asked for.
func (g *Git) Open(dir string) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening a repository: %w", err)
	}
	gitDir := filepath.Join(dir, ".git")
	if _, err := os.Stat(gitDir); err != nil {
		return nil, fmt.Errorf("the folder %q is not the root of a git checkout", dir)
	}
	// There is no such folder, and so no settings in it.
	return &Repo{git: g, dir: gitDir, workDir: dir, home: filepath.Join(gitDir, "no-home")}, nil
}

// Dir is the folder of the repository itself: of a checkout, what is in ".git".
func (r *Repo) Dir() string { return r.dir }

// Init makes an empty bare repository in dir, which must not be there, and which the
// caller removes. Without a URL it has no remote.
func (g *Git) Init(ctx context.Context, dir string, remote Remote) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	r := &Repo{git: g, dir: dir, workDir: dir, home: dir, here: map[ID]bool{}, parents: map[ID][]ID{}}
	if remote.URL != "" {
		if r.remote, err = g.connect(remote); err != nil {
			return nil, err
		}
	}
	// For nobody else's eyes: it gets the contents of a repository that may be private.
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	if _, err := r.run(ctx, command{
		args: []string{"init", "--quiet", "--bare", "--template="}, env: []string{"GIT_DEFAULT_HASH=sha1"},
	}); err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	return r, nil
}

// Run runs a command in the repository and returns what it prints. stdin may be nil. If
// the repository has a remote, the command can reach it as "origin". What is printed is
// not defused, and holds what the repository holds.
func (r *Repo) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return r.run(ctx, command{args: args, stdin: stdin, network: r.remote != nil})
}

// RunLong is Run for what prints a line for each file: up to 256 MiB.
func (r *Repo) RunLong(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return r.run(ctx, command{args: args, stdin: stdin, network: r.remote != nil, most: 256 << 20})
}

// command is a git command.
type command struct {
	args    []string
	stdin   io.Reader
	network bool
	config  []setting
	env     []string
	stderr  io.Writer
	most    int // bytes of its output; zero means proc.MaxOutput
}

// run runs a command and returns what it prints. The error says what git says.
func (r *Repo) run(ctx context.Context, c command) ([]byte, error) {
	protocol, also := "none", c.config
	if c.network && r.remote != nil {
		protocol, also = r.remote.protocol, append(r.remote.settings(r.git), also...)
	}
	env := append(r.git.environment(r.home, protocol, also), c.env...)
	if r.dir != "" {
		env = append(env, "GIT_DIR="+r.dir)
	}
	r.debug(c.args)
	said := &words{}
	stderr := io.Writer(said)
	if c.stderr != nil {
		stderr = io.MultiWriter(said, c.stderr)
	}
	out, err := proc.Output(ctx, proc.Cmd{
		Name: "git", Args: c.args, Dir: r.workDir, Env: env,
		Stdin: c.stdin, Stderr: stderr, Secrets: r.git.config.Secrets, Most: c.most,
	})
	if err != nil {
		return out, commandError(c.args, said.String(), err)
	}
	return out, nil
}

func (r *Repo) debug(args []string) {
	if r.git.config.Debug == nil {
		return
	}
	shown := make([]string, len(args))
	for i, a := range args {
		if shown[i] = a; strings.ContainsFunc(a, func(c rune) bool { return c <= ' ' || c > '~' }) {
			shown[i] = strconv.QuoteToASCII(a)
		}
	}
	r.git.config.Debug(oneLine(r.git.config.Secrets.String("git "+strings.Join(shown, " ")), 300))
}

// commandError adds the command and the words of git, which have passed a filter, to what
// has gone wrong.
func commandError(args []string, said string, err error) error {
	name := "git"
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			name += " " + a
			break
		}
	}
	if said = oneLine(strings.TrimPrefix(said, "fatal: "), 200); said != "" {
		return fmt.Errorf("%s: %s (%w)", name, said, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// words keeps the beginning of what git says.
type words struct{ strings.Builder }

// maxWords is as much as a server can want to say; what comes later is not what stopped it.
const maxWords = 64 << 10

// Write never fails.
func (w *words) Write(p []byte) (int, error) {
	w.Builder.Write(p[:min(len(p), maxWords-w.Len())])
	return len(p), nil
}

// oneLine makes text of strangers fit for the end of a line.
func oneLine(text string, most int) string {
	text = redact.Defuse(strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), notPrinted), " "))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

func notPrinted(c rune) bool { return c == ' ' || !strconv.IsPrint(c) }

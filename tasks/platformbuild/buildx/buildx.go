// Package buildx runs docker buildx: it finds out what the machine can do, writes the command line, and knows what
// its errors mean.
//
// What it promises:
//   - the program's environment is named, so that it holds none of the agent's secrets, and of the user's only those
//     that Docker logs in with elsewhere;
//   - no secret stands in an argument: those of the build are in files that nobody else can read, for as long as
//     the build runs;
//   - no value that a user gives can become another option, or another field of one;
//   - only what went wrong with a registry, and may pass, is tried again: a push, or the reading of an image that is
//     built on. A step of the build is not;
//   - a builder that is made is removed, also when the job is cancelled.
//
// What it does not do: check what was built. It takes buildx from 0.13 on, and BuildKit in the Docker engine from 20.10
// on; tests run it with buildx 0.38 and, in "make test-heavy", 0.20.
package buildx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// Docker is the docker program with its environment.
type Docker struct {
	// Env is an environment to choose from: what docker has no use for is left out. It decides which docker that is
	// (PATH), whose configuration it reads (DOCKER_CONFIG), and which daemon it asks.
	Env     []string
	Dir     string // to run in
	Secrets *redact.Set
	Debug   func(text string)                          // gets each command line; may be nil
	Sleep   func(context.Context, time.Duration) error // between tries; nil is the clock
	// Renew gets fresh credentials when the registry has refused those there are, and reports whether they are others:
	// the same password is not tried again. Nil means that nobody can tell.
	Renew func(context.Context) (changed bool, err error)
}

// variables are those of the environment that docker, buildx, and what they start, have a use for; further ones begin
// with BUILDX_ or BUILDKIT_.
var variables = []string{
	"PATH", "HOME", "USER", "TMPDIR", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
	"DOCKER_API_VERSION", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "KUBECONFIG", "SSH_AUTH_SOCK", "SOURCE_DATE_EPOCH",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "APPDATA",
	"LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
	"GUARDRAILS_DOCKER_CREDENTIALS", "DOCKER_AUTH_CONFIG",
	// Of the user's own credential helpers (ecr-login, gcr, pass, secretservice), for other registries and caches.
	"AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_REGION", "AWS_DEFAULT_REGION",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GNUPGHOME", "PASSWORD_STORE_DIR", "XDG_DATA_HOME",
	"DBUS_SESSION_BUS_ADDRESS",
}

// environment is what docker gets.
func (d *Docker) environment() []string {
	names := slices.Clone(variables)
	for _, kv := range d.Env {
		name, _, _ := strings.Cut(kv, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "BUILDX_") || strings.HasPrefix(upper, "BUILDKIT_") {
			names = append(names, name)
		}
	}
	return proc.Only(d.Env, names...)
}

// start runs docker; what it prints on standard error goes to stderr untouched, for reading and not for printing.
func (d *Docker) start(ctx context.Context, env []string, stderr io.Writer, args ...string) error {
	d.debug(args)
	return explained(proc.Run(ctx, proc.Cmd{Name: "docker", Args: args, Dir: d.Dir, Env: env, Stderr: stderr}))
}

// output runs docker and returns what it prints on standard output. A failure is an *Error that says what it printed
// on standard error.
func (d *Docker) output(ctx context.Context, args ...string) ([]byte, progress.Summary, error) {
	d.debug(args)
	said := progress.NewReader(silent{})
	out, err := proc.Output(ctx, proc.Cmd{Name: "docker", Args: args, Dir: d.Dir, Env: d.environment(), Stderr: said})
	sum := said.Close()
	if err = explained(err); ran(err) {
		return out, sum, d.classify(sum, facts{})
	}
	return out, sum, err
}

func (d *Docker) debug(args []string) {
	if d.Debug != nil {
		d.Debug(fmt.Sprintf("docker %q", args))
	}
}

// explained is the error of a program that could not start.
func explained(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{
			Kind: NoDocker, Msg: "there is no docker on this agent's PATH",
			Hint: "use a hosted Ubuntu agent, or install the docker CLI with the buildx plugin",
		}
	}
	return err
}

// ran reports whether a program ran and did not succeed.
func ran(err error) bool {
	var exit *proc.ExitError
	return errors.As(err, &exit)
}

// silent is a log of nothing.
type silent struct{}

func (silent) Step(progress.Step)           {}
func (silent) Output(progress.Step, string) {}
func (silent) Warning(progress.Warning)     {}
func (silent) Plain(string)                 {}

// oldest is the first buildx that knows --progress=rawjson.
var oldest = version{0, 13}

// version is major and minor.
type version [2]int

// versionIn finds a version such as v0.20.1 in a text.
var versionIn = regexp.MustCompile(`\bv?([0-9]{1,4})\.([0-9]{1,4})(?:\.|\+|-|\b)`)

// parseVersion returns the version in a text; ok is false if there is none that says anything, as in a build of
// buildx from source (v0.0.0).
func parseVersion(text string) (v version, ok bool) {
	match := versionIn.FindStringSubmatch(text)
	if match == nil {
		return v, false
	}
	v[0], _ = strconv.Atoi(match[1])
	v[1], _ = strconv.Atoi(match[2])
	return v, v != version{}
}

func (v version) before(w version) bool { return slices.Compare(v[:], w[:]) < 0 }

// plugin returns the version of buildx.
func (d *Docker) plugin(ctx context.Context) (string, error) {
	out, _, err := d.output(ctx, "buildx", "version")
	if err != nil {
		return "", err
	}
	// "github.com/docker/buildx v0.20.1 245093b"
	words := bytes.Fields(out)
	text := ""
	if len(words) > 1 {
		text = redact.Line(string(words[1]))
	}
	if v, ok := parseVersion(text); ok && v.before(oldest) {
		return "", &Error{
			Kind: NoBuildx, Msg: fmt.Sprintf("buildx %s is too old: it cannot tell how a build goes", text),
			Hint: fmt.Sprintf("install buildx %d.%d or newer on the agent", oldest[0], oldest[1]),
		}
	}
	return text, nil
}

package auditdeps

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// cleanInstall is how each package manager installs what the lock file says, and nothing
// else; those of Yarn differ by version.
var cleanInstall = map[string]string{
	"npm": "npm ci", "pnpm": "pnpm install --frozen-lockfile", "yarn": "yarn install --immutable",
	"pip": "pip install --require-hashes -r", "go": "go mod download", "nuget": "dotnet restore --locked-mode",
	"cargo": "cargo fetch --locked",
}

// environment is what package managers are given: where programs, caches and configuration
// are, how servers are reached, and what registries are told. Other variables of the job,
// secrets among them, they do not get: they run what packages bring along.
var environment = []string{
	"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "CI", "TF_BUILD",
	"SYSTEMROOT", "COMSPEC", "PATHEXT", "WINDIR", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "HOMEDRIVE", "HOMEPATH",
	"PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"NPM_CONFIG_USERCONFIG", "NPM_CONFIG_CACHE", "NPM_CONFIG_REGISTRY", "npm_config_userconfig", "npm_config_cache",
	"npm_config_registry", "YARN_CACHE_FOLDER", "YARN_RC_FILENAME", "PNPM_HOME", "COREPACK_HOME",
	"VIRTUAL_ENV", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_CERT",
	"GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOPRIVATE", "GONOSUMDB", "GONOPROXY", "GOSUMDB", "GOFLAGS", "GOROOT",
	"GOENV", "CARGO_HOME", "RUSTUP_HOME", "CARGO_NET_OFFLINE", "DOTNET_ROOT", "NUGET_PACKAGES",
	"VSS_NUGET_EXTERNAL_FEED_ENDPOINTS", "VSS_NUGET_ACCESSTOKEN", "VSS_NUGET_URI_PREFIXES",
}

// installAll installs each lock file's packages, if the input says so. It stops at the
// first failure: what is there then is nothing to audit.
func (s *step) installAll(ctx context.Context, locks []place) error {
	if s.in.Install != InstallClean {
		return nil
	}
	for _, at := range locks {
		lock, err := lockfile.Read(at.tree, at.path)
		manager := managerOf(lock.Format)
		if err != nil || s.managers != nil && !slices.Contains(s.managers, manager) {
			continue // it is told later
		}
		args := installArgs(lock)
		if args == nil {
			s.env.Log.Printf("%s: there is nothing that installs it exactly; it is audited as it is.",
				s.show(at, at.path))
			continue
		}
		if err := s.install(ctx, at, args); err != nil {
			return err
		}
	}
	return nil
}

// installArgs are the program and its arguments; nil if there is none.
func installArgs(lock lockfile.Lock) []string {
	switch base := path.Base(lock.Path); {
	case lock.Format == lockfile.Yarn1:
		return []string{"yarn", "install", "--frozen-lockfile", "--force"}
	case lock.Format == lockfile.Pip && strings.HasPrefix(base, "requirements"):
		return []string{"pip", "install", "--require-hashes", "--force-reinstall", "-r", base}
	case lock.Format == lockfile.Pip:
		return nil
	}
	if command := cleanInstall[managerOf(lock.Format)]; command != "" {
		return strings.Fields(command)
	}
	return nil
}

func (s *step) install(ctx context.Context, at place, args []string) error {
	shown := s.show(at, at.path)
	s.env.Log.Group(fmt.Sprintf("%s: %s", shown, strings.Join(args, " ")))
	defer s.env.Log.EndGroup()
	err := proc.Run(ctx, proc.Cmd{
		Name: args[0], Args: args[1:], Dir: filepath.Join(at.root, filepath.FromSlash(path.Dir(at.path))),
		Env: proc.Only(s.env.Environ(), environment...), Stdout: lines{s}, Stderr: lines{s}, Secrets: s.env.Secrets,
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		return nil
	}
	var exit *proc.ExitError
	failed := &task.UserError{
		Class: task.Environment, Rule: "auditdeps/install", Path: shown, Err: err,
		Msg:  fmt.Sprintf("`%s` could not be run for %s", strings.Join(args, " "), shown),
		Hint: "install " + args[0] + " on the agent, in front of this step",
	}
	if errors.As(err, &exit) {
		failed.Class = task.Refused
		failed.Msg = fmt.Sprintf("`%s` failed for %s (%v)", strings.Join(args, " "), shown, exit)
		failed.Hint = "what it printed is above; a lock file that does not fit its manifest " +
			"is renewed by an ordinary install, and committed"
	}
	return failed
}

// lines prints what a program prints.
type lines struct{ step *step }

// Write prints whole lines; proc sees to that.
func (l lines) Write(p []byte) (int, error) {
	l.step.env.Log.Print(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

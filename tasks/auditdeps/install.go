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

// installAll installs each lock file's packages. What the lock files name is looked up
// before: a malicious package runs its code when it is installed, and nobody could trust
// what it leaves. stop says that nothing was installed, and why was told.
func (s *step) installAll(ctx context.Context, files found) (stop bool, err error) {
	plan := &audit{step: s, planned: true}
	for _, at := range files.locks {
		if p := s.readProject(at); p.unread == nil && s.wants(p.manager) { // others are told later
			plan.projects = append(plan.projects, p)
		}
	}
	if err := plan.match(ctx); err != nil {
		return true, err
	}
	plan.judge()
	malicious := func(v vulnerability) bool { return v.hit.Malicious && v.verdict.status == fails }
	if len(plan.unable) > 0 || slices.ContainsFunc(plan.found, malicious) {
		s.env.Log.Print("Nothing is installed: a package that the lock files name is malicious, or nobody can tell.")
		return true, errors.Join(plan.report(), plan.documents())
	}
	for _, p := range plan.projects {
		args := cleanInstall(p.lock)
		if args == nil {
			s.env.Log.Printf("%s: there is nothing that installs it exactly; it is audited as it is.", p.shown)
			continue
		}
		if err := s.install(ctx, p.place, args); err != nil {
			return true, err
		}
	}
	return false, unchanged(plan.projects)
}

// unchanged makes sure that the installed packages have not exchanged the lock files that
// they are audited by.
func unchanged(projects []*project) error {
	var errs []error
	for _, p := range projects {
		lock, err := lockfile.Read(p.tree, p.path)
		if err == nil && lock.SHA256 == p.lock.SHA256 {
			continue
		}
		errs = append(errs, &task.UserError{
			Rule: "auditdeps/lock-changed", Path: p.shown, Err: err,
			Msg:  p.shown + " was changed by the installation, so nothing can be audited by it",
			Hint: "find the package or script that does it; a frozen installation changes no lock file",
		})
	}
	return errors.Join(errs...)
}

// cleanInstall is how what a lock file says is installed, and nothing else, as a program and
// its arguments; nil if nothing does that.
func cleanInstall(lock lockfile.Lock) []string {
	switch base := path.Base(lock.Path); lock.Format {
	case lockfile.NPM:
		return []string{"npm", "ci"}
	case lockfile.PNPM:
		return []string{"pnpm", "install", "--frozen-lockfile"}
	case lockfile.Yarn1:
		return []string{"yarn", "install", "--frozen-lockfile", "--force"}
	case lockfile.Berry:
		return []string{"yarn", "install", "--immutable"}
	case lockfile.Pip:
		if strings.HasPrefix(base, "requirements") {
			return []string{"pip", "install", "--require-hashes", "--force-reinstall", "-r", base}
		}
	case lockfile.Go:
		return []string{"go", "mod", "download"}
	case lockfile.NuGet:
		return []string{"dotnet", "restore", "--locked-mode"}
	case lockfile.Cargo:
		return []string{"cargo", "fetch", "--locked"}
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

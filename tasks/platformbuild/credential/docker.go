package credential

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// Docker is a private Docker configuration.
type Docker struct {
	// Env is the environment that was given, with what leads Docker to the configuration and to our helper:
	// DOCKER_CONFIG, BUILDX_CONFIG, PATH, the socket. It is to choose from: of the rest, Docker needs little.
	Env []string
}

// program is what Docker starts for a helper that its configuration calls helperName.
const (
	helperName = "guardrails"
	program    = "docker-credential-" + helperName
)

// socketVariable says to our helper where the task listens, and with which word to begin.
const socketVariable = "GUARDRAILS_DOCKER_CREDENTIALS"

// Serve makes a private configuration below folder from the user's own (whose other helpers, plugins, proxies and
// contexts stay), and answers our helper until close is called or ctx ends. Close removes all of it, may be called
// again, and returns when nothing is being answered any more. A source without credentials, or none, leaves the
// user's own for its host.
func Serve(
	ctx context.Context, folder string, environ []string, sources ...*Source,
) (d *Docker, close func(), err error) {
	byHost := map[string]*Source{}
	sources = slices.DeleteFunc(slices.Clone(sources), func(s *Source) bool { return s == nil })
	for _, s := range sources {
		if byHost[s.host] != nil {
			return nil, nil, fmt.Errorf("there are two connections for %s: give one", s.host)
		}
		if !s.isAnonymous() {
			byHost[s.host] = s
		}
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder for Docker's configuration: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making a folder for Docker's configuration: %w", err)
	}
	private, err := os.MkdirTemp(folder, "docker-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder for Docker's configuration: %w", err)
	}
	remove := func() { _ = os.RemoveAll(private) } // links are removed, and not what they point to
	own := userOf(environ)
	mask := maskOf(sources)
	env, err := own.move(private, byHost, mask)
	if err != nil {
		remove()
		return nil, nil, err
	}
	bin := filepath.Join(private, "bin")
	if err := install(bin); err != nil {
		remove()
		return nil, nil, err
	}
	l, err := listen(private, own.temp)
	if err != nil {
		remove()
		return nil, nil, err
	}
	mask(l.word)
	stop := l.serve(ctx, byHost)
	env = append(env, "DOCKER_CONFIG="+private, socketVariable+"="+l.word+":"+l.path, "PATH="+first(bin, own.path))
	var once sync.Once
	return &Docker{replace(environ, env)}, func() { once.Do(func() { stop(); remove() }) }, nil
}

// replace returns environ with other values for some of it.
func replace(environ, by []string) []string {
	named := func(kv string) bool {
		return slices.ContainsFunc(by, func(other string) bool {
			name, _, _ := strings.Cut(other, "=")
			old, _, _ := strings.Cut(kv, "=")
			return sameName(name, old)
		})
	}
	return append(slices.DeleteFunc(slices.Clone(environ), named), by...)
}

// maskOf returns what hides a secret of the user's own.
func maskOf(sources []*Source) func(secrets ...string) {
	return func(secrets ...string) {
		for _, s := range sources {
			s.config.mask(secrets...)
		}
	}
}

func first(folder, path string) string {
	if path == "" {
		return folder
	}
	return folder + string(filepath.ListSeparator) + path
}

// install makes a folder with our own program under the helper's name. A link costs nothing; where there are none,
// as for most users of Windows, it is a second name or a copy.
func install(bin string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program, which is Docker's credential helper, too: %w", err)
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		return fmt.Errorf("making the credential helper: %w", err)
	}
	helper := filepath.Join(bin, program+exe)
	if link(self, helper) == nil {
		return nil
	}
	data, err := os.ReadFile(self)
	if err == nil {
		err = safepath.WriteFile(helper, data, 0o700)
	}
	if err != nil {
		return fmt.Errorf("making the credential helper: %w", err)
	}
	return nil
}

// user is what the environment says of the user's own configuration.
type user struct {
	docker   string // folder; "" if there is none
	home     string // the usual folder; "" if that is docker, or not known
	buildx   string // folder, if it is somewhere else
	path     string
	temp     []string // short folders for a socket
	auth     string   // DOCKER_AUTH_CONFIG
	hasAuth  bool
	wantsTLS bool // by variables, without saying where the certificates are
}

func userOf(environ []string) user {
	get := func(name string) string {
		value := ""
		for _, kv := range environ { // the last one counts
			if key, v, ok := strings.Cut(kv, "="); ok && sameName(key, name) {
				value = v
			}
		}
		return value
	}
	u := user{
		docker: get("DOCKER_CONFIG"), buildx: get("BUILDX_CONFIG"), path: get("PATH"), auth: get("DOCKER_AUTH_CONFIG"),
		wantsTLS: get("DOCKER_CERT_PATH") == "" && get("DOCKER_TLS_VERIFY")+get("DOCKER_TLS") != "",
	}
	u.hasAuth = u.auth != ""
	if home := get(homeVariable); home != "" {
		u.home = filepath.Join(home, ".docker")
	}
	for _, folder := range []*string{&u.docker, &u.buildx, &u.home} {
		if absolute, err := filepath.Abs(*folder); err == nil && *folder != "" {
			*folder = absolute // Docker may run in another folder
		}
	}
	if u.docker == "" || u.docker == u.home {
		u.docker, u.home = u.home, ""
	}
	for _, name := range tempVariables {
		if dir := get(name); dir != "" {
			u.temp = append(u.temp, dir)
		}
	}
	u.temp = append(u.temp, tempFolders...)
	return u
}

// move makes the private configuration in a folder, and returns what Docker's environment must say besides.
func (u user) move(private string, sources map[string]*Source, mask func(...string)) (env []string, err error) {
	text, err := u.config(sources, mask)
	if err != nil {
		return nil, err
	}
	if err := safepath.WritePrivate(filepath.Join(private, configFile), text); err != nil {
		return nil, fmt.Errorf("making Docker's configuration: %w", err)
	}
	buildx := u.buildx
	if buildx == "" && u.docker != "" { // where its builders are
		buildx = filepath.Join(u.docker, "buildx")
	}
	if buildx == "" {
		buildx = filepath.Join(private, "buildx")
	}
	env = append(env, "BUILDX_CONFIG="+buildx)
	if u.hasAuth { // Docker would prefer it to our helper
		env = append(env, "DOCKER_AUTH_CONFIG="+withoutHosts(u.auth, sources, mask))
	}
	if u.docker == "" {
		return env, nil
	}
	if u.wantsTLS { // Docker looks for them in its configuration
		env = append(env, "DOCKER_CERT_PATH="+u.docker)
	}
	contexts := filepath.Join(u.docker, "contexts")
	if info, err := os.Stat(contexts); err == nil && info.IsDir() {
		if err := linkFolder(contexts, filepath.Join(private, "contexts")); err != nil {
			return nil, fmt.Errorf("taking Docker's contexts along: %w", err)
		}
	}
	return env, nil
}

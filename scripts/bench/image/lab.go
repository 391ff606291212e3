package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

const (
	user       = "pipeline"
	password   = "registry-password-1234567890"
	jobToken   = "the-jobs-own-token-1234567890"
	connection = "2b7d4a10-93f5-4c7e-8a51-0d6e5c1b9f42"
	projectID  = "4c1d0304-a209-464e-b614-7a0f593fe799"
	planID     = "5d9a8a3e-2222-4c52-9c55-6c2e0a6f7b10"
	jobID      = "5d9a8a3e-3333-4c52-9c55-6c2e0a6f7b10"
)

// lab is an agent, a registry, and the daemons.
type lab struct {
	dir      string
	tools    programs
	registry *containertest.Registry
	daemons  *containertest.Daemons
	devops   *adotest.Server
	url      string // of the organization
	web      *http.Server
}

// openLab starts everything. It is to be closed.
func openLab(dir string, tools programs, c containertest.Config) (l *lab, err error) {
	l = &lab{dir: dir, tools: tools}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.registry, err = containertest.StartRegistry(c); err != nil {
		return l, err
	}
	l.devops = adotest.New(adotest.Config{Token: jobToken, Project: adotest.Project{
		ID: projectID, Name: "Shop", Hub: "build", Plan: planID, Job: jobID,
		Connections: map[string]string{connection: "contoso"},
	}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return l, err
	}
	l.url = "http://" + listener.Addr().String() + "/local/"
	l.web = &http.Server{Handler: l.devops, ReadHeaderTimeout: time.Minute}
	go func() { _ = l.web.Serve(listener) }() // until it is closed
	l.daemons, err = containertest.StartDaemons(containertest.Settings{
		Engine: true, BuildKit: true, Registries: []*containertest.Registry{l.registry},
	})
	if err != nil {
		return l, err
	}
	return l, errors.Join(l.fresh(), os.MkdirAll(l.path("s"), 0o755), l.logIn(user, password))
}

func (l *lab) close() {
	if l.daemons != nil {
		l.daemons.Close()
	}
	if l.web != nil {
		_ = l.web.Close() // it only ends
	}
	if l.registry != nil {
		l.registry.Close()
	}
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

// daemonTime is the CPU time that the daemons have taken until now.
func (l *lab) daemonTime() time.Duration { return spent("HOME=" + l.daemons.Dir) }

// fresh makes the folders that a run finds.
func (l *lab) fresh() error {
	return errors.Join(os.RemoveAll(l.path("temp")), os.MkdirAll(l.path("temp"), 0o755),
		os.MkdirAll(l.path("home"), 0o755))
}

// logIn makes a configuration as docker login leaves it, for those who have no other way.
func (l *lab) logIn(user, password string) error {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}},"cliPluginsExtraDirs":[%q]}`, l.registry.Host(), auth,
		filepath.Dir(l.docker()))
	return errors.Join(os.MkdirAll(l.path("login"), 0o700),
		os.WriteFile(l.path("login/config.json"), []byte(config), 0o600))
}

// docker is the path of the program.
func (l *lab) docker() string {
	for _, entry := range l.daemons.Env {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			return filepath.Join(filepath.SplitList(list)[0], "docker")
		}
	}
	return "docker"
}

// base is the environment of everybody.
func (l *lab) base() []string {
	return append([]string{
		"HOME=" + l.path("home"), "TEMP=" + l.path("temp"), "TMP=" + l.path("temp"), "TMPDIR=" + l.path("temp"),
	}, l.daemons.Env...)
}

// raw is docker, with arguments, as a script step starts it after docker login.
func (l *lab) raw(args ...string) job {
	return l.script(append([]string{l.docker()}, args...)...)
}

// script is any program, as a script step starts it.
func (l *lab) script(args ...string) job {
	return job{
		Args: args, Dir: l.path("s"), Out: l.path("out.txt"),
		Env: append(l.base(), "DOCKER_CONFIG="+l.path("login")),
	}
}

// ours is a step as the agent starts it, with inputs: name, value, name, value, ...
func (l *lab) ours(pairs ...string) job {
	return l.step([]string{l.tools.bare, "main"}, append(l.service(), l.inputs(pairs...)...))
}

// packed is the same with what the agent gets.
func (l *lab) packed(pairs ...string) job {
	return l.step([]string{l.tools.node, l.tools.packed}, append(l.service(), l.inputs(pairs...)...))
}

func (l *lab) inputs(pairs ...string) []string {
	var env []string
	for i := 0; i < len(pairs); i += 2 {
		env = append(env, "INPUT_"+strings.ToUpper(pairs[i])+"="+pairs[i+1])
	}
	return env
}

// service is the service connection of the registry, with a user and a password.
func (l *lab) service() []string {
	parameter := "ENDPOINT_AUTH_PARAMETER_" + connection + "_"
	return []string{
		"ENDPOINT_URL_" + connection + "=" + l.registry.URL(),
		"ENDPOINT_AUTH_SCHEME_" + connection + "=UsernamePassword", parameter + "REGISTRY=" + l.registry.URL(),
		parameter + "USERNAME=" + user, parameter + "PASSWORD=" + password,
		"ENDPOINT_DATA_" + connection + "_REGISTRYTYPE=Others",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION=" + l.url, "SYSTEM_COLLECTIONURI=" + l.url,
	}
}

// step is a job with an agent's environment and more.
func (l *lab) step(args, more []string) job {
	head, _ := l.git("rev-parse", "HEAD") // none if there are no sources
	env := append(l.base(),
		"AGENT_TEMPDIRECTORY="+l.path("temp"), "AGENT_OS=Linux", "AGENT_VERSION=4.275.0", "AGENT_BUILDDIRECTORY="+l.dir,
		"AGENT_JOBSTATUS=Succeeded", "PIPELINE_WORKSPACE="+l.dir, "TF_BUILD=True", "SYSTEM_HOSTTYPE=build",
		"BUILD_SOURCESDIRECTORY="+l.path("s"), "SYSTEM_DEFAULTWORKINGDIRECTORY="+l.path("s"),
		"BUILD_REPOSITORY_LOCALPATH="+l.path("s"), "BUILD_REPOSITORY_URI=https://dev.azure.com/contoso/shop/_git/web",
		"BUILD_DEFINITIONNAME=web", "BUILD_BUILDID=100", "BUILD_BUILDNUMBER=20261123.4",
		"BUILD_SOURCEBRANCH=refs/heads/main", "BUILD_SOURCEBRANCHNAME=main", "BUILD_SOURCEVERSION="+head,
		"SYSTEM_SERVERTYPE=Hosted", "SYSTEM_JOBNAME=build",
		"SYSTEM_TASKINSTANCEID=00000000-0000-0000-0000-000000000001",
		"SYSTEM_PLANID="+planID, "SYSTEM_JOBID="+jobID, "SYSTEM_TEAMPROJECT=Shop", "SYSTEM_TEAMPROJECTID="+projectID,
		"SYSTEM_DEFINITIONID=12", "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN="+jobToken,
		`ENDPOINT_AUTH_SYSTEMVSSCONNECTION={"scheme":"OAuth","parameters":{"AccessToken":"`+jobToken+`"}}`,
		"VSTS_PUBLIC_VARIABLES=[]", "VSTS_SECRET_VARIABLES=[]", "INPUT_CONTAINERREGISTRY="+connection)
	return job{Args: args, Dir: l.path("s"), Out: l.path("out.txt"), Env: append(env, more...)}
}

// succeeded is what a step of ours says in the end.
const succeeded = "task.complete result=Succeeded;"

// git runs git in the sources.
func (l *lab) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{
		"-c", "user.name=Dana Developer", "-c", "user.email=dana@example.com", "-c", "gc.auto=0",
	}, args...)...)
	cmd.Dir = l.path("s")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.path("home"), "GIT_CONFIG_NOSYSTEM=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %q: %w: %s", args, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// commit makes a checkout of what is in the sources.
func (l *lab) commit() error {
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "--message=Add the application"},
	} {
		if _, err := l.git(args...); err != nil {
			return err
		}
	}
	return nil
}

// platform is this machine's.
func platform() string { return "linux/" + runtime.GOARCH }

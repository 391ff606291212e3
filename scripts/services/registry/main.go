// Command registry runs a program beside a registry of container images on this machine
// and, where containers can run, BuildKit and a Docker engine of its own, see
// tasks/platformbuild/containertest.
//
//	registry [-config FILE] [-daemons LIST] [-requests FILE] [--] PROGRAM [ARGUMENT ...]
//	registry tags REPOSITORY | digest REPOSITORY REFERENCE | manifest REPOSITORY REFERENCE |
//	         requests | forget | fail FAULT | heal | entra      from within PROGRAM
//
// LIST names the daemons, with commas between them: engine (dockerd, and so the docker
// driver of buildx), buildkit (a builder named remote, of that driver), emulation (it
// builds arm64 too), container (a builder of the driver docker-container, named so).
//
// The program finds it by its environment:
//
//	REGISTRY          127.0.0.1:4711, as in the names of images
//	REGISTRY_URL      http://127.0.0.1:4711, or https
//	REGISTRY_CA       a PEM file with the authority of its certificate; empty for http
//	REGISTRY_CONTROL  an address for the commands
//	PATH              has docker, buildx and the daemons in front
//	DOCKER_HOST       the engine's socket; nothing listens there if there is no engine
//	DOCKER_CONFIG, BUILDX_CONFIG     private folders
//
// The last four are as they were if LIST is empty. "tags" prints a repository's tags, a
// line each; "digest" that of a tag or digest, and fails if there is none; "manifest" the
// JSON; "requests" a line for each request until now, which "forget" forgets; "entra" a
// token that a registry of ACR's kind exchanges. "fail" takes a fault of the configuration
// below, which "heal" ends with all others.
//
// It ends when the program has ended, with its status (128 and the number of the signal
// that has ended it; 127 if it could not be started, 2 if the arguments or FILE are wrong,
// 3 if containers cannot run here), and leaves nothing. Signals are passed on. The file of
// -requests gets the lines of "requests" at the end.
//
// # Configuration
//
// FILE is one JSON object. Everything may be left out; what is not named here is an error.
// Durations are texts such as "1.5s".
//
//	{
//	  "tls": false, "user": "", "password": "", "bearer": false,
//	  "noReferrers": false, "noDelete": false, "noDeleteTag": false,
//	  "acr": {"tenant": "", "accessFor": "75m", "refreshFor": "3h", "accessUses": 0, "refreshUses": 0},
//	  "images": {"base:1": ["amd64", "arm64"], "laptop:1": ["arm64"],     busybox; needs no daemon
//	             "lying:1": ["amd64=arm64"]},   says amd64, holds arm64
//	  "faults": [{
//	    "operation": "manifest.put", "path": "", "after": 0, "times": 1,    see Fault there
//	    "status": 503, "code": "", "message": "", "retryAfter": "1",
//	    "cut": 0, "reset": false, "delay": "0s"
//	  }]
//	}
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// exitUnavailable is the status where containers cannot run.
const exitUnavailable = 3

func main() { beside.Main("registry", run) }

// settings are the arguments.
type settings struct {
	config, requests string
	daemons          []string
	program          []string
}

const usage = "usage: registry [-config FILE] [-daemons engine,buildkit,emulation,container] [-requests FILE] [--] " +
	"PROGRAM [ARGUMENT ...], or within PROGRAM registry tags, digest, manifest, requests, forget, fail, heal or entra"

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	flags.StringVar(&s.config, "config", "", "")
	flags.StringVar(&s.requests, "requests", "", "")
	flags.Func("daemons", "", func(list string) error {
		s.daemons = strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
		for _, name := range s.daemons {
			if !slices.Contains([]string{"engine", "buildkit", "emulation", "container"}, name) {
				return fmt.Errorf("there is no daemon %q", name)
			}
		}
		return nil
	})
	s.program, err = beside.Parse(flags, args, usage)
	return s, err
}

func run(w beside.World) (status int, err error) {
	if len(w.Args) > 0 && commands[w.Args[0]] > 0 {
		return within(w)
	}
	s, err := parse(w.Args)
	if err != nil {
		return beside.ExitUsage, err
	}
	return serve(w, s)
}

// serve runs the program beside the registry and the daemons.
func serve(w beside.World, s settings) (status int, err error) {
	c, err := readConfig(s.config)
	if err != nil {
		return beside.ExitUsage, err
	}
	r, err := c.start()
	if err != nil {
		return statusFor(err), err
	}
	defer r.Close()
	env := []string{"REGISTRY=" + r.Host(), "REGISTRY_URL=" + r.URL(), "REGISTRY_CA=" + r.CAFile()}
	if len(s.daemons) > 0 {
		d, err := s.start(r)
		if err != nil {
			return statusFor(err), err
		}
		defer d.Close()
		env = append(env, d.Env...)
	}
	address, stop, err := beside.Serve(control{r})
	if err != nil {
		return beside.ExitUsage, err
	}
	defer func() { _ = stop() }()
	env = append(env, "REGISTRY_CONTROL="+address+"/")
	s.program[0] = found(s.program[0], env)
	status, _, err = w.Program(s.program, append(beside.Without(w.Environ, env), env...))
	if s.requests != "" {
		if failed := os.WriteFile(s.requests, []byte(r.Log()), 0o600); failed != nil {
			return max(status, 1), errors.Join(err, failed)
		}
	}
	return status, err
}

// found looks for a program where the variables say, which may have it instead of us.
func found(program string, env []string) string {
	for _, variable := range env {
		path, ok := strings.CutPrefix(variable, "PATH=")
		if !ok || filepath.Base(program) != program {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			if full := filepath.Join(dir, program); filepath.IsAbs(full) && isProgram(full) {
				return full
			}
		}
	}
	return program
}

func isProgram(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func statusFor(err error) int {
	if errors.Is(err, containertest.ErrUnavailable) {
		return exitUnavailable
	}
	return beside.ExitUsage
}

// start starts the daemons.
func (s settings) start(r *containertest.Registry) (*containertest.Daemons, error) {
	has := func(name string) bool { return slices.Contains(s.daemons, name) }
	d, err := containertest.StartDaemons(containertest.Settings{
		Engine: has("engine") || has("container"), BuildKit: has("buildkit") || has("emulation"),
		Emulate: has("emulation"), Registries: []*containertest.Registry{r},
	})
	if err != nil || !has("container") {
		return d, err
	}
	if _, err := d.ContainerBuilder(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

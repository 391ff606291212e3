package buildx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
)

// failing is the line of a step that failed.
func failing(name, err string) string {
	return fmt.Sprintf(`{"vertexes":[{"digest":%q,"name":%q,"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":%q}]}`+"\n",
		name, name, err)
}

// The texts are those of docker 20.10 and 28.2, buildx 0.38 and BuildKit 0.34, and of the engine 20.10, as they came. What
// buildx says that runs here is in TestRealErrors.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	const excerpt = "Dockerfile:3\n--------------------\n   3 | >>> FROM x\n--------------------\n"
	export := func(err string) string { return failing("exporting to image", err) }
	for name, tc := range map[string]struct {
		said string
		kind buildx.Kind
		msg  string
	}{
		"no plugin":              {"docker: unknown command: docker buildx\n\nRun 'docker --help' for more information\n", buildx.NoBuildx, "docker on this agent has no buildx"},
		"no plugin, old CLI":     {"docker: 'buildx' is not a docker command.\nSee 'docker --help'\n", buildx.NoBuildx, "docker on this agent has no buildx"},
		"no plugin, build":       {"unknown flag: --progress\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n", buildx.NoBuildx, "docker on this agent has no buildx"},
		"no daemon":              {"ERROR: failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory\n", buildx.NoDaemon, "the Docker daemon cannot be reached"},
		"no daemon, old CLI":     {"ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n", buildx.NoDaemon, "the Docker daemon cannot be reached"},
		"no daemon, new builder": {"ERROR: failed to initialize builder guardrails-x (guardrails-x0): failed to connect to the docker API at unix:///var/run/docker.sock; check\n", buildx.NoDaemon, "the Docker daemon cannot be reached"},
		"no right to daemon":     {"ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: x\n", buildx.NoDaemon, "the agent's user may not use the Docker daemon"},
		"no context":             {`Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open /x/meta.json: no such file or directory` + "\n", buildx.NoDaemon, "the Docker context of this agent does not exist"},
		"no builder":             {"ERROR: no builder \"nope\" found\n", buildx.NoBuilder, "there is no builder nope"},
		"builder is gone":        {"ERROR: failed to build: context deadline exceeded\n", buildx.NoBuilder, "the builder does not answer"},
		"platforms of docker":    {"ERROR: failed to build: Multi-platform build is not supported for the docker driver.\nSwitch to a different driver, or turn on the containerd image store, and try again.\nLearn more at https://docs.docker.com/go/build-multi-platform/\n", buildx.Unsupported, "the docker driver cannot do this: Multi-platform build"},
		"provenance of docker":   {"ERROR: failed to build: Attestation is not supported for the docker driver.\nSwitch\n", buildx.Unsupported, "the docker driver cannot do this: Attestation"},
		"cache of docker":        {"ERROR: failed to build: Cache export is not supported for the docker driver.\nSwitch\n", buildx.Unsupported, "the docker driver cannot do this: Cache export"},
		"digest push of docker":  {"ERROR: failed to build: push-by-digest is currently not implemented for docker driver, please create a new builder instance\n", buildx.Unsupported, "the docker driver cannot push without a tag"},
		"entitlement":            {"ERROR: failed to build: failed to solve: granting entitlement network.host is not allowed by build daemon configuration\n", buildx.Unsupported, "the builder does not allow network.host"},
		"unknown entitlement":    {"ERROR: failed to build: unknown entitlement bogus\n", buildx.Unsupported, "buildx does not take an option of this build"},
		"bad option":             {"invalid argument \"bogus\" for \"--ulimit\" flag: invalid ulimit argument: bogus\n\nUsage:\n", buildx.Unsupported, "buildx does not take an option of this build"},
		"no folder":              {"ERROR: failed to build: unable to prepare context: path \"/nope\" not found\n", buildx.Dockerfile, "the build's context is not there"},
		"no named context":       {"ERROR: failed to build: failed to get build context x: stat /nope: no such file or directory\n", buildx.Dockerfile, "the context x is not there"},
		"no Dockerfile":          {"ERROR: failed to build: failed to solve: failed to read dockerfile: open Nope: no such file or directory\n", buildx.Dockerfile, "there is no such Dockerfile"},
		"broken Dockerfile":      {excerpt + "ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)\n", buildx.Dockerfile, "the Dockerfile has an error"},
		"no stage":               {"ERROR: failed to build: failed to solve: target stage \"q\" could not be found\n", buildx.Dockerfile, "the Dockerfile has no stage q"},
		"lint":                   {"ERROR: failed to build: failed to solve: lint violation found for rules: FromPlatformFlagConstDisallowed, InvalidBaseImagePlatform\n", buildx.Dockerfile, "the Dockerfile breaks rules: FromPlatformFlagConstDisallowed, InvalidBaseImagePlatform"},
		"no file":                {failing("[2/2] COPY nofile /x", "failed to calculate checksum of ref a::b: \"/nofile\": not found") + "ERROR: failed to build: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: \"/nofile\": not found\n", buildx.Dockerfile, "/nofile is to be copied, and is not there"},
		"no secret":              {"ERROR: failed to build: failed to solve: secret s: not found\n", buildx.Dockerfile, "the Dockerfile needs the secret s"},
		"no secret's file":       {"ERROR: failed to build: failed to stat /nope: stat /nope: no such file or directory\n", buildx.Dockerfile, "the file /nope of a secret is not there"},
		"no SSH agent":           {"ERROR: failed to build: failed to convert agent config {default [] false}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set\n", buildx.Other, "there is no SSH agent"},
		"no SSH key":             {"ERROR: failed to build: failed to convert agent config {default [/nope] false}: failed to convert agent config for ID: \"default\": stat /nope: no such file or directory\n", buildx.Other, "an SSH key cannot be used"},
		"full disk":              {"ERROR: failed to build: failed to solve: failed to copy files: copy file range failed: no space left on device\n", buildx.Full, "the builder's disk is full"},
		"program fails":          {failing("[2/2] RUN make", `process "/bin/sh -c make" did not complete successfully: exit code: 7`) + "ERROR: failed to build: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 7\n", buildx.Step, `the step "[2/2] RUN make" failed with exit code 7`},
		"program fails, 20.10":   {failing("[2/2] RUN make", "executor failed running [/bin/sh -c make]: exit code: 7") + "ERROR: failed to build: failed to solve: executor failed running [/bin/sh -c make]: exit code: 7\n", buildx.Step, `the step "[2/2] RUN make" failed with exit code 7`},
		"program speaks of registries": {failing("[2/2] RUN a", `process "/bin/sh -c echo failed to push x: unexpected status: 503 Service" did not complete successfully: exit code: 1`) +
			"ERROR: failed to solve: process \"/bin/sh -c echo failed to push x: unexpected status: 503 Service\" did not complete successfully: exit code: 1\n", buildx.Step, `the step "[2/2] RUN a" failed with exit code 1`},
		"base image is not there":   {excerpt + "ERROR: failed to build: failed to solve: r.io/base:9: failed to resolve source metadata for r.io/base:9: r.io/base:9: not found\n", buildx.Base, "a base image cannot be read"},
		"the same, 20.10":           {failing("[internal] load metadata for r.io/base:9", "r.io/base:9: not found") + "ERROR: failed to build: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: failed to create LLB definition: r.io/base:9: not found\n", buildx.Base, "a base image cannot be read"},
		"base has no platform":      {excerpt + failing("[internal] load metadata for r.io/base:1", "no match for platform in manifest: not found") + "ERROR: failed to build: failed to solve: r.io/base:1: failed to resolve source metadata for r.io/base:1: no match for platform in manifest: not found\n", buildx.NoPlatform, "the base image r.io/base:1 has nothing for linux/amd64"},
		"one of two platforms":      {failing("[linux/arm64 internal] load metadata for r.io/base:1", "no match for platform in manifest: not found") + "ERROR: failed to build: failed to solve: r.io/base:1: failed to resolve source metadata for r.io/base:1: no match for platform in manifest: not found\n", buildx.NoPlatform, "the base image r.io/base:1 has nothing for linux/arm64"},
		"no platform, no name":      {"ERROR: failed to solve: no match for platform in manifest: not found\n", buildx.NoPlatform, "a base image has nothing for linux/amd64"},
		"a base called so":          {"ERROR: failed to solve: no match for platform in manifest: x: not found\n", buildx.Base, "a base image cannot be read"},
		"syntax has no platform":    {failing("resolve image config for docker-image://r.io/dockerfile:1", "no match for platform in manifest: not found") + "ERROR: failed to build: failed to solve: failed to resolve source metadata for r.io/dockerfile:1: no match for platform in manifest: not found\n", buildx.Base, `the image of the line "# syntax=" cannot be read`},
		"base registry unknown":     {"ERROR: failed to build: failed to solve: nosuch.invalid/x: failed to resolve source metadata for nosuch.invalid/x:latest: failed to do request: Head \"https://nosuch.invalid/v2/x/manifests/latest\": dial tcp: lookup nosuch.invalid on 10.0.0.53:53: no such host\n", buildx.Base, "the registry of a base image cannot be reached"},
		"syntax line":               {"ERROR: failed to build: failed to solve: failed to resolve source metadata for docker.io/docker/dockerfile:1: failed to do request: Head \"https://registry-1.docker.io/v2/docker/dockerfile/manifests/1\": dial tcp: lookup registry-1.docker.io: no such host\n", buildx.Base, "the registry of a base image cannot be reached"},
		"base image is private":     {"ERROR: failed to build: failed to solve: r/base:1: failed to resolve source metadata for r/base:1: unexpected status from HEAD request to http://r/v2/base/manifests/1: 401 Unauthorized\n", buildx.Base, "a base image may not be read, or is not there"},
		"base image, no token":      {"ERROR: failed to build: failed to solve: failed to fetch anonymous token: unexpected status from GET request to http://r/token?service=s: 401 Unauthorized\n", buildx.Base, "a base image may not be read, or is not there"},
		"base image, Docker Hub":    {"ERROR: failed to build: failed to solve: nosuch: failed to resolve source metadata for docker.io/library/nosuch:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed\n", buildx.Base, "a base image may not be read, or is not there"},
		"base registry throttles":   {"ERROR: failed to build: failed to solve: x: failed to resolve source metadata for docker.io/library/x:1: failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://registry-1.docker.io/v2/library/x/manifests/sha256:1: 429 Too Many Requests\n", buildx.Pull, "the registry of a base image did not answer as it should"},
		"push: 503, text":           {export("failed to push r/app: unavailable: down for maintenance") + "ERROR: failed to build: failed to solve: failed to push r/app: unavailable: down for maintenance\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: 503, page":           {export("failed to push r/app: unexpected status from POST request to http://r/v2/app/blobs/uploads/: 503 Service Unavailable: <html>x</html>") + "ERROR: failed to build: failed to solve: failed to push r/app: unexpected status from POST request to http://r/v2/app/blobs/uploads/: 503 Service Unavailable: <html>x</html>\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: 503, 20.10":          {failing("pushing r/app:x with docker", "received unexpected HTTP status: 503 Service Unavailable") + "ERROR: failed to build: received unexpected HTTP status: 503 Service Unavailable\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: 429":                 {export("failed to push r/app: toomanyrequests: slow down") + "ERROR: failed to build: failed to solve: failed to push r/app: toomanyrequests: slow down\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: cut":                 {export("failed to push r/app: failed to do request: Post \"http://r/v2/app/blobs/uploads/\": EOF") + "ERROR: failed to build: failed to solve: failed to push r/app: failed to do request: Post \"http://r/v2/app/blobs/uploads/\": EOF\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: cut, 20.10":          {failing("pushing r/app:x with docker", "Post \"http://r/v2/app/blobs/uploads/\": EOF") + "ERROR: failed to build: Post \"http://r/v2/app/blobs/uploads/\": EOF\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: refused":             {export("failed to push r/app: failed to do request: Head \"http://r/v2/app/blobs/x\": dial tcp 127.0.0.1:5999: connect: connection refused") + "ERROR: failed to build: failed to solve: failed to push r/app: failed to do request: Head \"http://r/v2/app/blobs/x\": dial tcp 127.0.0.1:5999: connect: connection refused\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: token endpoint down": {export("failed to push r/app: failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://r/oauth2/token: 503 Service Unavailable") + "ERROR: failed to build: failed to solve: failed to push r/app: failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://r/oauth2/token: 503 Service Unavailable\n", buildx.Push, `the registry "contoso.azurecr.io" did not take the image`},
		"push: no host":             {export("failed to push r/app: failed to do request: Head \"https://r/v2/app/blobs/x\": dial tcp: lookup r on 10.0.0.53:53: no such host") + "ERROR: failed to build: failed to solve: failed to push r/app: failed to do request: Head \"https://r/v2/app/blobs/x\": dial tcp: lookup r on 10.0.0.53:53: no such host\n", buildx.Refused, `the registry "contoso.azurecr.io" cannot be reached`},
		"push: certificate":         {export("failed to push r/app: failed to do request: Head \"https://r/v2/app/blobs/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority") + "ERROR: failed to build: failed to solve: failed to push r/app: failed to do request: Head \"https://r/v2/app/blobs/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority\n", buildx.Refused, `the registry "contoso.azurecr.io" cannot be reached`},
		"push: expired token":       {export("failed to push r/app: unauthorized: authentication required, visit https://aka.ms/acr/authorization") + "ERROR: failed to build: failed to solve: failed to push r/app: unauthorized: authentication required, visit https://aka.ms/acr/authorization\n", buildx.Unauthorized, `the registry "contoso.azurecr.io" does not accept the credentials`},
		"push: expired, 20.10":      {failing("pushing r/app:x with docker", "unauthorized: authentication required, visit https://aka.ms/acr/authorization") + "ERROR: failed to build: unauthorized: authentication required, visit https://aka.ms/acr/authorization\n", buildx.Unauthorized, `the registry "contoso.azurecr.io" does not accept the credentials`},
		"push: 401 blob":            {export("failed to push r/app: unexpected status from HEAD request to https://r/v2/app/blobs/x: 401 Unauthorized") + "ERROR: failed to build: failed to solve: failed to push r/app: unexpected status from HEAD request to https://r/v2/app/blobs/x: 401 Unauthorized\n", buildx.Unauthorized, `the registry "contoso.azurecr.io" does not accept the credentials`},
		"push: denied":              {export("failed to push r/app: denied") + "ERROR: failed to build: failed to solve: failed to push r/app: denied\n", buildx.Denied, `the identity may not push to "contoso.azurecr.io/app"`},
		"push: no scope":            {export("failed to push r/app: push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed") + "ERROR: failed to build: failed to solve: failed to push r/app: push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed\n", buildx.Denied, `the identity may not push to "contoso.azurecr.io/app"`},
		"push: bad manifest":        {export("failed to push r/app: unknown: bad") + "ERROR: failed to build: failed to solve: failed to push r/app: unknown: bad\n", buildx.Refused, `the registry "contoso.azurecr.io" refuses the image`},
		"nothing known":             {"ERROR: failed to build: something new\n", buildx.Other, "docker buildx failed"},
		"nothing at all":            {"", buildx.Other, "docker buildx failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, answer{Match: "buildx build", Err: tc.said, Exit: 1, Always: true})
			_, err := f.Run(context.Background(), simple(t), &recorder{})
			var e *buildx.Error
			if !errors.As(err, &e) {
				t.Fatalf("Run after %q: %v, want an *Error", tc.said, err)
			}
			tries := map[buildx.Kind]int{buildx.Push: 4, buildx.Pull: 4, buildx.Unauthorized: 2}[tc.kind]
			if tries > 0 {
				tc.msg += fmt.Sprintf(", in %d tries", tries)
			}
			if e.Kind != tc.kind || e.Msg != tc.msg || e.Hint == "" {
				t.Errorf("after %q:\ngot  %s %q (hint %q)\nwant %s %q", tc.said, e.Kind, e.Msg, e.Hint, tc.kind, tc.msg)
			}
			if strings.HasPrefix(tc.said, excerpt) && e.Kind != buildx.Push && (e.Line != 3 || e.Path != "/src/Dockerfile") {
				t.Errorf("place: got %s:%d, want the Dockerfile's line 3", e.Path, e.Line)
			}
			if got := len(f.calls(t)); got != max(tries, 1) {
				t.Errorf("docker was called %d times after an error of kind %s", got, e.Kind)
			}
		})
	}
}

// What buildx 0.20 says of a key could be said of any file: only its path tells.
func TestKeysAreBlamedByTheirPath(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"stat /keys/git: no such file or directory":           "an SSH key cannot be used",
		"failed to open /keys/git: permission denied":         "an SSH key cannot be used",
		"stat /var/lib/docker: input/output error":            "docker buildx failed",
		"failed to read /etc/buildkit/x: permission denied":   "docker buildx failed",
		"failed to open /tmp/cache/index.json: no such thing": "docker buildx failed",
	} {
		f := newFake(t, answer{Match: "buildx build", Err: "ERROR: failed to build: " + said + "\n", Exit: 1, Always: true})
		b := simple(t)
		b.SSH = []string{"default", "git=/keys/git,raw=true"}
		_, err := f.Run(context.Background(), b, &recorder{})
		var e *buildx.Error
		if !errors.As(err, &e) || e.Msg != want {
			t.Errorf("after %q: %+v, want %q", said, e, want)
		}
	}
}

func TestOutageIsReadFromThePush(t *testing.T) {
	t.Parallel()
	stream, err := os.ReadFile(filepath.Join("testdata", "outage.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// A registry's own words instead of a status: only the lines of the push tell.
	for _, words := range []string{"unavailable: down for maintenance", "odd: words of a registry"} {
		text := strings.ReplaceAll(string(stream), "unavailable: down for maintenance", words)
		e, log, _ := fails(t, text, nil)
		const msg = `the registry "contoso.azurecr.io" did not take the image: 503 Service Unavailable`
		if e.Kind != buildx.Push || e.Msg != msg+", in 4 tries" {
			t.Errorf("an outage that is told as %q: %+v, want kind push", words, e)
		}
		for i, wait := range []string{"10s", "30s", "1m0s"} {
			want := fmt.Sprintf("%s (failed to push 127.0.0.1:5055/app: %s): trying again in %s (try %d of 4)", msg, words, wait, i+2)
			if !strings.Contains(log, want) {
				t.Errorf("the log is\n%s\nwant in it %s", log, want)
			}
		}
	}
}

// The registry chooses these lines: no more than a status of the last trouble is taken from them.
func TestStatusOfAPush(t *testing.T) {
	t.Parallel()
	const from = "error: unexpected status from PUT request to http://r/v2/x: "
	for lines, want := range map[string]string{
		from + "502 Bad Gateway\nunavailable\n":                                       ": 502 Bad Gateway",
		from + "429 Too Many Requests: <a href=x>":                                    ": 429 Too Many Requests",
		from + "503 ##vso[task.complete]":                                             "",
		from + "503 Service Unavailable\nerror: dial tcp: connection refused":         "",
		from + "403 Forbidden":                                                        "",
		"says: unexpected status from PUT request to x: 503 Service Unavailable":      "",
		from + "500 Internal Server Error\n" + from + "504 Gateway Timeout\nretrying": ": 504 Gateway Timeout",
	} {
		const push = "failed to push r/app: unavailable: x"
		begun := `{"vertexes":[{"digest":"exporting to image","name":"exporting to image","started":"2026-01-01T00:00:00Z"}]}` + "\n"
		e, _, _ := fails(t, begun+said("exporting to image", lines+"\n")+failing("exporting to image", push)+"ERROR: "+push+"\n", nil)
		if want = `the registry "contoso.azurecr.io" did not take the image` + want + ", in 4 tries"; e.Msg != want {
			t.Errorf("after %q:\ngot  %s\nwant %s", lines, e.Msg, want)
		}
	}
}

func TestForeignProgramIsToldApart(t *testing.T) {
	t.Parallel()
	stream, err := os.ReadFile(filepath.Join("testdata", "emulation.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t, answer{Match: "buildx build", Err: string(stream), Exit: 1})
	_, err = f.Run(context.Background(), simple(t), &recorder{})
	var e *buildx.Error
	if !errors.As(err, &e) || e.Kind != buildx.NoEmulation || e.Line != 2 || !strings.Contains(e.Hint, "$BUILDPLATFORM") {
		t.Errorf("a step that runs an arm64 program: %+v, want kind emulation, line 2, and the way out", e)
	}
}

func TestWordsOfToolsAreCleaned(t *testing.T) {
	t.Parallel()
	f := newFake(t, answer{Match: "buildx build", Exit: 1,
		Err: "ERROR: failed to solve: ##vso[task.complete]\x1b[31m hunter2-hunter2\nmore " + strings.Repeat("x", 1000) + "\n"})
	f.Secrets.Add("hunter2-hunter2")
	_, err := f.Run(context.Background(), simple(t), &recorder{})
	var e *buildx.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := "**vso[task.complete] *** more " + strings.Repeat("x", 30) + " ... " + strings.Repeat("x", 130)
	if diff := cmp.Diff(want, e.Said); diff != "" {
		t.Errorf("what buildx said (-want +got):\n%s", diff)
	}
}

package buildx_test

import (
	"context"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

func TestRunWritesTheCommandLine(t *testing.T) {
	t.Parallel()
	everything := simple(t)
	everything.Platforms = []platform.Platform{amd64, arm64}
	everything.Args = []string{"A=1,2", "B"}
	everything.Options = []string{"--network=none"}
	everything.Target = "--push"
	everything.Labels = map[string]string{"b": "x=y", "a": "--load"}
	everything.Annotations = map[string]string{"org.opencontainers.image.title": "a, b"}
	everything.Secrets = []buildx.Secret{{ID: `odd",id`, File: "/run/a,b"}}
	everything.SSH = []string{"default"}
	everything.Contexts = map[string]string{"base": "docker-image://x"}
	everything.NoCache, everything.Pull = true, true
	everything.CacheFrom, everything.CacheTo = []string{"type=registry,ref=r"}, []string{"type=inline"}
	everything.Provenance, everything.SBOM = "max", true
	everything.Scanner = "contoso.azurecr.io/syft:1"
	everything.Context = "-x"

	tagged := simple(t)
	tagged.Builder = buildx.Builder{Name: "default", Driver: "docker"}
	tagged.Tag = "candidate"

	single := simple(t)
	single.Annotations = map[string]string{"k": "v"}

	for name, tc := range map[string]struct {
		build buildx.Build
		want  string
	}{
		"everything": {everything, `buildx|build|--progress=rawjson|--metadata-file=*|--builder=b|--platform=linux/amd64,linux/arm64|` +
			`--file=/src/Dockerfile|--target=--push|--build-arg=A=1,2|--build-arg=B|--build-context=base=docker-image://x|` +
			`--network=none|--no-cache|--pull|--label=a=--load|--label=b=x=y|` +
			`--annotation=index,manifest:org.opencontainers.image.title=a, b|--secret="id=odd"",id","src=/run/a,b"|--ssh=default|` +
			`--cache-from=type=registry,ref=r|--cache-to=type=inline|--provenance=mode=max|--sbom=generator=contoso.azurecr.io/syft:1|` +
			`--output=type=image,name=contoso.azurecr.io/app,push-by-digest=true,push=true,oci-mediatypes=true|--|-x`},
		"docker driver": {tagged, `buildx|build|--progress=rawjson|--metadata-file=*|--builder=default|--platform=linux/amd64|` +
			`--file=/src/Dockerfile|--provenance=false|--tag=contoso.azurecr.io/app:candidate|--push|--|/src`},
		"one manifest": {single, `buildx|build|--progress=rawjson|--metadata-file=*|--builder=b|--platform=linux/amd64|` +
			`--file=/src/Dockerfile|--annotation=manifest:k=v|--provenance=false|` +
			`--output=type=image,name=contoso.azurecr.io/app,push-by-digest=true,push=true,oci-mediatypes=true|--|/src`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, answer{Match: "buildx build", Digest: digest})
			r, err := f.Run(context.Background(), tc.build, &recorder{})
			if err != nil || r.Digest != digest {
				t.Fatalf("Run: digest %q, error %v", r.Digest, err)
			}
			args := f.calls(t)[0].Args
			for i, arg := range args {
				if strings.HasPrefix(arg, "--metadata-file=") {
					args[i] = "--metadata-file=*"
				}
			}
			if diff := cmp.Diff(strings.Split(tc.want, "|"), args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

// buildx reads fields as CSV; what we write must come out as it went in.
func FuzzFields(f *testing.F) {
	f.Add("npm", "/run/x")
	f.Add(`a",src=/etc/shadow,"`, "b\nc")
	f.Add(" a", "")
	f.Fuzz(func(t *testing.T, id, path string) {
		if strings.ContainsRune(id+path, '\r') { // encoding/csv reads CR LF as LF, and buildx no line ends at all
			t.Skip()
		}
		text := buildx.Fields("id="+id, "src="+path)
		got, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil || !slices.Equal(got, []string{"id=" + id, "src=" + path}) {
			t.Errorf("fields %q and %q are written as %q, and read as %q, %v", id, path, text, got, err)
		}
	})
}

func TestRunHandsSecretsOverInPrivateFiles(t *testing.T) {
	t.Parallel()
	b := simple(t)
	b.Secrets = []buildx.Secret{{ID: "npm", Value: inputs.NewSecret("hunter2-hunter2")}}
	f := newFake(t, answer{Match: "buildx build", Digest: digest, Err: "it said hunter2-hunter2\n"})
	if _, err := f.Run(context.Background(), b, &recorder{}); err != nil {
		t.Fatal(err)
	}
	c := f.calls(t)[0]
	if strings.Contains(strings.Join(append(c.Args, c.Env...), " "), "hunter2") {
		t.Errorf("the secret is in arguments or environment: %q", c)
	}
	for path, held := range c.Files {
		if held != "hunter2-hunter2" || c.Modes[path] != 0o600 {
			t.Errorf("%s held %q with mode %o; want the secret, and 600", path, held, c.Modes[path])
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there after the build: %v", path, err)
		}
	}
	if len(c.Files) != 1 {
		t.Errorf("%d secrets were handed over", len(c.Files))
	}
	if f.Secrets.String("hunter2-hunter2") != "***" {
		t.Error("the secret is not hidden in what is said")
	}
}

func TestEnvironmentIsNamed(t *testing.T) {
	t.Parallel()
	f := newFake(t, answer{Match: "buildx build", Digest: digest})
	f.Env = append(f.Env, "DOCKER_HOST=tcp://x", "BUILDX_BUILDER=y", "HTTPS_PROXY=p", "SYSTEM_ACCESSTOKEN=secret1",
		"SECRET_X=secret2", "INPUT_Y=secret3", "NPM_TOKEN=secret4", "AWS_SOMETHING=secret5", "DOCKER_AUTH_CONFIG={}", "GNUPGHOME=g", "AWS_PROFILE=p",
		"GUARDRAILS_DOCKER_CREDENTIALS=z",
		"VSTS_PROCESS_LOOKUP_ID=1")
	if _, err := f.Run(context.Background(), simple(t), &recorder{}); err != nil {
		t.Fatal(err)
	}
	env := strings.Join(f.calls(t)[0].Env, "\n")
	for _, want := range []string{"DOCKER_HOST=", "BUILDX_BUILDER=", "HTTPS_PROXY=", "GUARDRAILS_DOCKER_CREDENTIALS=", "VSTS_PROCESS",
		"DOCKER_AUTH_CONFIG={}", "GNUPGHOME=", "AWS_PROFILE="} {
		if !strings.Contains(env, want) {
			t.Errorf("docker's environment lacks %s:\n%s", want, env)
		}
	}
	if strings.Contains(env, "secret") {
		t.Errorf("docker's environment holds a secret:\n%s", env)
	}
}

func TestRunRefusesWhatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*buildx.Build){
		"no context":          func(b *buildx.Build) { b.Context = "" },
		"context from stdin":  func(b *buildx.Build) { b.Context = "-" },
		"Dockerfile of stdin": func(b *buildx.Build) { b.Dockerfile = "-" },
		"no repository":       func(b *buildx.Build) { b.Repository = "" },
		"no platform":         func(b *buildx.Build) { b.Platforms = nil },
		"no tag to push by":   func(b *buildx.Build) { b.Builder.PushByDigest = false },
		"secret without id":   func(b *buildx.Build) { b.Secrets = []buildx.Secret{{File: "x"}} },
		"annotations that the builder drops": func(b *buildx.Build) {
			b.Annotations, b.Builder.Annotations = map[string]string{"a": "b"}, false
		},
	} {
		b := simple(t)
		change(&b)
		f := newFake(t, answer{Match: "", Digest: digest, Always: true})
		if _, err := f.Run(context.Background(), b, &recorder{}); err == nil || len(f.calls(t)) != 0 {
			t.Errorf("%s: error %v after %d calls of docker; want a refusal", name, err, len(f.calls(t)))
		}
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text          string
		args, options []string
		err           string
	}{
		"nothing":         {text: " \n"},
		"both spellings":  {text: "--build-arg A=1 --build-arg=B=2 --network host", args: []string{"A=1", "B=2"}, options: []string{"--network=host"}},
		"quotes":          {text: `--build-arg "A=a b" --build-arg B="c\"d\e"`, args: []string{"A=a b", `B=c"d\e`}},
		"several lines":   {text: "--shm-size 1g\r\n--ulimit nofile=1:2\n", options: []string{"--shm-size=1g", "--ulimit=nofile=1:2"}},
		"option as value": {text: "--network --push", options: []string{"--network=--push"}},
		"empty value":     {text: `--build-arg ""`, args: []string{""}},
		"no value":        {text: "--add-host", err: "the option --add-host in arguments has no value"},
		"all at once": {text: "--platform linux/arm64 --push x -t y", err: "the option --platform does not belong in arguments: use the input platforms\n" +
			"the option --push does not belong in arguments: the task needs it itself\n" +
			"the option -t does not belong in arguments: use the input tags"},
		"single quotes": {text: "--build-arg A='a b'", args: nil, err: `arguments holds "b'", which is no option: put a value with spaces in double quotes`},
		"unknown": {text: "--squash", err: `the option "--squash" in arguments is not known to this task, which takes --build-arg, ` +
			"--add-host, --shm-size, --ulimit, --network, --cgroup-parent, --no-cache-filter, --allow"},
		"open quote": {text: `--build-arg "A`, err: "arguments has a double quote without its end"},
		"hostile":    {text: "--##vso[task.x]\x1b", err: `the option "--**vso[task.x]?" in arguments is not known to this task, which takes --build-arg, --add-host, --shm-size, --ulimit, --network, --cgroup-parent, --no-cache-filter, --allow`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args, options, err := buildx.ParseOptions(tc.text)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.err || !slices.Equal(args, tc.args) || !slices.Equal(options, tc.options) {
				t.Errorf("ParseOptions(%q) = %q, %q, %q\nwant %q, %q, %q", tc.text, args, options, got, tc.args, tc.options, tc.err)
			}
		})
	}
}

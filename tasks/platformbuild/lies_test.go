package platformbuild

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// lie is a Dockerfile that makes an image which says linux/amd64 and holds something else.
type lie struct {
	dockerfile string // {base} is for both, {arm} for arm64 only
	program    bool   // there is a program for arm64 in the context
	lint       bool   // BuildKit's checks find it before the build
	says       string
}

var lies = map[string]lie{
	"a base image from a laptop": {
		dockerfile: "FROM {arm}\n", lint: true, says: "linux/arm64 program, but the image claims linux/amd64",
	},
	"a platform in the last FROM": {
		dockerfile: "FROM --platform=linux/arm64 {base}\n", lint: true,
		says: "linux/arm64 program, but the image claims linux/amd64",
	},
	"a program that was built on a laptop": {
		dockerfile: "FROM {base}\nCOPY server /app/server\nENTRYPOINT [\"/app/server\"]\n", program: true,
		says: "/app/server is a linux/arm64 program, but the image claims linux/amd64",
	},
	"a program that was built on a laptop, found by PATH and links": {
		dockerfile: "FROM {base}\nCOPY server /opt/v1/server\nRUN mkdir -p /usr/bin && ln -s v1 /opt/current && ln -s /opt/current/server /usr/bin/serve\nENTRYPOINT [\"serve\"]\n",
		program:    true, says: "/opt/v1/server is a linux/arm64 program, but the image claims linux/amd64",
	},
}

// TestLies builds images that lie. buildx makes and pushes all of them without an error, a node could start none; this
// task gives none a tag.
func TestLies(t *testing.T) {
	t.Parallel()
	registry := containertest.NewRegistry(t, func(c *containertest.Config) { c.User, c.Password = pusher, password })
	daemons := containertest.Start(t, containertest.Settings{
		BuildKit: true, Registries: []*containertest.Registry{registry},
	})
	base, err := registry.PushBase("base/busybox", "1", "amd64", "arm64")
	if err != nil {
		t.Fatal(err)
	}
	arm, err := registry.PushBase("base/laptop", "1", "arm64")
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range lies {
		t.Run(name, func(t *testing.T) {
			j := newJobWith(t, nil, registry).under(daemons)
			j.write(map[string]string{
				"Dockerfile": strings.NewReplacer("{base}", base, "{arm}", arm).Replace(l.dockerfile),
			})
			if l.program {
				program, err := containertest.Busybox("arm64")
				j.must(err)
				j.write(map[string]string{"server": string(program)})
			}
			j.commit()
			j.believed(daemons)

			if l.lint {
				j.refuses("image/platform", "")
				j.input("lint", "off") // as an older builder has no checks
			}
			j.refuses("platform/machine", l.says)
			j.says("##vso[task.logissue type=error", "driver remote, BuildKit ", ", buildx "+daemons.Buildx+".")
		})
	}
}

// program finds a program as somebody with the environment of the daemons does.
func program(d *containertest.Daemons, name string) string {
	for _, entry := range d.Env {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			for _, dir := range filepath.SplitList(list) {
				if full := filepath.Join(dir, name); exists(full) {
					return full
				}
			}
		}
	}
	return name
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// believed builds the sources with buildx itself, which sees nothing wrong.
func (j *job) believed(d *containertest.Daemons) {
	j.t.Helper()
	config := filepath.Join(j.root, "docker")
	j.must(os.MkdirAll(config, 0o700))
	plugins := filepath.Dir(program(d, "docker-buildx"))
	j.must(
		os.WriteFile(
			filepath.Join(config, "config.json"),
			fmt.Appendf(nil, `{"cliPluginsExtraDirs": [%q], "auths": {%q: {"auth": %q}}}`,
				plugins, j.registry.Host(), base64.StdEncoding.EncodeToString([]byte(pusher+":"+password))),
			0o600,
		),
	)
	cmd := exec.Command(program(d, "docker"), "buildx", "build", "--platform", "linux/amd64", "--push", "--tag",
		j.registry.Host()+"/shop/naive:1", ".")
	cmd.Dir = j.path("work/1/s")
	cmd.Env = append(append(os.Environ(), d.Env...), "DOCKER_CONFIG="+config)
	if out, err := cmd.CombinedOutput(); err != nil {
		j.t.Fatalf("docker buildx build --platform linux/amd64 --push does not succeed: %v\n%s", err, out)
	}
	if j.registry.Digest("shop/naive", "1") == "" {
		j.t.Error("docker buildx build --push has pushed nothing")
	}
}

// TestHonest is the build that everything else differs from.
func TestHonest(t *testing.T) {
	t.Parallel()
	j := newJob(t, nil).with(containertest.Settings{BuildKit: true})
	base, err := j.registry.PushBase("base/busybox", "1", "amd64", "arm64")
	j.must(err)
	j.write(map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo hello > /hello\n"}).commit()
	j.want("Succeeded")
	digest := j.registry.Digest("shop/web", "100")
	ref := j.registry.Host() + "/shop/web"
	want := map[string]string{
		"digest": digest, "imageRef": ref + "@" + digest, "imageRefs": ref + ":100", "platforms": "linux/amd64",
		"reused": "false", "RESOURCE_URIS": "https://" + ref + "@" + digest,
	}
	got := map[string]string{}
	for name := range want {
		got[name] = j.output(name)
	}
	if diff := cmp.Diff(want, got); diff != "" || digest == "" {
		t.Errorf("outputs (-want +got):\n%s%s", diff, j.log)
	}
	if tags := strings.Join(j.registry.Tags("shop/web"), " "); strings.Contains(tags, "unverified") {
		t.Errorf("tags: %q", tags)
	}
}

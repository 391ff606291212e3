package platformbuild

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// TestDrivers builds with the engine itself, which can do less than BuildKit, and with a container in it.
func TestDrivers(t *testing.T) {
	t.Parallel()
	open := func(change func(*containertest.Config)) *containertest.Registry {
		return containertest.NewRegistry(t, func(c *containertest.Config) {
			c.User, c.Password = pusher, password
			change(c)
		})
	}
	images := open(func(*containertest.Config) {})
	keeps := open(func(c *containertest.Config) { c.NoDelete = true })
	free := containertest.NewRegistry(t) // for BuildKit's own image
	daemons := containertest.Start(t, containertest.Settings{
		Engine: true, Registries: []*containertest.Registry{free, images, keeps},
	})
	lab := func(t *testing.T, registry *containertest.Registry, dockerfile string) *job {
		j := newJobWith(t, nil, registry).under(daemons)
		j.write(map[string]string{"Dockerfile": strings.ReplaceAll(dockerfile, "{base}", j.base()), "app": "app\n"}).commit()
		return j.input("repository", "shop/"+strings.ToLower(strings.ReplaceAll(t.Name()[len("TestDrivers/"):], "_", "-")))
	}
	candidates := func(j *job) (all []string) {
		for _, tag := range j.registry.Tags(j.env["INPUT_REPOSITORY"]) {
			if strings.HasPrefix(tag, "unverified-") {
				all = append(all, tag)
			}
		}
		return all
	}
	t.Run("engine", func(t *testing.T) {
		j := lab(t, images, "FROM {base}\nRUN echo made >/made\n")
		j.want("Succeeded")
		j.says("This builder (docker) has no checks of Dockerfiles")
		j.says("driver docker, BuildKit ", ", buildx "+daemons.Buildx+".")
		deleted, tagged := -1, -1
		for i, q := range j.registry.Requests() {
			switch {
			case strings.HasSuffix(q.Path, "/manifests/100") && q.Method == "PUT":
				tagged = i
			case q.Method == "DELETE":
				deleted = i
			}
		}
		if left := candidates(j); len(left) > 0 || deleted < tagged || tagged < 0 {
			t.Errorf("candidates %q, tagged at %d, removed at %d:\n%s", left, tagged, deleted, j.registry.Log())
		}
		if got := j.registry.Digest("shop/engine", "100"); got != j.output("digest") || got == "" {
			t.Errorf("digest %q, the tag is %q", j.output("digest"), got)
		}
		// A second run of the same job has a candidate of its own.
		j.want("Succeeded")
	})
	t.Run("engine lies", func(t *testing.T) {
		j := lab(t, images, "FROM {base}\nCOPY server /server\nENTRYPOINT [\"/server\"]\n")
		program, err := containertest.Busybox("arm64")
		j.must(err)
		j.write(map[string]string{"server": string(program)}).commit()
		j.want("Failed")
		j.says("platform/machine", ", and has no tag there: it got none of the tags 100\n")
		if tags := j.registry.Tags("shop/engine-lies"); len(tags) > 0 {
			t.Errorf("tags %q", tags)
		}
	})
	t.Run("engine and a registry that does not delete", func(t *testing.T) {
		j := lab(t, keeps, "FROM {base}\nCOPY app /\n")
		j.want("Succeeded")
		j.says("is left, and stands for nothing: this identity may not delete tags (AcrDelete)")
		left := candidates(j)
		if len(left) != 1 {
			t.Fatalf("candidates %q", left)
		}
		var m struct{ ArtifactType string }
		j.must(j.registry.Manifest(j.env["INPUT_REPOSITORY"], left[0], &m))
		if m.ArtifactType != "application/vnd.guardrails.nothing.v1" {
			t.Errorf("the candidate's tag is of an image: %+v", m)
		}
	})
	t.Run("container", func(t *testing.T) {
		builder, err := daemons.ContainerBuilder()
		if err != nil {
			t.Fatal(err)
		}
		j := lab(t, images, "FROM {base}\nCOPY app /\n")
		j.input("builder", builder, "platforms", "linux/amd64,linux/arm64", "provenance", "min").want("Succeeded")
		j.says("driver docker-container, BuildKit ", ", buildx "+daemons.Buildx+".")
		if left := candidates(j); len(left) > 0 {
			t.Errorf("candidates %q", left)
		}
		if out, err := daemons.Docker("buildx", "inspect", builder); err != nil || !strings.Contains(out, "docker-container") {
			t.Errorf("the builder is gone: %v, %s", err, out)
		}
	})
}

// What the engine's own builder cannot do is done by another, or refused, and not left out.
func TestDriverThatCanLess(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string][]string{
		"two platforms": {"platforms", "linux/amd64,linux/arm64"}, "provenance": {"provenance", "max"},
		"an SBOM": {"sbom", "true"}, "annotations": {"annotations", "a=b"}, "a cache": {"cache", "registry"},
		"a cache of one's own": {"cacheTo", "type=registry,ref=a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, fake{Driver: "docker"}).input(inputs...).input("buildkitImage", "copy.invalid/buildkit:1")
			j.run()
			asked := strings.Join(j.asked(), "\n")
			if !strings.Contains(asked, `"buildx" "create" "--name=guardrails-`) || !strings.Contains(asked, `"buildx" "rm" "--force"`) ||
				!strings.Contains(asked, "image=copy.invalid/buildkit:1") {
				t.Errorf("docker was asked for\n%s", asked)
			}
			j = fakeJob(t, fake{Driver: "docker"}).input(inputs...).input("builder", "mine")
			j.refuses("image/driver", `the builder "mine" (driver docker) cannot`)
		})
	}
	j := fakeJob(t, fake{Driver: "docker"})
	j.want("Succeeded")
	built := strings.Join(j.built(), "\n")
	for _, option := range []string{"--annotation", "--cache", "mode=min", "push-by-digest"} {
		if strings.Contains(built, option) {
			t.Errorf("docker was asked for %s", built)
		}
	}
	if !strings.Contains(built, "/shop/web:unverified-100-7a-platformbuild-") {
		t.Errorf("docker was asked for %s", built)
	}
}

package platformbuild

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One build for two platforms, with labels and annotations in each.
func TestTwoPlatforms(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{
		"Dockerfile": "FROM --platform=$BUILDPLATFORM {base} AS make\nARG TARGETARCH\nRUN echo $TARGETARCH >/arch\n" +
			"FROM {base}\nCOPY --from=make /arch /arch\n",
	}).input("platforms", "linux/amd64,linux/arm64", "labels", "tier=front", "annotations", "note=a, \"b\"",
		"verifyContent", "all")
	j.want("Succeeded")
	index := j.manifest("100")
	if index.Annotations["note"] != `a, "b"` || index.Annotations["org.opencontainers.image.revision"] != j.head() {
		t.Errorf("annotations of the index %q", index.Annotations)
	}
	images := j.images("100")
	if len(images) != 2 {
		t.Fatalf("%d images, want 2", len(images))
	}
	for _, image := range images {
		if image.Annotations["note"] != `a, "b"` || image.Annotations["org.opencontainers.image.revision"] != j.head() {
			t.Errorf("annotations of an image %q", image.Annotations)
		}
		config := string(j.get("/v2/shop/web/blobs/" + image.Config.Digest))
		for _, want := range []string{`"tier":"front"`, `"built-by":"azure-devops"`, `"commit":"` + j.head() + `"`} {
			if !strings.Contains(config, want) {
				t.Errorf("a config has no %s: %s", want, config)
			}
		}
	}
	if got := j.output("platforms"); got != "linux/amd64,linux/arm64" {
		t.Errorf("platforms %q", got)
	}
	j.says("(linux/amd64): it starts /bin/sh", "(linux/arm64): it starts /bin/sh", "ELF linux/arm64: 1")
}

// A program for another platform cannot run here.
func TestNoEmulation(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN echo hello >/a\n"}).input("platforms", "linux/arm64")
	j.refuses("image/emulation", "linux/arm64")
	j.says("$BUILDPLATFORM")
}

// What BuildKit writes down about the build.
func TestProvenance(t *testing.T) {
	t.Parallel()
	for provenance, want := range map[string]string{"off": "", "auto": "min", "min": "min", "max": "max"} {
		t.Run(provenance, func(t *testing.T) {
			t.Parallel()
			j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nARG NAME\nRUN echo $NAME >/a\n"})
			j.input("provenance", provenance, "buildArgs", "NAME=a-known-value").want("Succeeded")
			got := ""
			if text := j.everything("100"); strings.Contains(text, "slsa.dev/provenance") {
				got = "min"
				if strings.Contains(text, "build-arg:NAME") {
					got = "max"
				}
			}
			if got != want {
				t.Errorf("provenance %q, want %q", got, want)
			}
		})
	}
}

// The inputs that say what is built.
func TestWhatIsBuilt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files  map[string]string
		inputs []string
		want   string // in the image
	}{
		"a target": {
			map[string]string{"Dockerfile": "FROM {base} AS one\nRUN echo this-one >/a\nFROM {base} AS two\n"},
			[]string{"target", "one"}, "this-one",
		},
		"an argument": {
			map[string]string{"Dockerfile": "FROM {base}\nARG A\nARG B\nRUN echo is-$A-$B >/a\n"},
			[]string{"buildArgs", "A=one", "arguments", `--build-arg "B=two words"`}, "is-one-two words",
		},
		"a named context": {
			map[string]string{"Dockerfile": "FROM {base}\nCOPY --from=src b /b\n", "src/b": "from the context\n"},
			[]string{"buildContexts", "src=src"}, "from the context",
		},
		"another Dockerfile and context": {
			map[string]string{"Dockerfile": "FROM {base}\nCOPY b /b\n", "src/b": "from the folder\n"},
			[]string{"buildContext", "src"}, "from the folder",
		},
		"an option": {
			map[string]string{"Dockerfile": "FROM {base}\nRUN cp /etc/hosts /a\n"},
			[]string{"arguments", "--add-host known.invalid:127.9.9.9"}, "127.9.9.9",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := realJob(t, tc.files).input(tc.inputs...)
			j.want("Succeeded")
			var layers string
			for _, layer := range j.images("100")[0].Layers[1:] {
				layers += unzip(t, j.get("/v2/shop/web/blobs/"+layer.Digest))
			}
			if !strings.Contains(layers, tc.want) {
				t.Errorf("no layer has %q", tc.want)
			}
		})
	}
}

// Layers are kept in the registry, for this branch and for those that have none yet.
func TestCache(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN head -c 9 /dev/urandom >/a\nCOPY x /\n", "x": "1\n"})
	tags := func() (all []string) {
		for _, tag := range j.registry.Tags("shop/web") {
			if name, ok := strings.CutPrefix(tag, "buildcache-"); ok {
				all = append(all, name)
			}
		}
		return all
	}
	j.want("Succeeded")
	if diff := cmp.Diff([]string{"main"}, tags()); diff != "" {
		t.Errorf("caches (-want +got):\n%s", diff)
	}
	j.set("BUILD_SOURCEBRANCH", "refs/heads/topic/x")
	j.want("Succeeded")
	if !slices.ContainsFunc(tags(), func(tag string) bool { return strings.HasPrefix(tag, "topic-x-") }) || len(tags()) != 2 {
		t.Errorf("caches %q", tags())
	}
	if n := j.registry.Count("manifest.get", 200); !strings.Contains(j.registry.Log(), "buildcache-main") || n == 0 {
		t.Errorf("the cache of main was not read:\n%s", j.registry.Log())
	}
	j.input("cache", "none").set("BUILD_SOURCEBRANCH", "refs/heads/none").want("Succeeded")
	if n := len(tags()); n != 2 {
		t.Errorf("none: caches %q", tags())
	}
	// A pull request reads, and writes nothing.
	j.input("cache", "registry").set("BUILD_SOURCEBRANCH", "refs/pull/7/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID", "7",
		"SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/topic/x")
	j.registry.Forget()
	j.want("Succeeded")
	if n := len(tags()); n != 2 || !strings.Contains(j.registry.Log(), "buildcache-topic-x-") {
		t.Errorf("pull request: caches %q\n%s", tags(), j.registry.Log())
	}
	// In the image, which the next run finds by the branch's tag.
	j.set("SYSTEM_PULLREQUEST_PULLREQUESTID", "").input("cache", "inline", "tags", "101").
		set("BUILD_SOURCEBRANCH", "refs/heads/inline").want("Succeeded")
	if digest := j.registry.Digest("shop/web", "buildcache-inline"); digest == "" || digest != j.output("digest") {
		t.Errorf("inline: the cache is %q\n%s", digest, j.log)
	}
}

// Nobody writes into the cache of another branch.
func TestCacheOfABranch(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, branch := range []string{
		"refs/heads/main", "refs/heads/a/b", "refs/heads/a-b", "refs/heads/a_b", "refs/heads/A-b", "refs/heads/a@b", "refs/tags/main",
		"refs/pull/1/merge", "", "refs/heads/" + strings.Repeat("x", 60), "refs/heads/" + strings.Repeat("x", 61),
		"refs/heads/" + strings.Repeat("x", 60) + "y", "refs/heads/refs/heads/main", "refs/heads/ü",
	} {
		tag := cacheTag(branch)
		ref := "a.invalid/b:" + tag
		if had, twice := seen[tag]; twice {
			t.Errorf("%q and %q have the same cache %s", had, branch, tag)
		}
		if seen[tag] = branch; len(tag) > 128 || parsed(t, ref).Tag != tag {
			t.Errorf("%q: %q is no tag", branch, tag)
		}
	}
	if seen["buildcache-main"] != "refs/heads/main" {
		t.Errorf("caches %q", seen)
	}
	// A branch that is called as the cache of another.
	for tag, branch := range seen {
		name, _ := strings.CutPrefix(tag, "buildcache-")
		if called := "refs/heads/" + name; called != branch && cacheTag(called) == tag {
			t.Errorf("%q and %q have the same cache %s", branch, called, tag)
		}
	}
}

// The file with a secret goes with a build that fails, too.
func TestSecretFileIsNotKept(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{
		"Dockerfile": "FROM {base}\nRUN --mount=type=secret,id=npm,env=TOKEN test -n \"$TOKEN\" && false\n",
	}).input("secrets", "id=npm,env=NPM").set("NPM", "a-secret-of-the-build")
	j.refuses("image/step", "")
	left, err := os.ReadDir(j.path("work/_temp"))
	j.must(err)
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "platformbuild") {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}

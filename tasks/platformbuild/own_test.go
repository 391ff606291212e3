package platformbuild

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// historyOf are entries as BuildKit writes them, nil for none. "-" before one says that it has no layer.
func historyOf(steps ...string) (all []v1.History) {
	for _, step := range steps {
		text, empty := strings.CutPrefix(step, "-")
		all = append(all, v1.History{CreatedBy: text + " x", Comment: "buildkit.dockerfile.v0", EmptyLayer: empty})
	}
	return all
}

const twice = "exec bin/sh AMD64; exec bin/sh ARM64"

// What the build itself has made is read until the program is found, what it is built on to the end of its layer: there
// a second entry can hide the first.
func TestOwnLayersAreReadQuickly(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{})
	program, err := containertest.Busybox("amd64")
	j.must(err)
	noise := make([]byte, 4<<20)
	_, err = rand.Read(noise) // does not compress
	j.must(err)
	base := j.base()
	for name, tc := range map[string]struct {
		dockerfile string
		quick      bool
	}{
		"copied":        {"FROM " + base + "\nENV A=1\nARG B\nCOPY app /app\nEXPOSE 80\nENTRYPOINT [\"/app/a\"]\n", true},
		"linked":        {"FROM scratch\nCOPY --link app /app\nWORKDIR /app\nENTRYPOINT [\"./a\"]\n", true},
		"by a RUN":      {"FROM " + base + "\nRUN --mount=target=/src cp -r /src/app /app\nUSER 1\nENTRYPOINT [\"/app/a\"]\n", true},
		"earlier stage": {"FROM " + base + " AS a\nCOPY app /app\nFROM a\nENTRYPOINT [\"/app/a\"]\n", false},
	} {
		j.write(map[string]string{
			"Dockerfile": tc.dockerfile, "app/a": string(program), "app/b": string(noise),
		})
		j.commit().input("cache", "none").want("Succeeded")
		match := regexp.MustCompile(`/app/a, ([0-9.]+ [kM]B) read`).FindStringSubmatch(j.log)
		if match == nil {
			t.Fatalf("%s: it does not say what was read:\n%s", name, j.log)
		}
		if strings.HasSuffix(match[1], " kB") != tc.quick { // which is less than 1 MB
			t.Errorf("%s: %s read, want it to be quick: %t", name, match[1], tc.quick)
		}
	}
}

// Nothing that a base image says of itself lets it count as made by the build.
func TestForgedBase(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{})
	for name, tc := range map[string]struct {
		base  part
		steps string
	}{
		"honest":          {part{}, "COPY app /app\nENV A=1\n"},
		"forged entries":  {part{history: historyOf("COPY", "-ENV", "COPY")}, "COPY app /app\nENV A=1\n"},
		"more entries":    {part{history: historyOf("ENV", "COPY", "ENV", "COPY", "ENV")}, "COPY app /app\nENV A=1\n"},
		"no entries":      {part{history: []v1.History{}}, "ENV A=1\nLABEL b=c\n"},
		"empty entries":   {part{history: historyOf("-COPY", "-ENV", "-COPY", "-ENV")}, "COPY app /app\nENV A=1\n"},
		"merged twice":    {part{history: historyOf("-COPY")}, "COPY --link app /app\nCOPY --link app /app\nENV A=1\n"},
		"nothing changes": {part{history: historyOf("-COPY")}, "WORKDIR /tmp\nWORKDIR /tmp\nCOPY app /a\nCOPY app /a\n"},
		"triggers": {part{
			history: historyOf("-COPY"), onBuild: []string{"COPY --link app /a", "COPY --link app /a", "WORKDIR /bin"},
		}, "ENV A=1\nWORKDIR /bin\n"},
	} {
		tc.base.platform, tc.base.cmd, tc.base.content = "linux/amd64", []string{"/bin/sh"}, "file tmp/x x | "+twice
		j.put("base/evil:1", tc.base)
		j.write(map[string]string{
			"app": "x", "Dockerfile": "FROM " + j.registry.Host() + "/base/evil:1\n" + tc.steps,
		}).commit().input("cache", "none")
		if j.refuses("platform/machine", "/bin/sh is a linux/arm64 program"); t.Failed() {
			t.Fatal(name)
		}
	}
}

// Where somebody else may have a say in what an instruction does, every layer is read to its end.
func TestOwnStepsAreKnown(t *testing.T) {
	t.Parallel()
	believing := func() *job { return fakeJob(t, fake{Content: twice, Steps: []string{"COPY"}}).input("lint", "off") }
	believing().want("Succeeded") // there is nobody who could have laid it out
	for name, change := range map[string]func(*job){
		"frontend": func(j *job) {
			j.write(map[string]string{"Dockerfile": "# syntax=contoso/dockerfile:1\nFROM scratch\nCOPY app /app\n"}).commit()
		},
		"frontend by argument": func(j *job) { j.input("buildArgs", "BUILDKIT_SYNTAX=contoso/dockerfile:1") },
		"context":              func(j *job) { j.input("buildContexts", "x=docker-image://x") },
		"cache":                func(j *job) { j.input("cacheFrom", "type=registry,ref=docker.io/somebody/cache") },
		"other instruction": func(j *job) {
			j.write(map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\nENV A=1\n"}).commit()
		},
		"no such stage": func(j *job) { j.input("target", "0") },
		"source policy": func(j *job) { j.set("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "policy.json") },
	} {
		j := believing()
		change(j)
		if j.refuses("platform/machine", "linux/arm64"); t.Failed() {
			t.Fatal(name)
		}
	}
	official := believing()
	official.write(map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY app /app\n"}).commit()
	official.want("Succeeded")
}

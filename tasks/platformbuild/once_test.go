package platformbuild

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// onceJob is a job that has built its image once.
func onceJob(t *testing.T) *job {
	t.Helper()
	j := newJob(t, map[string]string{
		"Dockerfile": "ARG BASE\nFROM $BASE AS one\nCOPY app /app\nFROM one AS two\n", "app": "app\n", "assets/a": "a\n",
		".dockerignore": "docs\nassets\n.git\n", "docs/a.md": "a\n", "second/Dockerfile": "ARG BASE\nFROM $BASE\nCOPY app /app\n",
	}).faked(fake{})
	j.put("base/app:1", part{platform: "linux/amd64", content: "exec app AMD64"})
	j.input("buildOnce", "true", "buildArgs", "BASE="+j.registry.Host()+"/base/app:1\nA=1", "buildContexts", "assets=assets")
	j.want("Succeeded")
	if n := len(j.built()); n != 1 || j.output("reused") != "false" {
		t.Fatalf("built %d times, reused %q", n, j.output("reused"))
	}
	if got, want := j.output("imageRefs"), j.registry.Host()+"/shop/web:100"; got != want {
		t.Errorf("imageRefs %q, want %q", got, want)
	}
	return j
}

// The same inputs are not built again; anything else is.
func TestBuildOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		reused bool
		says   string
	}{
		"nothing": {func(*job) {}, true, "is of the same inputs, built by run 100"},
		"another commit of the same files": {
			func(j *job) { j.commit() },
			true, "",
		},
		"a file that Docker ignores": {func(j *job) { j.write(map[string]string{"docs/a.md": "b\n"}).commit() }, true, ""},
		"other tags":                 {func(j *job) { j.input("tags", "v2") }, true, ""},
		"another cache":              {func(j *job) { j.input("cache", "none") }, true, ""},
		"arguments in another order": {func(j *job) { j.input("buildArgs", "A=1\nBASE="+j.registry.Host()+"/base/app:1") }, true, ""},
		"a file":                     {func(j *job) { j.write(map[string]string{"app": "other\n"}).commit() }, false, "it is built"},
		"a new file":                 {func(j *job) { j.write(map[string]string{"new": "\n"}).commit() }, false, ""},
		"a file that may not be run": {func(j *job) { j.must(os.Chmod(j.path("work/1/s/app"), 0o644)); j.commit() }, false, ""},
		"a file of a named context":  {func(j *job) { j.write(map[string]string{"assets/a": "b\n"}).commit() }, false, ""},
		"the Dockerfile":             {func(j *job) { j.write(map[string]string{"Dockerfile": "ARG BASE\nFROM $BASE\n"}).commit() }, false, ""},
		"another Dockerfile":         {func(j *job) { j.input("Dockerfile", "second/Dockerfile", "buildContext", ".") }, false, ""},
		".dockerignore":              {func(j *job) { j.write(map[string]string{".dockerignore": "assets\n.git\n"}).commit() }, false, ""},
		"an argument":                {func(j *job) { j.input("buildArgs", j.env["INPUT_BUILDARGS"]+"\nB=2") }, false, ""},
		"an argument of arguments":   {func(j *job) { j.input("arguments", "--build-arg B=2") }, false, ""},
		"an option":                  {func(j *job) { j.input("arguments", "--network=none") }, false, ""},
		"a label":                    {func(j *job) { j.input("labels", "a=b") }, false, ""},
		"an annotation":              {func(j *job) { j.input("annotations", "a=b") }, false, ""},
		"the target":                 {func(j *job) { j.input("target", "one") }, false, ""},
		"the platforms":              {func(j *job) { j.input("platforms", "linux/amd64,linux/arm64") }, false, ""},
		"the provenance":             {func(j *job) { j.input("provenance", "max") }, false, ""},
		"an SBOM":                    {func(j *job) { j.input("sbom", "true") }, false, ""},
		"the build context":          {func(j *job) { j.input("buildContext", "second") }, false, ""},
		"a named context's name":     {func(j *job) { j.input("buildContexts", "other=assets") }, false, ""},
		"the base image":             {func(j *job) { j.put("base/app:1", part{platform: "linux/amd64", content: "exec b AMD64"}) }, false, ""},
		"noCache":                    {func(j *job) { j.input("noCache", "true") }, false, "noCache wants every step to run"},
		"a secret":                   {func(j *job) { j.input("secrets", "id=a,env=A").set("A", "abcdef") }, false, "the build gets secrets"},
		"ssh":                        {func(j *job) { j.input("ssh", "default") }, false, "the build gets secrets"},
		"a download": {
			func(j *job) {
				j.write(map[string]string{"Dockerfile": "FROM scratch\nADD http://a.invalid/b /\n"}).commit()
			}, false,
			"from the network",
		},
		"a context that may move": {func(j *job) { j.input("buildContexts", "a=docker-image://alpine") }, false, "not pinned by digest"},
		"a base image that is not there": {
			func(j *job) { j.input("buildArgs", "BASE="+j.registry.Host()+"/base/gone:1") }, false, "there is no base image",
		},
		"a base image that may not be read": {
			func(j *job) {
				j.registry.Fail(containertest.Fault{Operation: "manifest.head", Path: "/base/", Status: 403})
			},
			false, "cannot be told, so it is built",
		},
		".git in the context": {
			func(j *job) { j.write(map[string]string{".dockerignore": "docs\n"}).commit() }, false,
			"the folder .git is in the build context",
		},
		"no such stage": {func(j *job) { j.input("target", "three") }, false, "cannot be told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := onceJob(t)
			first := j.output("digest")
			tc.change(j)
			j.set("BUILD_BUILDID", "101")
			if result := j.run(); result == "Failed" {
				t.Fatalf("the step ended as %s:\n%s", result, j.log)
			}
			j.says(tc.says)
			want := 2
			if tc.reused {
				want = 1
			}
			if got := len(j.built()); got != want || (j.output("reused") == "true") != tc.reused {
				t.Errorf("built %d times, want %d; reused %q:\n%s", got, want, j.output("reused"), j.log)
			}
			if tc.reused && (j.output("digest") != first || j.registry.Digest("shop/web", j.env["INPUT_TAGS"]) != first) {
				t.Errorf("digest %q, tag %q, want %q", j.output("digest"), j.registry.Digest("shop/web", "101"), first)
			}
		})
	}
}

// A found image is an image like others: what lies is not used.
func TestBuildOnceTrustsNobody(t *testing.T) {
	t.Parallel()
	good := map[string]string{"built-by": "azure-devops", "build-id": "1", "commit": "abc"}
	for name, tc := range map[string]struct {
		found []part
		says  string
	}{
		"another machine": {
			[]part{{platform: "linux/amd64", content: "exec app ARM64", entrypoint: []string{"/app"}, labels: good}}, "linux/arm64 program",
		},
		"another platform": {
			[]part{{platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}, labels: good}}, "has nothing for",
		},
		"a platform more": {
			[]part{
				{platform: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"}, labels: good},
				{platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}, labels: good},
			}, "which was not asked for",
		},
		"built by hand": {[]part{other}, "has other values: built-by"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := onceJob(t)
			tag := ""
			for _, name := range j.registry.Tags("shop/web") {
				if strings.HasPrefix(name, "in-") {
					tag = name
				}
			}
			for i, p := range tc.found { // it says of what inputs it is
				p.labels = maps.Clone(p.labels)
				if p.labels == nil {
					p.labels = map[string]string{}
				}
				p.labels[labelInputs] = j.labels("100")[labelInputs]
				tc.found[i] = p
			}
			lie := j.put("shop/web:"+tag, tc.found...)
			for _, enforcement := range []string{"warn", "enforce"} {
				j.put("shop/web:"+tag, tc.found...)
				j.input("enforcement", enforcement).want("SucceededWithIssues")
				j.says("and is not used: ", tc.says)
				if j.output("digest") == lie || j.output("reused") != "false" || j.registry.Digest("shop/web", tag) == lie {
					t.Errorf("digest %q, reused %q, tag %q", j.output("digest"), j.output("reused"), j.registry.Digest("shop/web", tag))
				}
			}
		})
	}
}

// Whoever may push can move the tag to an image of other inputs.
func TestBuildOnceKnowsItsInputs(t *testing.T) {
	t.Parallel()
	j := onceJob(t)
	tag := func() (found string) {
		for _, name := range j.registry.Tags("shop/web") {
			if strings.HasPrefix(name, "in-") {
				found = name
			}
		}
		return found
	}
	moved := j.put("shop/web:"+tag(), part{
		platform: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"},
		labels: map[string]string{"built-by": "azure-devops", "build-id": "1", "commit": "abc", labelInputs: "in-1"},
	})
	j.want("SucceededWithIssues")
	j.says("and is not used: ")
	if j.output("digest") == moved {
		t.Error("the image of other inputs is used")
	}
	// A label less is another image.
	j.input("labels", "tier=front", "tags", "labelled").want("Succeeded")
	j.input("labels", "", "tags", "plain").want("Succeeded")
	if label, there := j.labels("plain")["tier"]; there {
		t.Errorf("the label tier is %q, want none", label)
	}
}

// Bases that need not be asked for: pinned ones, and contexts.
func TestBuildOnceAsksForNoPinnedBase(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{
		"pinned":    "127.0.0.1:1/base@sha256:" + strings.Repeat("a", 64),
		"a context": "assets",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := onceJob(t)
			j.write(map[string]string{"Dockerfile": "FROM " + base + "\nCOPY app /app\n"}).commit()
			j.want("Succeeded")
			j.want("Succeeded")
			if j.output("reused") != "true" {
				t.Errorf("reused %q:\n%s", j.output("reused"), j.log)
			}
		})
	}
}

// A base image is moved during the build: nobody knows which one is in the image.
func TestBuildOnceWhileABaseMoves(t *testing.T) {
	t.Parallel()
	j := onceJob(t)
	tags := len(j.registry.Tags("shop/web"))
	j.write(map[string]string{"app": "other\n"}).commit().input("tags", "101")
	j.wrote = func(text string) {
		if strings.Contains(text, "No image of these inputs is there") {
			j.put("base/app:1", part{platform: "linux/amd64", content: "exec moved AMD64"})
		}
	}
	j.want("Succeeded")
	j.says("has changed during the build")
	if got := j.registry.Tags("shop/web"); len(got) != tags+1 {
		t.Errorf("tags %q", got)
	}
}

// The image of the same inputs may be under an immutable tag.
func TestBuildOnceAndImmutableTags(t *testing.T) {
	t.Parallel()
	j := onceJob(t).input("immutableTags", "true")
	j.want("Succeeded")
	if j.output("reused") != "true" {
		t.Errorf("reused %q", j.output("reused"))
	}
	j.write(map[string]string{"app": "other\n"}).commit()
	j.refuses("image/tag", "is there already")
}

// Whether the image is there cannot be told.
func TestBuildOnceAndAFailingRegistry(t *testing.T) {
	t.Parallel()
	j := onceJob(t)
	j.registry.Fail(containertest.Fault{Operation: "manifest.head", Path: "/manifests/in-", Status: 403})
	j.refuses("image/registry", "looking for")
}

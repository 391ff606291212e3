package platformbuild

import (
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A layer may have a file twice, and the second one counts.
func TestSecondEntryCounts(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{Content: "exec bin/sh AMD64; exec bin/sh ARM64"})
	j.refuses("platform/machine", "linux/arm64")
}

// What stands in an output must be a platform, whatever an image says.
func TestNoSuchPlatform(t *testing.T) {
	t.Parallel()
	p := started("exec app AMD64")
	p.platform = "linux##vso[task.setvariable variable=x]1/amd64"
	j := verifier(t, p)
	j.refuses("image/platform", "which is no platform")
	if got := j.output("platforms"); got != "" {
		t.Errorf("platforms %q", got)
	}
}

// A refused image is no output.
func TestRefusedIsNoOutput(t *testing.T) {
	t.Parallel()
	j := verifier(t, started("exec app ARM64"))
	j.refuses("platform/machine", "linux/arm64")
	if got := j.output("digest") + j.output("imageRef"); got != "" {
		t.Errorf("outputs %q", got)
	}
}

// An agent's folder can lie behind a link; git names it as it is.
func TestSourcesBehindALink(t *testing.T) {
	t.Parallel()
	j := sourceJob(t)
	link := j.path("agent")
	j.must(os.Symlink(j.path("work"), link))
	for _, variable := range []string{"BUILD_SOURCESDIRECTORY", "SYSTEM_DEFAULTWORKINGDIRECTORY", "BUILD_REPOSITORY_LOCALPATH"} {
		j.set(variable, link+"/1/s")
	}
	j.write(map[string]string{"web/app": "changed\n"})
	j.refuses("image/dirty", "web/app")
}

// No commit has what lies elsewhere.
func TestContextElsewhere(t *testing.T) {
	t.Parallel()
	j := sourceJob(t)
	j.must(os.MkdirAll(j.path("work/1/other"), 0o755))
	j.input("buildContexts", "bin="+j.path("work/1/other"))
	j.refuses("image/source", "outside of the checkout")
}

// The tag of one hash is moved to the signed image of another.
func TestHashOfAnother(t *testing.T) {
	t.Parallel()
	j, _ := signed(t, fake{})
	j.write(map[string]string{".dockerignore": ".git\n"}).commit()
	j.input("buildOnce", "true").want("Succeeded")
	first := j.output("digest")
	j.write(map[string]string{"app": "mended\n"}).commit()
	j.input("tags", "101").want("Succeeded")
	for _, tag := range j.registry.Tags("shop/web") {
		if tag[:3] == "in-" && j.registry.Digest("shop/web", tag) != first {
			from, err := name.ParseReference(j.registry.Host()+"/shop/web@"+first, name.Insecure)
			j.must(err)
			image, err := remote.Get(from, remote.WithTransport(j.registry.Inside()))
			j.must(err)
			to, err := name.NewTag(j.registry.Host()+"/shop/web:"+tag, name.Insecure)
			j.must(err)
			j.must(remote.Tag(to, image, remote.WithTransport(j.registry.Inside())))
		}
	}
	j.input("tags", "102").want("SucceededWithIssues")
	if got := j.output("digest"); got == first || j.output("reused") != "false" {
		t.Errorf("the image of other inputs was used: %s\n%s", got, j.log)
	}
}

// What is not in the hash is not looked up.
func TestNotInTheHash(t *testing.T) {
	t.Parallel()
	for input, value := range map[string]string{
		"pull": "false", "arguments": "--no-cache-filter=one", "buildArgs": "BUILDKIT_SYNTAX=docker.invalid/f:latest",
	} {
		j := onceJob(t)
		if input == "buildArgs" {
			value = j.env["INPUT_BUILDARGS"] + "\n" + value
		}
		j.input(input, value).want("SucceededWithIssues")
		if j.output("reused") != "false" {
			t.Errorf("%s=%s: reused\n%s", input, value, j.log)
		}
	}
}

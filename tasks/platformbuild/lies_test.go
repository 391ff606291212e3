package platformbuild

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// TestHonest is the build that everything else differs from.
func TestHonest(t *testing.T) {
	t.Parallel()
	j := newJob(t, nil).with(containertest.Settings{BuildKit: true})
	base, err := j.registry.PushBase("base/busybox", "1", "amd64", "arm64")
	j.must(err)
	j.write(map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo hello > /hello\n"}).commit()
	j.want("Succeeded")
	digest := j.registry.Digest("shop/web", "100")
	if digest == "" || digest != j.output("digest") {
		t.Errorf("the tag is %q, the output %q\n%s", digest, j.output("digest"), j.log)
	}
	if got, want := j.output("imageRef"), j.registry.Host()+"/shop/web@"+digest; got != want {
		t.Errorf("imageRef = %q, want %q", got, want)
	}
	if got := strings.Join(j.registry.Tags("shop/web"), " "); !strings.Contains(got, "100") ||
		strings.Contains(got, "unverified") {
		t.Errorf("tags: %q", got)
	}
	t.Log(j.log)
}

package platformbuild

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// A registry of Azure gets a token of its own, for a token of Entra.
func TestAzureRegistry(t *testing.T) {
	t.Parallel()
	j, _ := acrJob(t, containertest.ACR{})
	host := j.registry.Host()
	j.faked(fake{}).input("buildArgs", "BASE="+host+"/base:1", "labels", "from="+host).want("Succeeded")
	if got, want := j.output("imageRefs"), host+"/shop/web:100"; got != want {
		t.Errorf("imageRefs %q, want %q", got, want)
	}
	if got := j.labels("100")["from"]; got != host {
		t.Errorf("the label from is %q, want %q", got, host)
	}
	if n := j.registry.Count("exchange", 200); n != 1 {
		t.Errorf("%d tokens were asked for, want 1:\n%s", n, j.registry.Log())
	}
}

// The token has ended when the image is pushed, as after a long RUN. It lives long enough for a loaded machine to begin
// the build with it, and to push.
func TestTokenEndsDuringTheBuild(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		good  time.Duration
		takes string
		base  bool // Docker has used the token before
		waits []time.Duration
	}{
		// The registry says for how long it is good.
		"known": {30 * time.Second, "25", false, nil},
		// It does not keep its word; Docker keeps what it was given for some minutes.
		"unknown": {20 * time.Second, "21", true, []time.Duration{10 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, _ := acrJob(t, containertest.ACR{RefreshFor: tc.good, AccessFor: time.Second})
			j.real()
			program, err := containertest.Busybox("amd64")
			j.must(err)
			from := "scratch"
			if tc.base {
				from = j.base()
			}
			j.write(map[string]string{
				"busybox": string(program), "Dockerfile": "FROM " + from + "\nCOPY busybox /busybox\n" +
					"RUN [\"/busybox\", \"sleep\", \"" + tc.takes + "\"]\nENTRYPOINT [\"/busybox\"]\n",
			}).commit()
			j.input("cache", "none").want("Succeeded")
			if n := j.registry.Count("exchange", 200); n < 2 {
				t.Errorf("%d tokens were asked for, want a second one for the push:\n%s", n, j.registry.Log())
			}
			if diff := cmp.Diff(tc.waits, j.waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

// Docker hides why there are no credentials behind "unauthorized", so they are asked for first.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job, c *azuretest.Cloud)
		says   string
	}{
		"Entra says no": {
			func(j *job, c *azuretest.Cloud) {
				j.set("ENDPOINT_AUTH_PARAMETER_"+connectionID+"_SERVICEPRINCIPALID", strings.Replace(appID, "c1", "d2", 1))
			}, "service connection ",
		},
		"the registry says no": {
			func(j *job, _ *azuretest.Cloud) {
				j.registry.Fail(containertest.Fault{Operation: "exchange", Status: 401})
			},
			"does not accept its identity",
		},
		"another host": {
			func(j *job, _ *azuretest.Cloud) {
				j.set("ENDPOINT_AUTH_PARAMETER_"+connectionID+"_LOGINSERVER", "contoso.azurecr.io.evil.com")
			}, "is no registry of Azure",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, cloud := acrJob(t, containertest.ACR{})
			tc.change(j, cloud)
			j.faked(fake{}).input("enforcement", "warn")
			j.refuses("", tc.says)
			if asked := j.asked(); len(asked) > 0 {
				t.Errorf("docker was asked for %q", asked)
			}
		})
	}
}

// A registry that gives out tokens of its own.
func TestBearer(t *testing.T) {
	t.Parallel()
	registry := containertest.NewRegistry(t, func(c *containertest.Config) {
		c.User, c.Password, c.Bearer = pusher, password, true
	})
	j := newJobWith(t, map[string]string{"app": "app\n"}, registry).real()
	j.write(map[string]string{"Dockerfile": "FROM " + j.base() + "\nCOPY app /\n"}).commit()
	j.want("Succeeded")
}

// A wrong password is told once, and not tried for long.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("immutableTags", "true", "enforcement", "warn")
	j.connect(j.registry.URL(), pusher, "another-password-1234")
	j.refuses("", "401")
	if built := j.built(); len(built) > 1 {
		t.Errorf("built %d times", len(built))
	}
}

// The user's own configuration of Docker is kept.
func TestTheUsersConfigurationIsKept(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{})
	j.must(os.MkdirAll(j.path("home/.docker"), 0o700))
	const config = `{"auths": {"other.invalid": {"auth": "eDp5"}}}`
	j.must(os.WriteFile(j.path("home/.docker/config.json"), []byte(config), 0o600))
	j.want("Succeeded")
	if text, err := os.ReadFile(j.path("home/.docker/config.json")); err != nil || string(text) != config {
		t.Errorf("the user's configuration is %s, %v", text, err)
	}
}

// A connection that is not whole says what to do about it.
func TestConnectionWithoutAPassword(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{})
	delete(j.env, "ENDPOINT_AUTH_PARAMETER_"+connectionID+"_PASSWORD")
	j.set("ENDPOINT_AUTH_"+connectionID, `{"scheme":"UsernamePassword","parameters":{"username":"u"}}`)
	j.refuses("image/input", "and not both. How to fix: save it again with both")
}

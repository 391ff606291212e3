package platformbuild

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// all are the waits of a push that never goes well.
var all = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute}

// A push that goes wrong is tried again, if it can go well; a step of the build never is.
func TestPushGoesWrong(t *testing.T) {
	t.Parallel()
	lasting := func(operation string, status int) containertest.Fault {
		return containertest.Fault{Operation: operation, Path: "/shop/web/", Status: status, After: 2} // the look before
	}
	for name, tc := range map[string]struct {
		fault  containertest.Fault
		heal   int // after so many waits; 0 is never
		result string
		waits  []time.Duration
		says   string
	}{
		"a moment": {
			containertest.Fault{Operation: "write", Status: 503, Times: 1}, 0, "Succeeded", nil, "",
		},
		"an outage":      {lasting("write", 503), 1, "Succeeded", all[:1], "trying again in 10s"},
		"a long outage":  {lasting("write", 503), 3, "Succeeded", all, "trying again in 1m0s"},
		"throttled":      {lasting("write", 429), 2, "Succeeded", all[:2], "trying again in 30s"},
		"cut":            {containertest.Fault{Operation: "write", Path: "/shop/web/", After: 2, Reset: true}, 1, "Succeeded", all[:1], ""},
		"a refusal once": {lasting("write", 401), 1, "Failed", nil, "does not accept the credentials"}, // the same password again?
		"a refusal":      {lasting("write", 401), 0, "Failed", nil, "code=image/unauthorized"},
		"forbidden":      {lasting("write", 403), 0, "Failed", nil, "code=image/denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN echo " + strings.ReplaceAll(name, " ", "-") + " >/a\n"})
			j.input("cache", "none")
			j.registry.Fail(tc.fault)
			j.waited = func() {
				if tc.heal > 0 && len(j.waits) >= tc.heal {
					j.registry.Heal()
				}
			}
			j.want(tc.result)
			j.says(tc.says)
			var waits []time.Duration
			for _, wait := range j.waits {
				if wait >= 10*time.Second { // those of single requests are shorter
					waits = append(waits, wait)
				}
			}
			if diff := cmp.Diff(tc.waits, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s\n%s", diff, j.log)
			}
			if tagged := len(j.tags()) > 0; tagged != (tc.result == "Succeeded") {
				t.Errorf("tags %q", j.tags())
			}
		})
	}
}

// A failing step is the Dockerfile's matter.
func TestAFailingStepIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN echo 503 Service Unavailable && false\n"})
	j.refuses("image/step", "sourcepath=Dockerfile;linenumber=2")
	if n := strings.Count(j.log, "\n503 Service Unavailable"); n != 1 || len(j.waits) > 0 {
		t.Errorf("the step ran %d times, waits %s:\n%s", n, j.waits, j.log)
	}
	// A build that fails has made no image that could be forgiven.
	j.input("enforcement", "warn").refuses("image/step", "")
}

// The registry cannot be reached at all.
func TestNoRegistry(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("enforcement", "warn")
	j.connect("http://127.0.0.1:1", pusher, password)
	j.want("Failed")
	if len(j.tags()) > 0 || j.output("imageRef") != "" {
		t.Errorf("tags %q, imageRef %q", j.tags(), j.output("imageRef"))
	}
}

// What docker says is told, with the place in the Dockerfile, and what to do.
func TestDockerSaysNo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fake fake
		path string
		says []string
	}{
		"no docker": {fake{}, "/nowhere", []string{"image/docker", "there is no docker on this agent's PATH", "install"}},
		"a copy of nothing": {
			fake{Exit: 1, Says: "ERROR: failed to build: failed to solve: failed to compute cache key: failed to calculate " +
				"checksum of ref x::y: \"/nowhere\": not found\n"}, "", []string{"nowhere"},
		},
		"a base for other platforms": {
			fake{Exit: 1, Says: "ERROR: failed to build: failed to solve: x:1: failed to resolve source metadata for x:1: " +
				"no match for platform in manifest: not found\n"}, "",
			[]string{"code=image/platform", "the base image x:1 has nothing for linux/amd64"},
		},
		"no error at all": {fake{Exit: 3}, "", []string{"code=image/"}},
		"a command to the agent": {
			fake{Exit: 1, Says: "ERROR: ##vso[task.complete result=Succeeded;]\n"}, "", []string{"code=image/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, tc.fake)
			if tc.path != "" {
				j.set("PATH", gitOnly(j))
			}
			j.input("enforcement", "warn").refuses("", "")
			j.says(tc.says...)
			j.silent("##vso[task.complete result=Succeeded;]")
		})
	}
}

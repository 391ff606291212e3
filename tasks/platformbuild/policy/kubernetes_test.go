package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// cluster is a real API server, with nothing that would run pods.
type cluster struct {
	*containertest.Kubernetes
	t *testing.T
}

// wait waits until kubectl's answer is the one that is wanted.
func (c *cluster) wait(what string, ask func() (string, error), wanted func(out string, err error) bool) {
	c.t.Helper()
	out, err := ask()
	for deadline := time.Now().Add(time.Minute); !wanted(out, err); out, err = ask() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited a minute for %s; the last answer is %v\n%s", what, err, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *cluster) must(stdin string, args ...string) string {
	c.t.Helper()
	out, err := c.Kubectl(stdin, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// apply puts a policy into force, and waits until it is: until the object is refused (or warned about) in words.
func (c *cluster) apply(files map[string]string, object, words string) {
	c.t.Helper()
	for _, text := range files {
		c.must(text, "apply", "-f", "-")
	}
	c.wait("the policy to say "+words, c.dryRun(object), func(out string, _ error) bool {
		return strings.Contains(out, words)
	})
}

func (c *cluster) dryRun(object string) func() (string, error) {
	return func() (string, error) { return c.Kubectl(object, "create", "--dry-run=server", "-f", "-") }
}

// judge holds an object against the policy; words are what it is refused with, "" for admitted.
func (c *cluster) judge(what, object, words string, args ...string) {
	c.t.Helper()
	if args == nil {
		args = []string{"create", "--dry-run=server", "-f", "-"}
	}
	out, err := c.Kubectl(object, args...)
	if (err != nil) != (words != "") || !strings.Contains(out, words) {
		c.t.Errorf("%s: %v, want %q; kubectl %s says:\n%s", what, err, words, strings.Join(args, " "), out)
	}
}

const foreign = "not from an approved registry (prodacr.azurecr.io/, team.azurecr.io/web/, team.azurecr.io/web:, team.azurecr.io/web@)"

// TestKubernetes holds the objects against the ValidatingAdmissionPolicy in a real API server.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	c := &cluster{containertest.StartKubernetes(t), t}
	for _, namespace := range []string{"default", "kube-system"} {
		get := func() (string, error) { return c.Kubectl("", "get", "namespace", namespace) }
		c.wait("the namespace "+namespace, get, func(_ string, err error) bool { return err == nil })
	}
	lookAlike := read(t, "testdata/refused/look-alike.yaml")
	c.must(strings.Replace(lookAlike, "name: p\n", "name: old\n", 1), "create", "-f", "-")
	policies := write(t, "validatingadmissionpolicy", asked)
	c.apply(policies, lookAlike, foreign)

	for folder, want := range map[string]string{
		"admitted": "", "refused": foreign, "unpinned": "not pinned by digest (@sha256:...)",
	} {
		for _, file := range objects(t, folder) {
			c.judge(file, read(t, file), want)
		}
	}
	if status := c.must("", "get", "validatingadmissionpolicy", name, "-o", "jsonpath={.status}"); strings.Contains(status, "warning") {
		t.Errorf("the API server warns of the policy's expressions: %s", status)
	}
	c.judge("exempt namespace", strings.Replace(lookAlike, "namespace: default", "namespace: kube-system", 1), "")

	// kubectl debug adds containers to a pod that is there.
	c.must(read(t, "testdata/admitted/pod.yaml"), "create", "-f", "-")
	const digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	c.judge("kubectl debug", "", foreign, "debug", "p", "--image=busybox"+digest)
	c.judge("kubectl debug, approved", "", "", "debug", "p", "--image=prodacr.azurecr.io/debug"+digest)

	c.must("", "delete", "pod", "p", "--force", "--wait=false")

	// What was there before the policy can be changed and ended, but not to something else that is foreign.
	c.judge("label", "", "", "label", "pod", "old", "a=b")
	c.judge("another image", "", foreign, "set", "image", "pod/old", "c0=evil.com/other"+digest)
	c.judge("an approved image", "", "", "set", "image", "pod/old", "c0=prodacr.azurecr.io/app"+digest)
	c.judge("back again", "", foreign, "set", "image", "pod/old", "c0=prodacr.azurecr.io.evil.com/app"+digest)
	c.judge("delete", "", "", "delete", "pod", "old", "--force", "--wait=false")

	// Who edits the parameters by hand may forget the slash.
	c.apply(map[string]string{"": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name +
		", namespace: kube-system}\ndata: {registries: ' prodacr.azurecr.io '}\n"},
		lookAlike, "not from an approved registry (prodacr.azurecr.io/)")
	c.judge("no digest asked for", read(t, "testdata/unpinned/pod.yaml"), "")
	c.must("", "delete", "configmap", "-n", "kube-system", name)
	c.wait("everything to be refused", c.dryRun(read(t, "testdata/admitted/deployment.yaml")),
		func(out string, err error) bool { return err != nil && strings.Contains(out, name) })

	// A policy that only warns.
	mild := asked
	mild.Enforce = false
	c.apply(write(t, "validatingadmissionpolicy", mild), lookAlike, "Warning: Validation failed")
	c.judge("warned of", lookAlike, "")
}

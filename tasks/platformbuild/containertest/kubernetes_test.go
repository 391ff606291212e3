package containertest

import (
	"strings"
	"testing"
	"time"
)

const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: images}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations:
  - expression: object.spec.containers.all(c, c.image.startsWith('prodacr.azurecr.io/'))
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: images}
spec: {policyName: images, validationActions: [Deny]}
`

func TestKubernetesAdmits(t *testing.T) {
	t.Parallel()
	k := StartKubernetes(t)
	if _, err := k.Kubectl(policy, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	try := func(image string) (string, error) {
		return k.Kubectl(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},
			"spec":{"containers":[{"name":"c","image":"`+image+`"}]}}`, "create", "--dry-run=server", "-f", "-")
	}
	// The server takes a moment to know a new policy.
	out, err := try("nginx")
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); out, err = try("nginx") {
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil || !strings.Contains(out, "denied request") {
		t.Errorf("creating a pod of nginx: %v, %s; want it denied", err, out)
	}
	if out, err := try("prodacr.azurecr.io/app:1"); err != nil {
		t.Errorf("creating a pod of ours: %v, %s", err, out)
	}
}

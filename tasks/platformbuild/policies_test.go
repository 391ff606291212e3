package platformbuild

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// policyJob is a job that writes policies.
func policyJob(t *testing.T) *job {
	t.Helper()
	j := newJob(t, nil)
	j.set("BUILD_ARTIFACTSTAGINGDIRECTORY", j.path("work/1/s")) // so that all folders are below it
	return j.input("command", "policies", "allowedRegistries", "contoso.azurecr.io, fabrikam.azurecr.io/shop")
}

// written are the files below a folder of the sources, and all that is in them.
func (j *job) written(folder string) (names []string, text string) {
	j.t.Helper()
	root := j.path("work/1/s/" + folder)
	j.must(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		names, text = append(names, filepath.ToSlash(rel)), text+string(data)
		return err
	}))
	slices.Sort(names)
	return names, text
}

// All kinds of policy, with the values of the inputs.
func TestPolicies(t *testing.T) {
	t.Parallel()
	j := policyJob(t)
	j.want("Succeeded")
	names, text := j.written("policies")
	kinds := map[string]bool{}
	for _, name := range names {
		kinds[strings.Split(name, "/")[0]] = true
		j.says("Wrote policies/" + name)
	}
	want := map[string]bool{"gatekeeper": true, "validatingadmissionpolicy": true, "kyverno": true, "azurepolicy": true}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	for _, want := range []string{"contoso.azurecr.io/", "fabrikam.azurecr.io/shop/", "kube-system"} {
		if !strings.Contains(text, want) {
			t.Errorf("no file has %s", want)
		}
	}
	if got := j.output("policyFolder"); got != j.path("work/1/s/policies") {
		t.Errorf("policyFolder %q", got)
	}
}

// Each input changes what is written.
func TestPolicyInputs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs        []string
		folder        string
		want, without string
	}{
		"a folder":        {[]string{"outputFolder", "deploy/rules"}, "deploy/rules", "contoso.azurecr.io/", ""},
		"one kind":        {[]string{"policyKinds", "kyverno"}, "policies", "kyverno", "K8sAllowedRepos"},
		"namespaces":      {[]string{"exemptNamespaces", "one\ntwo", "policyKinds", "gatekeeper"}, "policies", "two", "kube-system"},
		"denied":          {[]string{"policyKinds", "gatekeeper"}, "policies", "enforcementAction: deny", "enforcementAction: warn"},
		"only warned of":  {[]string{"policyKinds", "gatekeeper", "policyAction", "warn"}, "policies", "enforcementAction: warn", "enforcementAction: deny"},
		"digests":         {[]string{"policyKinds", "kyverno", "requireDigest", "error"}, "policies", "sha256:", ""},
		"without digests": {[]string{"policyKinds", "kyverno", "requireDigest", "warn"}, "policies", "kyverno", "@sha256:"},
		"without a key":   {[]string{"policyKinds", "kyverno"}, "policies", "kyverno", "BEGIN PUBLIC KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := policyJob(t).input(tc.inputs...)
			j.want("Succeeded")
			if _, text := j.written(tc.folder); !strings.Contains(text, tc.want) ||
				tc.without != "" && strings.Contains(text, tc.without) {
				t.Errorf("the files have %q, without %q: %s", tc.want, tc.without, text)
			}
		})
	}
}

// With a key Kyverno asks for signatures.
func TestPoliciesWithAKey(t *testing.T) {
	t.Parallel()
	j := policyJob(t).input("policyKinds", "kyverno")
	vault := j.azure().Vault("contoso-kv")
	vault.PutKey("images", azuretest.Key{})
	key, err := os.ReadFile(j.publicKey(vault.PublicKey("images")))
	j.must(err)
	line := strings.Split(string(key), "\n")[1]
	j.input("publicKey", j.path("work/key.pem")).want("Succeeded")
	if _, text := j.written("policies"); !strings.Contains(text, line) {
		t.Errorf("the files have no %s", line)
	}
	j.must(os.RemoveAll(j.path("work/1/s/policies")))
	j.input("publicKey", "", "signingKey", keyID, "azureSubscription", azureID).want("Succeeded")
	if _, text := j.written("policies"); !strings.Contains(text, line) {
		t.Errorf("the files have no %s", line)
	}
}

// Nothing is written if an input is wrong, not even what could be.
func TestWrongPolicyInputs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		says   string
	}{
		"no registry":        {[]string{"allowedRegistries", ""}, `input "allowedRegistries": it is empty`},
		"no registry at all": {[]string{"allowedRegistries", "http://contoso.azurecr.io"}, "contoso.azurecr.io"},
		"no kind":            {[]string{"policyKinds", ","}, `input "policyKinds": it is empty`},
		"another kind":       {[]string{"policyKinds", "kyverno, opa"}, "opa"},
		"a key of nobody":    {[]string{"signingKey", keyID}, `input "azureSubscription"`},
		"a key that is none": {[]string{"publicKey", "nowhere.pem"}, `"nowhere.pem" cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := policyJob(t).input(tc.inputs...).input("enforcement", "warn")
			j.refuses("image/input", tc.says)
			if _, err := os.Stat(j.path("work/1/s/policies")); err == nil || j.output("policyFolder") != "" {
				t.Errorf("policies were written; policyFolder %q", j.output("policyFolder"))
			}
		})
	}
	j := policyJob(t).write(map[string]string{"policies": "a file"})
	j.refuses("image/input", `input "outputFolder"`)
}

// Package kyverno_test holds objects against the policy that PlatformBuild writes for Kyverno, with Kyverno's own code:
// its types, the rules that it derives for what makes pods, and its patterns. It is a module of its own: that is too
// large for the project's.
package kyverno_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/autogen"
	"github.com/kyverno/kyverno/pkg/engine/validate"
	"sigs.k8s.io/yaml"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/policy"
)

const testdata = "../../../tasks/platformbuild/policy/testdata"

const key = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETr2okQNv0cQXWEfeBNcQNlWNxCJT
JYlOtR9YzWpH3oQiVqPhxzwPJPAETq66MzqK4oSIYE1tABxpun9UyPjaEw==
-----END PUBLIC KEY-----
`

var asked = policy.Rules{
	Places: []string{"prodacr.azurecr.io", "team.azurecr.io/web"}, Namespaces: []string{"kube-system"},
	Digest: true, Enforce: true,
}

// write returns what policy.Write makes of rules, read strictly.
func write(t *testing.T, rules policy.Rules) *kyvernov1.ClusterPolicy {
	t.Helper()
	files, err := policy.Write("kyverno", rules)
	if err != nil {
		t.Fatal(err)
	}
	p := &kyvernov1.ClusterPolicy{}
	if err := yaml.UnmarshalStrict(files[0].Text, p); err != nil {
		t.Fatalf("%s: %v\n%s", files[0].Name, err, files[0].Text)
	}
	return p
}

// TestPolicyIsValid: Kyverno's webhook takes the policy, in all its forms.
func TestPolicyIsValid(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policy.Rules){
		"asked": func(*policy.Rules) {}, "audit": func(r *policy.Rules) { r.Enforce = false },
		"no namespace": func(r *policy.Rules) { r.Namespaces = nil }, "tags": func(r *policy.Rules) { r.Digest = false },
		"signed": func(r *policy.Rules) { r.Key = key }, "signed, audit": func(r *policy.Rules) { r.Key, r.Enforce = key, false },
	} {
		rules := asked
		change(&rules)
		p := write(t, rules)
		if warnings, problems := p.Validate(nil); len(problems) > 0 {
			t.Errorf("%s: Kyverno refuses the policy: %v (%v)", name, problems, warnings)
		}
		for _, rule := range p.Spec.Rules {
			if rule.HasVerifyImages() {
				verify := rule.VerifyImages[0]
				entry := verify.Attestors[0].Entries[0]
				if !entry.Keys.Rekor.IgnoreTlog || !entry.Keys.CTLog.IgnoreSCT {
					t.Errorf("%s: our signatures, which are in no public log, are looked for there", name)
				}
				// Kyverno changes no images for policies that only audit.
				if verify.MutateDigest != rules.Enforce || !verify.Required || verify.VerifyDigest != rules.Digest {
					t.Errorf("%s: mutateDigest %v, required %v, verifyDigest %v", name, verify.MutateDigest, verify.Required, verify.VerifyDigest)
				}
				if strings.TrimSpace(entry.Keys.PublicKeys) != strings.TrimSpace(rules.Key) {
					t.Errorf("%s: the key came out as %q", name, entry.Keys.PublicKeys)
				}
				continue
			}
			if enforced := rule.Validation.FailureAction.Enforce(); enforced != rules.Enforce {
				t.Errorf("%s: rule %s enforces: %v, want %v", name, rule.Name, enforced, rules.Enforce)
			}
		}
	}
}

// tree is a value as its JSON says.
func tree(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// refuses returns the names of the rules that an object breaks, as far as they are for its kind.
func refuses(t *testing.T, p *kyvernov1.ClusterPolicy, object map[string]any) (rules []string) {
	t.Helper()
	judged := false
	for _, rule := range autogen.Default.ComputeRules(p, "") {
		kinds := rule.MatchResources.GetKinds()
		if !slices.ContainsFunc(kinds, func(kind string) bool {
			return kind[strings.LastIndex(kind, "/")+1:] == object["kind"]
		}) {
			continue
		}
		judged = true
		if err := validate.MatchPattern(logr.Discard(), object, tree(t, rule.Validation.GetPattern())); err != nil {
			rules = append(rules, fmt.Sprintf("%s: %v", rule.Name, err))
		}
	}
	if !judged {
		t.Fatalf("no rule is for the kind %v", object["kind"])
	}
	return rules
}

func TestObjects(t *testing.T) {
	t.Parallel()
	p := write(t, asked)
	for folder, want := range map[string]string{
		"admitted": "", "refused": "approved-registries", "ephemeral": "approved-registries", "unpinned": "pinned-by-digest",
	} {
		files, err := filepath.Glob(filepath.Join(testdata, folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := yaml.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(refuses(t, p, object), "; ")
			if (want == "") != (got == "") || !strings.Contains(got, want) {
				t.Errorf("%s is refused for %q, want %q", file, got, want)
			}
		}
	}
}

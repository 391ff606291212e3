// Package rego_test holds objects against the constraint template that PlatformBuild writes for Gatekeeper, with the
// Open Policy Agent's own evaluator. It is a module of its own: that is too large for the project's. What Gatekeeper
// adds (which objects are judged, and what pods they would make) is tested with gator, which takes longer to build.
package rego_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/policy"
)

const testdata = "../../../tasks/platformbuild/policy/testdata"

// object is what YAML or JSON holds.
type object = map[string]any

// judge is the template's Rego with the parameters of the constraint.
type judge struct {
	query      rego.PreparedEvalQuery
	parameters object
}

func newJudge(t *testing.T, rules policy.Rules) *judge {
	t.Helper()
	files, err := policy.Write("gatekeeper", rules)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Spec struct {
			Targets []struct{ Rego string }
		}
	}
	var constraint struct {
		Spec struct{ Parameters object }
	}
	for _, f := range files {
		into := map[string]any{"template.yaml": &template, "constraint.yaml": &constraint}[filepath.Base(f.Name)]
		if into == nil {
			continue
		}
		if err := yaml.Unmarshal(f.Text, into); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	// Gatekeeper reads templates as the first version of the language, unless they say otherwise.
	query, err := rego.New(rego.Query("data.k8sallowedrepos.violation[_].msg"), rego.SetRegoVersion(ast.RegoV0), rego.Strict(true),
		rego.Module("template.rego", template.Spec.Targets[0].Rego)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &judge{query, constraint.Spec.Parameters}
}

// refuses returns the messages of violations.
func (j *judge) refuses(t *testing.T, review object) (messages []string) {
	t.Helper()
	results, err := j.query.Eval(t.Context(), rego.EvalInput(object{"review": review, "parameters": j.parameters}))
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		messages = append(messages, result.Expressions[0].Value.(string))
	}
	return messages
}

// load reads an object, with edits a changed one: pairs of old and new text. Of what makes pods it returns the pod that
// Gatekeeper would expand it to.
func load(t *testing.T, file string, edits ...string) object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, file))
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(edits...).Replace(string(text))), &o); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	spec := o["spec"].(object)
	if job, ok := spec["jobTemplate"].(object); ok {
		spec = job["spec"].(object)
	}
	if template, ok := spec["template"].(object); ok {
		return template
	}
	return o
}

// check compares what an object is refused for, "" for nothing, with what is wanted.
func check(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if said := strings.Join(got, "; "); (want == "") != (len(got) == 0) || !strings.Contains(said, want) {
		t.Errorf("%s is refused for %q, want %q", what, said, want)
	}
}

const (
	foreign  = "does not come from an approved registry: prodacr.azurecr.io/, team.azurecr.io/web/, team.azurecr.io/web:, team.azurecr.io/web@"
	floating = "is not pinned by digest (@sha256:...)"
	unseen   = "the images of this object could not be found"
)

var asked = policy.Rules{Places: []string{"prodacr.azurecr.io", "team.azurecr.io/web"}, Digest: true, Enforce: true}

func TestObjects(t *testing.T) {
	t.Parallel()
	j := newJudge(t, asked)
	for folder, want := range map[string]string{"admitted": "", "refused": foreign, "ephemeral": foreign, "unpinned": floating} {
		files, err := filepath.Glob(filepath.Join(testdata, folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			name := folder + "/" + filepath.Base(file)
			pod := load(t, name)
			check(t, name, j.refuses(t, object{"operation": "CREATE", "object": pod}), want)
			check(t, name+" in an audit", j.refuses(t, object{"object": pod}), want)
			check(t, name+", deleted", j.refuses(t, object{"operation": "DELETE", "object": pod, "oldObject": pod}), "")
		}
	}
}

// TestUpdates: what an object has had already is left alone.
func TestUpdates(t *testing.T) {
	t.Parallel()
	j := newJudge(t, asked)
	update := func(now, before any) object { return object{"operation": "UPDATE", "object": now, "oldObject": before} }
	bad, good := load(t, "refused/look-alike.yaml"), load(t, "admitted/pod.yaml")
	worse := load(t, "refused/look-alike.yaml", "io.evil.com", "io.worse.com")
	check(t, "as it was", j.refuses(t, update(bad, bad)), "")
	check(t, "after something else", j.refuses(t, update(bad, good)), foreign)
	check(t, "another image", j.refuses(t, update(worse, bad)), foreign)
	check(t, "after nothing", j.refuses(t, update(bad, nil)), foreign)
	// Only an update has a past.
	review := update(bad, bad)
	review["operation"] = "CREATE"
	check(t, "created", j.refuses(t, review), foreign)
}

// TestParameters: who edits the constraint by hand cannot open more than it says.
func TestParameters(t *testing.T) {
	t.Parallel()
	lookAlike, good, tagged := load(t, "refused/look-alike.yaml"), load(t, "admitted/pod.yaml"), load(t, "unpinned/init-container.yaml")
	for name, tc := range map[string]struct {
		parameters              object
		lookAlike, good, tagged string
	}{
		"no slash": {object{"repos": []string{"prodacr.azurecr.io", "team.azurecr.io"}}, "prodacr.azurecr.io/", "", ""},
		"digest":   {object{"repos": []string{"prodacr.azurecr.io", "team.azurecr.io"}, "digest": true}, "prodacr.azurecr.io/", "", floating},
		"blank":    {object{"repos": []string{""}}, "approved registry: /", "approved", "approved"},
		"none":     {object{"repos": []string{}}, "approved registry: ", "approved", "approved"},
		"nothing":  {nil, "approved registry: ", "approved", "approved"},
	} {
		j := newJudge(t, asked)
		j.parameters = tc.parameters
		for what, c := range map[string]struct {
			pod  object
			want string
		}{"look-alike": {lookAlike, tc.lookAlike}, "good": {good, tc.good}, "tagged": {tagged, tc.tagged}} {
			check(t, name+": "+what, j.refuses(t, object{"operation": "CREATE", "object": c.pod}), c.want)
		}
	}
}

// TestNothingSeen: an object in which no image is found is not one that is in order.
func TestNothingSeen(t *testing.T) {
	t.Parallel()
	j := newJudge(t, asked)
	good := load(t, "admitted/pod.yaml")
	for name, spec := range map[string]any{
		"no spec": nil, "no containers": object{}, "no images": object{"containers": []any{object{"name": "a"}}},
	} {
		pod := maps.Clone(good)
		pod["spec"] = spec
		check(t, name, j.refuses(t, object{"operation": "CREATE", "object": pod}), unseen)
	}
	check(t, "no object", j.refuses(t, object{"operation": "CREATE"}), unseen)
	pod := maps.Clone(good)
	pod["spec"] = object{"containers": []any{object{"image": 7}, object{"image": []any{"prodacr.azurecr.io/app"}}}}
	check(t, "no texts", j.refuses(t, object{"operation": "CREATE", "object": pod}), "approved registry")
}

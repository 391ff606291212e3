// Package cel_test holds objects against the ValidatingAdmissionPolicy that PlatformBuild writes, with the code by which
// the API server itself evaluates such policies. It is a module of its own: that code is too large for the project's.
package cel_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/policy"
)

const testdata = "../../../tasks/platformbuild/policy/testdata"

// expression is a variable, a validation or a message of a policy.
type expression struct {
	name, text string
	returns    []*celgo.Type
}

func (e expression) GetExpression() string      { return e.text }
func (e expression) ReturnTypes() []*celgo.Type { return e.returns }
func (e expression) GetName() string            { return e.name }

// judge is a policy with its parameters.
type judge struct {
	validations, messages cel.ConditionEvaluator
	parameters            *corev1.ConfigMap
}

// newJudge compiles what policy.Write makes of rules, for the oldest Kubernetes that knows such policies.
func newJudge(t *testing.T, rules policy.Rules) *judge {
	t.Helper()
	files, err := policy.Write("validatingadmissionpolicy", rules)
	if err != nil {
		t.Fatal(err)
	}
	var p admissionregistration.ValidatingAdmissionPolicy
	j := &judge{parameters: &corev1.ConfigMap{}}
	for _, f := range files {
		into := map[string]any{"policy.yaml": &p, "parameters.yaml": j.parameters,
			"binding.yaml": &admissionregistration.ValidatingAdmissionPolicyBinding{}}[filepath.Base(f.Name)]
		if err := yaml.UnmarshalStrict(f.Text, into); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		t.Fatal(err)
	}
	declared := cel.OptionalVariableDeclarations{HasParams: true, HasAuthorizer: true}
	for _, v := range p.Spec.Variables {
		got := compiler.CompileAndStoreVariable(expression{v.Name, v.Expression, []*celgo.Type{celgo.AnyType, celgo.DynType}},
			declared, environment.NewExpressions)
		if got.Error != nil {
			t.Fatalf("variable %s: %v", v.Name, got.Error)
		}
	}
	var validations, messages []cel.ExpressionAccessor
	for _, v := range p.Spec.Validations {
		validations = append(validations, expression{text: v.Expression, returns: []*celgo.Type{celgo.BoolType}})
		if v.MessageExpression == "" {
			v.MessageExpression = "'" + v.Message + "'"
		}
		messages = append(messages, expression{text: v.MessageExpression, returns: []*celgo.Type{celgo.StringType}})
	}
	j.validations = compiler.CompileCondition(validations, declared, environment.NewExpressions)
	j.messages = compiler.CompileCondition(messages, declared, environment.NewExpressions)
	return j
}

// refuses returns the messages of the validations that fail.
func (j *judge) refuses(t *testing.T, object, old *unstructured.Unstructured) (messages []string) {
	t.Helper()
	operation := admission.Create
	// A nil pointer in an interface is not nil.
	var before runtime.Object
	if old != nil {
		operation, before = admission.Update, old
	}
	kind := object.GroupVersionKind()
	attributes := admission.NewAttributesRecord(object, before, kind, "default", object.GetName(),
		schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"},
		"", operation, nil, false, nil)
	versioned := &admission.VersionedAttributes{
		Attributes: attributes, VersionedKind: kind,
		VersionedObject: admission.NewLazyObject(object), VersionedOldObject: admission.NewLazyObject(before),
	}
	request := cel.CreateAdmissionRequest(attributes, metav1.GroupVersionResource(attributes.GetResource()),
		metav1.GroupVersionKind(kind))
	parameters, err := runtime.DefaultUnstructuredConverter.ToUnstructured(j.parameters)
	if err != nil {
		t.Fatal(err)
	}
	bindings := cel.OptionalVariableBindings{VersionedParams: &unstructured.Unstructured{Object: parameters}}
	eval := func(c cel.ConditionEvaluator) []cel.EvaluationResult {
		results, _, err := c.ForInput(context.Background(), versioned, request, bindings, nil, celconfig.RuntimeCELCostBudget)
		if err != nil {
			t.Fatal(err)
		}
		return results
	}
	said := eval(j.messages)
	for i, result := range eval(j.validations) {
		switch {
		case result.Error != nil:
			t.Fatalf("%s: %v", object.GetName(), result.Error)
		case result.EvalResult.Value() != true:
			messages = append(messages, said[i].EvalResult.Value().(string))
		}
	}
	return messages
}

// load reads an object, or with edits a changed one: pairs of old and new text.
func load(t *testing.T, file string, edits ...string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, file))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(edits...).Replace(string(text))), &object.Object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return object
}

// check compares what an object is refused for, "" for nothing, with what is wanted.
func check(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if said := strings.Join(got, "; "); (want == "") != (len(got) == 0) || !strings.Contains(said, want) {
		t.Errorf("%s is refused for %q, want %q", what, said, want)
	}
}

const (
	foreign  = "not from an approved registry (prodacr.azurecr.io/, team.azurecr.io/web/, team.azurecr.io/web:, team.azurecr.io/web@): "
	floating = "not pinned by digest (@sha256:...): "
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
			check(t, name, j.refuses(t, load(t, name), nil), want)
		}
	}
}

// TestUpdates: what an object has had already is left alone.
func TestUpdates(t *testing.T) {
	t.Parallel()
	j := newJudge(t, asked)
	for _, file := range []string{"refused/look-alike.yaml", "refused/deployment.yaml", "refused/cronjob-init.yaml", "refused/volume.yaml"} {
		old := load(t, file)
		check(t, file+", relabelled", j.refuses(t, load(t, file, "name: p", "name: p\n  labels: {a: b}"), old), "")
		check(t, file+", after something else", j.refuses(t, load(t, file), load(t, "admitted/pod.yaml")), foreign)
	}
	worse := load(t, "refused/look-alike.yaml", "io.evil.com", "io.worse.com")
	check(t, "another image", j.refuses(t, worse, load(t, "refused/look-alike.yaml")), foreign+"prodacr.azurecr.io.worse.com/app@")
}

// TestParameters: who edits the parameters by hand cannot open more than they say.
func TestParameters(t *testing.T) {
	t.Parallel()
	lookAlike, good, tagged := load(t, "refused/look-alike.yaml"), load(t, "admitted/job.yaml"), load(t, "unpinned/pod.yaml")
	for name, tc := range map[string]struct {
		data                    map[string]string
		lookAlike, good, tagged string
	}{
		"no slash":    {map[string]string{"registries": " prodacr.azurecr.io\r\n\n"}, "not from an approved registry (prodacr.azurecr.io/)", "", ""},
		"pinned":      {map[string]string{"registries": "prodacr.azurecr.io/", "digest": "true"}, "approved", "", floating},
		"blank lines": {map[string]string{"registries": "\n \n"}, "approved registry ()", "approved", "approved"},
		"no registry": {map[string]string{}, "approved registry ()", "approved", "approved"},
		"nothing":     {nil, "approved registry ()", "approved", "approved"},
	} {
		j := newJudge(t, asked)
		j.parameters.Data = tc.data
		check(t, name+": look-alike", j.refuses(t, lookAlike, nil), tc.lookAlike)
		check(t, name+": good", j.refuses(t, good, nil), tc.good)
		check(t, name+": tagged", j.refuses(t, tagged, nil), tc.tagged)
	}
}

// TestNothingSeen: an object in which no image is found is not one that is in order.
func TestNothingSeen(t *testing.T) {
	t.Parallel()
	j := newJudge(t, asked)
	for name, object := range map[string]map[string]any{
		"empty":    {"apiVersion": "v1", "kind": "Pod"},
		"template": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"template": map[string]any{}}},
		"lists":    {"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{"containers": []any{}}},
	} {
		check(t, name, j.refuses(t, &unstructured.Unstructured{Object: object}, nil), "could not be found")
	}
	template := map[string]any{"apiVersion": "v1", "kind": "PodTemplate", "template": map[string]any{"spec": load(t, "refused/port.yaml").Object["spec"]}}
	check(t, "pod template", j.refuses(t, &unstructured.Unstructured{Object: template}, nil), foreign)
}

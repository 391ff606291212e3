package workload

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const app = `
-- base/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        image: web
      - name: log
        image: logger:1@sha256:` + zeros + `
-- base/kustomization.yaml --
resources: [deployment.yaml]
`

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// kustomizations are cases whose root folder is "top", for kustomize itself to agree with.
var kustomizations = map[string]struct {
	files string
	want  []string
}{
	"overlay": {app + `
-- top/kustomization.yaml --
resources: [../base]
images:
- {name: web, newName: prod.azurecr.io/web, newTag: "7"}
- {name: logger, newName: prod.azurecr.io/logger}
`, []string{"prod.azurecr.io/logger:1@sha256:" + zeros, "prod.azurecr.io/web:7"}},
	"by digest, with the old field": {app + `
-- top/kustomization.yml --
bases: [../base]
images:
- {name: web, digest: "sha256:` + zeros + `"}
- {name: logger, newTag: "2"}
`, []string{"logger:2", "web@sha256:" + zeros}},
	"both, and a suffix": {app + `
-- top/Kustomization --
resources: [../base]
images:
- {name: web, newTag: "3", digest: "sha256:` + zeros + `"}
- {name: logger, newTag: "4", tagSuffix: -x}
`, []string{"logger:4", "web:3@sha256:" + zeros}},
	"one after the other": {app + `
-- top/kustomization.yaml --
resources: [../middle]
images: [{name: "localhost:5000/web", newName: prod.azurecr.io/web}]
-- middle/kustomization.yaml --
resources: [../base]
images: [{name: web, newName: "localhost:5000/web", newTag: a}, {name: we, newName: other}, {name: nothing}]
`, []string{"logger:1@sha256:" + zeros, "prod.azurecr.io/web:a"}},
	"components": {app + `
-- top/kustomization.yaml --
resources: [../base]
components: [../debug]
images: [{name: debug, newTag: "2"}]
-- debug/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [pod.yaml]
images: [{name: web, newName: debug}]
-- debug/pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: debug}
spec: {containers: [{name: d, image: debugger}], initContainers: [{name: e, image: "debug:1"}]}
`, []string{"debug:2", "debug:2", "debugger", "logger:1@sha256:" + zeros}},
	"patches": {app + `
-- top/kustomization.yaml --
resources: [../base]
patches:
- path: patch.yaml
- target: {kind: Deployment, name: w.*}
  patch: |-
    - op: replace
      path: /spec/template/spec/containers/1/image
      value: prod.azurecr.io/logger:9
    - op: add
      path: /spec/template/spec/containers/-
      value: {name: third, image: third}
- target: {kind: StatefulSet}
  patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "unused"}]'
images: [{name: third, newName: prod.azurecr.io/third}]
-- top/patch.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "prod.azurecr.io/web:5"}]}}}
`, []string{"prod.azurecr.io/logger:9", "prod.azurecr.io/third", "prod.azurecr.io/web:5"}},
	"old patches": {app + `
-- top/kustomization.yaml --
resources: [../base]
patchesStrategicMerge:
- |-
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec: {template: {spec: {containers: [{name: web, image: inline}], initContainers: [{name: web, image: init}]}}}
- patch.yaml
patchesJson6902:
- target: {group: apps, version: v1, kind: Deployment, name: web}
  path: ops.json
-- top/patch.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: log, image: filed}]}}}
-- top/ops.json --
[{"op": "add", "path": "/spec/template/spec/initContainers/0/image", "value": "later"}]
`, []string{"filed", "inline", "later"}},
}

func TestKustomizations(t *testing.T) {
	t.Parallel()
	for name, tc := range kustomizations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses, problems, err := Read(t.Context(), lay(t, tc.files), []string{"**/*ustomization*"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range uses {
				if u.Line == 0 {
					t.Errorf("%+v has no place", u)
				}
				// What a patch sets where kustomize finds no such object is an image of its own.
				if u.Image != "unused" {
					got = append(got, u.Image)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if len(problems) > 0 {
				t.Errorf("problems: %q", told(problems))
			}
		})
	}
}

// TestKustomizeAgrees holds the table against kustomize, where kubectl is installed.
func TestKustomizeAgrees(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not installed: kustomize's own answers are not compared")
	}
	for name, tc := range kustomizations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), kubectl, "kustomize", filepath.Join(lay(t, tc.files), "top"))
			var said bytes.Buffer
			cmd.Stderr = &said
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("kubectl kustomize: %v\n%s", err, said.String())
			}
			docs, err := parse("out.yaml", out)
			if err != nil {
				t.Fatal(err)
			}
			var images func(n *yaml.Node) []string
			images = func(n *yaml.Node) (all []string) {
				for i, c := range n.Content {
					if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == "image" {
						all = append(all, n.Content[i+1].Value)
					}
					all = append(all, images(c)...)
				}
				return all
			}
			var got []string
			for _, doc := range docs {
				got = append(got, images(doc)...)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("kustomize's images (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKustomizationPlaces(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files          string
		patterns       []string
		uses, problems []string
	}{
		"two overlays, and a file of nobody's": {
			files: app + `
-- base/stray.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: stray}]}
-- a/kustomization.yaml --
resources: [../base]
images: [{name: web, newTag: a}, {name: logger, newTag: "1"}]
-- b/kustomization.yaml --
resources: [../base]
images: [{name: web, newTag: b}, {name: logger, newTag: "1"}]
`,
			patterns: everything,
			uses: []string{
				"base/deployment.yaml:9:16 Deployment web web:a", "base/deployment.yaml:9:16 Deployment web web:b",
				"base/deployment.yaml:11:16 Deployment web logger:1", "base/stray.yaml:3:29 Pod  stray",
			},
		},
		"only the base": {
			files: app, patterns: []string{"base/**", "!**/deployment.yaml"},
			uses: []string{
				"base/deployment.yaml:9:16 Deployment web web",
				"base/deployment.yaml:11:16 Deployment web logger:1@sha256:" + zeros,
			},
		},
		"a container that may stand anywhere": {
			files: app + `
-- top/kustomization.yaml --
resources: [../base]
patches:
- path: add.yaml
- target: {kind: Deployment}
  patch: '[{"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "which"}]'
-- top/add.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "web:5"}, {name: more, image: more}]}}}
`,
			patterns: []string{"top/*"},
			uses: []string{
				"base/deployment.yaml:11:16 Deployment web logger:1@sha256:" + zeros,
				"top/add.yaml:4:58 Deployment web web:5",
				"top/add.yaml:4:88 Deployment web more",
				"top/kustomization.yaml:5:0 patch  which",
			},
		},
		"lines of patches": {
			files: app + `
-- top/kustomization.yaml --
resources: [../base]
patches:
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec: {template: {spec: {containers: [
      {name: web, image: inline}]}}}
- target: {kind: Deployment, labelSelector: a=b}
  patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "maybe"}]'
- target: {name: "[broken"}
  patch: '[{"op": "replace", "path": "/spec", "value": {"containers": [{"image": "whole"}]}}]'
`,
			patterns: []string{"top/*"},
			uses: []string{
				"base/deployment.yaml:11:16 Deployment web logger:1@sha256:" + zeros,
				"top/kustomization.yaml:8:0 Deployment web inline",
				"top/kustomization.yaml:10:0 patch  maybe",
				"top/kustomization.yaml:12:0 patch  whole",
			},
		},
		"what cannot be looked at": {
			files: `
-- kustomization.yaml --
resources:
- github.com/org/app//base?ref=v1
- https://example.com/a.yaml
- ../outside
- gone.yaml
- empty
components: [empty, "git::x"]
patches: [{path: ../p.yaml}, {path: gone.yaml}]
helmCharts: [{name: redis}]
replacements: [{path: r.yaml}]
generators: []
-- empty/a.txt --
`,
			patterns: everything,
			problems: []string{
				`gone.yaml:0 scan/unread the file does not exist`,
				`kustomization.yaml:2 scan/unread "github.com/org/app//base?ref=v1" is fetched from elsewhere, and cannot be looked at`,
				`kustomization.yaml:3 scan/unread "https://example.com/a.yaml" is fetched from elsewhere, and cannot be looked at`,
				`kustomization.yaml:4 scan/unread "../outside" is outside of what is scanned`,
				`kustomization.yaml:5 scan/unread "gone.yaml": there is no such file`,
				`kustomization.yaml:6 scan/unread "empty": there is no kustomization in the folder`,
				`kustomization.yaml:7 scan/unread "empty": there is no kustomization in the component's folder`,
				`kustomization.yaml:7 scan/unread "git::x" is fetched from elsewhere, and cannot be looked at`,
				`kustomization.yaml:8 scan/unread "../p.yaml" is outside of what is scanned`,
				`kustomization.yaml:9 scan/unread what helmCharts of a kustomization adds is not looked at`,
				`kustomization.yaml:10 scan/unread what replacements of a kustomization change is not looked at (warning)`,
			},
		},
		"circle": {
			files: "-- a/kustomization.yaml --\nresources: [../b]\n-- b/kustomization.yaml --\nresources: [../a]\n" +
				"-- c/kustomization.yaml --\ncomponents: [.]\n",
			patterns: everything,
			problems: []string{
				"a/kustomization.yaml:0 scan/unread the kustomization builds upon itself",
				"b/kustomization.yaml:0 scan/unread the kustomization builds upon itself",
				"c/kustomization.yaml:0 scan/unread the kustomization builds upon itself",
			},
		},
		"broken": {
			files:    "-- kustomization.yaml --\nresources: [\n",
			patterns: everything,
			problems: []string{
				"kustomization.yaml:2 scan/unread it looks like a manifest, but cannot be read: did not find expected node content",
			},
		},
		"doubling": {
			files: app + doubling(), patterns: []string{"0/*"},
			problems: []string{
				"1/kustomization.yaml:0 scan/unread the kustomizations come to too much",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses, problems := read(t, lay(t, tc.files), tc.patterns, nil)
			if name == "doubling" {
				uses, problems = nil, problems[:1]
			}
			if diff := cmp.Diff(tc.uses, uses); diff != "" {
				t.Errorf("uses (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// doubling is 40 kustomizations, each of which has the next one twice.
func doubling() string {
	var b strings.Builder
	for i := range 40 {
		next := "../" + string(rune('0'+i+1))
		b.WriteString("-- " + string(rune('0'+i)) + "/kustomization.yaml --\nresources: [" + next + ", " + next + "]\n")
	}
	b.WriteString("-- " + string(rune('0'+40)) + "/kustomization.yaml --\nresources: [../base, ../base]\n")
	return b.String()
}

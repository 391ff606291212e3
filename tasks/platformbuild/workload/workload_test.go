package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// lay writes the files of an archive.
func lay(t testing.TB, files string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(files)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var everything = []string{"**"}

// read returns what Read finds, a line each.
func read(t testing.TB, dir string, patterns []string, render Render) (uses, problems []string) {
	t.Helper()
	all, found, err := Read(t.Context(), dir, patterns, render)
	if err != nil {
		t.Fatalf("Read(%q): %v", patterns, err)
	}
	for _, u := range all {
		line := fmt.Sprintf("%s:%d:%d %s %s %s", u.Path, u.Line, u.Column, u.Kind, u.Name, u.Image)
		for _, label := range []string{archLabel, osLabel} {
			if u.Selector[label] != "" {
				line += " " + strings.TrimPrefix(label, "kubernetes.io/") + "=" + u.Selector[label]
			}
		}
		uses = append(uses, line)
	}
	return uses, told(found)
}

func told(findings []Finding) (lines []string) {
	for _, f := range findings {
		line := fmt.Sprintf("%s:%d %s %s", f.Path, f.Line, f.Rule, f.Text)
		if f.Warn {
			line += " (warning)"
		}
		lines = append(lines, line)
	}
	return lines
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      nodeSelector: {kubernetes.io/arch: arm64}
      initContainers:
      - {name: init, image: busybox}
      containers:
      - name: web
        image: prod.azurecr.io/web:1
      ephemeralContainers:
      - image: debug
      volumes:
      - {name: model, image: {reference: prod.azurecr.io/model:2}}
`

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files          string
		uses, problems []string
	}{
		"deployment": {files: "-- a.yaml --\n" + deployment, uses: []string{
			"a.yaml:9:29 Deployment web busybox arch=arm64",
			"a.yaml:12:16 Deployment web prod.azurecr.io/web:1 arch=arm64",
			"a.yaml:14:16 Deployment web debug arch=arm64",
			"a.yaml:16:42 Deployment web prod.azurecr.io/model:2 arch=arm64",
		}},
		"a policy with patterns": {
			files: "-- a.yaml --\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: {pattern: {spec: {containers: " +
				"[{image: \"prod.azurecr.io/* | x/*\"}]}}}\n---\napiVersion: kyverno.example/v1\nkind: Pod\n" +
				"spec: {containers: [{image: b}]}\n",
			uses: []string{"a.yaml:7:29 Pod  b"},
		},
		"several documents, CRLF": {
			files: "-- a.yml --\napiVersion: v1\r\nkind: Pod\r\nspec: {containers: [{image: a}]}\r\n---\r\n---\r\n" +
				"apiVersion: v1\r\nkind: Pod\r\nmetadata: {generateName: b-}\r\nspec: {containers: [{image: b}]}\r\n",
			uses: []string{"a.yml:3:29 Pod  a", "a.yml:9:29 Pod b- b"},
		},
		"list and what it holds": {
			files: "-- a.json --\n" + `{"apiVersion": "v1", "kind": "List", "items": [` +
				`{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "\ud83d\ude00"},` + "\n" +
				`"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "c"}]}}}}}}]}`,
			uses: []string{"a.json:2:82 CronJob ?? c"},
		},
		"custom resource": {
			files: "-- a.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\n" +
				"spec:\n  any:\n  - deeper: {containers: [{image: d}]}\n",
			uses: []string{"a.yaml:6:35 Rollout r d"},
		},
		"argo and tekton": {
			files: "-- a.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: [{container: {image: e}}]}\n" +
				"---\napiVersion: tekton.dev/v1\nkind: Task\nspec: {steps: [{image: f}]}\n",
			uses: []string{"a.yaml:3:40 Workflow  e", "a.yaml:7:24 Task  f"},
		},
		"not objects": {files: `
-- azure-pipelines.yml --
resources:
  containers:
  - {container: linux, image: "ubuntu:16.04"}
-- compose.yaml --
services: {web: {image: nginx}}
-- README.md --
apiVersion: v1
kind: Pod
spec: {containers: [{image: a}]}
-- crd.yaml --
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec: {containers: [{image: schema}]}
-- broken.yaml --
image: kind: {
-- node_modules/a/pod.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: a}]}
-- .git/pod.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: a}]}
`},
		"aliases and merges": {
			files: `
-- a.yaml --
apiVersion: v1
kind: Pod
x: &base {image: base, name: n}
y: &tag "other"
z: &overridden {image: never, name: z}
spec:
  containers:
  - *base
  - {<<: *base, name: m}
  - {<<: [*overridden], image: own}
  - {image: *tag}
`,
			uses: []string{"a.yaml:3:18 Pod  base", "a.yaml:10:32 Pod  own", "a.yaml:11:13 Pod  other"},
		},
		"the same key twice": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: good, image: evil}]}\n",
			uses:  []string{"a.yaml:3:29 Pod  good", "a.yaml:3:42 Pod  evil"},
		},
		"keys written with escapes": {
			files: "-- a.yaml --\n\"apiV\\x65rsion\": v1\n\"k\\x69nd\": Pod\nspec: {containers: [{\"im\\x61ge\": hidden}]}\n",
			uses:  []string{"a.yaml:3:34 Pod  hidden"},
		},
		"nothing to run yet": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}, {image: ''}, {image: }, 1, [x]], volumes: [1, {image: 2}]}\n",
		},
		"tokens that YAML does not take for text": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: #{Image}#\n  - image: {{ .Image }}\n",
			uses:  []string{"a.yaml:5:11 Pod  #{Image}#", "a.yaml:6:12 Pod  {{ }}"},
		},
		"broken manifests": {
			files: `
-- a.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: before}]}
---
apiVersion: v1
kind: Pod
spec: [image
-- b.yaml --
apiVersion: v1
kind: Pod
metadata:
  {{- include "labels" . | nindent 4 }}
spec: {containers: [{image: x}]}
-- c.yaml --
%TAG ! tag:example.com,2000:
---
apiVersion: v1
kind: Pod
spec: {containers: [{image: x}]}
`,
			uses: []string{"a.yaml:3:29 Pod  before"},
			problems: []string{
				"a.yaml:7 scan/unread it looks like a manifest, but cannot be read: did not find expected ',' or ']'",
				"b.yaml:4 scan/unread it looks like a manifest, but cannot be read: did not find expected node content",
				"c.yaml:0 scan/unread it looks like a manifest, but cannot be read: it defines tags by %TAG, which no manifest needs",
			},
		},
		"a thousand laughs": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Pod\na: &a [x,x,x,x,x,x,x,x,x,x]\n" + laughs() + "image: 1\n",
			problems: []string{
				"a.yaml:0 scan/unread it is nested too deeply, or its aliases come to too much",
			},
		},
		"an alias of itself": {
			files:    "-- a.yaml --\napiVersion: v1\nkind: Pod\nimage: &a [*a]\n",
			problems: []string{"a.yaml:0 scan/unread it is nested too deeply, or its aliases come to too much"},
		},
		"deep": {
			files:    "-- a.yaml --\napiVersion: v1\nkind: Pod\nimage: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n",
			problems: []string{"a.yaml:0 scan/unread it is nested too deeply, or its aliases come to too much"},
		},
		"too many values": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Pod\nimage: [" + strings.Repeat(",", 4_000_000) + "]\n",
			problems: []string{
				"a.yaml:0 scan/unread it looks like a manifest, but cannot be read: it has too many values",
			},
		},
		"too large": {
			files:    "-- a.yaml --\n" + strings.Repeat("#", maxFile) + "\n",
			problems: []string{"a.yaml:0 scan/unread it is too large to be looked at (8 MB a file, 512 MB in all)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses, problems := read(t, lay(t, tc.files), everything, nil)
			if diff := cmp.Diff(tc.uses, uses); diff != "" {
				t.Errorf("uses (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func laughs() string {
	var b strings.Builder
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 10))
	}
	return b.String()
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	const pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a}]}\n"
	files := ""
	for _, name := range []string{"a.yaml", "deploy/b.yaml", "deploy/sub/c.yml", "test/d.yaml", "pod.tpl"} {
		files += "-- " + name + " --\n" + pod
	}
	dir := lay(t, files)
	for name, tc := range map[string]struct{ patterns, want, problems []string }{
		"all":               {[]string{"**/*.{yaml,yml}"}, []string{"a.yaml", "deploy/b.yaml", "deploy/sub/c.yml", "test/d.yaml"}, nil},
		"without some":      {[]string{"!test/**", "**"}, []string{"a.yaml", "deploy/b.yaml", "deploy/sub/c.yml"}, nil},
		"from here":         {[]string{"./deploy/*"}, []string{"deploy/b.yaml"}, nil},
		"a name in full":    {[]string{"pod.tpl"}, []string{"pod.tpl"}, nil},
		"a folder, wrongly": {[]string{"deploy"}, nil, []string{`:0 scan/no-files no manifest matches the pattern "deploy"`}},
		"one of two": {[]string{"a.yaml", "depoly/**"}, []string{"a.yaml"}, []string{
			`:0 scan/no-files no manifest matches the pattern "depoly/**" (warning)`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses, problems, err := Read(t.Context(), dir, tc.patterns, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range uses {
				got = append(got, u.Path)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Read(%q) files (-want +got):\n%s", tc.patterns, diff)
			}
			if diff := cmp.Diff(tc.problems, told(problems)); diff != "" {
				t.Errorf("Read(%q) problems (-want +got):\n%s", tc.patterns, diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, patterns := range map[string][]string{
		"none": nil, "only what is left out": {"!a"}, "absolute": {"/etc/**"}, "outside": {"../**"},
		"outside, later": {"a/../../**"}, "broken": {"a/[b"}, "empty": {"!"},
	} {
		if _, _, err := Read(t.Context(), dir, patterns, nil); err == nil {
			t.Errorf("%s: Read(%q): no error", name, patterns)
		}
	}
	if _, _, err := Read(t.Context(), filepath.Join(dir, "missing"), everything, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of a missing root: %v, want fs.ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Read(ctx, dir, everything, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Read after the end: %v, want context.Canceled", err)
	}
}

func TestLinksStayInside(t *testing.T) {
	t.Parallel()
	const pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a}]}\n"
	outside := lay(t, "-- secret.yaml --\n"+pod)
	dir := lay(t, "-- a.yaml --\n"+pod)
	for link, to := range map[string]string{
		"in.yaml": "a.yaml", "out.yaml": filepath.Join(outside, "secret.yaml"), "gone.yaml": "nowhere.yaml", "dir.yaml": ".",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	uses, problems := read(t, dir, everything, nil)
	if diff := cmp.Diff([]string{"a.yaml:3:29 Pod  a", "in.yaml:3:29 Pod  a"}, uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"dir.yaml:0 scan/unread it is neither a file nor a link to one",
		"gone.yaml:0 scan/unread the file does not exist",
		"out.yaml:0 scan/unread it cannot be read: path escapes from parent",
	}, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestSelector(t *testing.T) {
	t.Parallel()
	affinity := func(terms string) string {
		return "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: " + terms + "}}}"
	}
	in := func(values string) string {
		return "{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: " + values + "}]}"
	}
	for name, tc := range map[string]struct{ spec, want string }{
		"none":             {"", ""},
		"selector":         {"nodeSelector: {kubernetes.io/arch: amd64, kubernetes.io/os: linux}", " arch=amd64 os=linux"},
		"old names":        {"nodeSelector: {beta.kubernetes.io/arch: amd64}", " arch=amd64"},
		"windows":          {"os: {name: windows}", " os=windows"},
		"affinity":         {affinity("[" + in("[arm64, amd64]") + "]"), " arch=amd64,arm64"},
		"one of two terms": {affinity("[" + in("[arm64]") + "," + in("[amd64]") + "]"), " arch=amd64,arm64"},
		"a term for any":   {affinity("[" + in("[arm64]") + ", {matchExpressions: [{key: zone, operator: Exists}]}]"), ""},
		"both":             {"nodeSelector: {kubernetes.io/arch: amd64}\n" + affinity("["+in("[arm64, amd64]")+"]"), " arch=amd64"},
		"preferred is not required": {"affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: " +
			"{nodeSelectorTerms: [" + in("[arm64]") + "]}}}", ""},
		"nonsense": {"nodeSelector: [1]\naffinity: {nodeAffinity: 7}\nos: [x]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: a}]\n  " +
				strings.ReplaceAll(tc.spec, "\n", "\n  ") + "\n"
			uses, _ := read(t, lay(t, "-- a.yaml --\n"+text), everything, nil)
			if want := []string{"a.yaml:4:24 Pod  a" + tc.want}; !cmp.Equal(want, uses) {
				t.Errorf("%s\ngot %q, want %q", text, uses, want)
			}
		})
	}
}

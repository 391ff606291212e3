package workload

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const charts = `
-- shop/Chart.yaml --
apiVersion: v2
name: shop
-- shop/values.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: values}]}
-- shop/templates/web.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: {{ .Values.image }}}]}
-- shop/crds/pod.yaml --
apiVersion: v1
kind: Pod
spec: {containers: [{image: crds}]}
-- shop/charts/db/Chart.yaml --
name: db
-- shop/charts/db/templates/db.yaml --
{{ broken }}
-- lib/Chart.yaml --
type: library
-- lib/templates/_helpers.yaml --
{{ define "x" }}
`

const rendered = `---
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{image: web}]}
---
# Source: shop/charts/db/templates/db.yaml
apiVersion: v1
kind: Pod
metadata: {name: db}
spec: {containers: [{image: db}]}
---
# Source: shop/../../../etc/passwd
apiVersion: v1
kind: Pod
metadata: {name: liar}
spec: {containers: [{image: liar}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nowhere}
spec: {containers: [{image: nowhere}]}
`

func TestCharts(t *testing.T) {
	t.Parallel()
	none := func(context.Context, string) ([]byte, error) {
		return nil, errors.New("no template \"x\"\n##vso[task.complete]")
	}
	for name, tc := range map[string]struct {
		render         Render
		uses, problems []string
	}{
		"no helm": {nil, nil, []string{
			"shop/Chart.yaml:0 scan/unread the chart's templates cannot be looked at without helm",
		}},
		"broken": {none, nil, []string{
			`shop/Chart.yaml:0 scan/unread the chart cannot be rendered: no template "x" **vso[task.complete]`,
		}},
		"no YAML": {says("a: [\n"), nil, []string{
			"shop/Chart.yaml:0 scan/unread what it renders to is not YAML: did not find expected node content",
		}},
		"too much": {says(strings.Repeat("#", maxRendered+1)), nil, []string{
			"shop/Chart.yaml:0 scan/unread what it renders to is larger than 32 MB",
		}},
		"rendered": {says(rendered), []string{
			"shop/Chart.yaml:0:0 Pod liar liar", "shop/Chart.yaml:0:0 Pod nowhere nowhere",
			"shop/charts/db/templates/db.yaml:0:0 Pod db db", "shop/templates/web.yaml:0:0 Pod web web",
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uses, problems := read(t, lay(t, charts), everything, tc.render)
			tc.uses = append([]string{}, tc.uses...)
			if at := len(tc.uses) - 2; at > 0 {
				tc.uses = append(tc.uses[:at+1:at+1], append([]string{"shop/crds/pod.yaml:3:29 Pod  crds"}, tc.uses[at+1:]...)...)
			} else {
				tc.uses = []string{"shop/crds/pod.yaml:3:29 Pod  crds"}
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

func says(text string) Render {
	return func(_ context.Context, chart string) ([]byte, error) {
		if chart != "shop" {
			return nil, errors.New("not to be rendered by itself: " + chart)
		}
		return []byte(text), nil
	}
}

func TestChartOf(t *testing.T) {
	t.Parallel()
	dirs := map[string]bool{"a": true, "a/charts/b": true, "a/charts/b/charts/c": true, "a/templates/d": true}
	for name, want := range map[string]string{
		"a/Chart.yaml": "a", "a/values.yaml": "a", "a/templates/x/y.yaml": "a", "a/ci/values.yaml": "", "a/crds/x.yaml": "",
		"a/charts/b/templates/x.yaml": "a", "a/charts/b/charts/c/templates/x.yaml": "a", "b/templates/x.yaml": "",
		"a/templates/d/templates/e.yaml": "a/templates/d", "templates/x.yaml": "",
	} {
		if got, ok := chartOf(name, dirs); got != want || ok != (want != "") {
			t.Errorf("chartOf(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
	if got, ok := chartOf("templates/x.yaml", map[string]bool{".": true}); got != "." || !ok {
		t.Errorf("chartOf in the root = %q, %v", got, ok)
	}
}

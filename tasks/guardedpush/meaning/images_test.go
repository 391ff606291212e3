package meaning

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestImages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, text string
		want       []Image
	}{
		"a deployment": {"a.yaml", deployment, []Image{
			{"Deployment web, init container one", "busybox:1"}, {"Deployment web, init container two", "busybox:1"},
			{"Deployment web, container web", "registry.example.com/web:1.2.3"}, {"Deployment web, container proxy", "envoy:1.0"},
		}},
		"a cron job": {"a.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: n, namespace: ops}\n" +
			"spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: a:1}]}}}}}",
			[]Image{{"CronJob ops/n, container c", "a:1"}}},
		"a list": {"a.json", `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata":
			{"generateName": "p-"}, "spec": {"containers": [{"image": "a"}], "ephemeralContainers": [{"name": "e", "image": "b"}]}}]}`,
			[]Image{{"Pod p-, container 0", "a"}, {"Pod p-, ephemeral container e", "b"}}},
		"two documents": {"a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: x}]}\n" +
			"---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: c, image: y}]}\n",
			[]Image{{"Pod a, container c", "x"}, {"Pod b, container c", "y"}}},
		"by an alias": {"a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nx: &x {image: y:2}\nspec: {containers: [{name: c, <<: *x}]}",
			[]Image{{"Pod a, container c", "y:2"}}},
		"a kustomization": {"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n" +
			"- {name: web, newTag: 2.0}\n- {name: api, newName: r.io/api, digest: 'sha256:ab'}\n- {name: db, newName: pg}\n- {name: x}\n",
			[]Image{{"images[web]", "web:2.0"}, {"images[api]", "r.io/api@sha256:ab"}, {"images[db]", "pg"}}},
		"Flux": {"kustomization.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\n" +
			"spec: {images: [{name: web, newTag: '3'}]}", []Image{{"Kustomization apps, spec.images[web]", "web:3"}}},
		"Argo CD": {".argocd-source-web.yaml", "kustomize:\n  images: ['web=r.io/web:2', r.io:5000/api:1, r.io:5000/x, 'r.io/db@sha256:ab']",
			[]Image{{"kustomize.images[web]", "r.io/web:2"}, {"kustomize.images[r.io:5000/api]", "r.io:5000/api:1"}, {"kustomize.images[r.io:5000/x]", "r.io:5000/x"}, {"kustomize.images[r.io/db]", "r.io/db@sha256:ab"}}},
		"Helm values": {"values.yaml", "image: {repository: web, tag: 2.0}\nsidecars:\n- image: {registry: r.io, repository: x/y, digest: 'sha256:ab', tag: v1}\n" +
			"db: {image: {repository: pg, tag: ''}}\n",
			[]Image{{"image", "web:2.0"}, {"sidecars[0].image", "r.io/x/y:v1@sha256:ab"}, {"db.image", "pg"}}},
		"a Helm release": {"a.yaml", "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\n" +
			"spec: {values: {image: {repository: web, tag: '1'}}}", []Image{{"HelmRelease web, spec.values.image", "web:1"}}},
		"pods in values":       {"values.yaml", "extra: {containers: [{name: a, image: b}]}", []Image{{"extra.containers[a]", "b"}}},
		"a source":             {"a.yaml", "chart: {repository: https://example.com/charts, tag: v1}", nil},
		"no tag":               {"a.yaml", "image: {repository: web, pullPolicy: Always}", nil},
		"texts somewhere else": {"a.yaml", "images: [a, b]\ncontainers: [a, {name: c}, {name: d, image: [x]}]\nrepository: {x: 1}\ntag: 1", nil},
		"no document":          {"Dockerfile", "FROM a:1", nil},
		"not readable":         {"a.yaml", "image: {repository: web, tag: 1", nil},
		"nothing":              {"a.yaml", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Images(tc.file, []byte(tc.text))); diff != "" {
				t.Errorf("Images(%q, %q) (-want +got):\n%s", tc.file, tc.text, diff)
			}
		})
	}
}

func TestImagesAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 500)
	text := long[:800] + ": {image: {repository: " + long + ", tag: 1}}\nl:\n" + strings.Repeat("- {repository: a, tag: 1}\n", mostImages+10)
	images := Images("a.yaml", []byte(text))
	if len(images) != mostImages {
		t.Errorf("Images of %d: %d, want %d", mostImages+11, len(images), mostImages)
	}
	for _, image := range images {
		whole := utf8.ValidString(image.Place) && utf8.ValidString(image.Ref)
		if max(len(image.Place), len(image.Ref)) > longest || !whole {
			t.Fatalf("Images: %q is %d and %q %d bytes long", image.Place, len(image.Place), image.Ref, len(image.Ref))
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after []Image
		want          []ImageChange
	}{
		"none":     {[]Image{{"a", "x:1"}}, []Image{{"a", "x:1"}}, nil},
		"moved":    {[]Image{{"a", "x:1"}, {"b", "y"}}, []Image{{"b", "y"}, {"a", "x:1"}}, nil},
		"changed":  {[]Image{{"a", "x:1"}, {"b", "y"}}, []Image{{"a", "x:2"}, {"b", "y"}}, []ImageChange{{"a", "x:1", "x:2"}}},
		"as texts": {[]Image{{"a", "nginx"}}, []Image{{"a", "docker.io/library/nginx"}}, []ImageChange{{"a", "nginx", "docker.io/library/nginx"}}},
		"added":    {nil, []Image{{"a", "x:1"}}, []ImageChange{{"a", "", "x:1"}}},
		"removed":  {[]Image{{"a", "x:1"}, {"b", "y"}}, []Image{{"b", "z"}}, []ImageChange{{"b", "y", "z"}, {"a", "x:1", ""}}},
		"twice": {
			[]Image{{"a", "1"}, {"a", "2"}, {"a", "3"}}, []Image{{"a", "1"}, {"a", "4"}},
			[]ImageChange{{"a", "2", "4"}, {"a", "3", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Changes(tc.before, tc.after)); diff != "" {
				t.Errorf("Changes(%v, %v) (-want +got):\n%s", tc.before, tc.after, diff)
			}
		})
	}
}

package meaning

import (
	"strings"
	"testing"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {team: shop}
spec:
  replicas: 2
  template:
    spec:
      initContainers:
        - {name: one, image: busybox:1}
        - {name: two, image: busybox:1}
      containers:
        - name: web
          image: registry.example.com/web:1.2.3
          args: [a, b]
        - name: proxy
          image: "envoy:1.0"
`

// change replaces something that must be there.
func change(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q is not in %q", from, text)
	}
	return strings.Replace(text, from, to, 1)
}

func TestSameIsAboutMeaning(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, before, after string
		want                bool
	}{
		"bytes":             {"README.md", "a", "a", true},
		"no document":       {"README.md", "a", "a ", false},
		"CRLF, no document": {"README.md", "a\n", "a\r\n", false},

		"comments":          {"a.yaml", "a: 1 # x\n\n\nb: 2", "# y\na: 1\nb: 2\n", true},
		"only comments":     {"a.yaml", "# a", "# b", true},
		"CRLF":              {"a.yaml", "a: |\n  x\n  y\nb: 2\n", "a: |\r\n  x\r\n  y\r\nb: 2\r\n", true},
		"order of keys":     {"a.yaml", "a: {x: 1, y: 2}\nb: 2", "b: 2\na:\n  y: 2\n  x: 1\n", true},
		"order of a list":   {"a.yaml", "[a, b]", "[b, a]", false},
		"styles":            {"a.yaml", "a: 'x y'\nb: \"x\\ny\\n\"\nc: [1]", "a: x y\nb: |\n  x\n  y\nc:\n- 1\n", true},
		"folded":            {"a.yaml", "a: >-\n  x\n  y", "a: x y", true},
		"chomping":          {"a.yaml", "a: |\n  x\n", "a: |-\n  x\n", false},
		"empty documents":   {"a.yaml", "a: 1\n---\n", "---\n---\na: 1", true},
		"order of docs":     {"a.yaml", "a: 1\n---\nb: 1", "b: 1\n---\na: 1", false},
		"one more document": {"a.yaml", "a: 1", "a: 1\n---\nb: 1", false},
		"the same twice":    {"a.yaml", "a: 1", "a: 1\n---\na: 1", false},

		// What programs read where documents have nothing.
		"halves":             {"a.json", `{"a":"\ud800"}`, `{"a":"\uDC01"}`, false},
		"halves in YAML":     {"a.yaml", `a: "\U0000D800"`, `a: "\U0000d801"`, false},
		"an escape":          {"a.json", `{"a":"\u00e4"}`, `{"a":"ä"}`, true},
		"a directive":        {"a.yaml", "a: 1\n# {{- if .x }}\nb: 2\n# {{- end }}", "a: 1\n# {{- if not .x }}\nb: 2\n# {{- end }}", false},
		"one that is new":    {"a.yaml", "a: 1 # x", "a: 1 # {{ fail }}", false},
		"one that is gone":   {"a.yaml", "a: 1 # {{ fail }}", "a: 1", false},
		"one moved":          {"a.yaml", "# {{ x }}\na: 1\nb: 2", "a: 1\n# {{ x }}\nb: 2", false},
		"a marker":           {"a.yaml", `i: a:1 # {"$imagepolicy": "flux:dev"}`, `i: a:1 # {"$imagepolicy": "flux:prod"}`, false},
		"a setter":           {"a.yaml", "i: 1 # kpt-set: ${a}", "i: 1 # kpt-set: ${b}", false},
		"a template":         {"a.yaml", "a: '{{ $x }}' # y\nb: 1", "b: 1\na: '{{ $x }}' # z", true},
		"another template":   {"a.yaml", "a: '{{ $x }}'", "a: '{{ $y }}'", false},
		"a template, quotes": {"a.yaml", "a: '{{ $x }}'", "a: \"{{ $x }}\"", false},

		"a float":                {"a.yaml", "a: 2.0", "a: 2", false},
		"a float's text":         {"a.yaml", "a: 2.0", "a: 2.00", false},
		"a float in quotes":      {"a.yaml", "a: 2.0", "a: '2.0'", false},
		"a number in quotes":     {"a.yaml", "a: 2", "a: \"2\"", false},
		"a boolean in quotes":    {"a.yaml", "a: true", "a: 'true'", false},
		"a date in quotes":       {"a.yaml", "a: 2026-11-23", "a: '2026-11-23'", false},
		"null in quotes":         {"a.yaml", "a: null", "a: 'null'", false},
		"null is no empty text":  {"a.yaml", "a:", "a: ''", false},
		"nulls":                  {"a.yaml", "[~, null, ]\n", "[null, ~]", true},
		"null and nothing":       {"a.yaml", "a: ~\nb:", "a:\nb: NULL", true},
		"null and no key":        {"a.yaml", "a: ~\nb: 1", "b: 1", false},
		"yes in quotes":          {"a.yaml", "a: yes", "a: 'yes'", false},
		"off in quotes":          {"a.yaml", "a: Off", "a: \"Off\"", false},
		"y in quotes":            {"a.yaml", "y: y", "'y': y", false},
		"a time in quotes":       {"a.yaml", "a: 12:30:45", "a: '12:30:45'", false},
		"yes with its tag":       {"a.yaml", "a: !!str yes", "a: 'yes'", true},
		"other quotes":           {"a.yaml", "a: 'yes'", "a: \"yes\"", true},
		"two quotes":             {"a.yaml", "a: '2.0'", "a: \"2.0\"", true},
		"a number with its tag":  {"a.yaml", "a: !!str 2", "a: '2'", true},
		"a tag of one's own":     {"a.yaml", "a: !Ref x", "a: x", false},
		"such a tag on mappings": {"a.yaml", "a: !Sub {x: 1}", "a: {x: 1}", false},
		"such a tag on lists":    {"a.yaml", "a: !Join [x]", "a: [x]", false},
		"a key's type":           {"a.yaml", "1: a", "'1': a", false},
		"spaces in a text":       {"a.yaml", "a: 'x'", "a: 'x '", false},
		"key and value":          {"a.yaml", "{a: b}", "{b: a}", false},
		"a list of one":          {"a.yaml", "a", "[a]", false},
		"mapping and list":       {"a.yaml", "{a: b}", "[a, b]", false},
		"empty ones":             {"a.yaml", "a: {}", "a: []", false},
		"nesting":                {"a.yaml", "[[a], [b]]", "[[a, b]]", false},
		"moved between":          {"a.yaml", "a: {x: 1}\nb: {}", "a: {}\nb: {x: 1}", false},

		"aliases":                {"a.yaml", "a: &x {p: 1}\nb: *x", "a: {p: 1}\nb: {p: 1}", true},
		"an anchor's name":       {"a.yaml", "a: &x 1\nb: *x", "a: &y 1\nb: *y", true},
		"what is aliased":        {"a.yaml", "a: &x 1\nb: *x", "a: &x 2\nb: 1", false},
		"merge keys":             {"a.yaml", "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", "a: {p: 1, q: 2}\nb: {q: 3, p: 1}", true},
		"merge keys the other":   {"a.yaml", "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", "a: {p: 1, q: 2}\nb: {q: 2, p: 1}", false},
		"the first merged wins":  {"a.yaml", "b:\n  <<: [{p: 1}, {p: 2}]", "b: {p: 1}", true},
		"a text that looks like": {"a.yaml", "b:\n  '<<': {p: 1}", "b:\n  p: 1", false},

		"JSON":                  {"a.json", `{"a": [1, 2.0], "b": null}`, "{\"b\":null,\r\n\t\"a\":[1,2.0]}", true},
		"JSON escapes":          {"a.json", `"a\u002fb"`, `"a/b"`, true},
		"JSON number":           {"a.json", `{"a": 2.0}`, `{"a": 2}`, false},
		"JSON text":             {"a.json", `{"a": "2"}`, `{"a": 2}`, false},
		"JSON yes":              {"a.json", `{"a": "yes"}`, `{"a":"yes"}`, true},
		"JSON list":             {"a.json", `[1, 2]`, `[2, 1]`, false},
		"JSON is no YAML":       {"a.json", `{"a": 1}`, `{"a": 1} # x`, false},
		"JSON's << is a text":   {"a.json", `{"<<": {"a": 1}}`, `{"a": 1}`, false},
		"not readable":          {"a.yaml", "a: [", "a:  [", false},
		"not readable any more": {"a.yaml", "a: 1", "a: 1\n b: 2", false},
		"not readable before":   {"a.yaml", "a: 1\na: 2", "a: 2", false},
		"not UTF-8":             {"a.yaml", "a: 1 # \xff", "a: 1 # x", false},
		"a file to come":        {"a.yaml", "", "# nothing", false},
		"a file that goes":      {"a.yaml", "# nothing", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				if got := Same(tc.file, []byte(tc.before), []byte(tc.after), Ignore{}); got != tc.want {
					t.Errorf("Same(%q, %q, %q) = %v, want %v", tc.file, tc.before, tc.after, got, tc.want)
				}
				tc.before, tc.after = tc.after, tc.before
			}
		})
	}
}

func TestSameKnowsListsOfNames(t *testing.T) {
	t.Parallel()
	pod := func(containers string) string { return "apiVersion: v1\nkind: Pod\nspec:\n  " + containers }
	images := func(list string) string { return "images: [" + list + "]" }
	for name, tc := range map[string]struct {
		file, before, after string
		want                bool
	}{
		"containers":          {"a.yaml", pod("containers: [{name: a, image: x}, {name: b, image: y}]"), pod("containers: [{name: b, image: y}, {image: x, name: a}]"), true},
		"ephemeral ones":      {"a.yaml", pod("ephemeralContainers: [{name: a}, {name: b}]"), pod("ephemeralContainers: [{name: b}, {name: a}]"), true},
		"in a list":           {"a.yaml", "apiVersion: v1\nkind: List\nitems: [{spec: {containers: [{name: a}, {name: b}]}}]", "apiVersion: v1\nkind: List\nitems: [{spec: {containers: [{name: b}, {name: a}]}}]", true},
		"swapped images":      {"a.yaml", pod("containers: [{name: a, image: x}, {name: b, image: y}]"), pod("containers: [{name: b, image: x}, {name: a, image: y}]"), false},
		"one less":            {"a.yaml", pod("containers: [{name: a}, {name: b}]"), pod("containers: [{name: b}]"), false},
		"init containers":     {"a.yaml", pod("initContainers: [{name: a}, {name: b}]"), pod("initContainers: [{name: b}, {name: a}]"), false},
		"without a name":      {"a.yaml", pod("containers: [{name: a}, {image: b}]"), pod("containers: [{image: b}, {name: a}]"), false},
		"with a name twice":   {"a.yaml", pod("containers: [{name: a, x: 1}, {name: a, x: 2}]"), pod("containers: [{name: a, x: 2}, {name: a, x: 1}]"), false},
		"in no manifest":      {"a.yaml", "containers: [{name: a}, {name: b}]", "containers: [{name: b}, {name: a}]", false},
		"without a kind":      {"a.yaml", "apiVersion: v1\ncontainers: [{name: a}, {name: b}]", "apiVersion: v1\ncontainers: [{name: b}, {name: a}]", false},
		"without a version":   {"a.yaml", "kind: Pod\ncontainers: [{name: a}, {name: b}]", "kind: Pod\ncontainers: [{name: b}, {name: a}]", false},
		"of other things":     {"a.yaml", pod("ports: [{name: a}, {name: b}]"), pod("ports: [{name: b}, {name: a}]"), false},
		"kustomize":           {"x/kustomization.yaml", images("{name: a, newTag: 1}, {name: b}"), images("{name: b}, {name: a, newTag: 1}"), true},
		"by its last name":    {"Kustomization", images("{name: a}, {name: b}"), images("{name: b}, {name: a}"), true},
		"by its apiVersion":   {"a.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\n" + images("{name: a}, {name: b}"), images("{name: b}, {name: a}") + "\napiVersion: kustomize.config.k8s.io/v1beta1", true},
		"no kustomization":    {"a.yaml", images("{name: a}, {name: b}"), images("{name: b}, {name: a}"), false},
		"one after another":   {"kustomization.yaml", images("{name: a, newName: b}, {name: b, newTag: 1}"), images("{name: b, newTag: 1}, {name: a, newName: b}"), false},
		"renamed to itself":   {"kustomization.yaml", images("{name: a, newName: a}, {name: b}"), images("{name: b}, {name: a, newName: a}"), true},
		"its other lists":     {"kustomization.yaml", "resources: [a, b]", "resources: [b, a]", false},
		"a list further down": {"kustomization.yaml", "x: {images: [{name: a}, {name: b}]}", "x: {images: [{name: b}, {name: a}]}", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Same(tc.file, []byte(tc.before), []byte(tc.after), Ignore{}); got != tc.want {
				t.Errorf("Same(%q, %q, %q) = %v, want %v", tc.file, tc.before, tc.after, got, tc.want)
			}
		})
	}
}

func TestSameSeesEachScalar(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"apps/v1", "apps/v2"}, {"Deployment", "StatefulSet"}, {"name: web\n", "name: api\n"}, {"shop", "ops"}, {"2\n", "3\n"},
		{"busybox:1}", "busybox:2}"}, {"web:1.2.3", "web:1.2.4"}, {"[a, b]", "[b, a]"}, {"\"envoy:1.0\"", "\"envoy:1.1\""},
		{"replicas", "Replicas"}, {"  replicas: 2\n", ""}, {"  replicas: 2\n", "  replicas: 2\n  paused: true\n"},
	} {
		if after := change(t, deployment, c[0], c[1]); Same("a.yaml", []byte(deployment), []byte(after), Ignore{}) {
			t.Errorf("Same(_, with %q for %q) = true", c[1], c[0])
		}
	}
}

func TestSameEndsSoon(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		s := string(rune('0' + i))
		next := string(rune('1' + i))
		bomb += "a" + next + ": &a" + next + " [" + strings.TrimSuffix(strings.Repeat("*a"+s+", ", 10), ", ") + "]\n"
	}
	for name, text := range map[string]string{
		"a bomb":   bomb,
		"a circle": "a: &a [*a]\n",
		"too deep": strings.Repeat("[", 500) + strings.Repeat("]", 500),
		"too long": "a: [" + strings.Repeat("1,", 1_600_000) + "]",
	} {
		ignore, err := ParseIgnore([]string{"$..x", "$..a3"})
		if err != nil {
			t.Fatal(err)
		}
		if Same("a.yaml", []byte(text), []byte(text+"\n# x"), ignore) {
			t.Errorf("%s: Same = true, want false", name)
		}
		if images := Images("a.yaml", []byte(text)); images != nil {
			t.Errorf("%s: Images = %v, want none", name, images)
		}
	}
}

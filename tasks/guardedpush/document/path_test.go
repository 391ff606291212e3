package document

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const sample = `kind: Deployment
metadata:
  name: web
  app-name: a
  labels: {app.kubernetes.io/name: web, "it's": 1, ünï: 2}
images:
  - name: web
    newTag: 2.0
  - name: api
    newTag: "2.0"
base: &base
  image: nginx
  args: [a, b, c, d]
copy: *base
more:
  <<: *base
  image: own
---
---
kind: Service
images: []
`

func TestFind(t *testing.T) {
	t.Parallel()
	f, err := Parse("deploy/app.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path string
		want []string
	}{
		"every document":          {"kind", []string{"0 $['kind'] Deployment", "2 $['kind'] Service"}},
		"with a root":             {"$.metadata.name", []string{"0 $['metadata']['name'] web"}},
		"with a dot":              {".metadata.name", []string{"0 $['metadata']['name'] web"}},
		"a dash":                  {"metadata.app-name", []string{"0 $['metadata']['app-name'] a"}},
		"a key with dots":         {"metadata.labels['app.kubernetes.io/name']", []string{"0 $['metadata']['labels']['app.kubernetes.io/name'] web"}},
		"a key with a quote":      {`metadata.labels['it\'s']`, []string{`0 $['metadata']['labels']['it\'s'] 1`}},
		"in double quotes":        {`metadata.labels["it's"]`, []string{`0 $['metadata']['labels']['it\'s'] 1`}},
		"not ASCII":               {"metadata.labels.ünï", []string{"0 $['metadata']['labels']['ünï'] 2"}},
		"by index":                {"images[0].newTag", []string{"0 $['images'][0]['newTag'] 2.0"}},
		"from the end":            {"images[-1].name", []string{"0 $['images'][1]['name'] api"}},
		"no such index":           {"images[2].name", nil},
		"all":                     {"images[*].name", []string{"0 $['images'][0]['name'] web", "0 $['images'][1]['name'] api"}},
		"all, by dot":             {"images.*.name", []string{"0 $['images'][0]['name'] web", "0 $['images'][1]['name'] api"}},
		"filter":                  {"images[?(@.name == 'api')].newTag", []string{"0 $['images'][1]['newTag'] 2.0"}},
		"filter without brackets": {"images[?@.name=='api'].newTag", []string{"0 $['images'][1]['newTag'] 2.0"}},
		"a number is no text":     {"images[?(@.newTag == '2.0')].name", []string{"0 $['images'][1]['name'] api"}},
		"a number is a number":    {"images[?(@.newTag == 2.0)].name", []string{"0 $['images'][0]['name'] web"}},
		"filter on a mapping":     {"$[?(@.image == 'nginx')].image", []string{"0 $['base']['image'] nginx", "0 $['copy']['image'] nginx aliased"}},
		"filter, is there":        {"$[?(@.image)].image", []string{"0 $['base']['image'] nginx", "0 $['copy']['image'] nginx aliased", "0 $['more']['image'] own"}},
		"filter, is not there":    {"images[?(!@.name)]", nil},
		"filter, in a filter":     {"$[?(@[?(@.name == 'api')])][0].name", []string{"0 $['images'][0]['name'] web"}},
		"filter, regex":           {"images[?(@.name =~ /^a.i$/)].name", []string{"0 $['images'][1]['name'] api"}},
		"filter, and":             {"images[?(@.name == 'api' && @.newTag == 'x')].name", nil},
		"any depth":               {"$..newTag", []string{"0 $['images'][0]['newTag'] 2.0", "0 $['images'][1]['newTag'] 2.0"}},
		"union":                   {"base.args[0,2]", []string{"0 $['base']['args'][0] a", "0 $['base']['args'][2] c"}},
		"twice is once":           {"base.args[0,0]", []string{"0 $['base']['args'][0] a"}},
		"union of keys":           {"metadata['name','app-name']", []string{"0 $['metadata']['name'] web", "0 $['metadata']['app-name'] a"}},
		"slice":                   {"base.args[1:3]", []string{"0 $['base']['args'][1] b", "0 $['base']['args'][2] c"}},
		"slice, open":             {"base.args[-2:]", []string{"0 $['base']['args'][2] c", "0 $['base']['args'][3] d"}},
		"slice, step":             {"base.args[::2]", []string{"0 $['base']['args'][0] a", "0 $['base']['args'][2] c"}},
		"slice, backwards":        {"base.args[3:1:-1]", []string{"0 $['base']['args'][2] c", "0 $['base']['args'][3] d"}},
		"through an alias":        {"copy.image", []string{"0 $['copy']['image'] nginx aliased"}},
		"merged":                  {"more.args[0]", []string{"0 $['more']['args'][0] a aliased"}},
		"own before merged":       {"more.image", []string{"0 $['more']['image'] own"}},
		"own, all":                {"more['image', '<<']", []string{"0 $['more']['image'] own"}},
		"into a scalar":           {"kind.x", nil},
		"index of a mapping":      {"metadata[0]", nil},
		"key of a list":           {"images.name", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := *f // each with its own cursor
			p, err := ParsePath(tc.path)
			if err != nil {
				t.Fatalf("ParsePath(%q): %v", tc.path, err)
			}
			matches, err := f.Find(p)
			if err != nil {
				t.Fatalf("Find(%q): %v", tc.path, err)
			}
			if diff := cmp.Diff(tc.want, shown(matches)); diff != "" {
				t.Errorf("Find(%q) (-want +got):\n%s", tc.path, diff)
			}
		})
	}
}

func shown(matches []Match) []string {
	var all []string
	for _, m := range matches {
		text := string(rune('0'+m.Doc)) + " " + m.Path + " " + m.Node.Value
		if m.Aliased {
			text += " aliased"
		}
		all = append(all, text)
	}
	return all
}

func TestWrongPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                                  "it is empty",
		"  ":                                "it is empty",
		"@.x":                               "at the root",
		"a..":                               "a name is missing",
		"a.":                                "a name is missing",
		"a.b c":                             `"c" is no part of a path`,
		"a=b":                               `"=b" is no part of a path`,
		"a[":                                "not closed",
		"a['b]":                             "not closed",
		"a[b]":                              "cannot be understood",
		"a[]":                               "cannot be understood",
		"a[?(@.x = 1)]":                     "cannot be understood",
		"a[(@.length-1)]":                   "cannot be understood",
		"a[?(@.x == $.y)]":                  "only ask about the element",
		"a[?(@.x[?(@.y == $.z)])]":          "only ask about the element",
		"a\xff":                             "not UTF-8",
		"a" + strings.Repeat(".b", maxPath): "longer than",
	} {
		_, err := ParsePath(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePath(%.40q) = %v, want an error with %q", path, err, want)
		}
		if err != nil && (len(err.Error()) > 300 || !printable(err.Error())) {
			t.Errorf("ParsePath(%.40q): %q is no short line", path, err)
		}
	}
}

func TestCutPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"a.b = c":                      {"a.b", "= c"},
		" a=b ":                        {"a", "=b"},
		"a[?(@.n == 'x = y')].b = $.c": {"a[?(@.n == 'x = y')].b", "= $.c"},
		"a['x=y'] = z":                 {"a['x=y']", "= z"},
		`a["]"] = z`:                   {`a["]"]`, "= z"},
		"a":                            {"a", ""},
	} {
		p, rest, err := CutPath(text)
		if err != nil || p.String() != want[0] || rest != want[1] {
			t.Errorf("CutPath(%q) = %q, %q, %v, want %q", text, p, rest, err, want)
		}
	}
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

package lockfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump is a value with keys and lines, to compare.
func dump(b *strings.Builder, n node) {
	fmt.Fprintf(b, "%d %q:%d", n.kind, n.text, len(n.inner.all()))
	for _, inner := range n.inner.all() {
		fmt.Fprintf(b, "\n%d %q ", inner.line, inner.key)
		dump(b, inner)
	}
}

// checkYAML compares what the fast reader makes of a text with what yaml.v3 does.
func checkYAML(t *testing.T, text string) (fast bool) {
	t.Helper()
	roots, ok := readYAMLFast(text)
	if !ok {
		return false
	}
	docs, err := parseAnyYAML("x", []byte(text))
	if err != nil || len(docs) != len(roots) {
		t.Fatalf("%q: got %d documents from lines, else %d, error %v", text, len(roots), len(docs), err)
	}
	for i := range roots {
		var got, want strings.Builder
		dump(&got, roots[i])
		dump(&want, node{kind: isObject, inner: docs[i].object})
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Fatalf("%q (-yaml.v3 +by lines):\n%s", text, diff)
		}
	}
	return true
}

// yamlTexts says which texts are read fast: those of the package managers must be.
var yamlTexts = map[string]bool{
	"a: b\n": true, "a: b": true, "a:\n  b: c\n\n  d: e # x\n": false, "# x\n\na:\r\n  b: c\r\n": true,
	"a: {b: c, 'd': [e, \"f\"], g: {}}\nh: []\n": true, "a: {b: c d || e:f}\n": true, "a: {b: 'c, d'}\n": true,
	"a: 'it''s'\n": true, "a: \"b\"\n": true, "'@a/b@1': {}\n\"c, d\":\n  e: f\n": true,
	"a: ~\nb: null\nc: 'null'\nd:\ne: ''\n": true, "a:\n  - b\n  - 'c'\n  - {d: e}\nf: g\n": true,
	"a: |-\n  b\n   c\n\n  # d\n\ne: f\n": true, "a: |-\n  b": true, "---\na: b\n---\nc: d\n": true, "a: b\n---\nc: d\n": true,
	"é: ü\n": true, "a: x:y\nb: 1.10\nc: >=1\n": false, "a: x:y\nb: 1.10\nc: <=1\n": true,
	"a: b\n  c\n": false, "a: b\na: c\n": false, "a: &x b\nc: *x\n": false, "a: !!str b\n": false, "a: \"\\x41\"\n": false,
	"a: b: c\n": false, "- a\n": false, "a:\n- b\n": false, "a: |\n  b\n": false, "a: >-\n  b\n": false, "? a\n: b\n": false,
	"a: [b: c]\n": false, "a: {b}\n": false, "a: {b: c}}\n": false, "a: {b: c} d\n": false, "a: 'b' c\n": false, "a: 'b\n": false,
	"a:\tb\n": false, "a: b\x85c: d\n": false, "a: b\u2028c: d\n": false, "a: b\rc: d\n": false, "a: \x00\n": false,
	"a: \xff\n": false, "...\na: b\n": false, "%YAML 1.1\n---\na: b\n": false, "": false, "---\n": false, "---\n---\na: b\n": false,
	" a: b\n": false, "a:\n  b: c\n d: e\n": false, "a:\n    b: c\n  d: e\n": false, "a: {b: c,}\n": false, "a: {b: , c: d}\n": false,
	"a: {b: c?d}\n": false, "a b: c\n": false, "a: b #c\n": false, "a: b#c\n": true, "a: @b\n": false, "a: -b\n": false,
	"a:\n  - b: c\n": false, "a:\n  -\n": false, "a:\n  - - b\n": false, "a: |-\n\n  b\n": false, "a: |-\nb: c\n": false,
	"a: {b: c:}\n": false, "a: b:\n": false, "a: {'b': 'c''d'}\n": true, "a:b\n": false, "<<: a\n": true, "a: =\nb: <<\n": true,
}

func TestYAMLByLinesIsYAML(t *testing.T) {
	t.Parallel()
	for text, want := range yamlTexts {
		if got := checkYAML(t, text); got != want {
			t.Errorf("readYAMLFast(%q): got %v, want %v", text, got, want)
		}
	}
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if checkYAML(t, "a: "+deep) {
		t.Error("what is deeper than the limit was read")
	}
	if key := strings.Repeat("k", 1025); checkYAML(t, key+": a\n") || checkYAML(t, "'"+key+"': a\n") || checkYAML(t, "{"+key+": a}\n") {
		t.Error("a key that is longer than YAML allows was read")
	}
	for _, project := range []string{"yarn3", "yarn4", "pnpm7", "pnpm8", "pnpm8single", "pnpm10"} {
		tree := testProject(t, project)
		if !checkYAML(t, string(tree[lockIn(t, tree)].Data)) {
			t.Errorf("the lock file of %s is not read fast", project)
		}
	}
}

func FuzzYAMLByLines(f *testing.F) {
	for text := range yamlTexts {
		f.Add(text)
	}
	for _, project := range []string{"yarn4", "pnpm10"} {
		tree := testProject(f, project)
		f.Add(string(tree[lockIn(f, tree)].Data))
	}
	f.Fuzz(func(t *testing.T, text string) { checkYAML(t, text) })
}

// jsLockOfSize is a lock file with so many packages, each of which requires two others.
func jsLockOfSize(format Format, packages int) string {
	var b, snapshots strings.Builder
	b.WriteString(map[Format]string{
		PNPM: "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      package-0:\n" +
			"        specifier: ^1.0.0\n        version: 1.0.0\n\npackages:\n",
		Berry: "__metadata:\n  version: 8\n",
		Yarn1: "# yarn lockfile v1\n\n",
	}[format])
	for i := range packages {
		one, other := (i+1)%packages, (i*7+4)%packages
		switch format {
		case PNPM:
			fmt.Fprintf(&b, "\n  package-%d@1.%d.0:\n    resolution: {integrity: %s}\n    engines: {node: '>=8'}\n", i, i, sha512None)
			fmt.Fprintf(&snapshots, "\n  package-%d@1.%d.0:\n    dependencies:\n      package-%d: 1.%d.0\n      package-%d: 1.%d.0\n",
				i, i, one, one, other, other)
		case Berry:
			fmt.Fprintf(&b, "\n\"package-%d@npm:^1.0.0\":\n  version: 1.%d.0\n  resolution: \"package-%d@npm:1.%d.0\"\n  dependencies:\n"+
				"    package-%d: \"npm:^1.0.0\"\n    package-%d: \"npm:^1.0.0\"\n  checksum: 10c0/%s\n  languageName: node\n  linkType: hard\n",
				i, i, i, i, one, other+packages, hex512None)
		default:
			fmt.Fprintf(&b, "\npackage-%d@^1.0.0:\n  version \"1.%d.0\"\n  resolved \"https://registry.yarnpkg.com/p/-/package-%d.tgz#%s\"\n"+
				"  integrity %s\n  dependencies:\n    package-%d \"^1.0.0\"\n    package-%d \"^1.0.0\"\n",
				i, i, i, hex512None[:40], sha512None, one, other)
		}
	}
	if format == PNPM {
		b.WriteString("\nsnapshots:\n" + snapshots.String())
	}
	return b.String()
}

func BenchmarkReadYAML(b *testing.B) {
	for _, format := range []Format{PNPM, Berry, Yarn1} {
		for _, size := range []int{1_400, 10_000} {
			name := map[Format]string{PNPM: "pnpm-lock.yaml", Berry: "yarn.lock", Yarn1: "yarn.lock"}[format]
			text := jsLockOfSize(format, size)
			tree := mapTree(name, text)
			b.Run(fmt.Sprint(format, " ", size), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if lock, err := Read(tree, name); err != nil || len(lock.Entries) < size {
						b.Fatal(len(lock.Entries), err)
					}
				}
			})
		}
	}
}

func TestYAMLWithTooManyValues(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a: [" + strings.Repeat("b,", maxNodes) + "b]\n", strings.Repeat("#\n", maxNodes+1)} {
		if _, err := parseYAML("x", []byte(text)); err == nil || !strings.Contains(err.Error(), "values") {
			t.Errorf("parseYAML of %d values: got %v, want an error", maxNodes, err)
		}
	}
}

package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a.yaml": true, "a/b.YML": true, "x.json": true, ".argocd-source-web.yaml": true, "k/Kustomization": true,
		"kustomization": false, "a.toml": false, "yaml": false, "a.yaml/b": false, "a.jsonc": false, "": false,
	} {
		if got := Is(name); got != want {
			t.Errorf("Is(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	t.Parallel()
	billion := "a0: &a0 [x, x]\n"
	for i := range 100 {
		billion += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, tc := range map[string]struct{ file, data, want string }{
		"tab":                {"a.yaml", "a:\n\tb: 1\n", "line 2"},
		"template":           {"a.yaml", "a: {{ .Values.x }}\nb:\n", "line 1: a key is a mapping or a list, as in a template"},
		"duplicate":          {"a.yaml", "a: 1\nb: 2\na: 3\n", `line 3: the key "a" is there twice`},
		"duplicate, quoted":  {"a.yaml", "a: 1\n\"a\": 3\n", `line 2: the key "a" is there twice`},
		"duplicate of many":  {"a.yaml", strings.Repeat("a", 9) + ": 1\n" + lines(20, "k%d: 1\n") + "k3: 1\n", `line 22: the key "k3"`},
		"duplicate, deep":    {"a.yaml", "x: [{a: 1, a: 2}]\n", "line 1"},
		"duplicate, alias":   {"a.yaml", "x: &a y\n*a : 2\ny: 3\n", `line 3: the key "y"`},
		"key is a mapping":   {"a.yaml", "{a: 1}: 2\n", "a key is a mapping or a list"},
		"unknown anchor":     {"a.yaml", "a: *b\n", "unknown anchor"},
		"very long anchor":   {"a.yaml", "a: *" + strings.Repeat("b", 1000) + "\n", "unknown anchor 'bbb"},
		"circle":             {"a.yaml", "a: &a [*a]\n", "line 1: an alias stands inside"},
		"circle of merges":   {"a.yaml", "a: &a\n  b: 1\n  <<: *a\n", "an alias stands inside"},
		"alias bomb":         {"a.yaml", billion, "aliases written out"},
		"deep":               {"a.yaml", strings.Repeat("[", 300) + strings.Repeat("]", 300), "nested more than 200"},
		"very deep":          {"a.yaml", strings.Repeat("[", 100_000), "it is not YAML"},
		"many marks":         {"a.yaml", strings.Repeat(",", 4_000_000), "split it"},
		"many nodes":         {"a.yaml", "[" + strings.Repeat("1,", maxNodes) + "]", "more than 1000000 nodes"},
		"many, in documents": {"a.yaml", strings.Repeat("---\n["+strings.Repeat("1,", maxNodes*6/10)+"]\n", 2), "more than 1000000 nodes"},
		"big directive":      {"a.yaml", "a: 1\n---\n%TAG !e! " + strings.Repeat("x", 2000) + "\n--- !e!a b\n", "line 3: it begins with %"},
		"big":                {"a.yaml", strings.Repeat("#", maxBytes+1), "it has 10485761 bytes"},
		"latin1":             {"a.yaml", "a: \xe4\n", "not UTF-8 (byte 4)"},
		"UTF-16":             {"a.yaml", "\xff\xfea\x00", "not UTF-8 (byte 1)"},
		"NUL":                {"a.yaml", "a: \x00b\n", "control characters"},
		"JSON, empty":        {"a.json", "", "it is not JSON"},
		"JSON, comment":      {"a.json", "{\n  // x\n}", "line 2: it is not JSON"},
		"JSON, trailing":     {"a.json", "{} {}", "it is not JSON"},
		"JSON, duplicate":    {"a.json", "{\"a\":1,\n\"a\":2}", `line 2: the key "a"`},
		"JSON, escaped":      {"a.json", "{\"a\":1,\n\"\\u0061\":2}", `line 2: the key "a"`},
		"JSON, deep":         {"a.json", strings.Repeat("[", 300) + strings.Repeat("]", 300), "nested more than 200"},
		"JSON, very deep":    {"a.json", strings.Repeat("[", 100_000), "it is not JSON"},
		"JSON, many":         {"a.json", "[" + strings.Repeat("1,", maxNodes) + "1]", "more than 1000000 nodes"},
		"JSON, latin1":       {"a.json", "\"\xe4\"", "not UTF-8"},
		"hostile name":       {"##vso[x]\n\x1b.json", "{", `"##vso[x]\n\x1b.json"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tc.file, []byte(tc.data))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Parse(%q) = %v, want an error with %q", tc.file, err, tc.want)
			}
			if text := err.Error(); len(text) > 300 || strings.ContainsAny(text, "\r\n\x1b") {
				t.Errorf("Parse(%q): %q is no short line", tc.file, text)
			}
		})
	}
}

func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, data string
		want       []string // kind, tag and text of each document
	}{
		"empty":           {"a.yaml", "", nil},
		"only a comment":  {"a.yaml", "# x\n", nil},
		"empty documents": {"a.yaml", "---\n---\na: 1\n---\n", []string{"", "!!map ", ""}},
		"null":            {"a.yaml", "~\n", []string{"!!null ~"}},
		"text of numbers": {"a.yaml", "2.0\n", []string{"!!float 2.0"}},
		"BOM":             {"a.yaml", "\ufeffa: 1\r\n", []string{"!!map "}},
		"JSON":            {"a.json", "\ufeff 1.50 ", []string{"!!float 1.50"}},
		"JSON integer":    {"a.json", "-12", []string{"!!int -12"}},
		"JSON null":       {"a.json", "null", []string{"!!null null"}},
		"JSON text":       {"a.json", `"a\u00e9\"\\"`, []string{`!!str aé"\`}},
		"JSON list":       {"a.json", "[ ]", []string{"!!seq "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Parse(tc.file, []byte(tc.data))
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.data, err)
			}
			var got []string
			for _, doc := range f.Docs {
				if doc == nil {
					got = append(got, "")
				} else {
					got = append(got, doc.Tag+" "+doc.Value)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tc.data, diff)
			}
		})
	}
}

// The value of every scalar here is the name of the place at which it begins.
func TestOffset(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, data string }{
		"yaml":             {"a.yaml", "a: x\nb: [x,  x]\n"},
		"CRLF":             {"a.yaml", "a: x\r\nb: [x,  x]\r\n"},
		"CR":               {"a.yaml", "a: x\rb: x\r"},
		"BOM":              {"a.yaml", "\ufeffa: x\nb: x\n"},
		"not ASCII":        {"a.yaml", "ä: [\"ü€😀\", x]\n# ü\nb: x # ü\n"},
		"odd line breaks":  {"a.yaml", "# a\u0085b: x\n# c\u2028d: x # \u2029e: x\n"},
		"break in a quote": {"a.yaml", "{a: \"q\u2028 \u0085\", b: x}\n"},
		"tabs":             {"a.yaml", "a:\tx\t\nb:\t\tx\n"},
		"documents":        {"a.yaml", "a: x\n---\nb: x\n...\n---\nc: x\n"},
		"directive":        {"a.yaml", "%YAML 1.1\n---\nb: x\n"},
		"blocks":           {"a.yaml", "a: |\n  ü\n\n  y\nb: x\nc: >-\n  q\n  ä\nd: x\n"},
		"JSON":             {"a.json", "{\"a\": \"x\",\r\n\t\"ü😀\": [\"x\",\n \"x\"]}"},
		"JSON BOM":         {"a.json", "\ufeff\"x\""},
		"JSON, odd breaks": {"a.json", "{\"a\u2028\u0085\":\"\u2029\",\"b\":\"x\"}"},
		"JSON, one line":   {"a.json", `[["x","üx","x"],"x",{"y":"x"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Parse(tc.file, []byte(tc.data))
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.data, err)
			}
			seen := 0
			for _, doc := range f.Docs {
				seen += offsets(t, f, doc)
			}
			if seen == 0 {
				t.Errorf("Parse(%q) has no x", tc.data)
			}
		})
	}
}

func offsets(t *testing.T, f *File, n *yaml.Node) (seen int) {
	t.Helper()
	if n.Value == "x" {
		seen++
		at := f.Offset(n)
		if at < 0 || !bytes.HasPrefix(bytes.TrimPrefix(f.data[at:], []byte(`"`)), []byte("x")) {
			t.Errorf("Offset in %q of the node at %d:%d = %d: there is no x", f.data, n.Line, n.Column, at)
		}
	}
	for _, child := range n.Content {
		seen += offsets(t, f, child)
	}
	return seen
}

func TestOffsetOfStrangers(t *testing.T) {
	t.Parallel()
	f, err := Parse("a.yaml", []byte("a: x\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []yaml.Node{{}, {Line: 9, Column: 1}, {Line: 1, Column: 90}, {Line: -1, Column: -1}} {
		if got := f.Offset(&n); got != -1 {
			t.Errorf("Offset(%d:%d) = %d, want -1", n.Line, n.Column, got)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	const text = `a: &a {x: a, y: a}
b: &b {y: b, z: b}
both:
  y: own
  <<: [*a, *b]
order: {<<: *b, x: own}
`
	f, err := Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{
		"both":  {"y=own", "x=a merged", "z=b merged"},
		"order": {"x=own", "y=b merged", "z=b merged"},
	} {
		p, _ := ParsePath(key)
		m, err := f.Find(p)
		if err != nil || len(m) != 1 {
			t.Fatalf("Find(%s) = %v, %v", key, m, err)
		}
		var got []string
		for _, field := range Fields(m[0].Node) {
			text := field.Key.Value + "=" + field.Value.Value
			if field.Merged {
				text += " merged"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Fields(%s) (-want +got):\n%s", key, diff)
		}
	}
	if got := Fields(nil); got != nil {
		t.Errorf("Fields(nil) = %v", got)
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	f, err := Parse("app.yaml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"metadata.nam":     "$['metadata'] lacks ['nam']",
		"images[0].tag":    "$['images'][0] lacks ['tag']",
		"images[9].newTag": "$['images'] $['images'] lacks [9]['newTag']",
		"base.image.tag":   "$['base']['image'] lacks ['tag']",
		"a['##vso[x]']":    "$ $ lacks ['a']['**vso[x]']",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		reached, missing := f.Reach(p)
		got := ""
		for _, m := range reached {
			got += m.Path + " "
		}
		if got += "lacks " + missing; got != want {
			t.Errorf("Reach(%s): %s, want %s", path, got, want)
		}
	}
}

// A path that multiplies ends soon.
func TestFindIsBounded(t *testing.T) {
	t.Parallel()
	data := "[" + strings.Repeat("[1,1,1,1,1,1,1,1],", 20_000) + "1]"
	bomb := "a0: &a0 {k: {x: 1}}\n"
	for i := range 14 {
		bomb += fmt.Sprintf("a%d: &a%d {l: *a%d, r: *a%d}\n", i+1, i+1, i, i)
	}
	chain := strings.Repeat("["+strings.Repeat("1,", 400), 190) + strings.Repeat("]", 190)
	chain = strings.ReplaceAll(chain, ",]", "]")
	for _, tc := range []struct{ file, data, path string }{
		{"b.json", chain, "$..[?(@..x == 1)]"},
		{"b.json", chain, "$..*..*"},
		{"a.json", data, "$..*..*..*"},
		{"a.json", data, "$..[0]..[0]..[0]..[0]"},
		{"a.json", data, "$..[?(@..x == 1)]"},
		{"a.yaml", bomb, "$..[?(@.k)]..[?(@..x == 1)]..k"},
	} {
		f, err := Parse(tc.file, []byte(tc.data))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePath(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.Find(p) // without an end, these would go on for hours
		if tc.file == "b.json" && err == nil {
			t.Errorf("Find(%s) = %d places, want an error", tc.path, len(m))
		}
		t.Logf("Find(%s): %d places, %v", tc.path, len(m), err)
	}
}

// What encoding/json and this package read is the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.0,"x\u00e9",null,true,{}],"b":{"c":-1e3}}`, "[]", sample, "\ufeff{}", "a: &a [*a]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if file, err := Parse("a.yaml", []byte(text)); err == nil {
			for _, doc := range file.Docs {
				if doc != nil && file.Offset(doc) < 0 {
					t.Errorf("Parse(%q): the document at %d:%d is nowhere", text, doc.Line, doc.Column)
				}
			}
		}
		file, err := Parse("a.json", []byte(text))
		if err != nil {
			return
		}
		in := json.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
		in.UseNumber()
		var want any
		if err := in.Decode(&want); err != nil {
			t.Fatalf("Parse(%q) reads what encoding/json does not: %v", text, err)
		}
		if got := jsonValue(file.Docs[0]); !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %v, want %v", text, got, want)
		}
	})
}

func jsonValue(n *yaml.Node) any {
	switch n.Tag {
	case "!!map":
		m := map[string]any{}
		for _, f := range Fields(n) {
			m[f.Key.Value] = jsonValue(f.Value)
		}
		return m
	case "!!seq":
		s := []any{}
		for _, child := range n.Content {
			s = append(s, jsonValue(child))
		}
		return s
	case "!!str":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	}
	return json.Number(n.Value)
}

func BenchmarkParseYAML(b *testing.B) {
	data := []byte(lines(20_000, "- name: app-%[1]d\n  image: registry/app:%[1]d\n"))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("a.yaml", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	data := []byte("[" + lines(20_000, "{\"name\": \"app-%[1]d\", \"image\": \"registry/app:%[1]d\"},\n") + "1]")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("a.json", data); err != nil {
			b.Fatal(err)
		}
	}
}

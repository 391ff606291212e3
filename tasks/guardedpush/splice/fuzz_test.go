package splice

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// flat is what a file says: of each place its kind and text.
func flat(t *testing.T, name string, data []byte) (map[string]string, []document.Match) {
	t.Helper()
	f, err := document.Parse(name, data)
	if err != nil {
		return nil, nil
	}
	p, err := document.ParsePath("$..*")
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Find(p)
	if err != nil {
		return nil, nil
	}
	says := map[string]string{}
	var scalars []document.Match
	for _, m := range all {
		kind := m.Node.ShortTag()
		if m.Node.Kind == yaml.ScalarNode {
			scalars = append(scalars, m)
		} else {
			kind = fmt.Sprint(kind, len(m.Node.Content))
		}
		says[fmt.Sprint(m.Doc, m.Path)] = kind + " " + m.Node.Value
	}
	return says, scalars
}

// checkEdit changes one scalar of a file, and compares what the file says then.
func checkEdit(t *testing.T, name, text string, which uint, value string, asText bool) {
	t.Helper()
	before, scalars := flat(t, name, []byte(text))
	if len(scalars) == 0 || !utf8.ValidString(value) {
		return
	}
	m := scalars[which%uint(len(scalars))]
	path, err := document.ParsePath(m.Path)
	if err != nil {
		t.Fatalf("ParsePath(%q), which Find gave: %v", m.Path, err)
	}
	after, applied, err := Apply(name, []byte(text), []Edit{{Line: 1, File: name, Path: path, Value: value, Text: asText}})
	if err != nil {
		return // nothing comes out: safe, if not always helpful
	}
	got, _ := flat(t, name, after)
	for _, a := range applied {
		place := fmt.Sprint(m.Doc, a.Path)
		if len(applied) > 1 {
			return // the same path in several documents
		}
		if _, read, _ := strings.Cut(got[place], " "); read != value && strings.TrimRight(read, "\n") != strings.TrimRight(value, "\n") {
			t.Errorf("Apply(%q, %s = %q) = %q, where it is %q", text, m.Path, value, after, read)
		}
		delete(got, place)
		delete(before, place)
	}
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("Apply(%q, %s = %q) = %q changes more (-before +after):\n%s", text, m.Path, value, after, diff)
	}
}

func FuzzApplyYAML(f *testing.F) {
	for _, seed := range []string{
		"a: x # c\nb: [1, 'it''s', \"q\\\"\"]\r\nc: |\n  x\n\n  y\nd: >-\n  z\n\n# end\n",
		"- &a {k: v, l: , 'm': !!str 2}\n- *a\n-\n- ? q\n  : r\n---\nü: x\n...\n",
		"a:\n  b\n  c\n\n  d # x\ne: 'x\n  y'\nf: |2+\n    x\n\n\ng: !t\n  &h\n  i\n",
		"{a: b, c: [d e, f:g], \"h\": 'i'}",
	} {
		for which := range uint(6) {
			f.Add(seed, which, "2.0", false)
			f.Add(seed, which, "x: #y", true)
			f.Add(seed, which, "l1\n\n l2\n", true)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint, value string, asText bool) {
		checkEdit(t, "a.yaml", text, which, value, asText)
	})
}

func FuzzApplyJSON(f *testing.F) {
	for which := range uint(6) {
		f.Add("\ufeff{\"a\": [1, \"x\\u0041\", null],\r\n\t\"ü\": {\"b\": true, \"c\": -1.5e3}}", which, "2.0", false)
	}
	f.Fuzz(func(t *testing.T, text string, which uint, value string, asText bool) {
		checkEdit(t, "a.json", text, which, value, asText)
	})
}

// Other readers see the same: encoding/json, and the YAML library's own decoding.
func TestReadBack(t *testing.T) {
	t.Parallel()
	values := []string{"x", "", " ", "2.0", "true", "null", "~", "it's \"so\"", "a: b", "a #b", "# a", "- a", "l1\nl2", "l1\n l2\n", "\n",
		"\t", "\x00\x07\x1b", "\u0085\u2028\u2029\ufeff\u00a0", "ü€😀", "\\n", "*a", "&a", "!a", "%a", "@a", "`a", "{a", "[a", "a, b", "<<", "=",
		"---", "...", "0777", "1_000", "2024-01-01", strings.Repeat("long ", 400) + "end", "yes", "\r", "a\r\nb", "'", "\"", "\\"}
	styles := map[string]string{
		"x.yaml": "v: old # c\nw: 1\n", "double.yaml": "v: \"old\" # c\nw: 1\n", "single.yaml": "v: 'old' # c\nw: 1\n",
		"flow.yaml": "{v: old, w: 1}\n", "x.json": "{\"v\": \"old\", \"w\": 1}\n", "literal.yaml": "v: |-\n  old\n  text\nw: 1\n",
		"folded.yaml": "v: >-\n  old\n  text\nw: 1\n", "null.yaml": "v:\nw: 1\n",
	}
	path, err := document.ParsePath("v")
	if err != nil {
		t.Fatal(err)
	}
	for name, before := range styles {
		for _, value := range values {
			after, _, err := Apply(name, []byte(before), []Edit{{Line: 1, Path: path, Value: value, Text: true}})
			if err != nil {
				t.Errorf("Apply(%q, v = %q): %v", before, value, err)
				continue
			}
			var got struct {
				V any
				W int
			}
			read := yaml.Unmarshal
			if strings.HasSuffix(name, ".json") {
				read = json.Unmarshal
			}
			if err := read(after, &got); err != nil {
				t.Errorf("Apply(%q, v = %q) = %q: %v", before, value, after, err)
			}
			want := value
			if strings.HasPrefix(name, "literal") || strings.HasPrefix(name, "folded") {
				want = strings.TrimRight(value, "\n")
				if want == "" || strings.ContainsAny(value[:1], " \t\n") || got.V == any(value) {
					want = value
				}
			}
			if got.V != any(want) || got.W != 1 {
				t.Errorf("Apply(%q, v = %q) = %q, read as %q, %d", before, value, after, got.V, got.W)
			}
			if strings.Contains(before, "# c") && !strings.Contains(string(after), " # c\n") {
				t.Errorf("Apply(%q, v = %q) = %q: the comment is gone", before, value, after)
			}
		}
	}
}

func BenchmarkApply(b *testing.B) {
	var y, j strings.Builder
	j.WriteString("[")
	for i := range 20_000 {
		fmt.Fprintf(&y, "- name: app-%d\n  image: registry/app:%d\n", i, i)
		fmt.Fprintf(&j, "{\"name\": \"app-%d\", \"image\": \"registry/app:%d\"},\n", i, i)
	}
	j.WriteString("{}]\n")
	path, err := document.ParsePath("$[19999].image")
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string]string{"x.yaml": y.String(), "x.json": j.String()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, _, err := Apply(name, []byte(data), []Edit{{Line: 1, Path: path, Value: "registry/app:new"}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

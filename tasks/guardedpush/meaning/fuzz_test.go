package meaning

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzSame changes a byte of a file. What is told to be the same must be the same to
// another reader, the library's own decoder.
func FuzzSame(f *testing.F) {
	for _, text := range []string{
		deployment, "a: &x {p: 1}\nb:\n  <<: *x\n  q: 2.0\n", "- yes\n- 'a b'\n- ~\n- |\n  x\n---\n# c\n? a\n: b\n", `{"a": [1, null, "x"]}`,
		"a: !!binary aGk=\nb: 2026-11-23\nc: 0x1F\nd: .inf\n",
	} {
		for i := 0; i < len(text); i += 7 {
			f.Add(text, uint(i), byte('#'))
			f.Add(text, uint(i), byte(' '))
		}
	}
	ignore, err := ParseIgnore([]string{"!defaults", "b*: $..x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, at uint, to byte) {
		before, after := []byte(text), []byte(text)
		if len(text) > 0 {
			after[at%uint(len(text))] = to
		}
		for _, name := range []string{"a.yaml", "a.json", "kustomization.yaml", "b.yaml"} {
			same := Same(name, before, after, ignore)
			if back := Same(name, after, before, ignore); back != same {
				t.Errorf("Same(%q, %q, %q) = %v, the other way round %v", name, before, after, same, back)
			}
			Changes(Images(name, before), Images(name, after))
			if !same || bytes.Equal(before, after) || strings.HasPrefix(name, "b") || hasOrderlessLists(text) {
				continue
			}
			was, is := decoded(before), decoded(after)
			if was != nil && is != nil && !reflect.DeepEqual(was, is) {
				t.Errorf("Same(%q, %q, %q) = true, but they are\n%#v\n%#v", name, before, after, was, is)
			}
		}
	})
}

// hasOrderlessLists also finds what equals nothing, itself included.
func hasOrderlessLists(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, "images") || strings.Contains(lower, "containers") || strings.Contains(lower, "nan")
}

// decoded are the values of the documents that have one, nil if they cannot be read.
func decoded(data []byte) []any {
	in := yaml.NewDecoder(bytes.NewReader(data))
	all := []any{}
	for {
		var v any
		err := in.Decode(&v)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			return nil
		}
		if v != nil {
			all = append(all, v)
		}
	}
}

// What the library writes again, in its own style, means the same.
func TestSameAfterAnotherWriter(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		deployment,
		"# c\na: 'x'   # y\n\nb:\n    - \"1\"\n    - {p: q}\nc: >-\n  long\n  text\nd: ~\n",
		"a: &x {p: 1, q: [a, b]}\nb:\n  <<: *x\n  q: 2.0\n",
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		again, err := yaml.Marshal(&n)
		if err != nil || string(again) == text {
			t.Fatalf("writing %q again: %q, %v", text, again, err)
		}
		if !Same("a.yaml", []byte(text), again, Ignore{}) {
			t.Errorf("Same(%q, %q) = false", text, again)
		}
	}
}

func BenchmarkSame(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < 1<<20; i++ {
		if i > 0 {
			text.WriteString("---\n")
		}
		text.WriteString(deployment)
	}
	before, after := []byte(text.String()), []byte(text.String()+"# c\n")
	ignore, err := ParseIgnore([]string{"$.metadata.annotations.team", "$..image"})
	if err != nil {
		b.Fatal(err)
	}
	for name, i := range map[string]Ignore{"plain": {}, "ignore": ignore} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(before)))
			for b.Loop() {
				if !Same("a.yaml", before, after, i) {
					b.Fatal("Same = false")
				}
			}
		})
	}
	b.Run("images", func(b *testing.B) {
		for b.Loop() {
			Images("a.yaml", before)
		}
	})
}

package yamltree

import (
	"errors"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		docs int
		line int
		err  string // what the error says, the line aside
	}{
		"nothing":              {"", 0, 0, ""},
		"one":                  {"a: 1\n", 1, 0, ""},
		"several":              {"a: 1\n---\n[b]\n---\n", 3, 0, ""},
		"JSON":                 {`{"a": [1]}`, 1, 0, ""},
		"aliases":              {"a: &a [1]\nb: *a\n", 1, 0, ""},
		"broken behind one":    {"a: 1\n---\nb: [\n", 1, 4, "did not find expected node content"},
		"found by the scanner": {"a: 1\nb: \"x\n", 0, 2, "found unexpected end of stream"},
		"found by the parser":  {"a: 1\nb: 2\n c: 3\n", 0, 3, "mapping values are not allowed in this context"},
		"no line":              {"a: *b\n", 0, 0, "unknown anchor 'b' referenced"},
		"NUL":                  {"a: \x00\n", 0, 0, "control characters are not allowed"},
		"very deep":            {strings.Repeat("[", 100_000), 0, 0, "exceeded max depth of 10000"},
		"too many":             {strings.Repeat(",", maxMarks+1), 0, 0, ErrTooMany.Error()},
		"as many as may be":    {"# " + strings.Repeat(",", maxMarks-1) + "\n", 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, err := Read([]byte(tc.text))
			if len(docs) != tc.docs || (err == nil) != (tc.err == "") {
				t.Fatalf("Read(%.40q) = %d documents, %v; want %d and %q", tc.text, len(docs), err, tc.docs, tc.err)
			}
			if err == nil {
				return
			}
			if line, text := Explain(err); line != tc.line || !strings.Contains(text, tc.err) || strings.HasPrefix(text, "yaml:") {
				t.Errorf("Explain(%v) = %d, %q; want %d, %q", err, line, text, tc.line, tc.err)
			}
		})
	}
}

// Every node of a document needs a mark, so that the bound of marks is one of nodes.
func TestMarks(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: [1, 2, {b: c}]\n", "- - - a\n", "? a\n? b\n", "a\n", `{"a":{"b":["c"]}}`, "a:\n- b\r- c\r", "[[[]]]", "[a: b, ? c]",
	} {
		docs, err := Read([]byte(text))
		if err != nil || len(docs) != 1 {
			t.Fatalf("Read(%q) = %d documents, %v", text, len(docs), err)
		}
		nodes := 0
		for all := docs; len(all) > 0; nodes++ {
			all = append(all[1:], all[0].Content...)
		}
		// Besides the document, a key and its value share a mark.
		if most := 2*marks([]byte(text)) + 2; nodes > most {
			t.Errorf("%q has %d nodes, and %d is the most that its marks tell", text, nodes, most)
		}
	}
}

// FuzzRead shows that no text makes it panic.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"a: 1\n", "a: &a [*a]\n", "%TAG ! x\n---\n!a b\n", "\xff\xfea\x00", "{? [: !!\n", "0: [:!00 \xef"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Read(data); err != nil {
			if line, text := Explain(err); line < 0 || text == "" && !errors.Is(err, ErrNotYAML) {
				t.Errorf("Explain(%v) = %d, %q", err, line, text)
			}
		}
	})
}

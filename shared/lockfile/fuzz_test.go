package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fuzzLock reads and compares what may be hostile, and fails if that does anything
// but work or give an error of ours, or if a hash is not in the file.
func fuzzLock(f *testing.F, name string, projects ...string) {
	f.Helper()
	for _, project := range projects {
		tree := testProject(f, project)
		f.Add(tree[name].Data, tree["package.json"].Data)
	}
	for _, small := range []string{
		`{"lockfileVersion": 1, "dependencies": {"a": {"version": "file:packages/a", "requires": {"b": "1"}, "dependencies": {"b": {"version": "npm:c@1"}}}}}`,
		`{"lockfileVersion": 2, "packages": {"": {"workspaces": ["*"]}, "node_modules/a": {"link": true, "resolved": "."}}, "dependencies": {"a": {"version": "file:."}}}`,
		`{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1", "integrity": "` + sha1None + `"}}}`,
		"a@1, a@2:\n  version \"1\"\n  resolved \"https://x/a#" + hex512None[:40] + "\"\n",
		"__metadata:\n  cacheKey: 8\na@1:\n  resolution: a@npm:1\n  checksum: " + hex512None + "\n",
		"lockfileVersion: 6.0\npackages:\n  /a@1:\n    resolution: {integrity: " + sha1None + "}\n",
	} {
		f.Add([]byte(small), []byte(`{"dependencies": {"a": "1"}, "workspaces": ["packages/*"]}`))
	}
	f.Fuzz(func(t *testing.T, data, manifest []byte) {
		tree := mapTree(name, string(data), "package.json", string(manifest), "packages/a/package.json", string(manifest))
		lock, err := Read(tree, name)
		var format *FormatError
		if err != nil {
			// Of a package-lock.json of version 1 the manifest says what the root requires.
			named := errors.As(err, &format) && (format.Path == name || path.Base(format.Path) == "package.json")
			if !named || format.Reason == "" {
				t.Fatalf("Read(%q): got %#v, want a FormatError of %s", data, err, name)
			}
			return
		}
		checkEntries(t, data, lock)
		for _, p := range lock.Packages {
			if len(p.Integrity) == 0 {
				t.Errorf("Read(%q): %s@%s has no integrity", data, p.Name, p.Version)
			}
			for _, text := range append(p.Integrity, p.Name, p.Version) {
				if strings.ContainsFunc(text, odd) {
					t.Errorf("Read(%q): %q has odd characters", data, text)
				}
			}
		}
		for i, e := range lock.Entries {
			for _, r := range e.Requires {
				if r.To < -1 || r.To >= len(lock.Entries) || r.Kind == "" {
					t.Errorf("Read(%q): entry %d requires %v", data, i, r)
				}
			}
		}
		var stale *StaleError
		if err := Stale(tree, lock); err != nil && !errors.As(err, &format) && !errors.As(err, &stale) {
			t.Errorf("Stale(%q, %q): %v", data, manifest, err)
		}
		if stale != nil && strings.ContainsFunc(strings.Join(stale.Differences, ""), odd) {
			t.Errorf("Stale(%q, %q): %q has odd characters", data, manifest, stale.Differences)
		}
	})
}

// checkEntries checks what holds for the entries of every lock file.
func checkEntries(t *testing.T, data []byte, lock Lock) {
	t.Helper()
	lines := bytes.Count(data, []byte("\n")) + 1
	for _, e := range lock.Entries {
		texts := append([]string{e.Name, e.Version, e.Alias, e.Location, e.URL}, e.Integrity...)
		for _, r := range e.Requires {
			if r.To < -1 || r.To >= len(lock.Entries) {
				t.Errorf("Read(%q): %s requires %s of entry %d of %d", data, e.Name, r.Name, r.To, len(lock.Entries))
			}
			texts = append(texts, r.Name, r.Range)
		}
		if strings.ContainsFunc(strings.Join(texts, ""), odd) || e.Line < 0 || e.Line > lines {
			t.Errorf("Read(%q): entry %+v has odd characters, or a line outside of 1 to %d", data, e, lines)
		}
	}
	for _, c := range lock.Contradictions {
		if strings.ContainsFunc(c.Text, odd) || c.Line < 0 || c.Line > lines {
			t.Errorf("Read(%q): contradiction %+v has odd characters, or a line outside of 1 to %d", data, c, lines)
		}
	}
}

func FuzzNPM(f *testing.F)  { fuzzLock(f, "package-lock.json", "npm1", "npm2", "npm3") }
func FuzzYarn(f *testing.F) { fuzzLock(f, "yarn.lock", "yarn1", "yarn3", "yarn4") }
func FuzzPNPM(f *testing.F) {
	fuzzLock(f, "pnpm-lock.yaml", "pnpm7", "pnpm8", "pnpm8single", "pnpm10")
}

// FuzzJSON holds our reader against encoding/json.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, -2.5e3, true, false, null, "x\n\u00e9\\\"", {}, []], "b": {"c": [[], {"d": {}}]}}`))
	f.Add([]byte(" [ ] "))
	f.Add([]byte(`"\ud800"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseNode(string(data), false)
		if wrong := err != nil && strings.HasPrefix(err.Error(), "it is not JSON"); wrong == json.Valid(data) && (err == nil || wrong) {
			t.Fatalf("%q: got error %v, encoding/json finds it valid: %t", data, err, json.Valid(data))
		}
		if err != nil || !utf8.Valid(data) {
			return // a key twice, or too deep
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Skip(err)
		}
		if diff := cmp.Diff(asText(want), plain(got)); diff != "" {
			t.Errorf("%q (-encoding/json +ours):\n%s", data, diff)
		}
	})
}

// plain is a node as encoding/json would have it.
func plain(n node) any {
	switch n.kind {
	case isObject:
		object := map[string]any{}
		for _, inner := range n.inner.all() {
			object[inner.key] = plain(inner)
		}
		return object
	case isList:
		list := []any{}
		for _, inner := range n.inner.all() {
			list = append(list, plain(inner))
		}
		return list
	case isNull:
		return nil
	}
	return n.text
}

// asText writes numbers and truth values as texts, as our reader has them.
func asText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = asText(v[key])
		}
	case []any:
		for i := range v {
			v[i] = asText(v[i])
		}
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return v
}

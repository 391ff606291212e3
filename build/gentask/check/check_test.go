package check

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// edit changes one place of the fixture's task.json.
type edit struct {
	at    string // inputs.mode.label: an element of a list by its name or number
	value any    // gone takes the field away, a jsonText is read
}

type (
	gone     struct{}
	jsonText string
)

// fixture returns the fixture's task.json, which breaks no rule, with edits.
func fixture(t *testing.T, edits ...edit) Task {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../testdata/repo/tasks/fixture/task.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		if text, ok := e.value.(jsonText); ok {
			if err := json.Unmarshal([]byte(text), &e.value); err != nil {
				t.Fatalf("edit of %s: %v in %s", e.at, err, text)
			}
		}
		doc = set(t, doc, strings.Split(e.at, "/"), e.value).(map[string]any)
	}
	if data, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	model, err := taskjson.Parse(data)
	if err != nil {
		t.Fatalf("taskjson.Parse(%s): %v", data, err)
	}
	return Task{Folder: "fixture", JSON: data, Model: model}
}

// set returns node with value at path.
func set(t *testing.T, node any, path []string, value any) any {
	t.Helper()
	if len(path) == 0 {
		return value
	}
	switch node := node.(type) {
	case []any:
		i := slices.IndexFunc(node, func(e any) bool {
			element, _ := e.(map[string]any)
			return element["name"] == path[0] || element["target"] == path[0]
		})
		if path[0] == "+" {
			return append(node, value)
		}
		if i < 0 {
			t.Fatalf("edit: no element %q", path[0])
		}
		if _, remove := value.(gone); remove && len(path) == 1 {
			return slices.Delete(node, i, i+1)
		}
		node[i] = set(t, node[i], path[1:], value)
		return node
	case map[string]any:
		if _, remove := value.(gone); remove && len(path) == 1 {
			delete(node, path[0])
			return node
		}
		node[path[0]] = set(t, node[path[0]], path[1:], value)
		return node
	case nil:
		return map[string]any{path[0]: set(t, nil, path[1:], value)}
	default:
		t.Fatalf("edit: %v has no %q", node, path[0])
		return nil
	}
}

// broken is a fixture that breaks rules.
type broken struct {
	edits []edit
	want  []string
}

func change(at string, value any) []edit { return []edit{{at, value}} }

func problems(t Task) []string {
	var texts []string
	for _, p := range File(t) {
		texts = append(texts, p.Error())
	}
	return texts
}

func TestFixtureBreaksNoRule(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string(nil), problems(fixture(t))); diff != "" {
		t.Errorf("File(fixture) (-want +got):\n%s", diff)
	}
}

func allBroken() map[string]broken {
	all := map[string]broken{}
	for _, part := range []map[string]broken{
		brokenTop, brokenAgents, brokenStages, brokenInputs, brokenDefaults, brokenOptions, brokenVisible, brokenOutputs,
		brokenEditor,
	} {
		maps.Copy(all, part)
	}
	return all
}

func TestFile(t *testing.T) {
	t.Parallel()
	for name, tc := range allBroken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, problems(fixture(t, tc.edits...))); diff != "" {
				t.Errorf("File with %v (-want +got):\n%s", tc.edits, diff)
			}
		})
	}
}

// A rule that nothing breaks may be no rule.
func TestEveryRuleBites(t *testing.T) {
	t.Parallel()
	bites := map[string]bool{}
	for _, tc := range allBroken() {
		for _, line := range tc.want {
			bites[line[strings.LastIndex(line, "[")+1:len(line)-1]] = true
		}
	}
	for _, name := range ruleNames() {
		if !bites[name] {
			t.Errorf("no case of TestFile breaks the rule %q: add one", name)
		}
	}
}

// rulesPage returns docs/task-json.md.
func rulesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.FromSlash("../../../docs/task-json.md"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(page), "\r\n", "\n")
}

func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	page := rulesPage(t)
	for _, name := range append(ruleNames(), "unique", "contribution") {
		_, row, found := strings.Cut(page, "\n| `"+name+"` |")
		row, _, _ = strings.Cut(row, "\n")
		if n := strings.Count(page, "\n| `"+name+"` |"); !found || n != 1 {
			t.Errorf("docs/task-json.md has %d rows for the rule %q, want 1: document it there", n, name)
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, "|"), "|")
		if len(cells) != 3 || slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "" }) {
			t.Errorf("docs/task-json.md, rule %q: want three cells (wants, because, way out), got %q", name, cells)
		}
	}
}

// What a newcomer copies must pass, and be whole.
func TestSampleOfTheDocsBreaksNoRule(t *testing.T) {
	t.Parallel()
	_, sample, found := strings.Cut(rulesPage(t), "\n```json\n")
	sample, _, closed := strings.Cut(sample, "```")
	if !found || !closed {
		t.Fatal("docs/task-json.md has no sample between ```json and ```")
	}
	model, err := taskjson.Parse([]byte(sample))
	if err != nil {
		t.Fatalf("the sample of docs/task-json.md: %v", err)
	}
	task := Task{Folder: strings.ToLower(model.Name), JSON: []byte(sample), Model: model}
	if diff := cmp.Diff([]string(nil), problems(task)); diff != "" {
		t.Errorf("File(the sample of docs/task-json.md) (-want +got):\n%s", diff)
	}
}

func ruleNames() []string {
	names := []string{schemaRule}
	for _, r := range rules() {
		if slices.Contains(names, r.name) {
			panic("two rules are named " + r.name)
		}
		names = append(names, r.name)
	}
	return names
}

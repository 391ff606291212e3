package check

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

func TestRepository(t *testing.T) {
	t.Parallel()
	task := func(folder, id, name string) Task {
		return Task{Folder: folder, Model: &taskjson.Task{ID: id, Name: name}}
	}
	const head = `{"contributions": [`
	const one = `{"id": "one", "type": "ms.vss-distributed-task.task",
		"targets": ["ms.vss-distributed-task.tasks"], "properties": {"name": "One"}}`
	for name, tc := range map[string]struct {
		manifest string
		tasks    []Task
		want     []string
	}{
		"nothing yet":  {},
		"no manifest":  {tasks: []Task{task("one", "a", "One"), task("two", "b", "Two")}},
		"contributed":  {manifest: head + one + `]}`, tasks: []Task{task("one", "a", "One")}},
		"other things": {manifest: head + one + `, {"id": "x", "type": "hub"}]}`, tasks: []Task{task("one", "a", "One")}},
		"same id and name": {
			tasks: []Task{task("one", "aB", "One"), task("two", "Ab", "ONE")},
			want: []string{
				"tasks/two/task.json: id: tasks/one has the same; make a new one (uuidgen) [unique]",
				"tasks/two/task.json: name: tasks/one has the same; rename one [unique]",
			},
		},
		"missing ids are reported elsewhere": {tasks: []Task{task("one", "", ""), task("two", "", "")}},
		"broken manifest": {
			manifest: `{`,
			want:     []string{"vss-extension.json: it cannot be read: unexpected end of JSON input"},
		},
		"not contributed": {
			manifest: head + `]}`,
			tasks:    []Task{task("one", "a", "One")},
			want: []string{
				`vss-extension.json: tasks/one is not in the extension; ` +
					`add to "files": { "path": "build/out/stage/One", "packagePath": "One" } ` +
					`and to "contributions": { "id": "one", "type": "ms.vss-distributed-task.task", ` +
					`"targets": ["ms.vss-distributed-task.tasks"], "properties": { "name": "One" } } [contribution]`,
			},
		},
		"contributed twice, and of no task, and nowhere": {
			manifest: head + one + `, ` + one + `, {"id": "t", "type": "ms.vss-distributed-task.task",
				"properties": {"name": "Two"}}]}`,
			tasks: []Task{task("one", "a", "One")},
			want: []string{
				`vss-extension.json: contribution "one" stands twice; rename one [contribution]`,
				`vss-extension.json: contribution "t" has not the one target ms.vss-distributed-task.tasks; ` +
					"write that [contribution]",
				`vss-extension.json: 2 contributions have the properties.name "One"; keep one for tasks/one [contribution]`,
				`vss-extension.json: contribution "t" names "Two", which is no task; ` +
					"remove it, or write the task [contribution]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := fstest.MapFS{}
			if tc.manifest != "" {
				root["vss-extension.json"] = &fstest.MapFile{Data: []byte(tc.manifest)}
			}
			var got []string
			for _, err := range append(Unique(tc.tasks), Contributed(root, tc.tasks)...) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Unique and Contributed (-want +got):\n%s", diff)
			}
		})
	}
}

package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Unique returns what is wrong between the tasks: two tasks with one id are one
// task to the server, and the later one wins; two with one name cannot be told
// apart in YAML.
func Unique(tasks []Task) []error {
	var errs []error
	ids, names := map[string]string{}, map[string]string{}
	for _, t := range tasks {
		id, name := strings.ToLower(t.Model.ID), strings.ToLower(t.Model.Name)
		if first, twice := ids[id]; twice && id != "" {
			errs = append(errs, fmt.Errorf(
				"tasks/%s/task.json: id: tasks/%s has the same; make a new one (uuidgen) [unique]",
				t.Folder, first))
		}
		if first, twice := names[name]; twice && name != "" {
			errs = append(errs, fmt.Errorf("tasks/%s/task.json: name: tasks/%s has the same; rename one [unique]",
				t.Folder, first))
		}
		ids[id], names[name] = t.Folder, t.Folder
	}
	return errs
}

// Contributed returns what is wrong between the tasks and the extension's manifest
// (if there is one yet). A task that the manifest does not contribute is in the
// package and cannot be used; tfx does not say so.
func Contributed(root fs.FS, tasks []Task) []error {
	data, err := fs.ReadFile(root, manifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return []error{err}
	}
	return contributions(data, tasks)
}

const (
	manifest = "vss-extension.json"
	taskKind = "ms.vss-distributed-task.task"
	taskHome = "ms.vss-distributed-task.tasks"
)

type contribution struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Targets    []string `json:"targets"`
	Properties struct {
		Name string `json:"name"`
	} `json:"properties"`
}

func contributions(data []byte, tasks []Task) []error {
	var doc struct {
		Contributions []contribution `json:"contributions"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return []error{fmt.Errorf("%s: it cannot be read: %w", manifest, err)}
	}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(manifest+": "+format+" [contribution]", args...))
	}
	ids, times := map[string]bool{}, map[string]int{}
	for _, c := range doc.Contributions {
		if ids[strings.ToLower(c.ID)] {
			wrong("contribution %q stands twice; rename one", c.ID)
		}
		ids[strings.ToLower(c.ID)] = true
		if c.Type != taskKind {
			continue
		}
		times[c.Properties.Name]++
		if len(c.Targets) != 1 || c.Targets[0] != taskHome {
			wrong("contribution %q has not the one target %s; write that", c.ID, taskHome)
		}
	}
	for _, t := range tasks {
		switch n := times[t.Model.Name]; {
		case n == 0:
			wrong("tasks/%s is not in the extension; %s", t.Folder, toAdd(t))
		case n > 1:
			wrong("%d contributions have the properties.name %q; keep one for tasks/%s", n, t.Model.Name, t.Folder)
		}
		delete(times, t.Model.Name)
	}
	for _, c := range doc.Contributions {
		if c.Type == taskKind && times[c.Properties.Name] > 0 {
			wrong("contribution %q names %q, which is no task; remove it, or write the task", c.ID, c.Properties.Name)
		}
	}
	return errs
}

// toAdd is what the manifest needs for a task, ready to be copied.
func toAdd(t Task) string {
	return fmt.Sprintf(`add to "files": { "path": "build/out/stage/%[1]s", "packagePath": "%[1]s" } `+
		`and to "contributions": { "id": "%[2]s", "type": "%[3]s", "targets": ["%[4]s"], `+
		`"properties": { "name": "%[1]s" } }`, t.Model.Name, t.Folder, taskKind, taskHome)
}

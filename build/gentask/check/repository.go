package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Repository returns what is wrong between the tasks, and between them and the
// extension's manifest (if there is one yet).
func Repository(root fs.FS, tasks []Task) []error {
	errs := unique(tasks)
	data, err := fs.ReadFile(root, manifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs
	case err != nil:
		return append(errs, err)
	}
	return append(errs, contributions(data, tasks)...)
}

// unique: two tasks with one id are one task to the server, and the later one
// wins; two with one name cannot be told apart in YAML.
func unique(tasks []Task) []error {
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

// contributions: a task that the manifest does not contribute is in the package
// and cannot be used; tfx does not say so.
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
		if times[t.Model.Name] != 1 {
			wrong("%d contributions have the properties.name %q; there must be one of type %s for tasks/%s",
				times[t.Model.Name], t.Model.Name, taskKind, t.Folder)
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

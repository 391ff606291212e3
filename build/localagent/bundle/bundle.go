// Package bundle finds the tasks of an Azure DevOps extension: in a packed
// .vsix, or in a folder that holds task folders, such as the one the packer
// stages. It reads what the agent reads of each task.json and unpacks a task
// the way the agent does: without executable bits, and never outside the
// folder it was asked to fill.
//
// A package is untrusted input. Names that leave the folder, entries that are
// not plain files, and archives that would unpack to absurd sizes are refused
// with one line that names the package. It does not validate task.json for the
// marketplace; that is the generator's work.
package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// Bundle is a set of tasks that came from one place. Close it when no more
// tasks are unpacked.
type Bundle struct {
	path  string
	tasks []*Task
	close func() error
}

// Task is one version of one task and the files that make it up.
type Task struct {
	// Definition is what the task's task.json says.
	Definition
	// Folder is where the task was found inside the bundle, with slashes.
	Folder string

	files fs.FS
}

// Open reads the tasks in a .vsix file or in a folder. It fails when there is
// none, when a task.json cannot be understood, or when two folders hold the
// same version of the same task.
func Open(name string) (*Bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("opening tasks %s: %w: give a .vsix file or a folder with tasks", name, cause(err))
	}
	if info.IsDir() {
		return openFolder(name)
	}
	return openPackage(name)
}

func openFolder(name string) (*Bundle, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("opening task folder %s: %w", name, cause(err))
	}
	b := &Bundle{path: name, close: root.Close}
	folders, err := taskFolders(root.FS(), ".", 2)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("searching %s for tasks: %w", name, err), root.Close())
	}
	if err := b.load(root.FS(), folders); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return b, nil
}

// load reads the task.json of each folder.
func (b *Bundle) load(files fs.FS, folders []string) error {
	if len(folders) == 0 {
		return fmt.Errorf("%s holds no task: no task.json found in it or up to two folders below", b.path)
	}
	for _, folder := range folders {
		definition, err := readDefinition(files, folder)
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", path.Join(folder, "task.json"), b.path, err)
		}
		if twin := b.same(definition); twin != nil {
			return fmt.Errorf("%s holds %s version %s twice, in %s and %s: remove one",
				b.path, definition.Name, definition.Version, twin.Folder, folder)
		}
		sub, err := fs.Sub(files, folder)
		if err != nil {
			return fmt.Errorf("opening %s in %s: %w", folder, b.path, err)
		}
		b.tasks = append(b.tasks, &Task{Definition: definition, Folder: folder, files: sub})
	}
	for _, t := range b.tasks {
		if target := t.missingTarget(); target != "" {
			return fmt.Errorf("task %s in %s has no file %s, which its task.json names: "+
				"this looks like a task's source; build it first (in this repository: make build) "+
				"and use build/out/stage", t.Folder, b.path, target)
		}
	}
	return nil
}

// missingTarget is the file that a node handler would run and that is not there,
// empty when there is none. A name with variables in it is known when it runs.
func (t *Task) missingTarget() string {
	for _, stage := range []Handlers{t.PreJob, t.Main, t.PostJob} {
		for _, name := range slices.Sorted(maps.Keys(stage)) {
			target := path.Clean(strings.ReplaceAll(stage[name].Target, `\`, "/"))
			isNode := len(name) >= len("node") && strings.EqualFold(name[:len("node")], "node")
			if !isNode || strings.Contains(target, "$(") {
				continue
			}
			if _, err := fs.Stat(t.files, target); err != nil {
				return target
			}
		}
	}
	return ""
}

func (b *Bundle) same(d Definition) *Task {
	for _, t := range b.tasks {
		if strings.EqualFold(t.ID, d.ID) && t.Version == d.Version {
			return t
		}
	}
	return nil
}

// taskFolders lists the folders with a task.json at most depth levels below
// dir. A folder that is a task is not searched further: what lies in it is the
// task's own.
func taskFolders(files fs.FS, dir string, depth int) ([]string, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, cause(err)
	}
	for _, e := range entries {
		if e.Name() == "task.json" && !e.IsDir() {
			return []string{dir}, nil
		}
	}
	if depth == 0 {
		return nil, nil
	}
	var found []string
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "node_modules" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		below, err := taskFolders(files, path.Join(dir, e.Name()), depth-1)
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}

// Close releases the package or folder.
func (b *Bundle) Close() error { return b.close() }

// Tasks lists all tasks, by name and then by version.
func (b *Bundle) Tasks() []*Task {
	sorted := slices.Clone(b.tasks)
	slices.SortFunc(sorted, func(a, c *Task) int {
		if n := strings.Compare(strings.ToLower(a.Name), strings.ToLower(c.Name)); n != 0 {
			return n
		}
		return a.Version.compare(c.Version)
	})
	return sorted
}

// Find returns the task a pipeline names as Name@1, Name@1.2.3, GUID@1 or
// publisher.extension.contribution.Name@1. Of several versions with that major
// number the newest is returned, as the server does.
func (b *Bundle) Find(reference string) (*Task, error) {
	name, version, ok := strings.Cut(reference, "@")
	if !ok || name == "" || version == "" {
		return nil, fmt.Errorf("task reference %q has no version: write it as Name@1", reference)
	}
	short := name[strings.LastIndex(name, ".")+1:]
	var best *Task
	var others []string
	for _, t := range b.Tasks() {
		if !strings.EqualFold(t.Name, short) && !strings.EqualFold(t.ID, name) {
			continue
		}
		if t.Version.matches(version) {
			best = t
		}
		other := t.reference()
		if strings.Contains(version, ".") {
			other = t.Name + "@" + t.Version.String()
		}
		others = append(others, other)
	}
	switch {
	case best != nil:
		return best, nil
	case len(others) > 0:
		return nil, fmt.Errorf("task %q is not in %s: it has %s",
			reference, b.path, strings.Join(slices.Compact(others), ", "))
	default:
		return nil, fmt.Errorf("task %q is not in %s: it has %s", reference, b.path, strings.Join(b.names(), ", "))
	}
}

// reference is how a pipeline names the task.
func (t *Task) reference() string { return fmt.Sprintf("%s@%d", t.Name, t.Version.Major) }

func (b *Bundle) names() []string {
	var names []string
	for _, t := range b.Tasks() {
		names = append(names, t.reference())
	}
	return slices.Compact(names)
}

// cause drops the operation and path that Go puts before a file error: our
// messages name them already.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

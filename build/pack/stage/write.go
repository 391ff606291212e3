package stage

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes the task's folder under dir, which must not have it yet. bin is what Plain or
// Packed returned; launcher is the folder with launch.js.
func (t *Task) Write(dir, launcher string, r Release, bin map[string][]byte) error {
	files, err := t.files(launcher, r)
	if err != nil {
		return err
	}
	for name, data := range bin {
		files["bin/"+name] = data
	}
	folder := filepath.Join(dir, filepath.FromSlash(t.Folder()))
	for name, data := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("staging task %s: %w", t.Name, err)
		}
		// O_EXCL: a file that is there already is not ours.
		if err := writeNew(path, data); err != nil {
			return fmt.Errorf("staging task %s: %w", t.Name, err)
		}
	}
	return nil
}

var launcherFiles = []string{"launch.js", "unpack.js"}

func (t *Task) files(launcher string, r Release) (map[string][]byte, error) {
	icon, err := os.ReadFile(filepath.Join(t.source, "icon.png"))
	if err != nil {
		return nil, fmt.Errorf("staging task %s: %w", t.Name, err)
	}
	files := map[string][]byte{
		"task.json": t.json.stamped(r.Minor, r.Patch),
		"icon.png":  icon,
	}
	for _, name := range launcherFiles {
		if files[name], err = os.ReadFile(filepath.Join(launcher, name)); err != nil {
			return nil, fmt.Errorf("task %s needs the launcher: %w", t.Name, err)
		}
	}
	for _, stage := range t.json.stages {
		files[stage+".js"] = fmt.Appendf(nil, "require('./launch.js').run('%s');\n", stage)
	}
	return files, nil
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Replace puts the freshly made folder dir in the place of old, so that old is never half made.
func Replace(old, dir string) error {
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("removing the old %s; is a program in it still running?: %w", old, err)
	}
	if err := os.Rename(dir, old); err != nil {
		return fmt.Errorf("putting the staged tasks in place: %w", err)
	}
	return nil
}

// Sources returns the folders of tasks that have a task.json, in lower case as they are named.
func Sources(root string) ([]string, error) {
	found, err := fs.Glob(os.DirFS(root), "tasks/*/task.json")
	if err != nil {
		return nil, err
	}
	for i, name := range found {
		found[i] = filepath.Base(filepath.Dir(name))
	}
	return found, nil
}

// Package plan says which files of a repository follow from its task.json files,
// and which of them are not as they should be.
//
// It reads and never writes; package main does, or only compares.
package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/check"
	"github.com/guardrails-ci/guardrails/build/gentask/render"
	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// File is a file that is not what its task.json makes of it.
type File struct {
	Path string // slash-separated, from the repository's root
	Want []byte
}

// Stale returns the files under tasks/ that have to be written, ordered by path.
// The error holds every reason why there is no saying. Wrong task.json files are
// one for all files; a README without a place for the tables is one for itself. The
// extension's manifest is one for none: files do not follow from it.
func Stale(root fs.FS) ([]File, error) {
	tasks, errs := load(root)
	errs = append(errs, check.Unique(tasks)...)
	manifest := check.Contributed(root, tasks)
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, manifest...)...)
	}
	errs = manifest
	var stale []File
	for _, t := range tasks {
		for _, make := range []func(fs.FS, check.Task) (File, bool, error){goFile, readme} {
			file, same, err := make(root, t)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", file.Path, err))
			} else if !same {
				stale = append(stale, file)
			}
		}
	}
	return stale, errors.Join(errs...)
}

// load reads and checks the task.json of every folder in tasks/. No such folder
// is no task; a folder without a task.json is a mistake.
func load(root fs.FS) ([]check.Task, []error) {
	entries, err := fs.ReadDir(root, "tasks")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, []error{err}
	}
	var tasks []check.Task
	var errs []error
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		name := path.Join("tasks", entry.Name(), "task.json")
		data, err := fs.ReadFile(root, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: cannot be read (%w); every folder in tasks/ is a task", name, err))
			continue
		}
		model, err := taskjson.Parse(data)
		if err != nil {
			errs = append(errs, prefixed(name, err)...)
			continue
		}
		task := check.Task{Folder: entry.Name(), JSON: data, Model: model}
		tasks = append(tasks, task)
		for _, problem := range check.File(task) {
			errs = append(errs, fmt.Errorf("%s: %w", name, problem))
		}
	}
	return tasks, errs
}

// prefixed puts name before each of the joined errors.
func prefixed(name string, err error) []error {
	causes := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		causes = joined.Unwrap()
	}
	all := make([]error, len(causes))
	for i, cause := range causes {
		all[i] = fmt.Errorf("%s: %w", name, cause)
	}
	return all
}

func goFile(root fs.FS, t check.Task) (File, bool, error) {
	file := File{Path: path.Join("tasks", t.Folder, "inputs_gen.go")}
	want, err := render.Go(t.Folder, t.Model)
	if err != nil {
		return file, false, err
	}
	file.Want = want
	have, err := fs.ReadFile(root, file.Path)
	return file, err == nil && equal(have, want), nil
}

func readme(root fs.FS, t check.Task) (File, bool, error) {
	file := File{Path: path.Join("tasks", t.Folder, "README.md")}
	have, err := fs.ReadFile(root, file.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return file, false, errors.New("it does not exist; write it, with the lines " +
			"<!-- inputs:begin --> and <!-- inputs:end --> where its table of inputs goes (and outputs likewise)")
	} else if err != nil {
		return file, false, err
	}
	want, err := render.README(string(have), t.Model)
	if err != nil {
		return file, false, err
	}
	file.Want = []byte(want)
	return file, equal(have, file.Want), nil
}

// equal compares texts. A checkout on Windows may have CRLF; that is not stale.
func equal(have, want []byte) bool {
	return strings.ReplaceAll(string(have), "\r\n", "\n") == string(want)
}

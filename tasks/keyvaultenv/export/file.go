package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// Place returns where the file path is, with all symbolic links on the way to it
// resolved, if that is below temp (Agent.TempDirectory); a relative path is meant
// to be there. The folder must exist.
func Place(temp, path string) (string, error) {
	if !filepath.IsAbs(temp) {
		return "", errors.New("the agent's folder for temporary files (Agent.TempDirectory) is not known")
	}
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return "", fmt.Errorf("outputFile %q is not the name of a file", path)
	}
	full := filepath.Clean(path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(temp, full)
	}
	root, err := filepath.EvalSymlinks(temp)
	if err != nil {
		return "", fmt.Errorf("outputFile: looking for Agent.TempDirectory: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil {
		return "", fmt.Errorf("outputFile %q: looking for its folder: %w", path, err)
	}
	placed := filepath.Join(dir, filepath.Base(full))
	rel, err := safepath.Rel(root, placed)
	if err != nil || rel == "." {
		return "", fmt.Errorf("outputFile %q is not below Agent.TempDirectory (%s), which is emptied after each job",
			path, temp)
	}
	if err := safepath.CheckPortable(rel); err != nil {
		return "", fmt.Errorf("outputFile: %w", err)
	}
	return placed, nil
}

// Write writes the file, whole or not at all. There must be no file of that name.
func Write(temp, path string, data []byte) error {
	placed, err := Place(temp, path)
	if err != nil {
		return err
	}
	err = safepath.WritePrivate(placed, data)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("outputFile %q exists already, and is not replaced: choose another name", path)
	}
	if err != nil {
		return fmt.Errorf("outputFile: %w", err)
	}
	return nil
}

// Remove removes the file that Write has written, or what a killed Write has left of
// it. It is no error if there is nothing. What is not below temp is not touched.
func Remove(temp, path string) error {
	placed, err := Place(temp, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := safepath.RemovePrivate(placed); err != nil {
		return fmt.Errorf("outputFile %q could not be removed: %w", path, err)
	}
	return nil
}

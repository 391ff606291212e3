package fingerprint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// maxIgnore is more than anybody writes into a .dockerignore.
const maxIgnore = 1 << 20

// Ignored tells which files of a context Docker leaves out, by their slash-separated paths from the context on. The
// file that says so is <Dockerfile>.dockerignore, or else .dockerignore in the context.
func Ignored(context, dockerfile string) (func(path string) bool, error) {
	patterns, err := ignorePatterns(context, dockerfile)
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	return func(path string) bool {
		ignored, err := matcher.MatchesOrParentMatches(filepath.FromSlash(path))
		return ignored && err == nil // what cannot be told counts
	}, nil
}

func ignorePatterns(context, dockerfile string) ([]string, error) {
	for _, name := range []string{dockerfile + ".dockerignore", filepath.Join(context, ".dockerignore")} {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case info.Size() > maxIgnore:
			return nil, fmt.Errorf("%s has more than 1 MB", filepath.Base(name))
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return ignorefile.ReadAll(bytes.NewReader(text))
	}
	return nil, nil
}

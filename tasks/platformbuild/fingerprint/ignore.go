package fingerprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	dockerignore = ".dockerignore"
	maxIgnore    = 1 << 20
)

// matcher knows what .dockerignore leaves out.
type matcher struct {
	patterns *patternmatcher.PatternMatcher
	again    [][]string // the first segments, up to a wildcard, of what is taken in again
}

// Ignored returns what tells whether a file or folder, by its path with slashes from the context on, is left out: by
// the file beside the Dockerfile with its name and .dockerignore, or else by the context's own. It must not be called
// by two goroutines at once.
func Ignored(folder, dockerfile string) (func(name string) bool, error) {
	m, err := ignored(folder, dockerfile+dockerignore)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		return m.leavesOut(path.Clean(name))
	}, nil
}

// leavesOut asks about each folder on the way, as one who walks: asked about the path alone, the library can give
// another answer where patterns contradict each other, and BuildKit walks.
func (m *matcher) leavesOut(name string) (out bool) {
	var info patternmatcher.MatchInfo
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		var err error
		if out, info, err = m.match(name[:i], info); err != nil {
			return false // what cannot be told counts
		}
	}
	return out
}

// ignored reads first if it is there, and else the folder's own file, if that is.
func ignored(folder, first string) (*matcher, error) {
	for _, name := range []string{first, filepath.Join(folder, dockerignore)} {
		if name == "" {
			continue
		}
		text, err := patterns(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", show(name), err)
		}
		m, err := newMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", show(name), err)
		}
		return m, nil
	}
	return newMatcher(nil)
}

func patterns(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxIgnore {
		return nil, errors.New("it is no file of at most 1 MB")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.New("it cannot be read")
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxIgnore))
}

func newMatcher(text []byte) (*matcher, error) {
	lines, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("it has a line that is too long")
	}
	all, err := patternmatcher.New(lines)
	if err != nil {
		return nil, errors.New("it holds a pattern that cannot be read: check brackets, and that no ! stands alone")
	}
	m := &matcher{patterns: all}
	for _, p := range all.Patterns() {
		if p.Exclusion() {
			m.again = append(m.again, literal(filepath.ToSlash(p.String())))
		}
	}
	for _, line := range lines {
		if !compiles(line) {
			return nil, fmt.Errorf("it holds a pattern that cannot be read, %s", show(line))
		}
	}
	return m, nil
}

// compiles finds now what the library finds when it first needs a pattern, which may be in the middle of a walk. One
// that takes in again is needed where something is left out.
func compiles(pattern string) bool {
	lines := []string{pattern}
	if strings.HasPrefix(pattern, "!") {
		lines = []string{"**", pattern}
	}
	alone, err := patternmatcher.New(lines)
	if err == nil {
		_, _, err = alone.MatchesUsingParentResults("a", patternmatcher.MatchInfo{})
	}
	return err == nil
}

// match reports whether a path is left out; above is what was found out about the folder it is in.
func (m *matcher) match(name string, above patternmatcher.MatchInfo) (bool, patternmatcher.MatchInfo, error) {
	return m.patterns.MatchesUsingParentResults(name, above)
}

// mayTakeIn reports whether something below a folder that is left out may be taken in again.
func (m *matcher) mayTakeIn(folder string) bool {
	segments := strings.Split(folder, "/")
	for _, again := range m.again {
		n := min(len(again), len(segments))
		if strings.Join(again[:n], "/") == strings.Join(segments[:n], "/") {
			return true
		}
	}
	return false
}

// literal are the first segments of a pattern without wildcards. A pattern that ends there is told as it is: it means
// what is below, too.
func literal(pattern string) []string {
	segments := strings.Split(pattern, "/")
	for i, s := range segments {
		if strings.ContainsAny(s, `*?[\`) {
			return segments[:i]
		}
	}
	return segments
}

package workload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// What a scan may come to.
const (
	maxFile     = 8 << 20
	maxRendered = 32 << 20
	maxTotal    = 512 << 20
	maxFiles    = 50_000
	maxImages   = 100_000
	maxProblems = 1_000
)

// glob is a pattern of files.
type glob struct {
	pattern string
	out     bool // leaves files out
	matched bool
}

// literal reports whether the pattern is a file's name.
func (g *glob) literal() bool { return !strings.ContainsAny(g.pattern, `*?[{\`) }

func parseGlobs(patterns []string) ([]*glob, error) {
	var globs []*glob
	for _, text := range patterns {
		pattern, out := strings.CutPrefix(text, "!")
		pattern = strings.TrimPrefix(pattern, "./")
		if !doublestar.ValidatePattern(pattern) || pattern == "" || strings.HasPrefix(pattern, "/") ||
			slices.Contains(strings.Split(pattern, "/"), "..") {
			return nil, fmt.Errorf("%s is no pattern of manifests: write paths from the root with / between, "+
				"such as deploy/**/*.yaml", quote(text))
		}
		globs = append(globs, &glob{pattern: pattern, out: out})
	}
	if !slices.ContainsFunc(globs, func(g *glob) bool { return !g.out }) {
		return nil, errors.New("no pattern says which manifests to read: write one, such as deploy/**/*.yaml")
	}
	return globs, nil
}

// wanted reports whether a file is to be read: one that a pattern names and that can be a manifest, or that a
// pattern names in full.
func wanted(globs []*glob, name string) bool {
	var in []*glob
	literal := false
	for _, g := range globs {
		if !doublestar.MatchUnvalidated(g.pattern, name) {
			continue
		}
		if g.out {
			return false
		}
		in = append(in, g)
		literal = literal || g.literal()
	}
	if len(in) == 0 || !literal && !manifestName(name) {
		return false
	}
	for _, g := range in {
		g.matched = true
	}
	return true
}

func manifestName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return path.Base(name) == "Kustomization"
}

// found is what there is to read.
type found struct {
	manifests      []string
	kustomizations []string // folders
	charts         []string // folders
}

// find walks the root. What is installed (node_modules) or Git's own is nobody's manifest.
func (r *reader) find(globs []*glob) (found, error) {
	var names []string
	charts := map[string]bool{}
	err := fs.WalkDir(r.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case err != nil && name == ".":
			return fmt.Errorf("reading manifests: %w", err)
		case err != nil:
			r.problem(Use{Path: name}, "give the agent the right to read it", "the folder cannot be read")
			return nil
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		case d.Name() == chartFile:
			charts[path.Dir(name)] = true
		}
		if wanted(globs, name) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return found{}, err
	}
	if len(names) > maxFiles {
		return found{}, fmt.Errorf(
			"the patterns match %d files, and %d are the most that are read: write narrower ones", len(names), maxFiles)
	}
	r.unmatched(globs)
	return sortOut(names, charts), nil
}

// unmatched tells the patterns that no file matches. If none does, nothing would be looked at.
func (r *reader) unmatched(globs []*glob) {
	none := !slices.ContainsFunc(globs, func(g *glob) bool { return g.matched })
	for _, g := range globs {
		if g.matched || g.out {
			continue
		}
		r.problems = append(r.problems, Finding{
			Rule: "scan/no-files", Text: "no manifest matches the pattern " + quote(g.pattern), Warn: !none,
			Hint: "patterns are paths from the scan's root, such as deploy/**/*.yaml; a folder needs /** at its end",
		})
	}
}

// sortOut says for each file who reads it.
func sortOut(names []string, charts map[string]bool) found {
	var f found
	render := map[string]bool{}
	dirs := map[string]bool{}
	for _, name := range names {
		if chart, ok := chartOf(name, charts); ok {
			render[chart] = true
			continue
		}
		if slices.Contains(kustomizationFiles, path.Base(name)) {
			dirs[path.Dir(name)] = true
			continue
		}
		f.manifests = append(f.manifests, name)
	}
	for chart := range render {
		f.charts = append(f.charts, chart)
	}
	for dir := range dirs {
		f.kustomizations = append(f.kustomizations, dir)
	}
	slices.Sort(f.charts)
	slices.Sort(f.kustomizations)
	return f
}

var errNotRegular = errors.New("it is no regular file")

// file reads a file of the root; why it cannot be is a problem.
func (r *reader) file(name string) ([]byte, bool) {
	data, err := r.bytes(name)
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, fs.ErrNotExist):
		r.problem(Use{Path: name}, "correct the name, or add the file", "the file does not exist")
	case errors.Is(err, errNotRegular):
		r.problem(Use{Path: name}, "replace it by a file", "it is neither a file nor a link to one")
	case errors.Is(err, errTooLarge):
		r.problem(Use{Path: name}, "split it, or leave it out with a pattern that begins with !",
			"it is too large to be looked at (%d MB a file, %d MB in all)", maxFile>>20, maxTotal>>20)
	default:
		r.problem(Use{Path: name}, "make it a file of the checkout that the agent may read",
			"it cannot be read: %s", clean(plainCause(err)))
	}
	return nil, false
}

var errTooLarge = errors.New("too large")

func (r *reader) bytes(name string) ([]byte, error) {
	// Not opened before it is known to be a file: a pipe would keep us waiting.
	info, err := r.root.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	r.read += int64(len(data))
	if err == nil && (len(data) > maxFile || r.read > maxTotal) {
		return nil, errTooLarge
	}
	return data, err
}

// isFolder reports whether there is a folder of this name.
func (r *reader) isFolder(name string) bool {
	info, err := r.root.Stat(name)
	return err == nil && info.IsDir()
}

func (r *reader) exists(name string) bool {
	info, err := r.root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// plainCause leaves out what a path error repeats.
func plainCause(err error) string {
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err.Error()
	}
	return err.Error()
}

// mayHold is false for what cannot hold an object with an image, and saves the time to read it. Other encodings and
// escapes could hide the words.
func mayHold(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 || bytes.IndexByte(data, '\\') >= 0 {
		return true
	}
	return bytes.Contains(data, []byte("kind")) && bytes.Contains(data, []byte("image"))
}

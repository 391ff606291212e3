package cachekey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

const globChars = "*?[]"

// search is one listing of files: where it starts, which name it is after (""
// for all) and whether it goes into folders.
type search struct {
	root, name string
	deep       bool
}

// searchFor is DetermineFileEnumerationFromGlob: a glob is looked for from the
// last folder before its first glob character, and below that folder's own files
// only if it has "**" in it. So "*/package.json" finds nothing.
func (o system) searchFor(glob string) (search, error) {
	first := strings.IndexAny(glob, globChars)
	if first < 0 {
		dir, name := o.split(glob)
		return search{root: dir, name: name}, nil
	}
	root := glob[:max(0, strings.LastIndex(glob[:first], o.separator()))]
	if len(root) <= len(o.volume(glob)) {
		return search{}, errors.New("a pattern cannot search a whole file system; start it in a folder")
	}
	return search{root: root, deep: strings.Contains(glob, "**")}, nil
}

// group is the include patterns that share a search.
type searchGroup struct {
	search   search
	patterns []pattern
}

// rules are a path segment's parts between commas.
type rules struct {
	groups   []searchGroup
	excludes []pattern
}

func (p Place) rules(segment string) (rules, error) {
	var r rules
	for _, rule := range split(segment, ",") {
		text, exclude := strings.CutPrefix(rule, "!")
		glob, err := p.system().full(text, p.WorkingDir)
		if err != nil {
			return rules{}, err
		}
		compiled, err := p.system().compile(glob)
		if err != nil {
			return rules{}, err
		}
		if exclude {
			r.excludes = append(r.excludes, compiled)
			continue
		}
		s, err := p.system().searchFor(glob)
		if err != nil {
			return rules{}, fmt.Errorf("pattern %q: %w", rule, err)
		}
		at := slices.IndexFunc(r.groups, func(g searchGroup) bool { return g.search == s })
		if at < 0 {
			at = len(r.groups)
			r.groups = append(r.groups, searchGroup{search: s})
		}
		r.groups[at].patterns = append(r.groups[at].patterns, compiled)
	}
	if len(r.groups) == 0 {
		return rules{}, errors.New("no include rules specified, as every part begins with an exclamation mark")
	}
	return r, nil
}

// find returns the files that a segment's rules select, in ordinal order. A file
// that two searches find is an error, as in Cache@2.
func (p Place) find(ctx context.Context, r rules) ([]string, error) {
	seen := map[string]bool{}
	var found []string
	for _, g := range r.groups {
		w := walk{place: p, search: g.search, visit: func(path string) error {
			if !anyMatch(g.patterns, path) || anyMatch(r.excludes, path) {
				return nil
			}
			if seen[path] {
				return fmt.Errorf("two of its patterns, searched for in different ways, both find %s; "+
					"remove one of them", p.display(path))
			}
			seen[path] = true
			found = append(found, path)
			return nil
		}}
		if err := w.run(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, ordinal)
	return found, nil
}

func anyMatch(patterns []pattern, path string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.match(path) })
}

// walk lists files as Directory.EnumerateFiles does: hidden ones too, through
// symbolic links to folders, and any folder that cannot be read is an error.
type walk struct {
	place  Place
	search search
	visit  func(path string) error
}

func (w walk) run(ctx context.Context) error {
	info, err := w.place.Files.Stat(w.search.root)
	if errors.Is(err, fs.ErrNotExist) {
		return &NoFolderError{w.place.display(w.search.root)}
	}
	if err != nil {
		return fmt.Errorf("reading folder %s: %w", w.place.display(w.search.root), err)
	}
	return w.dir(ctx, w.search.root, []fs.FileInfo{info})
}

func (w walk) dir(ctx context.Context, dir string, above []fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := w.place.Files.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading folder %s: %w", w.place.display(dir), err)
	}
	for _, entry := range entries {
		if err := w.entry(ctx, w.place.system().child(dir, entry.Name()), entry, above); err != nil {
			return err
		}
	}
	return nil
}

func (w walk) entry(ctx context.Context, path string, entry fs.DirEntry, above []fs.FileInfo) error {
	linked := entry.Type()&fs.ModeSymlink != 0
	if !linked && !entry.IsDir() {
		return w.file(path, entry.Name())
	}
	if !linked && !w.search.deep {
		return nil
	}
	info, err := w.place.Files.Stat(path)
	switch {
	case linked && (err != nil || !info.IsDir()):
		// A link that leads nowhere counts as a file, which then cannot be read.
		return w.file(path, entry.Name())
	case !w.search.deep:
		return nil
	case err != nil:
		return fmt.Errorf("reading folder %s: %w", w.place.display(path), err)
	case linked && slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }):
		return fmt.Errorf("the symbolic link %s leads back to a folder above it", w.place.display(path))
	}
	return w.dir(ctx, path, append(above[:len(above):len(above)], info))
}

func (w walk) file(path, name string) error {
	if w.search.name == "" || w.place.system().same(w.search.name, name) {
		return w.visit(path)
	}
	return nil
}

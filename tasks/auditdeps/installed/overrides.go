package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// override is a version that a manifest forces on a package.
type override struct {
	name, wanted string
	everywhere   bool // not only within some package, or in place of some versions
	// within is the only package in which it holds, if that is all that it depends on: by
	// name, or name@range.
	within string
}

// Overrides returns the versions that the package.json in dir forces on packages, by name:
// npm's overrides, Yarn's resolutions and pnpm's overrides. The value is the range that
// every package of that name must be in; it is "" if there are several or it holds for some
// of them only. What npm forces on a package within one other is also there as
// "parent>name", where the parent may have a range ("parent@range>name"). Without a
// package.json there are none.
func Overrides(tree fs.FS, dir string) (map[string]string, error) {
	name := path.Join(dir, packageFile)
	data, err := disk{tree: tree}.small(name, maxNote)
	if errors.Is(err, errNotThere) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	m, err := readManifest(data, true)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	direct := map[string]string{}
	for _, r := range m.requires {
		direct[r.Name] = r.Range
	}
	settings, err := disk{tree: tree}.small(path.Join(dir, pnpmSettings), maxNote)
	if err != nil && !errors.Is(err, errNotThere) {
		return nil, fmt.Errorf("%s %w", path.Join(dir, pnpmSettings), err)
	}
	forced := map[string]string{}
	for _, o := range append(m.overrides, pnpmOverrides(string(settings))...) {
		wanted := o.wanted
		if reference, ok := strings.CutPrefix(wanted, "$"); ok {
			wanted = direct[reference]
		}
		force(forced, o.name, wanted, o.everywhere && plain(wanted))
		if o.within != "" {
			force(forced, o.within+">"+o.name, wanted, plain(o.within) && plain(wanted))
		}
	}
	return forced, nil
}

// force adds what is forced on a package: "" if it cannot be told, or was said otherwise.
func force(forced map[string]string, what, wanted string, clear bool) {
	if before, twice := forced[what]; !clear || twice && before != wanted {
		wanted = ""
	}
	forced[what] = wanted
}

// forced reads overrides, resolutions, or the overrides of pnpm's settings.
func (m *manifest) forced(s *scanner, key string) error {
	if s.next() != '{' {
		return s.skip(maxDepth - 1)
	}
	if key != "pnpm" {
		return m.override(s, maxDepth-1, place{nests: key == "overrides"})
	}
	return s.object(maxDepth-1, func(inner string) error {
		if inner != "overrides" || s.next() != '{' {
			return s.skip(maxDepth - 2)
		}
		return m.override(s, maxDepth-2, place{})
	})
}

// place is where in a manifest's overrides an object is.
type place struct {
	key   string // of the object, "" for the whole
	deep  bool   // within more than one package
	nests bool   // as npm's do
}

// inner is the place of an object with this key.
func (p place) inner(key string) place {
	return place{key: key, deep: p.key != "", nests: p.nests}
}

// override reads an object of overrides: "name", "name@range", "parent>name",
// "parent/name", "**/name" to a version, or to an object for what is within that package,
// in which "." is the package itself.
func (m *manifest) override(s *scanner, depth int, at place) error {
	return s.object(depth, func(key string) error {
		o := override{}
		o.name, o.everywhere = overridden(key)
		switch {
		case key == ".":
			o.name, o.everywhere = overridden(at.key)
			o.everywhere = o.everywhere && !at.deep
		case at.key != "":
			if o.everywhere && at.nests && !at.deep {
				o.within = at.key
			}
			o.everywhere = false
		}
		switch {
		case s.next() == '{':
			return m.override(s, depth-1, at.inner(key))
		case !s.isText():
			return s.skip(depth - 1)
		}
		var err error
		if o.wanted, err = s.text(); plain(o.name) {
			m.overrides = append(m.overrides, o)
		}
		return err
	})
}

// overridden returns which package a key is about, and whether it is so everywhere.
func overridden(key string) (name string, everywhere bool) {
	rest, everywhere := key, true
	if i := strings.LastIndex(rest, ">"); i >= 0 && !strings.HasPrefix(rest[i+1:], "=") {
		rest, everywhere = strings.TrimSpace(rest[i+1:]), false
	}
	if trimmed, ok := strings.CutPrefix(rest, "**/"); ok {
		rest = trimmed
	}
	if at := strings.LastIndex(rest, "@"); at > 0 && !strings.Contains(rest[at:], "/") {
		rest, everywhere = rest[:at], false
	}
	parts := strings.Split(rest, "/")
	keep := 1
	if len(parts) > 1 && strings.HasPrefix(parts[len(parts)-2], "@") {
		keep = 2
	}
	return strings.Join(parts[len(parts)-keep:], "/"), everywhere && keep == len(parts)
}

// pnpmSettings is where pnpm 10 has its overrides.
const pnpmSettings = "pnpm-workspace.yaml"

// pnpmOverrides reads the block of overrides of pnpm's settings. Only names are taken from
// it: a version in YAML can be written in too many ways, and the lock file's own copy of
// them is compared with the settings by pnpm.
func pnpmOverrides(settings string) []override {
	var found []override
	inside := false
	for line := range strings.Lines(settings) {
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case len(trimmed) == len(line):
			inside = trimmed == "overrides:"
		case inside:
			key := trimmed
			if i := strings.LastIndex(key, ": "); i >= 0 {
				key = key[:i]
			}
			if name, _ := overridden(strings.Trim(strings.TrimSuffix(key, ":"), `'"`)); plain(name) {
				found = append(found, override{name: name})
			}
		}
	}
	return found
}

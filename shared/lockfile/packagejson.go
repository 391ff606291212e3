package lockfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const packageFile = "package.json"

// kinds are where a package.json asks for packages.
var kinds = []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"}

// packageJSON reads the package.json in a folder of the tree; false if there is none.
func packageJSON(tree fs.FS, dir string) (fields, bool, error) {
	name := path.Join(dir, packageFile)
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return fields{}, false, err
	}
	f, err := readJSON(name, bytes.TrimPrefix(data, []byte(utf8BOM)), true)
	return f, err == nil, err
}

// wishes are the version ranges that are asked for, by package. Usually there is
// one; a package can be in several kinds.
type wishes map[string][]string

// wishesOf returns what an object with the four kinds, or some of them, asks for. Which kind it is
// in is left out: moving a package from one to another needs no other download.
func wishesOf(f fields, of ...string) wishes {
	w := wishes{}
	optional := f.texts("optionalDependencies")
	if of == nil {
		of = kinds
	}
	for _, kind := range of {
		for name, spec := range f.texts(kind) {
			if _, ok := optional[name]; ok && kind == "dependencies" {
				continue // npm: the optional one counts, and the other is forgotten
			}
			w.add(name, spec)
		}
	}
	return w
}

func (w wishes) add(name, spec string) {
	if spec = strings.TrimSpace(spec); spec == "" {
		spec = "*"
	}
	w[name] = unique(append(w[name], spec))
}

// findings are differences, in words.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// difference compares what a manifest wants with what a lock file was made for.
func (w wishes) difference(locked wishes) []string {
	var found findings
	for _, name := range union(w, locked) {
		want, have := strings.Join(w[name], " and "), strings.Join(locked[name], " and ")
		switch {
		case want == have:
		case have == "":
			found.add("%s: package.json wants %s, the lock file does not know it", name, want)
		case want == "":
			found.add("%s: package.json does not want it, the lock file has %s", name, have)
		default:
			found.add("%s: package.json wants %s, the lock file was made for %s", name, want, have)
		}
	}
	return found
}

func union[V any](a, b map[string]V) []string {
	return unique(append(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))...))
}

// exact reports whether a range can only mean this one version.
func exact(spec string) bool {
	parts := strings.SplitN(spec, ".", 3)
	if len(parts) != 3 || parts[2] == "" {
		return false
	}
	odd := func(r rune) bool {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		return !letter && !('0' <= r && r <= '9') && !strings.ContainsRune(".-+", r)
	}
	digits := func(s string) bool { _, err := strconv.ParseUint(s, 10, 32); return err == nil }
	patch, _, _ := strings.Cut(parts[2], "-")
	patch, _, _ = strings.Cut(patch, "+")
	return digits(parts[0]) && digits(parts[1]) && digits(patch) && !strings.ContainsFunc(parts[2], odd)
}

// overrides are what the root manifest replaces versions of packages with,
// everywhere (npm: overrides, Yarn: resolutions). This is how one mends a hole in
// a package that one does not depend on directly, and no lock file but pnpm's
// keeps them.
type overrides struct {
	everywhere map[string]bool     // packages that are replaced wherever they are
	versions   map[string][]string // by package, with what: also within one other package
}

func newOverrides() overrides { return overrides{map[string]bool{}, map[string][]string{}} }

func (o overrides) add(name, version string, everywhere bool) {
	o.versions[name] = append(o.versions[name], strings.TrimPrefix(version, "npm:"))
	o.everywhere[name] = o.everywhere[name] || everywhere
}

// difference says if a package is locked in a version that an override must have
// replaced. Only exact versions are compared.
func (o overrides) difference(name, version string) []string {
	versions := o.versions[name]
	inexact := func(v string) bool { return !exact(v) || strings.Contains(v, "+") }
	if !o.everywhere[name] || slices.ContainsFunc(versions, inexact) || slices.Contains(versions, version) {
		return nil
	}
	return []string{fmt.Sprintf("%s: package.json overrides it with %s, the lock file has %s",
		name, strings.Join(unique(slices.Clone(versions)), " or "), version)}
}

// newMembers finds folders that the patterns make part of the project, with a
// package.json, and that are not known. Patterns that path.Match does not know as
// the package managers do are left to them.
func newMembers(tree fs.FS, root string, patterns []string, known func(location string) bool) []string {
	var found []string
	for _, pattern := range patterns {
		pattern = path.Clean(pattern)
		if strings.HasPrefix(pattern, "!") || strings.Contains(pattern, "**") || strings.Count(pattern, "/") > 4 {
			continue
		}
		matches, err := fs.Glob(tree, path.Join(root, pattern, packageFile))
		if err != nil {
			continue
		}
		for _, match := range matches {
			location := path.Dir(match)
			if root != "." {
				location = strings.TrimPrefix(location, root+"/")
			}
			if location != "." && !excluded(location, patterns) && !known(location) {
				found = append(found, location+": it is a workspace, and the lock file does not know it")
			}
		}
	}
	return unique(found)
}

// excluded reports whether a location may be taken out again by a pattern "!...".
func excluded(location string, patterns []string) bool {
	return strings.Contains(location, "node_modules") || slices.ContainsFunc(patterns, func(pattern string) bool {
		not, negated := strings.CutPrefix(pattern, "!")
		match, err := path.Match(path.Clean(not), location)
		return negated && (match || err != nil || strings.Contains(not, "**"))
	})
}

// workspacePatterns are a list, or the packages of an object.
func workspacePatterns(f fields) []string {
	if f.isObject("workspaces") {
		return f.fields("workspaces").list("packages")
	}
	return f.list("workspaces")
}

// staleError is a StaleError if there are differences; nil without.
func staleError(lock Lock, manifest string, differences []string, fix string) error {
	if len(differences) == 0 {
		return nil
	}
	for i, text := range differences {
		differences[i] = printable(text)
	}
	return &StaleError{Path: lock.Path, Manifest: manifest, Differences: differences, Fix: fix}
}

// printable is a text that came from a manifest, fit for a line of a log.
func printable(text string) string {
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, odd) {
		return strconv.QuoteToASCII(text)
	}
	return text
}

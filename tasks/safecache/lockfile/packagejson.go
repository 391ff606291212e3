package lockfile

import (
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
	f, err := parseJSON(name, []byte(strings.TrimPrefix(string(data), utf8BOM)))
	return f, err == nil, err
}

// wishes are the version ranges that are asked for, by package. Usually there is
// one; a package can be in several kinds.
type wishes map[string][]string

// wishesOf returns what an object with the four kinds asks for. Which kind it is
// in is left out: moving a package from one to another needs no other download.
func wishesOf(f fields) wishes {
	w := wishes{}
	optional := f.texts("optionalDependencies")
	for _, kind := range kinds {
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

// difference compares what a manifest wants with what a lock file was made for.
func (w wishes) difference(locked wishes) []string {
	var found []string
	for _, name := range union(w, locked) {
		want, have := strings.Join(w[name], " and "), strings.Join(locked[name], " and ")
		switch {
		case want == have:
		case have == "":
			found = append(found, fmt.Sprintf("%s: package.json wants %s, the lock file does not know it", name, want))
		case want == "":
			found = append(found, fmt.Sprintf("%s: package.json does not want it, the lock file has %s", name, have))
		default:
			found = append(found, fmt.Sprintf("%s: package.json wants %s, the lock file was made for %s", name, want, have))
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

// overridden compares exact overrides (npm) or resolutions (Yarn), which replace
// every version of a package, with the versions in the lock file. This is how one
// mends a hole in a package that one does not depend on directly, and it is the
// root manifest only that says so.
func overridden(overrides map[string]string, packages []Package) []string {
	var found []string
	for _, p := range packages {
		want, ok := overrides[p.Name]
		if want, _, _ = strings.Cut(want, "+"); ok && exact(want) && p.Version != want {
			found = append(found, fmt.Sprintf("%s: package.json overrides it with %s, the lock file has %s",
				p.Name, want, p.Version))
		}
	}
	return found
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

package auditdeps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// managers are the package managers of the input ecosystems, with the formats of their
// lock files.
var managers = map[string][]lockfile.Format{
	"npm": {lockfile.NPM}, "yarn": {lockfile.Yarn1, lockfile.Berry}, "pnpm": {lockfile.PNPM}, "pip": {lockfile.Pip},
	"go": {lockfile.Go}, "cargo": {lockfile.Cargo}, "nuget": {lockfile.NuGet}, "maven": {lockfile.Maven},
	"gradle": {lockfile.Gradle},
}

func managerNames() []string {
	return []string{"npm", "yarn", "pnpm", "pip", "go", "cargo", "nuget", "maven", "gradle"}
}

// managerOf is the package manager that a lock file is of.
func managerOf(format lockfile.Format) string {
	for name, formats := range managers {
		if slices.Contains(formats, format) {
			return name
		}
	}
	return ""
}

// place is a file in one of the folders to audit.
type place struct {
	root string // absolute
	tree fs.FS  // of the root; leads nowhere outside of it
	path string // slash-separated below root
}

// show is how a file below the place's folder is named in messages and issues.
func (s *step) show(p place, name string) string {
	full := filepath.FromSlash(name)
	if !filepath.IsAbs(full) {
		full = filepath.Join(p.root, full)
	}
	if rel, err := safepath.Rel(s.sources, full); err == nil {
		return rel
	}
	return filepath.ToSlash(full)
}

// skipped are folders in which lock files are not of the project: what is in them came
// from elsewhere.
var skipped = []string{
	"bower_components", "site-packages", ".git", ".yarn", ".pnpm-store", ".nuget", ".cargo",
	".tox", ".nox",
}

// found is what the search for lock files came to.
type found struct {
	locks []place
	// manifests are all package.json files, of which some may belong to no lock file.
	manifests []place
	// unlocked are other manifests without a lock file in their folder or above.
	unlocked []place
	// modules are the folders node_modules.
	modules []place
}

// find looks for lock files in the folders to audit. What cannot be read there is an error.
func (s *step) find(ctx context.Context) (found, func(), error) {
	var roots []*os.Root
	closeAll := func() {
		for _, r := range roots {
			_ = r.Close()
		}
	}
	dirs, err := s.folders()
	if err != nil {
		return found{}, closeAll, err
	}
	var all found
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return found{}, closeAll, badInput("workingDirectory", fmt.Sprintf("the folder %s cannot be read", dir),
				"name a folder that exists when this step runs")
		}
		roots = append(roots, root)
		if err := s.search(ctx, place{root: dir, tree: root.FS()}, &all); err != nil {
			return found{}, closeAll, err
		}
	}
	return all, closeAll, nil
}

// search adds what is in one folder and below.
func (s *step) search(ctx context.Context, in place, all *found) error {
	files := map[string][]string{} // base names, by folder
	err := fs.WalkDir(in.tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("looking for lock files: %s cannot be read: %w", s.show(in, name), err)
		case d.IsDir() && name != "." && s.leaveOut(in, name):
			return fs.SkipDir
		case d.IsDir() && d.Name() == "node_modules":
			all.modules = append(all.modules, place{in.root, in.tree, name})
			return fs.SkipDir
		case d.IsDir() && (slices.Contains(skipped, d.Name()) || in.isVendored(name)):
			return fs.SkipDir
		case !d.IsDir() && (lockfile.Auditable(name) || lockOf(d.Name()) != ""): // a link, too
			dir := path.Dir(name)
			files[dir] = append(files[dir], d.Name())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for dir, names := range files {
		for _, base := range names {
			at := place{in.root, in.tree, path.Join(dir, base)}
			switch {
			case slices.ContainsFunc(all.locks, at.same), base == "go.mod" && slices.Contains(names, "go.sum"):
			case base == "go.work.sum" && slices.Contains(names, "go.work"): // which speaks for both
			case base == "package.json":
				all.manifests = append(all.manifests, at)
			case lockOf(base) != "":
				if !slices.ContainsFunc(above(dir), func(d string) bool { return hasLock(files[d], lockOf(base)) }) {
					all.unlocked = append(all.unlocked, at)
				}
			default:
				all.locks = append(all.locks, at)
			}
		}
	}
	for _, list := range [][]place{all.locks, all.manifests, all.modules, all.unlocked} {
		slices.SortFunc(list, func(a, b place) int { return strings.Compare(a.full(), b.full()) })
	}
	return nil
}

func (p place) full() string          { return filepath.Join(p.root, filepath.FromSlash(p.path)) }
func (p place) same(other place) bool { return p.full() == other.full() }

// above are a folder and those it is in, slash-separated, up to ".".
func above(dir string) []string {
	all := []string{dir}
	for dir != "." {
		dir = path.Dir(dir)
		all = append(all, dir)
	}
	return all
}

// isVendored reports whether a folder is what Go or Cargo have put into the folder vendor
// of a project: packages, which may bring lock files of their own. They are audited with
// the project's.
func (p place) isVendored(name string) bool {
	there := func(name string) bool {
		_, err := fs.Stat(p.tree, name)
		return err == nil
	}
	parent := path.Dir(name)
	switch {
	case path.Base(name) == "vendor":
		return there(path.Join(name, "modules.txt")) && there(path.Join(parent, "go.mod"))
	case path.Base(parent) == "vendor":
		return there(path.Join(name, ".cargo-checksum.json")) && there(path.Join(path.Dir(parent), "Cargo.lock"))
	}
	return false
}

// leaveOut reports whether the input says that a folder is not searched.
func (s *step) leaveOut(in place, name string) bool {
	full := filepath.Join(in.root, filepath.FromSlash(name))
	return slices.ContainsFunc(s.in.WorkingDirectory, func(line string) bool {
		pattern, negated := strings.CutPrefix(line, "!")
		return negated && matchPath(filepath.ToSlash(s.absolute(pattern)), filepath.ToSlash(full))
	})
}

func (s *step) absolute(name string) string {
	name = strings.TrimSpace(name)
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.sources, name)
	}
	return filepath.Clean(name)
}

// folders are the folders to audit, by the input workingDirectory.
func (s *step) folders() ([]string, error) {
	var dirs []string
	for _, line := range s.in.WorkingDirectory {
		if strings.HasPrefix(line, "!") {
			continue
		}
		if !strings.ContainsAny(line, "*?") {
			dirs = append(dirs, s.absolute(line))
			continue
		}
		matches, err := s.glob(line)
		if err != nil {
			return nil, err
		}
		if len(matches) == 0 {
			return nil, badInput("workingDirectory", fmt.Sprintf("no folder is named %q", line),
				"correct the pattern, or remove it")
		}
		dirs = append(dirs, matches...)
	}
	if len(dirs) == 0 {
		dirs = []string{filepath.Clean(s.sources)}
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	// A folder within another is searched with that one, if nothing takes it out there.
	return slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
		return slices.ContainsFunc(dirs, func(other string) bool {
			rel, err := filepath.Rel(other, dir)
			return err == nil && rel != "." && filepath.IsLocal(rel) && !slices.ContainsFunc(
				strings.Split(filepath.ToSlash(rel), "/"),
				func(name string) bool { return name == "node_modules" || slices.Contains(skipped, name) })
		})
	}), nil
}

// glob finds the folders below the sources folder, or below the fixed start of an absolute
// pattern, that a pattern names.
func (s *step) glob(pattern string) ([]string, error) {
	full := filepath.ToSlash(s.absolute(pattern))
	start := full[:strings.IndexAny(full, "*?")]
	start = filepath.FromSlash(start[:strings.LastIndex(start, "/")+1])
	var dirs []string
	err := filepath.WalkDir(start, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == start:
			return nil
		case err != nil:
			return fmt.Errorf("looking for folders: %w", err)
		case !d.IsDir() && !isLinkedFolder(name, d):
			return nil
		case name != start && (d.Name() == "node_modules" || slices.Contains(skipped, d.Name())):
			return fs.SkipDir
		case matchPath(full, filepath.ToSlash(filepath.Clean(name))):
			dirs = append(dirs, filepath.Clean(name))
			if d.IsDir() {
				return fs.SkipDir // what is below belongs to it
			}
		}
		return nil
	})
	return dirs, err
}

func isLinkedFolder(name string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// matchPath reports whether a path fits a pattern: "**" stands for any number of folders,
// "*" and "?" for characters within a name.
func matchPath(pattern, name string) bool {
	return matchNames(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

func matchNames(pattern, names []string) bool {
	for i, part := range pattern {
		if part == "**" {
			for skip := range len(names) - i + 1 {
				if matchNames(pattern[i+1:], names[i+skip:]) {
					return true
				}
			}
			return false
		}
		if i >= len(names) {
			return false
		}
		// Brackets are part of names here: [slug].
		if ok, err := path.Match(strings.ReplaceAll(part, "[", `\[`), names[i]); !ok || err != nil {
			return false
		}
	}
	return len(pattern) == len(names)
}

// lockOf is the package manager of whose lock file a manifest needs one; "" for what is no
// manifest. A pom.xml is read itself.
func lockOf(base string) string {
	switch base {
	case "package.json":
		return "npm"
	case "pyproject.toml", "Pipfile", "setup.py":
		return "pip"
	case "Cargo.toml":
		return "cargo"
	case "build.gradle", "build.gradle.kts":
		return "gradle"
	}
	if ending := path.Ext(base); ending == ".csproj" || ending == ".fsproj" || ending == ".vbproj" {
		return "nuget"
	}
	return ""
}

// hasLock reports whether one of the files of a folder is a package manager's lock file.
func hasLock(names []string, manager string) bool {
	return slices.ContainsFunc(names, func(base string) bool {
		switch manager {
		case "cargo":
			return base == "Cargo.lock"
		case "gradle":
			return strings.HasSuffix(base, ".lockfile")
		case "nuget":
			return strings.HasPrefix(base, "packages.") && strings.HasSuffix(base, "lock.json")
		}
		return strings.HasPrefix(base, "requirements") || strings.HasSuffix(base, ".lock") || base == "pylock.toml"
	})
}

// maxManifest bounds what is read of a manifest, to see whether it asks for packages.
const maxManifest = 4 << 20

// small reads a manifest. What is no regular file could block, or never end.
func (p place) small() ([]byte, error) {
	info, err := fs.Stat(p.tree, p.path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxManifest {
		return nil, fs.ErrInvalid
	}
	return fs.ReadFile(p.tree, p.path)
}

// names reports whether a manifest of another kind has something to say of dependencies.
func (p place) names() bool {
	data, err := p.small()
	if err != nil {
		return true
	}
	text := strings.ToLower(string(data))
	return strings.Contains(text, "dependencies") || strings.Contains(text, "packagereference") ||
		strings.Contains(text, "install_requires") || strings.HasSuffix(p.path, "Pipfile")
}

// asksForPackages reports whether a package.json asks for any package.
func asksForPackages(at place) bool {
	data, err := at.small()
	var manifest struct {
		Dependencies, DevDependencies, OptionalDependencies map[string]any
	}
	if err != nil || json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &manifest) != nil {
		return true // nobody can tell
	}
	return len(manifest.Dependencies)+len(manifest.DevDependencies)+len(manifest.OptionalDependencies) > 0
}

package lockfile

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// cargoLock is a Cargo.lock of the versions 1 to 4.
type cargoLock struct {
	Version  int            `toml:"version"` // not written before 3
	Root     *cargoPackage  `toml:"root"`    // of the oldest files
	Package  []cargoPackage `toml:"package"`
	Metadata map[string]any `toml:"metadata"` // checksums, in version 1
}

type cargoPackage struct {
	Name         string   `toml:"name"`
	Version      string   `toml:"version"`
	Source       string   `toml:"source"` // empty: a folder of the project
	Checksum     string   `toml:"checksum"`
	Dependencies []string `toml:"dependencies"` // "name", "name version" or "name version (source)"
	Replace      string   `toml:"replace"`      // in the form of a dependency: what it is replaced by
}

const newestCargoLock = 4

var (
	// crateName is what crates are called: no path can hide in it.
	crateName    = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_-]{0,254}$`)
	crateVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	hexSHA256    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func parseCargoLock(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = Cargo
	file, err := decodeCargoLock(data, lock)
	if err != nil {
		return err
	}
	for _, p := range file.Package {
		if !crateName.MatchString(p.Name) || len(p.Version) > 200 || !crateVersion.MatchString(p.Version) {
			return malformed(lock, "%.60q %.60q are not the name and version of a crate", p.Name, p.Version)
		}
		switch {
		case p.Source == "":
			continue
		case strings.HasPrefix(p.Source, "git+"):
			lock.Notes = append(lock.Notes, p.Name+" "+p.Version+" comes from git, which is not cached")
			continue
		}
		sum := p.sum(file)
		if sum == "" {
			lock.Unproven = append(lock.Unproven, p.Name+"@"+p.Version)
			continue
		}
		if !hexSHA256.MatchString(sum) {
			return malformed(lock, "the checksum of %s %s is not a SHA-256 in lower-case hex", p.Name, p.Version)
		}
		lock.Packages = append(lock.Packages,
			Package{Name: p.Name, Version: p.Version, Integrity: []string{"sha256:" + sum}, URL: p.Source})
	}
	lock.addCargo(data, tree, file)
	return nil
}

func decodeCargoLock(data []byte, lock *Lock) (cargoLock, error) {
	var file cargoLock
	if err := decodeTOML(data, lock.Path, &file); err != nil {
		return file, err
	}
	if file.Version < 0 || file.Version > newestCargoLock {
		return file, malformed(lock, "version %d is not known here, only those up to %d", file.Version, newestCargoLock)
	}
	if file.Root != nil {
		file.Package = append(file.Package, *file.Root)
	}
	return file, nil
}

// staleCargoLock compares the dependencies of each package of the workspace with
// those that Cargo.lock has for it: every name must be there, in a version that
// the manifest allows. What cannot be told without resolving is passed over.
func staleCargoLock(data []byte, tree fs.FS, lock Lock) error {
	file, err := decodeCargoLock(data, &lock)
	if err != nil {
		return err
	}
	ws, err := readCargoWorkspace(tree, path.Dir(lock.Path))
	if err != nil || ws == nil {
		return err
	}
	for _, member := range ws.members {
		stale := &StaleError{Path: lock.Path, Manifest: member.path, Fix: "cargo update --workspace"}
		locked := slices.IndexFunc(file.Package, func(p cargoPackage) bool {
			return p.Source == "" && p.Name == member.manifest.Package.Name
		})
		if locked < 0 {
			stale.Differences = []string{member.manifest.Package.Name + ": the lock file does not have this package"}
			return stale
		}
		for _, dep := range member.dependencies(ws) {
			if why := dep.missingIn(file, file.Package[locked]); why != "" {
				stale.Differences = append(stale.Differences, why)
			}
		}
		if len(stale.Differences) > 0 {
			slices.Sort(stale.Differences)
			stale.Differences = slices.Compact(stale.Differences)
			return stale
		}
	}
	return nil
}

// cargoDependency is one entry of a manifest.
type cargoDependency struct {
	name        string
	requirement string // empty: any version
}

// missingIn says why the lock file's entry of a package does not fulfil one of its
// dependencies; empty if it does.
func (d cargoDependency) missingIn(file cargoLock, of cargoPackage) string {
	if d.name == of.Name {
		return "" // a package that its own tests depend on
	}
	var versions []string
	for _, entry := range of.Dependencies {
		fields := strings.Fields(entry)
		switch {
		case len(fields) == 0 || fields[0] != d.name:
		case len(fields) > 1:
			versions = append(versions, fields[1])
		default: // the only one of this name
			for _, p := range file.Package {
				if p.Name == d.name {
					versions = append(versions, p.Version)
				}
			}
		}
	}
	if len(versions) == 0 {
		return d.name + ": Cargo.toml has it, the lock file does not"
	}
	for _, v := range versions {
		if cargoAllows(d.requirement, v) {
			return ""
		}
	}
	return fmt.Sprintf("%s: Cargo.toml says %s, the lock file %s", d.name, d.requirement, strings.Join(versions, ", "))
}

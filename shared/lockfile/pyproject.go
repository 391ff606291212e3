package lockfile

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pythonManifest is what a manifest asks for.
type pythonManifest struct {
	manifest string // its path; empty if there is nothing to compare
	wants    []pythonWant
	fix      string
}

// pythonWants finds the manifest beside a lock file.
type pythonWants func(data []byte, tree fs.FS, lockPath string) (pythonManifest, error)

// pythonWant is a package that a manifest asks for.
type pythonWant struct {
	name  string
	least string // the version that it must at least have; empty if that cannot be told
	exact bool   // and no other
}

// leastVersion finds the lowest version that one constraint of pip or Poetry allows,
// if it is of plain numbers.
var leastVersion = regexp.MustCompile(`^(===?|~=|>=|\^|~|)\s*([0-9]+(?:\.[0-9]+)*)$`)

// add adds what a requirement such as "requests[socks]>=2.31" asks for. One with a
// marker is not for every machine and may be missing; one with an address has no
// version.
func (m *pythonManifest) add(text string) {
	if strings.Contains(text, ";") {
		return
	}
	p := readRequirement(text)
	if p.name == "unnamed" || p.from != "" || !pythonName.MatchString(p.name) {
		return
	}
	if p.url != "" {
		p.version = ""
	}
	m.wants = append(m.wants, want(p.name, strings.Trim(p.version, "() ")))
}

// want reads constraints. A version without an operator is that very version, to
// Poetry as to the requirement that readRequirement has cut one from.
func want(name, constraint string) pythonWant {
	w := pythonWant{name: PythonName(name)}
	if strings.Contains(constraint, "|") {
		return w // of Poetry: one or the other
	}
	for part := range strings.SplitSeq(constraint, ",") { // ">=1.2, <2": all of them hold
		if match := leastVersion.FindStringSubmatch(strings.TrimSpace(part)); match != nil && w.least == "" {
			w.least, w.exact = match[2], match[1] == "" || match[1] == "==" || match[1] == "==="
		}
	}
	return w
}

// missingIn holds what the manifest asks for against the packages of a lock file.
func (m pythonManifest) missingIn(packages []pythonPackage, lockPath string) error {
	locked := map[string][]string{}
	for _, p := range packages {
		locked[PythonName(p.name)] = append(locked[PythonName(p.name)], p.version)
	}
	stale := &StaleError{Path: lockPath, Manifest: m.manifest, Fix: m.fix}
	source := path.Base(m.manifest)
	for _, w := range m.wants {
		versions, ok := locked[w.name]
		switch {
		case !ok:
			stale.Differences = append(stale.Differences, w.name+": "+source+" has it, the lock file does not")
		case !slices.ContainsFunc(versions, w.allows):
			stale.Differences = append(stale.Differences, fmt.Sprintf("%s: %s says %s, the lock file %s",
				w.name, source, w.least, strings.Join(versions, ", ")))
		}
	}
	if len(stale.Differences) == 0 {
		return nil
	}
	slices.Sort(stale.Differences)
	stale.Differences = slices.Compact(stale.Differences)
	return stale
}

// allows reports whether a locked version can be what the manifest asks for; true
// for any that is not plain numbers.
func (w pythonWant) allows(version string) bool {
	have, ok := plainNumbers(version)
	least, known := plainNumbers(w.least)
	if !ok || !known {
		return true
	}
	order := slices.Compare(have, least)
	return order == 0 || order > 0 && !w.exact
}

// plainNumbers are the numbers of a version, without zeros at the end: 1.0 is 1.
func plainNumbers(version string) ([]uint64, bool) {
	var numbers []uint64
	for field := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	for len(numbers) > 1 && numbers[len(numbers)-1] == 0 {
		numbers = numbers[:len(numbers)-1]
	}
	return numbers, true
}

// pyproject is what is compared of a pyproject.toml.
type pyproject struct {
	Project struct {
		Name         string   `toml:"name"`
		Dependencies []string `toml:"dependencies"`
	} `toml:"project"`
	Tool struct {
		Poetry struct {
			Dependencies map[string]any `toml:"dependencies"`
			Dev          map[string]any `toml:"dev-dependencies"`
			Group        map[string]struct {
				Dependencies map[string]any `toml:"dependencies"`
			} `toml:"group"`
		} `toml:"poetry"`
		UV struct {
			Override []any `toml:"override-dependencies"`
			Exclude  []any `toml:"exclude-dependencies"`
		} `toml:"uv"`
		PDM struct {
			Resolution map[string]any `toml:"resolution"`
		} `toml:"pdm"`
	} `toml:"tool"`
}

// pyprojectWants returns what reads the pyproject.toml beside a lock file of uv or
// PDM, or of Poetry, which has tables of its own. Groups that need not be locked
// are left out, and so is a project that overrides what dependencies say.
func pyprojectWants(fix string, poetry bool) pythonWants {
	return func(_ []byte, tree fs.FS, lockPath string) (pythonManifest, error) {
		name := path.Join(path.Dir(lockPath), "pyproject.toml")
		data, err := manifest(tree, name)
		if err != nil || data == nil {
			return pythonManifest{}, err
		}
		var file pyproject
		if err := decodeTOML(data, name, &file); err != nil {
			return pythonManifest{}, err
		}
		tool := file.Tool
		if len(tool.UV.Override)+len(tool.UV.Exclude)+len(tool.PDM.Resolution) > 0 {
			return pythonManifest{}, nil
		}
		wanted := pythonManifest{manifest: name, fix: fix}
		for _, text := range file.Project.Dependencies {
			wanted.add(text)
		}
		if poetry {
			wanted.wants = append(wanted.wants, poetryWants(tool.Poetry.Dependencies)...)
			wanted.wants = append(wanted.wants, poetryWants(tool.Poetry.Dev)...)
			for _, group := range tool.Poetry.Group {
				wanted.wants = append(wanted.wants, poetryWants(group.Dependencies)...)
			}
		}
		wanted.wants = slices.DeleteFunc(wanted.wants, func(w pythonWant) bool {
			return w.name == PythonName(file.Project.Name)
		})
		return wanted, nil
	}
}

// poetryWants reads a table of Poetry's dependencies. One with several constraints,
// or that comes from elsewhere, is not compared.
func poetryWants(table map[string]any) []pythonWant {
	var wants []pythonWant
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if name == "python" || !pythonName.MatchString(name) {
			continue
		}
		switch value := table[name].(type) {
		case string:
			wants = append(wants, want(name, value))
		case map[string]any:
			if version, ok := value["version"].(string); ok && onlyVersion(value) {
				wants = append(wants, want(name, version))
			}
		}
	}
	return wants
}

// onlyVersion reports whether a dependency's table says nothing of where it comes
// from and for which machines it is.
func onlyVersion(table map[string]any) bool {
	for key := range table {
		if !slices.Contains([]string{"version", "extras", "optional", "index", "source"}, key) {
			return false
		}
	}
	return true
}

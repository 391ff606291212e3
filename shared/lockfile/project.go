package lockfile

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// project is the manifests that a lock file is for.
type project struct {
	manifest string            // of the root
	members  map[string]fields // by location; "." is the root
	names    map[string]bool   // of the members
	problems []string          // what is missing
}

// readProject reads the root's package.json, and those of the locations, or of the
// workspaces that the root names if locations is nil.
func readProject(tree fs.FS, lock Lock, locations []string) (project, error) {
	dir := path.Dir(lock.Path)
	p := project{
		manifest: path.Join(dir, packageFile), members: map[string]fields{}, names: map[string]bool{},
	}
	root, found, err := packageJSON(tree, dir)
	if err != nil {
		return p, err
	}
	if !found {
		if !otherManifest(tree, dir) {
			p.problems = []string{"there is no package.json beside it"}
		}
		return p, nil
	}
	p.members["."] = root
	if locations == nil {
		newMembers(tree, dir, workspacePatterns(root), func(location string) bool {
			locations = append(locations, location)
			return true
		})
	}
	for _, location := range locations {
		if !fs.ValidPath(location) || location == "." {
			continue // outside of the tree
		}
		member, found, err := packageJSON(tree, path.Join(dir, location))
		if err != nil {
			return p, err
		}
		if !found && otherManifest(tree, path.Join(dir, location)) {
			continue
		}
		if !found {
			p.problems = append(p.problems,
				fmt.Sprintf("%s: the lock file has it, but there is no package.json", location))
			continue
		}
		p.members[location] = member
		p.names[member.text("name")] = true
	}
	return p, nil
}

// otherManifest reports whether there is a manifest in a form that only pnpm reads;
// it is left to pnpm to compare.
func otherManifest(tree fs.FS, dir string) bool {
	_, yamlErr := fs.Stat(tree, path.Join(dir, "package.yaml"))
	_, json5Err := fs.Stat(tree, path.Join(dir, "package.json5"))
	return yamlErr == nil || json5Err == nil
}

// prefix names the manifest in a difference, if it is not the root's.
func (p project) prefix(location string) string {
	if location == "." {
		return ""
	}
	return path.Join(location, packageFile) + ": "
}

// resolutions are Yarn's overrides: to a version from "name", "name@range",
// "**/name" or "parent/name".
func (p project) resolutions() overrides {
	o := newOverrides()
	for key, version := range p.members["."].texts("resolutions") {
		plain := strings.TrimPrefix(key, "**/")
		name := plain
		if scope, rest, ok := cutLast(plain, "/@"); ok {
			_, name = scope, "@"+rest
		} else if !strings.HasPrefix(plain, "@") || strings.Count(plain, "/") > 1 {
			_, last, found := cutLast(plain, "/")
			if found {
				name = last
			}
		}
		name, _ = cutSpec(name)
		o.add(name, version, name == plain)
	}
	return o
}

// stale is the outcome of a comparison with the project's manifests.
func (p project) stale(lock Lock, differences []string, fix string) error {
	for _, member := range p.members {
		if *member.problem != nil {
			return *member.problem
		}
	}
	return staleError(lock, p.manifest, append(p.problems, differences...), fix)
}

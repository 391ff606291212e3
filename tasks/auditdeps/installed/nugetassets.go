package installed

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// maxAssets is the largest project.assets.json that is read; real ones reach 10 MB.
const maxAssets = 64 << 20

// nugetAssets is what is read of project.assets.json.
type nugetAssets struct {
	Version   int `json:"version"`
	Libraries map[string]struct {
		Type   string `json:"type"`
		SHA512 string `json:"sha512"`
	} `json:"libraries"`
	Targets map[string]map[string]struct {
		Dependencies map[string]string `json:"dependencies"`
	} `json:"targets"`
}

// NuGetAssets reads obj/project.assets.json of a project's folder: what the last restore
// chose, and the compiler takes, whatever the lock file says by now. Of a project that was
// not restored the tree is empty.
func NuGetAssets(tree fs.FS, dir string) Tree {
	const name = "obj/project.assets.json"
	t := Tree{Kind: NuGetRestored, Path: path.Join(dir, name), Ecosystem: "NuGet"}
	data, err := disk{tree, dir}.small(name, maxAssets)
	if errors.Is(err, errNotThere) {
		return t
	}
	var assets nugetAssets
	if err == nil && json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &assets) != nil {
		err = errors.New("is not what NuGet writes")
	}
	if err == nil && (assets.Version < 2 || assets.Version > 4) {
		err = errors.New("has a version that is not known here")
	}
	if err != nil {
		t.unread("", "the list of restored packages %v", err)
		return t
	}
	for _, library := range slices.Sorted(maps.Keys(assets.Libraries)) {
		l := assets.Libraries[library]
		if l.Type != "package" {
			continue
		}
		id, version, _ := strings.Cut(library, "/")
		pkg := Package{Name: id, Version: nugetNormal(version), Path: t.Path}
		pkg.Key = strings.ToLower(id + "/" + pkg.Version)
		if !nugetFolder.MatchString(pkg.Key) {
			t.unread("", "%.100q is not the id and version of a package", library)
			continue
		}
		if l.SHA512 != "" {
			pkg.Integrity = "sha512-" + l.SHA512
		}
		pkg.Requires = assets.requires(library)
		t.Packages = append(t.Packages, pkg)
	}
	return t
}

// requires is what a library asks for in any of the frameworks.
func (a nugetAssets) requires(library string) []lockfile.Require {
	var list []lockfile.Require
	for _, target := range slices.Sorted(maps.Keys(a.Targets)) {
		needs := a.Targets[target][library].Dependencies
		for _, name := range slices.Sorted(maps.Keys(needs)) {
			require := lockfile.Require{Name: name, Range: needs[name], Kind: lockfile.Prod, To: -1}
			if !slices.Contains(list, require) {
				list = append(list, require)
			}
		}
	}
	return list
}

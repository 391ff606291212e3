package lockfile

import (
	"path"
	"strings"
)

// npmFolders are the folders that have a node_modules. Where require(name) looks is
// in these, from a package's own folder upwards.
type npmFolders struct {
	ids map[string]int // by location
	all []npmFolder
	of  []int // for each entry the first that is looked in; -1 for none
}

type npmFolder struct {
	location string
	size     int            // of in
	up       int            // the next one above; -1 for none
	in       map[string]int // the entries in its node_modules, by name
}

const modules = "node_modules/"

// installedIn cuts the location of a package into the folder whose node_modules it is
// in, and its name there.
func installedIn(location string) (folder, name string, ok bool) {
	folder, name, ok = cutLast(location, modules)
	if !ok || folder != "" && !strings.HasSuffix(folder, "/") {
		return location, "", false
	}
	return strings.TrimSuffix(folder, "/"), name, true
}

// find finds the folders of these entries.
func (n *npmFolders) find(entries []Entry) {
	n.ids, n.of = map[string]int{}, make([]int, len(entries))
	for i := range entries {
		n.of[i] = -1
		folder, _, ok := installedIn(entries[i].Location)
		if !ok {
			continue
		}
		id, known := n.ids[folder]
		if !known {
			id = len(n.all)
			n.ids[folder], n.all = id, append(n.all, npmFolder{location: folder})
		}
		n.of[i] = id
		n.all[id].size++
	}
	for id := range n.all {
		folder := &n.all[id]
		folder.in, folder.up = make(map[string]int, folder.size), -1
		if above, ok := aboveFolder(folder.location); ok {
			folder.up = n.nearest(above)
		}
	}
	for i := range entries {
		if id := n.of[i]; id >= 0 {
			_, name, _ := installedIn(entries[i].Location)
			n.all[id].in[name] = i
		}
		n.of[i] = n.nearest(entries[i].Location)
	}
}

// nearest is the folder at or above a location; -1 if there is none.
func (n *npmFolders) nearest(location string) int {
	for ok := true; ok; location, ok = aboveFolder(location) {
		if id, found := n.ids[location]; found && path.Base(location) != "node_modules" {
			return id
		}
	}
	return -1
}

// aboveFolder is the folder above one; false if that is not within the project.
func aboveFolder(location string) (string, bool) {
	if location == "" || path.Base(location) == ".." {
		return "", false
	}
	slash := strings.LastIndexByte(location, '/')
	if slash < 0 {
		return "", true
	}
	return location[:slash], slash > 0
}

// resolve finds a package from a folder upwards; -1 if there is none.
func (n *npmFolders) resolve(folder int, name string) int {
	for ; folder >= 0; folder = n.all[folder].up {
		if i, ok := n.all[folder].in[name]; ok {
			return i
		}
	}
	return -1
}

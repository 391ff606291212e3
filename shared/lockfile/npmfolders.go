package lockfile

import (
	"path"
	"strings"
)

// npmFolders are the folders that have a node_modules. Where require(name) looks is
// in these, from a package's own folder upwards.
type npmFolders struct {
	ids map[string]int // by location
	up  []int          // the next one above; -1 for none
	in  map[npmPlace]int
	of  []int // for each entry the first that is looked in
}

type npmPlace struct {
	folder int
	name   string
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
	n.ids, n.in = map[string]int{}, make(map[npmPlace]int, len(entries))
	var locations []string
	for i := range entries {
		folder, name, ok := installedIn(entries[i].Location)
		if !ok {
			continue
		}
		id, known := n.ids[folder]
		if !known {
			id = len(locations)
			n.ids[folder], locations = id, append(locations, folder)
		}
		n.in[npmPlace{id, name}] = i
	}
	n.up = make([]int, len(locations))
	for id, location := range locations {
		n.up[id] = -1
		if above, ok := aboveFolder(location); ok {
			n.up[id] = n.nearest(above)
		}
	}
	n.of = make([]int, len(entries))
	for i := range entries {
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
	for ; folder >= 0; folder = n.up[folder] {
		if i, ok := n.in[npmPlace{folder, name}]; ok {
			return i
		}
	}
	return -1
}

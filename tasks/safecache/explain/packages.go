package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// packageDiff is how two lists of packages differ. The names in it are fit to be
// shown.
type packageDiff struct {
	rehashed []string // same version, other contents: "lodash 4.17.21 has another hash"
	upgraded []string // "lodash 4.17.20 -> 4.17.21"
	added    []string // "lodash 4.17.21"
	removed  []string
}

// release is a package's name and version.
type release struct{ name, version string }

// hashes are the hashes of each package of a list, in one text.
func hashes(packages []string) map[release]string {
	all := map[release][]string{}
	for _, text := range packages {
		id, hash, _ := strings.Cut(text, " ")
		r := release{name: id}
		if at := strings.LastIndexByte(id, '@'); at > 0 { // an @ in front begins a scope
			r = release{id[:at], id[at+1:]}
		}
		// go.sum has two lines for one version.
		r.version = strings.TrimSuffix(r.version, "/go.mod")
		all[r] = append(all[r], hash)
	}
	joined := make(map[release]string, len(all))
	for r, list := range all {
		slices.Sort(list)
		joined[r] = strings.Join(slices.Compact(list), " ")
	}
	return joined
}

// reusable is how many percent of the packages there are wanted.
func reusable(there, wanted []string) (percent float64, known bool) {
	old, now := hashes(there), hashes(wanted)
	if len(old) == 0 || len(now) == 0 {
		return 0, false
	}
	common := 0
	for r, hash := range old {
		if other, ok := now[r]; ok && other == hash {
			common++
		}
	}
	return 100 * float64(common) / float64(len(old)), true
}

func diffPackages(then, now []string) packageDiff {
	old, fresh := hashes(then), hashes(now)
	var d packageDiff
	gone, come := map[string][]string{}, map[string][]string{} // versions by name
	for _, r := range sorted(old) {
		hash, still := fresh[r]
		switch {
		case !still:
			gone[r.name] = append(gone[r.name], r.version)
		case hash != old[r]:
			d.rehashed = append(d.rehashed, shownRelease(r)+" has another hash")
		}
	}
	for _, r := range sorted(fresh) {
		if _, known := old[r]; !known {
			come[r.name] = append(come[r.name], r.version)
		}
	}
	for _, packageName := range slices.Sorted(maps.Keys(come)) {
		pairs, added, removed := pair(gone[packageName], come[packageName])
		delete(gone, packageName)
		for _, p := range pairs {
			d.upgraded = append(d.upgraded, fmt.Sprintf("%s %s -> %s", name(packageName), name(p[0]), name(p[1])))
		}
		d.added = append(d.added, shownReleases(packageName, added)...)
		d.removed = append(d.removed, shownReleases(packageName, removed)...)
	}
	for _, packageName := range slices.Sorted(maps.Keys(gone)) {
		d.removed = append(d.removed, shownReleases(packageName, gone[packageName])...)
	}
	return d
}

func sorted(releases map[release]string) []release {
	return slices.SortedFunc(maps.Keys(releases), func(a, b release) int {
		return cmp.Or(strings.Compare(a.name, b.name), compareVersions(a.version, b.version))
	})
}

// pair says which version of a package became which: first those of the same major
// version, then the others in order.
func pair(gone, come []string) (pairs [][2]string, added, removed []string) {
	major := func(version string) string {
		return version[:len(version)-len(strings.TrimLeft(version, "v0123456789"))]
	}
	byMajor := map[string][]string{}
	for _, version := range gone {
		byMajor[major(version)] = append(byMajor[major(version)], version)
	}
	paired := map[string]bool{}
	for _, version := range come {
		if same := byMajor[major(version)]; len(same) > 0 {
			pairs = append(pairs, [2]string{same[0], version})
			paired[same[0]] = true
			byMajor[major(version)] = same[1:]
		} else {
			added = append(added, version)
		}
	}
	for _, version := range gone {
		if !paired[version] {
			removed = append(removed, version)
		}
	}
	n := min(len(added), len(removed))
	for i := range n {
		pairs = append(pairs, [2]string{removed[i], added[i]})
	}
	return pairs, added[n:], removed[n:]
}

// compareVersions orders versions as people do: numbers by value.
func compareVersions(a, b string) int {
	texts := strings.Compare(a, b) // 01 is not 1, though it is as high
	const digits = "0123456789"
	for a != "" && b != "" {
		restA, restB := strings.TrimLeft(a, digits), strings.TrimLeft(b, digits)
		if numberA, numberB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]; numberA != "" && numberB != "" {
			numberA, numberB = strings.TrimLeft(numberA, "0"), strings.TrimLeft(numberB, "0")
			if c := cmp.Or(len(numberA)-len(numberB), strings.Compare(numberA, numberB)); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Or(len(a)-len(b), texts)
}

func shownRelease(r release) string { return strings.TrimSpace(name(r.name) + " " + name(r.version)) }

func shownReleases(packageName string, versions []string) []string {
	var shown []string
	for _, version := range versions {
		shown = append(shown, shownRelease(release{packageName, version}))
	}
	return shown
}

// String is the difference in a few words.
func (d packageDiff) String() string {
	parts := short(slices.Concat(d.rehashed, d.upgraded))
	switch {
	case len(d.added)+len(d.removed) > 0:
		parts = append(parts, fmt.Sprintf("+%d -%d packages", len(d.added), len(d.removed)))
	case len(parts) == 0:
		return "the packages are the same, so other parts of the file changed"
	}
	return strings.Join(parts, ", ")
}

// rows adds the difference to a table.
func (d packageDiff) rows(e *Explanation) {
	for _, r := range []struct {
		what  string
		names []string
	}{
		{"other contents", d.rehashed}, {"upgraded", d.upgraded}, {"added", d.added}, {"removed", d.removed},
	} {
		if len(r.names) > 0 {
			e.add(r.what, fmt.Sprintf("%d: %s", len(r.names), strings.Join(short(r.names), ", ")))
		}
	}
}

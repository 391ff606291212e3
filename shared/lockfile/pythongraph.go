package lockfile

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// pythonEdge is one requirement of a package or project.
type pythonEdge struct {
	name    string // as it is written
	extras  []string
	span    string // the versions that are allowed, as written
	version string // the very one, where the lock file says
	kind    Kind
	at      int // which package it is, counted from 1, where that is known
}

// pythonNeed matches a requirement of PEP 508: name, extras, and the rest.
var pythonNeed = requirementForm(`\[([^\]]*)\]`)

// readEdge understands "requests[socks]>=2.31 ; python_version < '3.13'". What is not for
// every machine may be missing: it is optional, whatever the kind.
func readEdge(text string, kind Kind) pythonEdge {
	text, marker, _ := strings.Cut(text, ";")
	match := pythonNeed.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return pythonEdge{}
	}
	e := pythonEdge{name: strings.TrimRight(match[1], "._-"), kind: kind}
	for extra := range strings.SplitSeq(match[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			e.extras = append(e.extras, PythonName(extra))
		}
	}
	e.span = strings.Trim(match[3], "() ")
	if conditional(marker) && kind == Prod {
		e.kind = Optional
	}
	return e
}

// newEnough is a part of a marker that only says which Python a package needs at least, as
// lock files repeat it from the packages' own metadata.
var newEnough = regexp.MustCompile(`^\(*\s*python_(?:full_)?version\s*(?:>=?|!=|not in)\s*(?:'[^']*'|"[^"]*")\s*\)*$`)

// conditional reports whether a marker leaves a package out on some machines.
func conditional(marker string) bool {
	if strings.TrimSpace(marker) == "" {
		return false
	}
	for part := range strings.SplitSeq(marker, " and ") {
		if !newEnough.MatchString(strings.TrimSpace(part)) {
			return true
		}
	}
	return false
}

// pythonGraph turns the packages of a lock file into its entries.
type pythonGraph struct {
	packages []pythonPackage
	first    int              // index of the first package's entry
	index    map[string][]int // of packages, by their keys
}

// addEntries fills in the entries: the project's own first, unless the lock file has it.
func (l *Lock) addEntries(packages []pythonPackage, root pythonRoot) {
	g := pythonGraph{packages: packages, index: make(map[string][]int, len(packages))}
	for i := range packages {
		key := PythonName(packages[i].name)
		g.index[key] = append(g.index[key], i)
	}
	for i := range packages {
		if packages[i].marker != "" && len(g.index[PythonName(packages[i].name)]) > 1 {
			packages[i].optional = true // one or the other
		}
	}
	l.Entries = make([]Entry, 0, len(packages)+1)
	if root.found {
		g.first = 1
		l.Entries = append(l.Entries, Entry{
			Name: root.name, Version: root.version, Source: Project, Requires: g.requires(root.needs)})
	}
	for _, p := range packages {
		l.Entries = append(l.Entries, p.entry(root))
		l.Entries[len(l.Entries)-1].Requires = g.requires(p.needs)
		if why := p.foreign(); why != "" {
			l.Contradictions = append(l.Contradictions, Contradiction{p.line, why})
		}
	}
}

func (p pythonPackage) entry(root pythonRoot) Entry {
	e := Entry{Name: PythonName(p.name), Version: p.locked, Line: p.line, Source: Registry, URL: withoutUser(p.where),
		Integrity: p.hashes, Optional: p.optional, Dev: p.dev || root.onlyDev(p.groups), Location: p.location}
	switch {
	case p.project:
		e.Source = Project
	case p.from == "git":
		e.Source = Git
	case p.from == "folder":
		e.Source = Folder
	case p.remote:
		e.Source = Remote
	}
	return e
}

// requires resolves what is asked for. Where a package is there in several versions, for
// different machines, each that the range allows is an answer.
func (g pythonGraph) requires(needs []pythonEdge) []Require {
	var list []Require
	seen := make(map[Require]bool, len(needs))
	for _, need := range needs {
		if need.name == "" {
			continue
		}
		found := g.find(need)
		if len(found) == 0 {
			list = append(list, Require{Name: need.name, Range: need.span, Kind: need.kind, To: -1})
		}
		for _, i := range found {
			r := Require{Name: need.name, Range: need.span, Kind: need.kind, To: g.first + i}
			if g.packages[i].optional && r.Kind == Prod {
				r.Kind = Optional
			}
			if !seen[r] {
				seen[r] = true
				list = append(list, r)
			}
		}
	}
	return list
}

// maxAnswers bounds how many packages of one name are looked at for a requirement: real lock
// files have three or four, and a hostile one could make the work the square of its size.
const maxAnswers = 20

func (g pythonGraph) find(need pythonEdge) []int {
	if need.at > 0 {
		return []int{need.at - 1}
	}
	all := g.index[PythonName(need.name)]
	all = all[:min(len(all), maxAnswers)]
	var found []int
	for _, i := range all {
		p := g.packages[i]
		wanted := len(p.extras) == 0 || slices.ContainsFunc(p.extras, func(extra string) bool {
			return slices.Contains(need.extras, PythonName(extra))
		})
		fits := need.version == p.locked || need.version == "" && pythonAllows(need.span, p.locked)
		if wanted && (fits || len(all) == 1) {
			found = append(found, i)
		}
	}
	if found == nil {
		return all // what the range means is not understood, or the file contradicts itself
	}
	return found
}

// pythonAllows reports whether a range allows a version, and true where that cannot be
// told: it is only for choosing between several locked versions.
func pythonAllows(span, version string) bool {
	have, ok := plainNumbers(version)
	if !ok || strings.Contains(span, "|") {
		return true
	}
	for part := range strings.SplitSeq(span, ",") {
		part = strings.TrimSpace(part)
		number := strings.TrimLeft(part, "=<>~!^ ")
		operator := strings.TrimSpace(part[:len(part)-len(number)])
		want, ok := plainNumbers(number)
		if !ok {
			continue
		}
		order := slices.Compare(have, want)
		orders, known := pythonOrders[operator]
		if known && !slices.Contains(orders, order) {
			return false
		}
	}
	return true
}

// pythonOrders are the operators that compare, with the orders that fulfil them. Of those
// with an upper end that is not written, only the lower one is looked at.
var pythonOrders = map[string][]int{"": {0}, "=": {0}, "==": {0}, "===": {0}, "!=": {-1, 1}, "<": {-1},
	"<=": {-1, 0}, ">": {1}, ">=": {0, 1}, "^": {0, 1}, "~": {0, 1}, "~=": {0, 1}}

// foreign says which file of a package is named as one of another package or version;
// empty if none is. A hash would not tell: it is of that file.
func (p pythonPackage) foreign() string {
	for _, file := range p.files {
		base := path.Base(strings.ReplaceAll(file, `\`, "/"))
		base, _, _ = strings.Cut(base, "#")
		base, _, _ = strings.Cut(base, "?")
		name, version, ok := archiveName(base, len(PythonName(p.name)))
		if !ok {
			continue
		}
		if PythonName(name) != PythonName(p.name) || !sameNumbers(version, p.locked) {
			return PythonName(p.name) + " " + p.locked + ": its file " + base + " is named as another's"
		}
	}
	return ""
}

// archiveName splits the name of a wheel or source archive. In the latter's the name of the
// package can have dashes, too; it has as many characters as it is long.
func archiveName(base string, long int) (name, version string, ok bool) {
	if wheel, is := strings.CutSuffix(base, ".whl"); is {
		parts := strings.Split(wheel, "-")
		if len(parts) < 5 {
			return "", "", false
		}
		return parts[0], parts[1], true
	}
	for _, extension := range []string{".tar.gz", ".zip", ".tar.bz2", ".tgz"} {
		stem, is := strings.CutSuffix(base, extension)
		if !is {
			continue
		}
		if len(stem) > long+1 && stem[long] == '-' && stem[long+1] >= '0' && stem[long+1] <= '9' {
			return stem[:long], stem[long+1:], true
		}
		return cutLast(stem, "-")
	}
	return "", "", false
}

// sameNumbers reports whether two versions are the same, and true where one is not of
// plain numbers.
func sameNumbers(a, b string) bool {
	one, ok := plainNumbers(a)
	other, ok2 := plainNumbers(b)
	return !ok || !ok2 || slices.Equal(one, other)
}

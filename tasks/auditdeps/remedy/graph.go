package remedy

import (
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// Graph is who requires whom in a lock file.
type Graph struct {
	lock    lockfile.Lock
	parents [][]edge // by entry
	prod    []bool   // reached from a project without a development dependency
	dev     []bool   // reached at all
	// distance of each entry from a project; -1 if no project leads to it.
	distance []int
}

// edge is a requirement of the entry from.
type edge struct {
	from    int
	require lockfile.Require
}

// New makes the graph of a lock file.
func New(lock lockfile.Lock) *Graph {
	n := len(lock.Entries)
	g := &Graph{lock: lock, parents: make([][]edge, n), distance: make([]int, n)}
	for from, entry := range lock.Entries {
		for _, r := range entry.Requires {
			if 0 <= r.To && r.To < n && r.To != from {
				g.parents[r.To] = append(g.parents[r.To], edge{from, r})
			}
		}
	}
	g.prod = g.reach(func(from lockfile.Entry, r lockfile.Require) bool {
		return from.Source != lockfile.Project || r.Kind != lockfile.Dev
	})
	g.dev = g.reach(func(lockfile.Entry, lockfile.Require) bool { return true })
	g.measure()
	return g
}

// reach marks the entries that the projects lead to by edges that may be followed.
func (g *Graph) reach(follow func(from lockfile.Entry, r lockfile.Require) bool) []bool {
	seen := make([]bool, len(g.lock.Entries))
	var queue []int
	for i, entry := range g.lock.Entries {
		if entry.Source == lockfile.Project {
			seen[i] = true
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		at := g.lock.Entries[queue[len(queue)-1]]
		queue = queue[:len(queue)-1]
		for _, r := range at.Requires {
			if 0 <= r.To && r.To < len(seen) && !seen[r.To] && follow(at, r) {
				seen[r.To] = true
				queue = append(queue, r.To)
			}
		}
	}
	return seen
}

// measure finds the shortest way from a project to each entry.
func (g *Graph) measure() {
	var queue []int
	for i, entry := range g.lock.Entries {
		g.distance[i] = -1
		if entry.Source == lockfile.Project {
			g.distance[i] = 0
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, r := range g.lock.Entries[at].Requires {
			if 0 <= r.To && r.To < len(g.distance) && g.distance[r.To] < 0 {
				g.distance[r.To] = g.distance[at] + 1
				queue = append(queue, r.To)
			}
		}
	}
}

// DevOnly reports whether an entry is needed for development alone: projects lead to it,
// and each way begins with a development dependency. What the lock file claims counts only
// where it says nothing of who requires whom.
func (g *Graph) DevOnly(entry int) bool {
	if !g.dev[entry] {
		return g.lock.Entries[entry].Dev && !g.knowsEdges()
	}
	return !g.prod[entry]
}

// knowsEdges reports whether the lock file says of any package what requires it.
func (g *Graph) knowsEdges() bool {
	return slices.ContainsFunc(g.parents, func(p []edge) bool { return len(p) > 0 })
}

// maxChains bounds Chains: there can be more of them than atoms.
const maxChains = 100

// Chains are ways from a project to an entry, the shortest first, each as the names on it:
// of the project first (its folder, or "root") and of the package last. more says that
// there are others.
func (g *Graph) Chains(entry int) (chains [][]string, more bool) {
	// Depth first, and the closest to a project first: the first way is a shortest one, and
	// there is one also where there are more ways than anybody could follow.
	stack := [][]int{{entry}}
	for steps := 0; len(stack) > 0; steps++ {
		way := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		at := way[len(way)-1]
		if g.lock.Entries[at].Source == lockfile.Project {
			chains = append(chains, g.names(way))
			continue
		}
		if len(chains) >= maxChains || steps > maxChains*maxChains {
			more = true
			break
		}
		for _, e := range slices.Backward(g.closest(at)) {
			if !slices.Contains(way, e.from) {
				stack = append(stack, append(slices.Clip(way), e.from))
			}
		}
	}
	slices.SortStableFunc(chains, func(a, b []string) int { return len(a) - len(b) })
	return chains, more
}

// closest are an entry's parents that a project leads to, the closest to one first.
func (g *Graph) closest(entry int) []edge {
	reached := make([]edge, 0, len(g.parents[entry]))
	for _, e := range g.parents[entry] {
		if g.distance[e.from] >= 0 {
			reached = append(reached, e)
		}
	}
	slices.SortStableFunc(reached, func(a, b edge) int { return g.distance[a.from] - g.distance[b.from] })
	return reached
}

// names turns the entries of a way, the last one first, into words.
func (g *Graph) names(path []int) []string {
	names := make([]string, 0, len(path))
	for _, at := range slices.Backward(path) {
		entry := g.lock.Entries[at]
		switch {
		case entry.Source != lockfile.Project:
			names = append(names, entry.Name)
		case entry.Location == "" || entry.Location == ".":
			names = append(names, "root")
		default:
			names = append(names, entry.Location)
		}
	}
	return names
}

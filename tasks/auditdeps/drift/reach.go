package drift

import (
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// flags are why a package is there, as npm computes them: each holds if it does so for
// every way from the projects to the package, see calc-dep-flags.js of npm/cli's arborist.
type flags uint8

const (
	unreached   flags = 1 << iota
	unasked           // at most a package that may do without asks for it
	forDev            // for development only
	optional          // may be missing
	forPeers          // some package has it as a peer, and none by itself
	devOptional       // for development here, optional there: may be missing without both
	allFlags    = 1<<iota - 1
)

func (f flags) has(flag flags) bool { return f&flag != 0 }

// reach computes the flags of all entries, from the roots on.
func reach(entries []lockfile.Entry) []flags {
	state := make([]flags, len(entries))
	for i := range state {
		state[i] = allFlags
	}
	queue := roots(entries)
	for _, root := range queue {
		state[root] = 0
	}
	for len(queue) > 0 {
		from := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, r := range entries[from].Requires {
			if r.To >= 0 && state[r.To].follow(state[from], r.Kind) {
				queue = append(queue, r.To)
			}
		}
	}
	return state
}

// roots are the projects. One that the lock file calls dev or optional is none, if
// something requires it.
func roots(entries []lockfile.Entry) []int {
	required := make([]bool, len(entries))
	for i, e := range entries {
		for _, r := range e.Requires {
			if r.To >= 0 && r.To != i {
				required[r.To] = true
			}
		}
	}
	var found []int
	for i, e := range entries {
		claimed := e.Dev || e.Optional || e.DevOptional || isLink(e)
		if e.Source == lockfile.Project && !e.Ghost && (!claimed || !required[i]) {
			found = append(found, i)
		}
	}
	return found
}

// isLink reports whether an entry is a link in node_modules to a project.
func isLink(e lockfile.Entry) bool {
	return e.Source == lockfile.Project && strings.Contains("/"+e.Location, "/"+nodeModules+"/")
}

const nodeModules = "node_modules"

// follow takes away the flags that do not hold any more, as there is this edge. It reports
// whether that changed something.
func (f *flags) follow(from flags, kind lockfile.Kind) bool {
	switch kind {
	case lockfile.Dev:
		from |= forDev
	case lockfile.Optional:
		from |= optional
	case lockfile.Peer:
		from |= forPeers
	case lockfile.PeerOptional:
		from |= forPeers | optional | unasked
	}
	if from.has(forDev | optional) {
		from |= devOptional
	}
	before := *f
	*f &= from
	return *f != before
}

// hasGraph reports whether the lock file's entries are a graph from the projects on. Yarn 1
// says nothing of projects: there is one as soon as the manifest could be read, also one
// that asks for nothing.
func hasGraph(f Facts) bool {
	if f.Lock.Ecosystem() != "npm" {
		return false
	}
	for _, e := range f.Lock.Entries {
		root := f.Lock.Format == lockfile.Yarn1 && e.Location == ""
		if e.Source == lockfile.Project && (root || len(e.Requires) > 0) {
			return true
		}
	}
	return false
}

// reachable compares what the lock file says of why packages are there with its own graph:
// a flag decides about what is audited and what is installed for production.
func reachable(f Facts) []Finding {
	if !hasGraph(f) {
		return nil
	}
	r := &report{Facts: f}
	lies := Finding{Check: Lint, Rule: "lint/reach", Severity: Fail}
	ghost := Finding{Check: Lint, Rule: "lint/extraneous", Severity: Warn}
	state := reach(f.Lock.Entries)
	for i, e := range f.Lock.Entries {
		if e.Source == lockfile.Project {
			continue
		}
		lies.Fix, ghost.Fix = r.relock(e.Name), managers[f.Lock.Format].renew
		switch {
		case state[i].has(unreached):
			if ghost.Severity = Warn; e.Ghost {
				ghost.Severity = Note // npm says so itself, and does not install it
			}
			r.entry(ghost, e, "nothing requires %s, but the lock file has it", spec(e.Name, e.Version))
		case e.Ghost && state[i].has(unasked):
		case e.Ghost:
			r.entry(lies, e, "%s is called superfluous, but it is required", spec(e.Name, e.Version))
		default:
			if lie := lie(e, state[i], f.Lock.Format); lie != "" {
				r.entry(lies, e, "%s is called %s, but it is required without that", spec(e.Name, e.Version), lie)
			}
		}
	}
	return r.found
}

// lie names the flag of an entry that its graph contradicts.
func lie(e lockfile.Entry, f flags, format lockfile.Format) string {
	switch {
	case e.Dev && !f.has(forDev):
		return "a dev dependency"
	case e.DevOptional && !f.has(devOptional):
		return "a dev or optional dependency"
	case e.Optional && !f.has(optional) && format != lockfile.Berry: // there it means: for one system only
		return "optional"
	case e.Peer && !f.has(forPeers):
		return "a peer dependency"
	}
	return ""
}

func isPeer(kind lockfile.Kind) bool { return kind == lockfile.Peer || kind == lockfile.PeerOptional }

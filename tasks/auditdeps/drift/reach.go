package drift

import (
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// flags are why a package is there, as npm computes them: each holds if it does so for
// every way from the projects to the package, see calc-dep-flags.js of npm/cli's arborist.
type flags struct {
	unreached           bool
	unasked             bool // at most a package that may do without asks for it
	dev, optional, peer bool
	devOptional         bool // it may be left out where both of these are
}

// reach computes the flags of all entries. The roots are the projects; one that the
// lock file calls dev or optional is none, if something requires it.
func reach(entries []lockfile.Entry) []flags {
	state := make([]flags, len(entries))
	required := make([]bool, len(entries))
	for i, e := range entries {
		state[i] = flags{true, true, true, true, true, true}
		for _, r := range e.Requires {
			if r.To >= 0 && r.To != i {
				required[r.To] = true
			}
		}
	}
	var queue []int
	for i, e := range entries {
		if e.Source == lockfile.Project && !e.Ghost && (!e.Dev && !e.Optional && !isLink(e) || !required[i]) {
			state[i] = flags{}
			queue = append(queue, i)
		}
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

// isLink reports whether an entry is a link in node_modules to a project.
func isLink(e lockfile.Entry) bool {
	return e.Source == lockfile.Project && strings.Contains("/"+e.Location, "/"+nodeModules+"/")
}

const nodeModules = "node_modules"

// follow takes away the flags that do not hold any more, as there is this edge. It reports
// whether that changed something.
func (f *flags) follow(from flags, kind lockfile.Kind) bool {
	before := *f
	dev, optional := kind == lockfile.Dev, kind == lockfile.Optional || kind == lockfile.PeerOptional
	f.unreached = f.unreached && from.unreached
	f.unasked = f.unasked && (from.unasked || kind == lockfile.PeerOptional)
	f.dev = f.dev && (from.dev || dev)
	f.optional = f.optional && (from.optional || optional)
	f.peer = f.peer && (from.peer || isPeer(kind))
	f.devOptional = f.devOptional && (from.devOptional || from.dev || from.optional || dev || optional)
	return *f != before
}

// hasGraph reports whether the lock file's entries are a graph from the projects on.
func hasGraph(f Facts) bool {
	if f.Lock.Ecosystem() != "npm" {
		return false
	}
	for _, e := range f.Lock.Entries {
		if e.Source == lockfile.Project && len(e.Requires) > 0 {
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
		case state[i].unreached:
			if ghost.Severity = Warn; e.Ghost {
				ghost.Severity = Note // npm says so itself, and does not install it
			}
			r.entry(ghost, e, "nothing requires %s, but the lock file has it", spec(e.Name, e.Version))
		case e.Ghost && state[i].unasked:
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
	case e.Dev && !f.dev:
		return "a dev dependency"
	case e.DevOptional && !f.devOptional:
		return "a dev or optional dependency"
	case e.Optional && !f.optional && format != lockfile.Berry: // there it means: for one system only
		return "optional"
	case e.Peer && !f.peer:
		return "a peer dependency"
	}
	return ""
}

func isPeer(kind lockfile.Kind) bool { return kind == lockfile.Peer || kind == lockfile.PeerOptional }

// Package ecosystem knows package managers: where each keeps its downloads, which
// of these a lock file names, and how each of them is verified.
//
// It promises that a file it claims is bound to the lock file's own hashes, or
// else that the plan says so ([Plan.Unproven]). It reads nothing but what it is
// given, and runs nothing.
package ecosystem

import (
	"slices"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// All returns every package manager that is known.
func All() []Ecosystem { return []Ecosystem{npm, yarn, pnpm, golang, cargo, pip, nuget, maven, gradle} }

// Named returns the package manager with this name, and false if it is not known.
func Named(name string) (Ecosystem, bool) {
	all := All()
	i := slices.IndexFunc(all, func(e Ecosystem) bool { return e.Name == name })
	if i < 0 {
		return Ecosystem{}, false
	}
	return all[i], true
}

// Ecosystem is one package manager.
type Ecosystem struct {
	Name  string   // as in the input: npm, yarn, ...
	Locks []string // base names of its lock files, the most telling first
	// Folder returns where the tool keeps its downloads if the pipeline says nothing
	// else: what SafeCache should restore and save.
	Folder func(Host) string
	// Tool is the program, with arguments, that prints the version which the form of
	// the download cache depends on. Empty if it depends on none.
	Tool []string
	Next string // the command that installs from the cache alone if it can, and checks: "npm ci"
	// Plan says what of the download cache the lock files name.
	Plan func(locks []lockfile.Lock) Plan
}

// Host is the machine a tool runs on.
type Host struct {
	OS     string // runtime.GOOS
	Home   string
	Lookup func(name string) (value string, ok bool) // environment variables
	// Format is of the lock file, if that is known already: the two Yarns keep their
	// downloads in different places.
	Format lockfile.Format
}

// Plan is what lock files say about a download cache.
type Plan struct {
	Claims claim.Set
	// Unproven is why the lock files cannot prove what is in the claimed files, for a
	// log line; empty if they prove every file. Then an entry needs a trusted signature.
	Unproven string
	Next     string // instead of the ecosystem's; empty if that is right
}

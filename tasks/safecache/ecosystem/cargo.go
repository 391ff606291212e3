package ecosystem

import (
	"crypto"
	"encoding/hex"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// cargo keeps the .crate archives. Cargo itself checks an archive only when it
// downloads it: any file of the right name in its cache is unpacked and built
// (cargo's sources/registry/download.rs).
//
// Not kept: the registry's index, which decides about dependencies and features
// and which nothing proves, so that `cargo --offline` does not work from the cache
// alone (Cargo asks for the index entries of the locked crates, a few kilobytes
// each, and downloads no crate); registry/src, which is unpacked and never checked
// again; git checkouts, and target.
var cargo = Ecosystem{
	Name:   "cargo",
	Locks:  []string{"Cargo.lock"},
	Folder: cargoFolder,
	Tool:   []string{"cargo", "--version"},
	Next:   "cargo fetch --locked",
	Plan:   cargoPlan,
}

func cargoFolder(h Host) string {
	home := h.env("CARGO_HOME")
	if home == "" {
		home = h.join(h.Home, ".cargo")
	}
	return h.join(home, "registry", "cache")
}

// cargoPlan claims the archives that Cargo.lock has checksums of, in a folder that
// is CARGO_HOME, its registry, or registry/cache.
func cargoPlan(locks []lockfile.Lock) Plan {
	// Two crates of one name and version from two registries have no claim: the
	// folder of a registry is named by a hash that only Cargo computes, and one
	// registry's crate must not be taken for the other's.
	sums := hashesByFile{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, integrity := range p.Integrity {
				if sum, ok := strings.CutPrefix(integrity, "sha256:"); ok {
					sums.add(p.Name+"-"+p.Version+".crate", sum)
				}
			}
		}
	}
	return Plan{Claims: func(name string) (claim.Claim, bool) {
		name = strings.TrimPrefix(name, "registry/")
		name = strings.TrimPrefix(name, "cache/")
		registry, file, ok := strings.Cut(name, "/")
		if !ok || registry == "src" || registry == "index" {
			return claim.Claim{}, false
		}
		return sha256Claim(sums[file])
	}}
}

// sha256Claim is the claim that a file has this SHA-256, in hex; false for what is
// none.
func sha256Claim(sum string) (claim.Claim, bool) {
	decoded, err := hex.DecodeString(sum)
	if err != nil || len(decoded) != crypto.SHA256.Size() {
		return claim.Claim{}, false
	}
	return claim.Claim{ID: "sha256:" + sum, Hash: crypto.SHA256, Sum: decoded}, true
}

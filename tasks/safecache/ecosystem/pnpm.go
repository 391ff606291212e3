package ecosystem

import (
	"encoding/hex"
	"regexp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// pnpm keeps the files of packages under their own hashes, and for each package a
// list of its files. The lock file has the hash of the archive that they came from,
// which is gone: whoever writes such a list decides what is installed.
var pnpm = Ecosystem{
	Name:   "pnpm",
	Locks:  []string{"pnpm-lock.yaml"},
	Folder: pnpmFolder,
	Tool:   []string{"pnpm", "--version"}, // the store's version goes with it
	Next:   "pnpm install --offline --frozen-lockfile",
	Plan:   pnpmPlan,
}

const pnpmWhy = "pnpm's store binds files to packages by lists of its own, " +
	"which nothing in pnpm-lock.yaml can check without the archives"

func pnpmFolder(h Host) string {
	for _, name := range []string{"npm_config_store_dir", "NPM_CONFIG_STORE_DIR", "PNPM_CONFIG_STORE_DIR"} {
		if folder := h.env(name); folder != "" {
			return folder
		}
	}
	switch {
	case h.env("PNPM_HOME") != "":
		return h.join(h.env("PNPM_HOME"), "store")
	case h.env("XDG_DATA_HOME") != "":
		return h.join(h.env("XDG_DATA_HOME"), "pnpm", "store")
	case h.OS == "windows":
		return h.join(h.localAppData(), "pnpm", "store")
	case h.OS == "darwin":
		return h.join(h.Home, "Library", "pnpm", "store")
	}
	return h.join(h.Home, ".local", "share", "pnpm", "store")
}

// pnpmStore is a file of the store, with the store's version in front or not:
// contents, the list of a package's files (up to pnpm 9 beside the contents, from
// 10 on in index, named by the hash of the archive), and the one database that
// later versions have for all lists. Not claimed: projects, which links to all
// that use the store, links, which is an installation, and what is temporary.
var pnpmStore = regexp.MustCompile(`^(?:v[0-9]+/)?(?:` +
	`files/[0-9a-f]{2}/[0-9a-f]{126}(?:-exec)?` +
	`|files/([0-9a-f]{2})/([0-9a-f]{126})-index\.json` +
	`|index/([0-9a-f]{2})/([0-9a-f]{62})-[^/]+\.json` +
	`|index\.db)$`)

// pnpmPlan claims the store's contents, and the lists of the packages that the lock
// files name.
func pnpmPlan(locks []lockfile.Lock) Plan {
	named := map[string]bool{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, integrity := range p.Integrity {
				if c, ok := sriClaim(integrity); ok {
					sum := hex.EncodeToString(c.Sum)
					named[sum] = true
					named[sum[:min(64, len(sum))]] = true
				}
			}
		}
	}
	return Plan{
		Unproven: pnpmWhy,
		Claims: func(path string) (claim.Claim, bool) {
			parts := pnpmStore.FindStringSubmatch(path)
			if parts == nil {
				return claim.Claim{}, false
			}
			list := parts[1] + parts[2] + parts[3] + parts[4]
			return claim.Claim{}, list == "" || named[list]
		},
	}
}

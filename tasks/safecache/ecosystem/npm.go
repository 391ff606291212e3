package ecosystem

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// npm keeps what it downloads under the hash of the contents, and finds it there
// by the lock file's integrity alone. Nothing else of its cache is kept: not the
// index, which says what was the newest version of a package when it was asked
// for (it brings back versions with holes), and which npm itself believes: its
// own `npm cache verify` passes a cache whose index leads to an evil archive.
var npm = Ecosystem{
	Name:   "npm",
	Locks:  []string{"npm-shrinkwrap.json", "package-lock.json"}, // in npm's order
	Folder: npmFolder,
	// Not npm, which takes four times as long to start: the form of the cache has
	// been the same since npm 5, and it is Node.js that packages are built for.
	Tool: []string{"node", "--version"},
	Next: "npm ci",
	Plan: npmPlan,
}

// npmContents is where npm keeps archives, below _cacache.
const npmContents = "content-v2/"

func npmFolder(h Host) string {
	cache := h.env("npm_config_cache")
	if cache == "" {
		cache = h.env("NPM_CONFIG_CACHE") // the agent's spelling of a pipeline variable
	}
	switch {
	case cache != "":
	case h.OS == "windows" && h.env("LOCALAPPDATA") != "":
		cache = h.join(h.env("LOCALAPPDATA"), "npm-cache")
	case h.OS == "windows":
		cache = h.join(h.Home, "AppData", "Local", "npm-cache")
	default:
		cache = h.join(h.Home, ".npm")
	}
	return h.join(cache, "_cacache")
}

// npmPlan claims the archives that the lock files have hashes of, in a folder that
// is npm's cache or the _cacache in it.
func npmPlan(locks []lockfile.Lock) Plan {
	claims := map[string]claim.Claim{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, integrity := range p.Integrity {
				if c, ok := sriClaim(integrity); ok {
					algorithm, _, _ := strings.Cut(integrity, "-")
					sum := hex.EncodeToString(c.Sum)
					claims[npmContents+algorithm+"/"+sum[:2]+"/"+sum[2:4]+"/"+sum[4:]] = c
				}
			}
		}
	}
	return Plan{Claims: func(path string) (claim.Claim, bool) {
		c, ok := claims[strings.TrimPrefix(path, "_cacache/")]
		return c, ok
	}}
}

// sriHashes are the algorithms of Subresource Integrity.
var sriHashes = map[string]crypto.Hash{
	"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// sriClaim is the claim that an integrity such as "sha512-<base64>" makes.
func sriClaim(integrity string) (claim.Claim, bool) {
	algorithm, text, _ := strings.Cut(integrity, "-")
	hash, ok := sriHashes[algorithm]
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(sum) != hash.Size() {
		return claim.Claim{}, false
	}
	return claim.Claim{ID: integrity, Hash: hash, Sum: sum}, true
}

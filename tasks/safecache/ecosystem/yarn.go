package ecosystem

import (
	"crypto"
	"crypto/sha512"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// yarn is two package managers. Yarn 2 and later (Berry) keep one archive for each
// package, whose hash is in yarn.lock: every file is proven. Yarn 1 keeps packages
// unpacked and installs from the unpacked files, which no hash is about.
var yarn = Ecosystem{
	Name:   "yarn",
	Locks:  []string{"yarn.lock"},
	Folder: yarnFolder,
	Tool:   []string{"yarn", "--version"},
	Next:   "yarn install --immutable", // which Yarn 1 ignores
	Plan:   yarnPlan,
}

// yarnFolder is the cache that Yarn uses for all projects. Yarn 4 heeds
// YARN_CACHE_FOLDER only when told not to use that cache. Yarn 2 and 3 use the
// project's .yarn/cache unless told otherwise: then the pipeline has to name it.
func yarnFolder(h Host) string {
	folder, global := h.env("YARN_CACHE_FOLDER"), h.env("YARN_ENABLE_GLOBAL_CACHE")
	if folder != "" && (h.Format != lockfile.Berry || global == "false" || global == "0") {
		return folder
	}
	if h.Format == lockfile.Yarn1 {
		return yarn1Folder(h)
	}
	global = h.env("YARN_GLOBAL_FOLDER")
	switch {
	case global != "":
	case h.OS == "windows":
		global = h.join(h.localAppData(), "Yarn", "Berry")
	case h.env("XDG_DATA_HOME") != "":
		global = h.join(h.env("XDG_DATA_HOME"), "yarn", "berry")
	default:
		global = h.join(h.Home, ".yarn", "berry")
	}
	return h.join(global, "cache")
}

func yarn1Folder(h Host) string {
	switch {
	case h.OS == "windows":
		return h.join(h.localAppData(), "Yarn", "Cache")
	case h.OS == "darwin":
		return h.join(h.Home, "Library", "Caches", "Yarn")
	case h.env("XDG_CACHE_HOME") != "":
		return h.join(h.env("XDG_CACHE_HOME"), "yarn")
	}
	return h.join(h.Home, ".cache", "yarn")
}

func (h Host) localAppData() string {
	if folder := h.env("LOCALAPPDATA"); folder != "" {
		return folder
	}
	return h.join(h.Home, "AppData", "Local")
}

// yarn1Why is for the log.
const yarn1Why = "Yarn 1 installs from unpacked files, and yarn.lock has hashes of the archives only"

func yarnPlan(locks []lockfile.Lock) Plan {
	archives, downloads := map[string]claim.Claim{}, map[string]bool{}
	plan := Plan{}
	for _, lock := range locks {
		if lock.Format == lockfile.Yarn1 {
			plan.Unproven, plan.Next = yarn1Why, "yarn install --frozen-lockfile"
			yarn1Downloads(lock, downloads)
			continue
		}
		for _, p := range lock.Packages {
			berryArchives(p, archives)
		}
	}
	plan.Claims = func(path string) (claim.Claim, bool) {
		if c, ok := archives[path]; ok {
			return c, true
		}
		parts := yarn1Path.FindStringSubmatch(path)
		return claim.Claim{}, parts != nil && downloads[parts[1]]
	}
	return plan
}

// berryArchives adds what a package's archive can be called: with the cache key at
// the end in the global cache, and with the start of its hash in the project's
// (getVersionFilename and getChecksumFilename in yarnpkg-core's Cache.ts).
func berryArchives(p lockfile.Package, archives map[string]claim.Claim) {
	for _, integrity := range p.Integrity {
		key, text, _ := strings.Cut(integrity, "/")
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha512.Size {
			continue
		}
		c := claim.Claim{ID: integrity, Hash: crypto.SHA512, Sum: sum}
		slug := berrySlug(p.Name, p.URL)
		archives[slug+"-"+text[:10]+".zip"] = c
		archives[slug+"-"+key+".zip"] = c
	}
}

// semanticVersion has a version without its build in the first group.
var semanticVersion = regexp.MustCompile(`^[v=\s]*([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?$`)

// berrySlug is the start of an archive's name: slugifyLocator in structUtils.ts.
func berrySlug(name, reference string) string {
	scope, bare := "", name
	if s, n, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(s, "@") {
		scope, bare = s[1:], n
		name = s + "-" + n
	}
	hash := func(parts ...string) string {
		sum := sha512.Sum512([]byte(strings.Join(parts, "")))
		return hex.EncodeToString(sum[:])
	}
	human := "exotic"
	protocol, selector := berryParts(reference)
	if protocol != "" {
		human = strings.TrimSuffix(protocol, ":")
	}
	if v := semanticVersion.FindStringSubmatch(selector); v != nil {
		human += "-" + v[1]
	}
	return name + "-" + human + "-" + hash(hash(scope, bare), reference)[:10]
}

// berryParts cuts protocol:source#selector::parameters, as parseRange in
// structUtils.ts does; without a source the selector comes first.
func berryParts(reference string) (protocol, selector string) {
	if i := strings.IndexAny(reference, "#:"); i >= 0 && reference[i] == ':' {
		protocol, reference = reference[:i+1], reference[i+1:]
	}
	reference, _, _ = strings.Cut(reference, "::")
	source, selector, ok := strings.Cut(reference, "#")
	if !ok {
		selector = source
	}
	return protocol, selector
}

// yarn1Path is a file of a package that Yarn 1 unpacked, with the SHA-1 of its
// archive in the folder's name. Yarn puts the cache's version in front, as in v6/.
var yarn1Path = regexp.MustCompile(`^(?:v[0-9]+/)?npm-[^/]+-([0-9a-f]{40})(?:-integrity)?/node_modules/.`)

// yarn1Downloads adds the hashes by which Yarn 1 names the folders of packages.
func yarn1Downloads(lock lockfile.Lock, downloads map[string]bool) {
	for _, p := range lock.Packages {
		i := slices.IndexFunc(p.Integrity, func(s string) bool { return strings.HasPrefix(s, "sha1-") })
		if i < 0 {
			continue
		}
		if c, ok := sriClaim(p.Integrity[i]); ok {
			downloads[hex.EncodeToString(c.Sum)] = true
		}
	}
}

package ecosystem

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// pip keeps the wheels and source archives that pip downloaded, which it finds by
// their address: the name of a file in its cache is the hash of that, and only the
// contents tell whether a lock file has a hash of it. Beside each is what the
// server answered. That cannot be proven, and pip follows it: so it must be a plain
// 200 without a redirect, an encoding or a web page, beside a file that is proven.
// (What it can still say is how long the file is fresh, and which of the proven
// files an address leads to: `--require-hashes` makes pip check that, too.)
//
// Not kept: pages of the package index, from which versions are chosen; the old
// cache format of pip before 23.3; and wheels that were built here.
var pip = Ecosystem{
	Name:   "pip",
	Locks:  []string{"pylock.toml", "Pipfile.lock", "poetry.lock", "requirements*.txt", "pdm.lock", "uv.lock"},
	Folder: pipFolder,
	Tool:   []string{"python", "--version"},
	Next:   "pip install --require-hashes -r requirements.txt",
	Plan:   pipPlan,
}

func pipFolder(h Host) string {
	cache := h.env("PIP_CACHE_DIR")
	switch {
	case cache != "":
	case h.OS == "windows":
		cache = h.join(h.localAppData(), "pip", "Cache")
	case h.OS == "darwin":
		cache = h.join(h.Home, "Library", "Caches", "pip")
	case h.env("XDG_CACHE_HOME") != "":
		cache = h.join(h.env("XDG_CACHE_HOME"), "pip")
	default:
		cache = h.join(h.Home, ".cache", "pip")
	}
	return h.join(cache, "http-v2")
}

var (
	// pipEntry is a file of pip's cache: the SHA-224 of an address, whose first
	// digits are folders.
	pipEntry = regexp.MustCompile(`^(?:http-v2/)?([0-9a-f])/([0-9a-f])/([0-9a-f])/([0-9a-f])/([0-9a-f])/([0-9a-f]{56})(\.body)?$`)
	// poetryArtifact is an archive in Poetry's cache, below the hash of its address.
	poetryArtifact = regexp.MustCompile(`^artifacts/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]+/[^/]+\.(?:whl|zip|tar\.gz|tar\.bz2|tar\.xz|tgz)$`)
)

// pipPlan claims files of pip's cache or of the http-v2 in it, and of Poetry's cache.
func pipPlan(locks []lockfile.Lock) Plan {
	allowed := anyOf{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, h := range p.Integrity {
				allowed.add(h)
			}
		}
	}
	id := allowed.id()
	file := claim.Claim{ID: "any of " + id, Deep: allowed.checkMaybe, Maybe: true}
	answer := claim.Claim{ID: "answer with any of " + id, Maybe: true, Deep: func(tree fs.FS, name string) error {
		if err := checkPipAnswer(tree, name); err != nil {
			return notNamed(err)
		}
		return allowed.checkMaybe(tree, name+".body")
	}}
	return Plan{Next: pipNext(locks), Claims: func(name string) (claim.Claim, bool) {
		if len(allowed) == 0 {
			return claim.Claim{}, false
		}
		if poetryArtifact.MatchString(name) {
			return file, true
		}
		match := pipEntry.FindStringSubmatch(name)
		switch {
		case match == nil || strings.Join(match[1:6], "") != match[6][:5]:
			return claim.Claim{}, false
		case match[7] == ".body":
			return file, true
		default:
			return answer, true
		}
	}}
}

// pipTools are the commands of other tools than pip, by the lock file that each writes.
var pipTools = map[string]string{
	"poetry.lock": "poetry install", "pdm.lock": "pdm sync", "uv.lock": "uv sync --locked",
	"Pipfile.lock": "pipenv sync",
}

// pipNext is the command of the tool that all lock files are for; "" if that is pip.
func pipNext(locks []lockfile.Lock) string {
	next := ""
	for i, lock := range locks {
		command := pipTools[path.Base(lock.Path)]
		if i > 0 && command != next {
			return ""
		}
		next = command
	}
	return next
}

// anyOf is a set of hashes, as "sha256:<hex>", any of which suffices.
type anyOf map[string]bool

// shaOf are the algorithms of such hashes.
var shaOf = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

func (a anyOf) add(h string) {
	algorithm, _, _ := strings.Cut(h, ":")
	if shaOf[algorithm] != 0 {
		a[h] = true
	}
}

// id is the same for the same set.
func (a anyOf) id() string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(maps.Keys(a)), "\n")))
	return hex.EncodeToString(sum[:])
}

// checkMaybe holds a file against the set, which does not name it if it is not in.
func (a anyOf) checkMaybe(tree fs.FS, name string) error { return notNamed(a.check(tree, name)) }

// check holds a file against the set.
func (a anyOf) check(tree fs.FS, name string) error {
	digests := map[string]hash.Hash{}
	for h := range a {
		algorithm, _, _ := strings.Cut(h, ":")
		if digests[algorithm] == nil {
			digests[algorithm] = shaOf[algorithm].New()
		}
	}
	var writers []io.Writer
	for _, d := range digests {
		writers = append(writers, d)
	}
	file, err := tree.Open(name)
	if err != nil {
		return errors.New("it cannot be opened")
	}
	defer file.Close()
	if _, err := io.Copy(io.MultiWriter(writers...), file); err != nil {
		return errors.New("it cannot be read")
	}
	for algorithm, d := range digests {
		if a[algorithm+":"+hex.EncodeToString(d.Sum(nil))] {
			return nil
		}
	}
	return errors.New("it has another hash")
}

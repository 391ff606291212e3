package entry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Names of objects, see docs/format.md:
//
//	v1/t/<pipeline>/<branch>/e/<entry>/<generation>.json   v1/t/<pipeline>/p/<aa>/<sha256>.pack
//	v1/u/<pipeline>/<branch>/e/<entry>/<generation>.json   v1/u/<pipeline>/<branch>/p/<aa>/<sha256>.pack
const (
	trustedRoot   = "v1/t/"
	untrustedRoot = "v1/u/"
	entries       = "/e/"
	packs         = "/p/"
	packSuffix    = ".pack"
	jsonSuffix    = ".json"
)

// hash is what stands for something in a name: it must not collide, even on purpose.
func hash(v any) string {
	sum := sha256.Sum256(encode(v))
	return hex.EncodeToString(sum[:16])
}

// pipeline is the folder that a pipeline has in a tier.
func (s Scope) pipeline() string {
	root := untrustedRoot
	if s.Tier == trusted {
		root = trustedRoot
	}
	return root + s.id()
}

// id stands for a pipeline.
func (s Scope) id() string { return hash([]string{s.Collection, s.Project, s.Definition}) }

// root is the folder of a scope.
func (s Scope) root() string { return s.pipeline() + "/" + hash(s.Branch) }

// packRoot is the folder of the packs that a scope's entries may have parts in:
// trusted branches of a pipeline share them, everything else has its own.
func (s Scope) packRoot() string {
	if s.Tier == trusted {
		return s.pipeline() + packs
	}
	return s.root() + packs
}

func (s Scope) packName(sha string) string {
	return s.packRoot() + sha[:2] + "/" + sha + packSuffix
}

// Segments that count in an entry's name. More would make paths too long for some
// systems; the manifest has them all.
const namedSegments = 6

// prefix is what the names of all entries with these leading values begin with.
func prefix(values []string) string {
	parts := make([]string, min(len(values), namedSegments))
	for i := range parts {
		sum := sha256.Sum256([]byte(values[i]))
		parts[i] = hex.EncodeToString(sum[:8])
	}
	return strings.Join(parts, "-")
}

func entryName(values []string) string { return prefix(values) + "." + hash(values) }

// folder is where all generations of a key are.
func (s Scope) folder(values []string) string { return s.root() + entries + entryName(values) + "/" }

// Generations are counted with as many digits, so that their names sort.
const generationDigits = 8

// manifestParts is how many parts the name of a manifest has.
const manifestParts = 7

func manifestName(s Scope, values []string, generation int) string {
	return s.folder(values) + fmt.Sprintf("%0*d", generationDigits, generation) + jsonSuffix
}

// generationOf returns the generation that a manifest's name gives it, and 0 if it
// is no manifest's name.
func generationOf(name string) int {
	digits, isJSON := strings.CutSuffix(path.Base(name), jsonSuffix)
	ours := strings.HasPrefix(name, trustedRoot) || strings.HasPrefix(name, untrustedRoot)
	parts := strings.Split(name, "/")
	if !isJSON || len(digits) != generationDigits || strings.Trim(digits, "0123456789") != "" || !ours ||
		len(parts) != manifestParts || "/"+parts[manifestParts-3]+"/" != entries {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// shaOfPack returns the SHA-256 that a pack's name gives it, and "" if it is none.
func shaOfPack(name string) string {
	sha, isPack := strings.CutSuffix(path.Base(name), packSuffix)
	if !isPack || !isSHA256(sha) {
		return ""
	}
	return sha
}

func isSHA256(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

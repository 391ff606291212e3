package lockfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// goModSuffix marks the version of a go.sum line that is about the go.mod file
// alone, as go.sum itself writes it.
const goModSuffix = "/go.mod"

// emptyGoMod is the hash of an empty go.mod, which an early go command wrote by
// mistake; the go command has dropped such lines ever since (modfetch/fetch.go).
const emptyGoMod = "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY="

// parseGoSum reads go.sum and go.work.sum: "module version hash" on each line.
func parseGoSum(data []byte, tree fs.FS, lock *Lock) error {
	if err := readGoSum(data, lock); err != nil {
		return err
	}
	if tree != nil {
		lock.addGoSum(data, tree)
	}
	return nil
}

func readGoSum(data []byte, lock *Lock) error {
	lock.Format = Go
	hashes := map[module.Version]string{}
	unproven := map[module.Version]bool{}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return malformed(lock, "line %d has %d fields, not module, version and hash", number, len(fields))
		}
		mod, hash := module.Version{Path: fields[0], Version: fields[1]}, fields[2]
		if err := module.Check(mod.Path, strings.TrimSuffix(mod.Version, goModSuffix)); err != nil {
			return malformed(lock, "line %d does not name a module and its version", number)
		}
		if hash == emptyGoMod {
			continue
		}
		if !isH1(hash) {
			if strings.HasPrefix(hash, "h1:") {
				return malformed(lock, "line %d has a hash that is not base64 of 32 bytes", number)
			}
			unproven[mod] = true // an algorithm of the future, which this go.sum reader cannot check
			continue
		}
		// The go command stops at the first h1 hash that differs, so two of them can
		// never both be right; a merge went wrong, or somebody hopes for the other.
		if other, ok := hashes[mod]; ok && other != hash {
			return malformed(lock, "line %d gives %s %s a second, different hash", number, mod.Path, mod.Version)
		}
		hashes[mod] = hash
	}
	for mod, hash := range hashes {
		lock.Packages = append(lock.Packages, Package{Name: mod.Path, Version: mod.Version, Integrity: []string{hash}})
	}
	for mod := range unproven {
		if hashes[mod] == "" {
			lock.Unproven = append(lock.Unproven, mod.Path+"@"+mod.Version)
		}
	}
	return nil
}

func isH1(hash string) bool {
	sum, ok := strings.CutPrefix(hash, "h1:")
	decoded, err := base64.StdEncoding.Strict().DecodeString(sum)
	return ok && err == nil && len(decoded) == sha256.Size
}

// staleGoSum looks for the go.mod hash of everything that go.mod requires, which
// the go command keeps for every requirement, direct or not. In a workspace the
// go.sum files of its modules and go.work.sum count together, as they do for the
// go command.
func staleGoSum(_ []byte, tree fs.FS, lock Lock) error {
	ws, err := findWorkspace(tree, lock.Path)
	if err != nil || ws == nil {
		return err
	}
	have, err := ws.sums(tree, lock)
	if err != nil {
		return err
	}
	for _, mod := range ws.checked {
		stale := &StaleError{Path: lock.Path, Manifest: mod.path, Fix: "go mod tidy"}
		for _, need := range ws.required(mod) {
			if _, ok := have[need]; !ok {
				stale.Differences = append(stale.Differences, missingSum(need, have))
			}
		}
		if len(stale.Differences) > 0 {
			return stale
		}
	}
	return nil
}

// missingSum words that nothing is known of a required module version.
func missingSum(need module.Version, have map[module.Version]bool) string {
	var others []string
	for m := range have {
		if m.Path == need.Path {
			others = append(others, m.Version)
		}
	}
	if len(others) == 0 {
		return fmt.Sprintf("%s: go.mod says %s, the lock file has nothing of it", need.Path, need.Version)
	}
	slices.Sort(others)
	if len(others) > 3 {
		others = append(others[:3], "...")
	}
	return fmt.Sprintf("%s: go.mod says %s, the lock file %s", need.Path, need.Version, strings.Join(others, ", "))
}

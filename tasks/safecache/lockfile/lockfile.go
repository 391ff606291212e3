// Package lockfile reads what package managers' lock files say: which packages,
// in which versions, with which hashes.
//
// It promises to read hostile files safely: bounded in size and depth, no panic,
// nothing executed, and an error ([FormatError]) that names the file, the place
// and the reason. It says what is there and judges nothing: which gaps are
// acceptable is the caller's decision.
package lockfile

import (
	"fmt"
	"io/fs"
	"path"
)

// Lock is a lock file that was read.
type Lock struct {
	Path   string // slash-separated, below the root it was read from
	Format string // one of the constants below
	SHA256 string // of the file, lower-case hex
	// Packages are all packages that are downloaded, sorted by name and version.
	Packages []Package
	// Unproven are packages that are downloaded from a registry and have no hash,
	// as name@version: nothing could verify them.
	Unproven []string
}

// Package is one package of a lock file.
type Package struct {
	Name, Version string
	// Integrity are hashes any of which suffices, as the lock file writes them:
	// "sha512-<base64>" (npm), "h1:<base64>" (Go; of a go.mod file the Version ends
	// in "/go.mod"), "sha256:<hex>" (pip, Cargo), ...
	Integrity []string
	URL       string // where from, if the lock file says so
}

// Formats of lock files.
const (
	NPM    = "npm"
	Yarn1  = "yarn 1"
	Berry  = "yarn berry"
	PNPM   = "pnpm"
	Go     = "go.sum"
	Cargo  = "Cargo.lock"
	Pip    = "pip"
	NuGet  = "NuGet"
	Maven  = "Maven"
	Gradle = "Gradle"
)

// maxSize is the largest lock file that is read; real ones reach 5 MB.
const maxSize = 64 << 20

// FormatError is a lock file that cannot be understood.
type FormatError struct {
	Path   string
	Reason string // in our own words
}

// Error names the file and the reason.
func (e *FormatError) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.Reason) }

// StaleError is a lock file that does not belong to the manifest beside it: what
// it names is not what an install would need.
type StaleError struct {
	Path        string   // of the lock file
	Manifest    string   // of the manifest, such as package.json
	Differences []string // such as "lodash: package.json says 4.17.21, the lock file 4.17.20"
	Fix         string   // the command that renews the lock file
}

// Error names both files and the first differences.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%s does not belong to %s: %v", e.Path, e.Manifest, e.Differences)
}

// reader reads one kind of lock file, and compares it with the manifests beside it.
type reader struct {
	parse func(data []byte, lock *Lock) error
	// stale returns how the manifests differ from the lock file; nil if the format
	// has nothing to compare. The lock's own bytes come first.
	stale func(data []byte, tree fs.FS, lock Lock) error
}

// readers by the base names of their files.
var readers = map[string]reader{}

// Known reports whether a file of this name is a lock file that Read understands.
func Known(name string) bool {
	_, ok := readers[path.Base(name)]
	return ok
}

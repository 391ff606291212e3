// Package lockfile reads what package managers' lock files say: which packages,
// in which versions, with which hashes.
//
// It promises to read hostile files safely: bounded in size and depth, no panic,
// nothing executed, and an error ([FormatError]) that names the file, the place
// and the reason. It says what is there and judges nothing: which gaps are
// acceptable is the caller's decision.
package lockfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// Lock is a lock file that was read.
type Lock struct {
	Path   string // slash-separated, below the root it was read from
	Format Format
	SHA256 string // of the file, lower-case hex
	// Packages are all packages that are downloaded, sorted by name and version.
	Packages []Package
	// Entries are all packages with their places and what they require, in the order of the
	// file, for those who look at the graph.
	Entries []Entry
	// Contradictions are places where the lock file says two things of one package.
	Contradictions []Contradiction
	// Indexes are where packages are looked for, of Python, npm, Yarn and pnpm, in the order
	// of the files that say so.
	Indexes []Index
	// Unproven are packages that are downloaded from a registry and have no hash,
	// as name@version: nothing could verify them.
	Unproven []string
	// Notes say what a cache of these packages cannot do, one line each: "x is taken
	// from git at every install".
	Notes []string
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

// Contradiction is what a lock file says twice and differently: which of the two
// counts depends on who reads it.
type Contradiction struct {
	Line int    // 1-based; 0 if it is not known
	Text string // in our own words, one line: "a: the version is 1.0.0 in packages and 1.1.0 in dependencies"
}

// Format is the kind of a lock file.
type Format string

// The formats.
const (
	NPM    Format = "npm"
	Yarn1  Format = "yarn 1"
	Berry  Format = "yarn berry"
	PNPM   Format = "pnpm"
	Go     Format = "go.sum"
	Cargo  Format = "Cargo.lock"
	Pip    Format = "pip"
	NuGet  Format = "NuGet"
	Maven  Format = "Maven"
	Gradle Format = "Gradle"
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
	// Changed is what the projects ask for now, if nothing is different but ranges, and of
	// packages that the lock file has for them (To). It is nil if anything else is different,
	// and for formats of which the package manager would not keep what is locked.
	Changed []Require
}

// Error names both files and the first differences.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%s does not belong to %s: %v", e.Path, e.Manifest, e.Differences)
}

// reader reads one kind of lock file, and compares it with the manifests beside it.
type reader struct {
	// parse fills everything but Path and SHA256, in any order, also twice: Read sorts
	// and merges. Its error is of malformed.
	// The tree, in which the lock is at its Path, is for what only the manifests say.
	parse func(data []byte, tree fs.FS, lock *Lock) error
	// stale returns a *StaleError if the manifests differ from the lock file; nil if
	// the format has nothing to compare. The lock's own bytes come first.
	stale func(data []byte, tree fs.FS, lock Lock) error
}

// readers by the base names of their files.
var readers = map[string]reader{
	"package-lock.json":   {parseNPM, staleNPM},
	"npm-shrinkwrap.json": {parseNPM, staleNPM},
	npmHidden:             {parseNPM, nil},
	"yarn.lock":           {parseYarn, staleYarn},
	"pnpm-lock.yaml":      {parsePNPM, stalePNPM},

	"go.sum":      {parseGoSum, staleGoSum},
	"go.work.sum": {parseGoSum, staleGoSum},
	goMod:         {parseGoMod, nil},
	goWork:        {parseGoWork, nil},
	"Cargo.lock":  {parseCargoLock, staleCargoLock},
	nugetLock:     {parseNuGetLock, staleNuGetLock},

	// Of these nothing can be told without running the build.
	"pom.xml":                     {parsePOM, nil},
	mavenChecksums + ".*":         {parseMavenChecksums, nil},
	"build.gradle":                {parseGradleScript, nil},
	"build.gradle.kts":            {parseGradleScript, nil},
	"gradle.lockfile":             {parseGradleLock, nil},
	"buildscript-gradle.lockfile": {parseGradleLock, nil},
	"verification-metadata.xml":   {parseGradleVerification, nil},

	requirements:   pythonReader(listRequirements, compiledFrom),
	"poetry.lock":  pythonReader(listPoetry, pyprojectWants("poetry lock", true)),
	"pdm.lock":     pythonReader(listPoetry, pyprojectWants("pdm lock", false)),
	"uv.lock":      pythonReader(listUV, pyprojectWants("uv lock", false)),
	"pylock.toml":  pythonReader(listPylock, nil),
	"Pipfile.lock": pythonReader(listPipfileLock, pipfileWants),
}

// readerOf returns what reads a file of this name.
func readerOf(name string) (reader, bool) {
	base := path.Base(name)
	switch {
	case isRequirements(base):
		base = requirements
	case isNuGetLock(base):
		base = nugetLock
	case isMavenChecksums(base):
		base = mavenChecksums + ".*"
	}
	r, ok := readers[base]
	return r, ok
}

// Known reports whether a file of this name is a lock file that Read understands.
func Known(name string) bool {
	_, ok := readerOf(name)
	return ok && !auditOnly[path.Base(name)]
}

// auditOnly are files that Read understands although they are no lock files: they say
// what is or would be installed, and nothing is downloaded by them.
var auditOnly = map[string]bool{npmHidden: true, goMod: true, goWork: true}

// Auditable reports whether Read tells the packages of a file of this name: of a lock
// file, or of another that says what is installed.
func Auditable(name string) bool {
	_, ok := readerOf(name)
	return ok && !isMute(path.Base(name))
}

// Read reads the lock file with this slash-separated path in tree. Its error is a
// *FormatError for a file that cannot be understood, and else says why the file
// cannot be read.
func Read(tree fs.FS, name string) (Lock, error) {
	r, data, err := open(tree, name)
	if err != nil {
		return Lock{}, err
	}
	lock := Lock{Path: name, SHA256: digest(data)}
	err = lock.read(r, data, tree)
	return lock, err
}

// ReadCompared is Read and then Stale, in one go: the file is read once, and parsed once if
// it is npm's, which are the longest. The first error is that of Stale.
func ReadCompared(tree fs.FS, name string) (lock Lock, stale, err error) {
	r, data, err := open(tree, name)
	if err != nil {
		return Lock{}, nil, err
	}
	if isNPM(name) {
		r = npmReaderOnce()
	}
	lock = Lock{Path: name, SHA256: digest(data)}
	if err := lock.read(r, data, tree); err != nil {
		return Lock{}, nil, err
	}
	if r.stale != nil {
		stale = r.stale(bytes.TrimPrefix(data, []byte(utf8BOM)), tree, lock)
	}
	return lock, stale, nil
}

// read makes the lock of a file; without any trace of it, if there is an error.
func (l *Lock) read(r reader, data []byte, tree fs.FS) error {
	err := r.parse(bytes.TrimPrefix(data, []byte(utf8BOM)), tree, l)
	if err == nil {
		if path.Base(l.Path) != npmHidden {
			npmIndexes(tree, l)
		}
		l.tidy()
		err = l.check()
	}
	if err != nil {
		*l = Lock{}
	}
	return err
}

// Stale compares a lock file that was read from tree with the manifests beside it.
// Its error is a *StaleError if the lock file was made for other manifests, and
// else says why they cannot be compared.
func Stale(tree fs.FS, lock Lock) error {
	r, data, err := open(tree, lock.Path)
	if err != nil || r.stale == nil {
		return err
	}
	if digest(data) != lock.SHA256 {
		return fmt.Errorf("%s changed while it was used", lock.Path)
	}
	return r.stale(bytes.TrimPrefix(data, []byte(utf8BOM)), tree, lock)
}

const utf8BOM = "\xef\xbb\xbf"

func open(tree fs.FS, name string) (reader, []byte, error) {
	r, ok := readerOf(name)
	if !ok {
		return r, nil, &FormatError{name, "no lock file of a kind that is known here"}
	}
	data, err := readFile(tree, name)
	return r, data, err
}

// readFile reads a lock file or manifest of at most maxSize bytes.
func readFile(tree fs.FS, name string) ([]byte, error) {
	// What is no regular file could block before it is open.
	if info, err := fs.Stat(tree, name); err == nil && !info.Mode().IsRegular() {
		return nil, &FormatError{name, "it is no regular file"}
	}
	f, err := tree.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	tooLarge := &FormatError{name, fmt.Sprintf("larger than %d MiB", maxSize>>20)}
	// The size is only where to start: a file can grow, and some have none.
	var data bytes.Buffer
	if info, err := f.Stat(); err == nil && info.Size() > maxSize {
		return nil, tooLarge
	} else if err == nil {
		data.Grow(int(max(info.Size(), 0)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(io.LimitReader(f, maxSize+1)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if data.Len() > maxSize {
		return nil, tooLarge
	}
	return data.Bytes(), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

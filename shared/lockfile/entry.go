package lockfile

// Entry is one package as it stands in a lock file: once for each place that it is
// installed in, and with what it requires. Together the entries are a graph, whose
// roots are the entries with Source Project.
type Entry struct {
	Name, Version string // the package's own, also where it is installed under another name
	// Alias is the name that it is installed and required under, "" if that is Name.
	Alias string
	// Location is the folder that the lock file says it is in, slash-separated below the
	// lock file's own (of node_modules/.package-lock.json: below the one above), as it is
	// written: "node_modules/a/node_modules/b", or "../b" for a link to the outside. Of a
	// project it is the project's folder, "" for the root. Most formats say nothing of it;
	// then it is "".
	Location string
	Line     int // in the lock file, 1-based; 0 if it is not known
	Source   Source
	// URL is where it is from, as the lock file has it, without user and password; "" if it
	// does not say. A Project with one is only a link, and no manifest of it was compared.
	URL       string
	Integrity []string // as in Package
	// Dev, Optional and Peer are what the lock file claims: needed for development only, may
	// be missing, or there because a peer dependency asks for it.
	Dev, Optional, Peer bool
	// DevOptional says that it is needed for development, and by something else that can do
	// without it (npm: devOptional): Dev and Optional are false, yet it may be missing where
	// neither is installed.
	DevOptional bool
	// Ghost says that the lock file itself calls it superfluous (npm: extraneous).
	Ghost    bool
	Requires []Require
}

// Source is where a package comes from.
type Source string

// The sources. Registry includes what the lock file gives no address for.
const (
	Registry Source = "registry"
	Project  Source = "project" // a root, workspace or linked folder: nothing is downloaded
	Folder   Source = "folder"  // a folder or archive of the project, by path
	Git      Source = "git"
	Remote   Source = "remote"  // an archive at an address that is certainly no registry's
	Bundled  Source = "bundled" // inside of the package that requires it
)

// Require is an edge of the graph: what a package asks for.
type Require struct {
	Name  string // as it is asked for: an alias if there is one
	Range string // as written; "" if the lock file does not say
	Kind  Kind
	To    int // index of the entry that answers it in Lock.Entries; -1 if there is none
}

// Kind is why a package is required.
type Kind string

// The kinds of Require.
const (
	Prod     Kind = "prod"
	Dev      Kind = "dev"
	Optional Kind = "optional"
	Peer     Kind = "peer"
	// PeerOptional is a peer dependency that may be missing (peerDependenciesMeta).
	PeerOptional Kind = "peer optional"
)

// Ecosystem is the name that the OSV schema has for the registry of the lock file's
// packages: "npm", "PyPI", "Go", "crates.io", "NuGet" or "Maven"; "" if it has none.
func (l Lock) Ecosystem() string {
	switch l.Format {
	case NPM, Yarn1, Berry, PNPM:
		return "npm"
	case Pip:
		return "PyPI"
	case Go:
		return "Go"
	case Cargo:
		return "crates.io"
	case NuGet:
		return "NuGet"
	case Maven, Gradle:
		return "Maven"
	}
	return ""
}

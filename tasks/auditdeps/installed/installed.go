// Package installed reads what package managers have put on the disk: what a program
// would load, whatever a lock file says.
//
// It promises to read hostile trees safely: nothing outside of the root, no link that
// leads there, bounded in number and size, nothing executed. What it cannot read or
// understand is a Problem, never left out in silence.
package installed

import "github.com/guardrails-ci/guardrails/shared/lockfile"

// Tree is what is installed for one lock file. Without a Kind there is nothing.
type Tree struct {
	Kind Kind
	// Path is where, slash-separated below the root, or absolute if it is outside.
	Path      string
	Ecosystem string // as in OSV
	Packages  []Package
	// Shared says that packages of others are there, too: what the lock file does not name is
	// none of its business, but is loaded all the same.
	Shared bool
	// Projects are the folders that packages are installed for, with what their manifests
	// ask for; only of node_modules.
	Projects []Package
	// Links are the symbolic links that packages are found by; only of node_modules.
	Links    []Link
	Problems []Problem
	// Strays are things that no package manager puts there and that can be loaded.
	Strays []Problem
}

// Link is a symbolic link in the place of a package. Both are slash-separated below the
// lock file's folder.
type Link struct {
	Path, To string
	Empty    bool // it leads to a folder of packages in which there is nothing to load
}

// Kind is what a tree is, as messages call it.
type Kind string

// The kinds. A cache is shared with other projects: of it only what the lock file names
// is read. A folder of its own may hold nothing else.
const (
	NodeModules   Kind = "node_modules"
	PlugAndPlay   Kind = "Plug'n'Play" // what Yarn loads without node_modules
	SitePackages  Kind = "site-packages"
	GoModuleCache Kind = "Go module cache"
	GoVendored    Kind = "Go vendor folder"
	GoToolchain   Kind = "Go toolchain"
	CargoVendored Kind = "Cargo vendor folder"
	CargoCache    Kind = "Cargo registry cache"
	NuGetCache    Kind = "NuGet packages folder"
	NuGetRestored Kind = "NuGet restore" // obj/project.assets.json
)

// Package is one package on the disk.
type Package struct {
	Name, Version string // as the package itself says
	// Path is its folder, slash-separated: of node_modules below the lock file's folder
	// ("node_modules/a/node_modules/b"), of other kinds below the root; absolute if it is
	// elsewhere on the machine.
	Path string
	// Key is what a lock file's entry for it is found by, if that is not the path.
	Key      string
	Requires []lockfile.Require // as the package itself says; To is -1
	Bundled  bool               // came inside of another package, as that one says
	// Source is where the package itself says that it came from, "" if it does not say.
	Source lockfile.Source
	// Integrity is a hash of what is there, in the form lock files have ("h1:..."), "" if
	// none can be made of it.
	Integrity string
}

// Problem is something that is not as the package manager left it, or could not be read.
type Problem struct {
	Path string
	Text string // in our own words
	// Unread says that it could not be looked at; else it was, and is wrong. The first is a
	// reason not to trust an audit, the second is what an audit is to find.
	Unread bool
}

package safecache

import (
	"path"
	"slices"
	"strings"
)

// installation is a kind of folder that holds the result of an install or build
// step. Restoring one skips the step that would have compared it with the lock
// file, so it brings back what was installed once, with all its holes.
type installation struct {
	ecosystem string
	names     []string // folders, in lower case, with slashes: anywhere in a path
	last      []string // the same, but only as the end of a path: common words
	instead   string   // what to do
}

const npmInstead = "let npm_config_cache point below $(Pipeline.Workspace), " +
	"cache $(npm_config_cache)/_cacache, and run npm ci"

var installations = []installation{
	{"npm, Yarn or pnpm", []string{"node_modules", "_npx"}, nil, npmInstead +
		" (Yarn: $(YARN_CACHE_FOLDER) and yarn install --immutable; " +
		"pnpm: the store folder, with signatures)"},
	{"Bower", []string{"bower_components"}, nil, "cache the folder of bower's storage.packages, and run bower install"},
	{"jspm", []string{"jspm_packages"}, nil, "cache jspm's download cache, and run jspm install"},
	{"Python", []string{
		".venv", "venv", "virtualenv", "site-packages", "dist-packages", "__pycache__", ".tox", ".nox",
	}, nil, "let PIP_CACHE_DIR point below $(Pipeline.Workspace), cache $(PIP_CACHE_DIR), and run pip install"},
	{"Bundler", []string{"vendor/bundle"}, nil, "cache vendor/cache (bundle cache), and run bundle install --local"},
	{"CocoaPods", []string{"pods"}, nil, "cache $(HOME)/Library/Caches/CocoaPods, and run pod install"},
	{"Carthage", []string{"carthage/build", "carthage/checkouts"}, nil,
		"cache $(HOME)/Library/Caches/org.carthage.CarthageKit, and run carthage bootstrap"},
	{"Terraform", []string{".terraform"}, nil,
		"cache $(TF_PLUGIN_CACHE_DIR), and run terraform init -lockfile=readonly"},
	{"Next.js or Nuxt", []string{".next", ".nuxt"}, nil, "that is a build's output; " + npmInstead},
	{".NET", []string{"bin/debug", "bin/release"}, []string{"obj"},
		"that is a build's output; cache $(NUGET_PACKAGES), and run dotnet restore --locked-mode"},
	{"Cargo or Maven", []string{"target/debug", "target/release", "target/classes"}, []string{"target"},
		"that is a build's output; cache $(CARGO_HOME)/registry/cache and run cargo fetch --locked, " +
			"or cache Maven's local repository"},
}

// markers are files that only an installation has, at its root or, with the
// folder before them, anywhere in it.
var markers = []struct{ file, below, ecosystem string }{
	{"pyvenv.cfg", "", "Python"},
	{".package-lock.json", "node_modules", "npm, Yarn or pnpm"},
	{".modules.yaml", "node_modules", "npm, Yarn or pnpm"},
	{".yarn-integrity", "", "npm, Yarn or pnpm"},
}

// inside are the names of folders that give an installation away within the first
// insideDepth folders of a cache. They are few, and whole names: download caches
// have archives, and files that are named by hashes. Deeper down they say nothing:
// packages that are cached unpacked (NuGet, Go modules) may have such folders in
// them. What is installed there still shows by its marker.
const insideDepth = 3

var inside = []struct{ folder, ecosystem string }{
	{"node_modules", "npm, Yarn or pnpm"},
	{"_npx", "npm, Yarn or pnpm"},
	{"site-packages", "Python"},
}

// installedBy returns which kind of installation a path with slashes is in, and
// by which of its names; nil if it is none.
func installedBy(p string) (*installation, string) {
	padded := "/" + strings.Trim(strings.ToLower(p), "/") + "/"
	for i := range installations {
		for _, name := range installations[i].names {
			if at := strings.Index(padded, "/"+name+"/"); at >= 0 {
				return &installations[i], strings.Trim(p, "/")[at : at+len(name)]
			}
		}
		for _, name := range installations[i].last {
			if strings.HasSuffix(padded, "/"+name+"/") {
				return &installations[i], name
			}
		}
	}
	return nil, ""
}

// markedBy returns the installation that a file below a folder gives away; nil
// if it is none. The file's path has slashes.
func markedBy(file string) *installation {
	dir, base := path.Split(strings.ToLower(file))
	for _, marker := range markers {
		inPlace := dir == "" || marker.below == "" || strings.HasSuffix("/"+dir, "/"+marker.below+"/")
		if base == marker.file && inPlace {
			return ofEcosystem(marker.ecosystem)
		}
	}
	return nil
}

// holds returns the installation that a folder in a cache gives away, and the path
// up to it; nil if it is none. The folder's path has slashes.
func holds(folder string) (*installation, string) {
	parts := strings.Split(folder, "/")
	for i, part := range parts[:min(len(parts), insideDepth)] {
		// Yarn 1 keeps each download unpacked, in npm-<package>-<hash>/node_modules.
		if i > 0 && strings.HasPrefix(parts[i-1], "npm-") {
			break
		}
		for _, in := range inside {
			if strings.EqualFold(part, in.folder) {
				return ofEcosystem(in.ecosystem), strings.Join(parts[:i+1], "/")
			}
		}
	}
	return nil, ""
}

func ofEcosystem(name string) *installation {
	at := slices.IndexFunc(installations, func(i installation) bool { return i.ecosystem == name })
	return &installations[at]
}

package drift

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// report collects findings about one lock file.
type report struct {
	Facts
	found []Finding
}

// entry adds a finding about an entry of the lock file. What mends it is a new lock file, if
// nothing else is said.
func (r *report) entry(as Finding, e lockfile.Entry, format string, args ...any) {
	if as.Fix == "" {
		as.Fix = r.relock(e.Name)
	}
	as.Package, as.Path, as.Line = spec(e.Name, e.Version), r.Lock.Path, e.Line
	as.Message = fmt.Sprintf(format, args...)
	r.found = append(r.found, as)
}

// disk adds a finding about a package on the disk that no entry is to blame for.
func (r *report) disk(as Finding, p installed.Package, format string, args ...any) {
	as.Package, as.Path = spec(p.Name, p.Version), r.place(p.Path)
	if p.Source == lockfile.Project {
		as.Path = path.Join(as.Path, "package.json") // a page shows files, not folders
	}
	as.Message = fmt.Sprintf(format, args...)
	r.found = append(r.found, as)
}

// place returns the path below the root of what is below the lock file's folder.
func (r *report) place(name string) string {
	if filepath.IsAbs(filepath.FromSlash(name)) {
		return name
	}
	return path.Join(path.Dir(r.Lock.Path), name)
}

// spec names a package with its version.
func spec(name, version string) string {
	if version == "" {
		return cut(name)
	}
	return cut(name) + "@" + cut(version)
}

// cut shortens what a file says, so that a message stays one.
func cut(text string) string {
	const most = 120
	if len(text) <= most {
		return text
	}
	for end := most; ; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end] + "..."
		}
	}
}

// some names the first few of a list.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// commands are how a package manager installs what the lock file says, and how it makes
// the lock file anew.
type commands struct{ install, renew string }

var managers = map[lockfile.Format]commands{
	lockfile.NPM: {"remove node_modules and run npm ci", "run npm install --package-lock-only"},
	lockfile.Yarn1: {"remove node_modules and run yarn install --frozen-lockfile",
		"run yarn install --ignore-scripts"},
	lockfile.Berry: {"run yarn install --immutable --check-cache", "run yarn install --mode=update-lockfile"},
	lockfile.PNPM: {"remove node_modules and run pnpm install --frozen-lockfile",
		"run pnpm install --lockfile-only"},
	lockfile.Go:    {"run go clean -modcache and go mod download", "run go mod tidy"},
	lockfile.Cargo: {"run cargo fetch --locked in a fresh CARGO_HOME", "run cargo update --workspace"},
	lockfile.Pip:   {"install into a fresh virtual environment", "make the lock file anew"},
	lockfile.NuGet: {"run dotnet nuget locals all --clear and dotnet restore --locked-mode",
		"run dotnet restore --force-evaluate"},
}

// reinstall is how to get what the lock file says.
func (r *report) reinstall() string { return managers[r.Lock.Format].install }

// relock is how to get a lock file that the package manager would write.
func (r *report) relock(name string) string {
	renew := managers[r.Lock.Format].renew
	if renew == "" {
		renew = "make the lock file anew"
	}
	return "take " + cut(name) + " out of " + path.Base(r.Lock.Path) + ", " + renew + ", and look at what changes"
}

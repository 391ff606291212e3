// Package remedy says how to get rid of a vulnerable package: by which chain it came,
// whether the lock file is merely stale, and which command mends it. It is pure.
//
// It promises to call a lock file stale only if a version that mends the vulnerability is
// in the range of everything that requires the package.
package remedy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// Remedy is what to do about an entry.
type Remedy struct {
	// Stale says that the lock file alone is to blame: the manifests and everything else
	// that requires the package allow the version To already.
	Stale bool
	To    string // the version that mends it, "" if there is none
	// Blocker is what does not allow To, as "name@version wants range"; "" if nothing is known to.
	Blocker string
	// Direct says that a manifest of the project asks for the package itself.
	Direct bool
	Text   string // what to do, in one sentence without an end
}

// Of says what to do about an entry, if any of the versions mends it: the first of them
// that needs no change elsewhere, and else the first.
func (g *Graph) Of(entry int, fixed []string) Remedy {
	e := g.lock.Entries[entry]
	r := Remedy{}
	for _, p := range g.parents[entry] {
		r.Direct = r.Direct || g.lock.Entries[p.from].Source == lockfile.Project
	}
	if len(fixed) == 0 {
		r.Text = "no version mends it yet: remove the package, or accept it for a time in the policy file"
		return r
	}
	for _, version := range fixed {
		blocker, known := g.blocker(entry, version)
		if blocker == "" && known && g.takesNewest(entry) {
			return Remedy{Stale: true, To: version, Direct: r.Direct, Text: "the lock file is stale: " +
				g.update(e.Name, version, r.Direct) + " fixes it, no manifest change"}
		}
		if r.To == "" {
			r.To, r.Blocker = version, blocker
		}
	}
	r.Text = g.change(e.Name, r)
	return r
}

// takesNewest reports whether a lock file that is made again has a newer version of an
// entry, if that is allowed. NuGet takes the lowest version that is, unless the project's
// range floats (https://learn.microsoft.com/nuget/concepts/dependency-resolution); and what
// Go and Maven take is written in go.mod and pom.xml themselves, which are manifests as well.
func (g *Graph) takesNewest(entry int) bool {
	switch g.lock.Format {
	case lockfile.Go, lockfile.Maven:
		return false
	case lockfile.NuGet:
		return slices.ContainsFunc(g.parents[entry], func(p edge) bool {
			return g.lock.Entries[p.from].Source == lockfile.Project && strings.Contains(p.require.Range, "*")
		})
	}
	return true
}

// blocker finds what does not allow a version of an entry's package. known is false if
// nothing is known of who requires it, or in which versions.
func (g *Graph) blocker(entry int, version string) (blocker string, known bool) {
	known = len(g.parents[entry]) > 0
	for _, p := range g.parents[entry] {
		ok, err := versions.Satisfies(g.lock.Ecosystem(), version, p.require.Range)
		if err != nil || p.require.Range == "" {
			known = false
		} else if !ok {
			from := g.lock.Entries[p.from]
			name := from.Name + "@" + from.Version
			if from.Source == lockfile.Project {
				name = g.manifest(from)
			}
			return name + " wants " + p.require.Range, true
		}
	}
	return "", known
}

// manifest is the file in which a project asks for packages.
func (g *Graph) manifest(project lockfile.Entry) string {
	return path.Join(path.Dir(g.lock.Path), project.Location, manifests[g.lock.Format])
}

// manifests by the lock files that are made of them.
var manifests = map[lockfile.Format]string{
	lockfile.NPM: "package.json", lockfile.Yarn1: "package.json", lockfile.Berry: "package.json",
	lockfile.PNPM: "package.json", lockfile.Go: "go.mod", lockfile.Cargo: "Cargo.toml",
	lockfile.Pip: "the project's requirements", lockfile.NuGet: "the project file",
	lockfile.Maven: "pom.xml", lockfile.Gradle: "build.gradle",
}

// update is the command that takes a newer version without a change of a manifest.
func (g *Graph) update(name, version string, direct bool) string {
	switch g.lock.Format {
	case lockfile.NPM:
		return code("npm update " + name)
	case lockfile.PNPM:
		return code("pnpm update --depth Infinity " + name)
	case lockfile.Yarn1: // its upgrade leaves alone what package.json does not ask for
		return code("yarn install") + ", with " + name + " taken out of yarn.lock,"
	case lockfile.Berry:
		return code("yarn up -R " + name)
	case lockfile.Cargo:
		return code(fmt.Sprintf("cargo update -p %s --precise %s", name, version))
	case lockfile.Go:
		return code(fmt.Sprintf("go get %s@v%s && go mod tidy", name, strings.TrimPrefix(version, "v")))
	case lockfile.NuGet:
		return code("dotnet restore --force-evaluate")
	case lockfile.Gradle:
		return code("gradle dependencies --update-locks " + name)
	case lockfile.Pip:
		return pythonUpdate(path.Base(g.lock.Path), name, version, direct)
	}
	return "an update of " + name + " to " + version
}

// pythonUpdate is the update command of the tool that wrote the lock file.
func pythonUpdate(file, name, version string, direct bool) string {
	switch file {
	case "poetry.lock":
		return code("poetry update " + name)
	case "uv.lock":
		return code("uv lock --upgrade-package " + name)
	case "pdm.lock":
		if direct {
			return code("pdm update " + name)
		}
		return code("pdm update") // it knows the project's own dependencies by name, and no others
	case "pylock.toml":
		return code("pip lock") + ", with " + name + ">=" + version + ","
	case "Pipfile.lock":
		return code("pipenv upgrade " + name)
	}
	return code(fmt.Sprintf("pip-compile --generate-hashes --upgrade-package %s==%s", name, version))
}

// change is what to do if the lock file alone cannot be renewed.
func (g *Graph) change(name string, r Remedy) string {
	to := name + " " + r.To
	switch {
	case g.lock.Format == lockfile.Go: // the go command needs no range: it takes the highest that is asked for
		return g.update(name, r.To, r.Direct) + " fixes it"
	case g.lock.Format == lockfile.Maven:
		return "write version " + r.To + " in pom.xml"
	case g.lock.Format == lockfile.NuGet && r.Blocker == "":
		return "ask for " + to + " or later in the project file: NuGet takes the lowest version that is allowed"
	case r.Direct:
		text := "ask for " + to + " or later in " + g.directManifest()
		if r.Blocker != "" {
			text += " (" + r.Blocker + ")"
		}
		return text + ", and renew the lock file"
	case r.Blocker != "":
		return fmt.Sprintf("%s is needed, but %s: update that, or override %s%s", to, r.Blocker, name, g.override())
	}
	return g.update(name, r.To, r.Direct) + " takes " + to + ", if what requires it allows that"
}

func (g *Graph) directManifest() string {
	if name := manifests[g.lock.Format]; name != "" {
		return name
	}
	return "the manifest"
}

// override is where an override is written.
func (g *Graph) override() string {
	switch g.lock.Format {
	case lockfile.NPM:
		return ` ("overrides" in package.json)`
	case lockfile.PNPM:
		return " (overrides in pnpm-workspace.yaml)"
	case lockfile.Yarn1, lockfile.Berry:
		return ` ("resolutions" in package.json)`
	case lockfile.Cargo:
		return " ([patch] in Cargo.toml)"
	}
	return ""
}

// code quotes a command that people may paste into a shell. With a name that a shell does
// not take as it is, it is none.
func code(command string) string {
	if strings.ContainsFunc(strings.ReplaceAll(command, " && ", " "), func(r rune) bool {
		return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune(" @/._~+:=,-", r))
	}) {
		return "an update of the package"
	}
	return "`" + command + "`"
}

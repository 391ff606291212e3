package remedy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestOf(t *testing.T) {
	t.Parallel()
	const stale = "the lock file is stale: `npm update x` fixes it, no manifest change"
	for name, tc := range map[string]struct {
		lines []string
		fixed []string
		want  Remedy
	}{
		"stale": {
			[]string{"/: a ^1.0.0", "a@1.0.0: x ^1.2.5", "x@1.2.5"}, []string{"1.2.6"}, Remedy{Stale: true, To: "1.2.6", Text: stale},
		},
		"stale, asked for by the manifest": {
			[]string{"/: x ^1.2.5", "x@1.2.5"}, []string{"1.2.6"}, Remedy{Stale: true, To: "1.2.6", Direct: true, Text: stale},
		},
		"stale, for development": {
			[]string{"/: dev x ^1.2.5", "x@1.2.5"}, []string{"1.2.6"}, Remedy{Stale: true, To: "1.2.6", Direct: true, Text: stale},
		},
		"all have to allow it": {
			[]string{"/: a *, b *", "a@1.0.0: x ^1.2.5", "b@2.0.0: x ~1.1.0", "x@1.1.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Blocker: "b@2.0.0 wants ~1.1.0", Text: "x 1.2.6 is needed, but b@2.0.0 wants ~1.1.0: " +
				`update that, or override x ("overrides" in package.json)`},
		},
		"the first that is allowed": {
			[]string{"/: x ^2.0.0", "x@2.0.0"}, []string{"1.5.0", "2.0.1", "3.0.0"},
			Remedy{Stale: true, To: "2.0.1", Direct: true, Text: stale},
		},
		"none is allowed": {
			[]string{"/: x ^2.0.0", "x@2.0.0"}, []string{"3.0.0", "4.0.0"},
			Remedy{To: "3.0.0", Direct: true, Blocker: "package.json wants ^2.0.0", Text: "ask for x 3.0.0 or later in " +
				"package.json (package.json wants ^2.0.0), and renew the lock file"},
		},
		"pinned by the manifest": {
			[]string{"/: x 1.2.5", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Direct: true, Blocker: "package.json wants 1.2.5", Text: "ask for x 1.2.6 or later in " +
				"package.json (package.json wants 1.2.5), and renew the lock file"},
		},
		"pinned by a workspace": {
			[]string{"/: a *", "/packages/web: x 1.2.5", "a@1.0.0: x ^1.2.5", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Direct: true, Blocker: "packages/web/package.json wants 1.2.5", Text: "ask for x 1.2.6 or later in " +
				"package.json (packages/web/package.json wants 1.2.5), and renew the lock file"},
		},
		"a range that nobody understands": {
			[]string{"/: a *", "a@1.0.0: x latest", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Text: "`npm update x` takes x 1.2.6, if what requires it allows that"},
		},
		"no range": {
			[]string{"/: a *", "a@1.0.0: x", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Text: "`npm update x` takes x 1.2.6, if what requires it allows that"},
		},
		"one of them has no range": {
			[]string{"/: a *, b *", "a@1.0.0: x", "b@1.0.0: x ^1.0.0", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Text: "`npm update x` takes x 1.2.6, if what requires it allows that"},
		},
		"nobody requires it": {
			[]string{"/: a *", "a@1.0.0", "x@1.2.5"}, []string{"1.2.6"},
			Remedy{To: "1.2.6", Text: "`npm update x` takes x 1.2.6, if what requires it allows that"},
		},
		"a version that nobody understands": {
			[]string{"/: x ^1.0.0", "x@1.2.5"}, []string{"soon"},
			Remedy{To: "soon", Direct: true, Text: "ask for x soon or later in package.json, and renew the lock file"},
		},
		"not mended": {
			[]string{"/: x *", "x@1.2.5"}, nil,
			Remedy{Direct: true, Text: "no version mends it yet: remove the package, or accept it for a time in the policy file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock := lockOf(lockfile.NPM, tc.lines...)
			if diff := cmp.Diff(tc.want, New(lock).Of(find(t, lock, "x"), tc.fixed)); diff != "" {
				t.Errorf("Of(x, %q) in %q (-want +got):\n%s", tc.fixed, tc.lines, diff)
			}
		})
	}
}

// How each package manager mends it: the lock file alone, the manifest, and what another
// package does not allow.
func TestOfManagers(t *testing.T) {
	t.Parallel()
	stale := func(command string) string {
		return "the lock file is stale: `" + command + "` fixes it, no manifest change"
	}
	asks := func(manifest, wants string) string {
		return "ask for x 1.2.6 or later in " + manifest + " (" + manifest + " wants " + wants + "), and renew the lock file"
	}
	override := func(how, wants string) string {
		return "x 1.2.6 is needed, but a@1.0.0 wants " + wants + ": update that, or override x" + how
	}
	pinned := asks("the project's requirements", "==1.2.5")
	resolutions := ` ("resolutions" in package.json)`
	for name, tc := range map[string]struct {
		format                 lockfile.Format
		allows, denies         string
		stale, direct, blocked string
	}{
		"package-lock.json": {
			lockfile.NPM, "^1.2.5", "1.2.5", stale("npm update x"), asks("package.json", "1.2.5"),
			override(` ("overrides" in package.json)`, "1.2.5"),
		},
		"pnpm-lock.yaml": {
			lockfile.PNPM, "^1.2.5", "~1.1", stale("pnpm update --depth Infinity x"), asks("package.json", "~1.1"),
			override(" (overrides in pnpm-workspace.yaml)", "~1.1"),
		},
		"yarn.lock": {
			lockfile.Yarn1, "^1.2.5", "~1.1", "the lock file is stale: `yarn install`, with x taken out of yarn.lock, fixes it, no manifest change",
			asks("package.json", "~1.1"), override(resolutions, "~1.1"),
		},
		"berry/yarn.lock": {
			lockfile.Berry, "^1.2.5", "~1.1", stale("yarn up -R x"),
			"ask for x 1.2.6 or later in package.json (berry/package.json wants ~1.1), and renew the lock file",
			override(resolutions, "~1.1"),
		},
		"Cargo.lock": {
			lockfile.Cargo, "^1.2.5", "=1.2.5", stale("cargo update -p x --precise 1.2.6"), asks("Cargo.toml", "=1.2.5"),
			override(" ([patch] in Cargo.toml)", "=1.2.5"),
		},
		"poetry.lock":      {lockfile.Pip, ">=1.2.5,<2", "==1.2.5", stale("poetry update x"), pinned, override("", "==1.2.5")},
		"uv.lock":          {lockfile.Pip, ">=1.2.5", "==1.2.5", stale("uv lock --upgrade-package x"), pinned, override("", "==1.2.5")},
		"pdm.lock":         {lockfile.Pip, "~=1.2", "==1.2.5", stale("pdm update"), pinned, override("", "==1.2.5")},
		"Pipfile.lock":     {lockfile.Pip, "~=1.2", "==1.2.5", stale("pipenv upgrade x"), pinned, override("", "==1.2.5")},
		"requirements.txt": {lockfile.Pip, "~=1.2", "==1.2.5", stale("pip-compile --generate-hashes --upgrade-package x==1.2.6"), pinned, override("", "==1.2.5")},
		"pylock.toml": {
			lockfile.Pip, "~=1.2", "==1.2.5", "the lock file is stale: `pip lock`, with x>=1.2.6, fixes it, no manifest change", pinned,
			override("", "==1.2.5"),
		},
		"packages.lock.json": {
			lockfile.NuGet, "[1.2.5,)", "[1.2.5]", "ask for x 1.2.6 or later in the project file: NuGet takes the lowest version that is allowed",
			asks("the project file", "[1.2.5]"), override("", "[1.2.5]"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := func(lines ...string) string {
				lock := lockOf(tc.format, lines...)
				lock.Path = name
				return New(lock).Of(find(t, lock, "x"), []string{"1.2.6"}).Text
			}
			got := []string{
				of("/: a *", "a@1.0.0: x "+tc.allows, "x@1.2.5"), of("/: x "+tc.denies, "x@1.2.5"),
				of("/: a *", "a@1.0.0: x "+tc.denies, "x@1.2.5"),
			}
			if diff := cmp.Diff([]string{tc.stale, tc.direct, tc.blocked}, got); diff != "" {
				t.Errorf("stale, direct and blocked (-want +got):\n%s", diff)
			}
		})
	}
}

// Of Go, Maven and Gradle little is said of who wants what: go.mod is manifest and lock
// file in one, the others have no edges.
func TestOfTheOthers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lock lockfile.Lock
		want string
	}{
		"Go": {
			lockOf(lockfile.Go, "/: x v1.2.5", "x@v1.2.5"), "`go get x@v1.2.6 && go mod tidy` fixes it",
		},
		"Go, indirect": {
			lockOf(lockfile.Go, "/: a v1.0.0", "a@v1.0.0: x v1.2.0", "x@v1.2.5"), "`go get x@v1.2.6 && go mod tidy` fixes it",
		},
		"NuGet, floating": {
			lockOf(lockfile.NuGet, "/: x [1.*,)", "x@1.2.5"),
			"the lock file is stale: `dotnet restore --force-evaluate` fixes it, no manifest change",
		},
		"NuGet, by the project": {
			lockOf(lockfile.NuGet, "/: x [1.2.5,)", "x@1.2.5"),
			"ask for x 1.2.6 or later in the project file: NuGet takes the lowest version that is allowed",
		},
		"Maven":  {lockOf(lockfile.Maven, "/: x 1.2.5", "x@1.2.5"), "write version 1.2.6 in pom.xml"},
		"Gradle": {lockOf(lockfile.Gradle, "x@1.2.5"), "`gradle dependencies --update-locks x` takes x 1.2.6, if what requires it allows that"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := New(tc.lock).Of(find(t, tc.lock, "x"), []string{"1.2.6"}).Text
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Of(x) (-want +got):\n%s", diff)
			}
		})
	}
}

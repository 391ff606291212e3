package remedy

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// What is said of a stale lock file is true: with the real package manager, the command
// brings the version that mends it, and changes no manifest.
func TestStaleIsMendedByTheCommand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manager npmtest.Manager
		lock    string
		install []string
		format  lockfile.Format
	}{
		"npm":    {npmtest.NPM, "package-lock.json", []string{"install", "--package-lock-only"}, lockfile.NPM},
		"pnpm":   {npmtest.PNPM, "pnpm-lock.yaml", []string{"install", "--lockfile-only"}, lockfile.PNPM},
		"yarn 1": {npmtest.Yarn1, "yarn.lock", []string{"install"}, lockfile.Yarn1},
		"berry":  {npmtest.Berry, "yarn.lock", []string{"install", "--mode=update-lockfile"}, lockfile.Berry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := npmtest.New(
				npmtest.Package{Name: "minimist", Version: "1.2.5"},
				npmtest.Package{Name: "mkdirp", Version: "0.5.5", Dependencies: map[string]string{"minimist": "^1.2.5"}},
			)
			p := npmtest.NewProject(t, registry, map[string]string{
				"package.json": `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}}` + "\n",
			})
			if tc.manager == npmtest.Berry {
				p.Write(".yarnrc.yml", npmtest.BerryConfig)
			}
			p.Must(tc.manager, tc.install...)
			registry.Publish(npmtest.Package{Name: "minimist", Version: "1.2.8"})
			p.ClearCache()
			manifest := p.Read("package.json")
			lock := lockOf(tc.format, "/: mkdirp ^0.5.5", "mkdirp@0.5.5: minimist ^1.2.5", "minimist@1.2.5")
			lock.Path = tc.lock
			r := New(lock).Of(2, []string{"1.2.6"})
			if tc.manager == npmtest.Yarn1 { // "with minimist taken out of yarn.lock"
				before, rest, _ := strings.Cut(p.Read(tc.lock), "minimist@")
				_, after, _ := strings.Cut(rest, "\n\n")
				p.Write(tc.lock, before+after)
			}
			_, command, _ := strings.Cut(r.Text, "`")
			command, _, _ = strings.Cut(command, "`")
			out := p.Must(tc.manager, strings.Fields(command)[1:]...)
			if got := p.Read(tc.lock); !r.Stale || !strings.Contains(got, "1.2.8") {
				t.Errorf("%q has not mended %s:\n%s\n%s", r.Text, tc.lock, got, out)
			}
			if got := p.Read("package.json"); got != manifest {
				t.Errorf("%q has changed package.json:\n%s", command, got)
			}
		})
	}
}

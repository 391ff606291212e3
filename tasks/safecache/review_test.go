package safecache

import (
	"errors"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/ecosystem"
)

// Of several lock files of one package manager, the key takes the one that says most.
func TestTheMostTellingLockFileIsTaken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		names []string
		want  string
	}{
		"npm":    {[]string{"npm-shrinkwrap.json", "package-lock.json"}, "npm-shrinkwrap.json"},
		"pip":    {[]string{"requirements-dev.txt", "requirements.txt"}, "requirements.txt"},
		"gradle": {[]string{"build.gradle", "build.gradle.kts", "gradle.lockfile"}, "gradle.lockfile"},
		"nuget":  {[]string{"packages.A.lock.json", "packages.lock.json"}, "packages.lock.json"},
		"maven":  {[]string{"checksums.sha256", "pom.xml"}, "pom.xml"},
		"go":     {[]string{"go.sum", "go.work.sum"}, "go.sum"},
		"cargo":  {[]string{"go.sum"}, ""},
	} {
		e, _ := ecosystem.Named(name)
		if got := mainLock(e, tc.names); got != tc.want {
			t.Errorf("mainLock(%s, %q) = %q, want %q", name, tc.names, got, tc.want)
		}
	}
	e, _ := ecosystem.Named("pip")
	names := []string{"poetry.lock", "requirements-docs.txt"}
	if got := mainLock(e, names); got != "poetry.lock" {
		t.Errorf("mainLock(pip, %q) = %q, want poetry.lock", names, got)
	}
}

// A manifest that cannot be read is not a lock file that cannot be read: no package
// manager writes it again.
func TestBrokenManifestIsNamed(t *testing.T) {
	t.Parallel()
	err := lockError("s/package-lock.json", errors.Join(&lockfile.FormatError{Path: "s/package.json", Reason: "it is not JSON"}))
	if text := err.Error(); !strings.Contains(text, "s/package.json: it is not JSON") ||
		!strings.Contains(text, "s/package-lock.json cannot be compared") || strings.Contains(text, "write it again") {
		t.Errorf("lockError of a broken package.json: %q", text)
	}
	err = lockError("s/package-lock.json", &lockfile.FormatError{Path: "s/package-lock.json", Reason: "it is not JSON"})
	if text := err.Error(); !strings.Contains(text, "the lock file cannot be read: s/package-lock.json: it is not JSON") {
		t.Errorf("lockError of a broken lock file: %q", text)
	}
}

// A release changes the versions in package.json files, and not what was downloaded:
// that keeps the cache from being saved, and fails no job that has done its work.
func TestManifestChangedByTheBuildIsNotSaved(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.expect("main", "Succeeded", "variable=hit;]miss").download("lodash")
	j.packageJSON(map[string]string{"lodash": "2.0.0"})
	j.expect("post", "Succeeded", "the cache is not saved: ", "package-lock.json does not belong to", "code=cache/stale-lock",
		"a step of this job changed", "!Saved")
	j.noStore()
}

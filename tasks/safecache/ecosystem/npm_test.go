package ecosystem

import (
	"crypto"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

func TestNPMFolder(t *testing.T) {
	t.Parallel()
	checkFolders(t, npm, folderCases{
		"default":       {host("linux", "/home/me"), "/home/me/.npm/_cacache"},
		"macOS":         {host("darwin", "/Users/me"), "/Users/me/.npm/_cacache"},
		"Windows":       {host("windows", `C:\Users\me`, "LOCALAPPDATA", `D:\l`), `D:\l\npm-cache\_cacache`},
		"Windows, bare": {host("windows", `C:\me`), `C:\me\AppData\Local\npm-cache\_cacache`},
		"variable":      {host("linux", "/home/me", "npm_config_cache", "/w/.npm/"), "/w/.npm/_cacache"},
		"agent":         {host("linux", "/home/me", "NPM_CONFIG_CACHE", "/w/.npm"), "/w/.npm/_cacache"},
	})
}

func TestNPMClaimsOnlyWhatTheLockHashes(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("\x01\x23", 32)
	hex := strings.Repeat("0123", 32)
	integrity := "sha512-" + base64.StdEncoding.EncodeToString([]byte(sum))
	plan := npm.Plan([]lockfile.Lock{{Packages: []lockfile.Package{
		{Name: "a", Version: "1.0.0", Integrity: []string{integrity, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512-x", "md5-x", ""}},
	}}})
	if plan.Unproven != "" {
		t.Errorf("Unproven: got %q, want nothing", plan.Unproven)
	}
	path := "content-v2/sha512/01/23/" + hex[4:]
	want := claim.Claim{ID: integrity, Hash: crypto.SHA512, Sum: []byte(sum)}
	for _, name := range []string{path, "_cacache/" + path} {
		got, ok := plan.Claims(name)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("Claims(%q): %v (-want +got):\n%s", name, ok, diff)
		}
	}
	checkClaims(t, plan, map[string]bool{
		"content-v2/sha1/da/39/a3ee5e6b4b0d3255bfef95601890afd80709":   true,
		"content-v2/sha512/da/39/a3ee5e6b4b0d3255bfef95601890afd80709": false,
		"content-v2/sha512/01/23/" + hex[4:len(hex)-2] + "24":          false,
		"content-v2/sha512/01/23/" + hex[4:] + "/x":                    false,
		"content-v2/sha512/0123" + hex[4:]:                             false,
		"_cacache/_cacache/" + path:                                    false,
		"x/" + path:                                                    false,
		strings.ToUpper(path):                                          false,
		"index-v5/01/23/" + hex[4:64]:                                  false,
		"_cacache/tmp/a":                                               false,
		"_logs/x.log":                                                  false,
		"_npx/0123/package.json":                                       false,
		"":                                                             false,
	})
}

var npmEnv = []string{"npm_config_omit_lockfile_registry_resolved=false", "npm_config_audit=false", "npm_config_fund=false",
	"npm_config_update_notifier=false", "npm_config_fetch_retries=0"}

// npmOffline installs from a cache alone. The registry stays as it is configured:
// npm's index has its name in its keys.
func (p nodeProject) npmOffline(t *testing.T) func(cache string) (string, error) {
	return func(cache string) (string, error) {
		return p.run(t, []string{"npm_config_cache=" + cache}, "ci", "--offline")
	}
}

// Lock files of all versions: npm finds what it needs by hash alone, without the
// index that says what was downloaded from where.
func TestNPMInstallsFromTheClaimedFilesAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"npm1", "npm2", "npm3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newNodeProject(t, name, npmScript, npm, npmEnv...)
			cache := t.TempDir()
			p.must(t, []string{"npm_config_cache=" + cache}, "ci")
			p.works(t)
			kept, names := p.keep(t, cache)
			if len(names) != 14 {
				t.Errorf("claimed %d files, want one for each of 14 packages: %q", len(names), names)
			}
			if _, err := os.Stat(filepath.Join(kept, "_cacache", "index-v5")); !os.IsNotExist(err) {
				t.Errorf("the index was kept: %v", err)
			}
			p.offline(t, cache, p.npmOffline(t))
		})
	}
}

package ecosystem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestYarnFolder(t *testing.T) {
	t.Parallel()
	of := func(format lockfile.Format, h Host) Host {
		h.Format = format
		return h
	}
	checkFolders(t, yarn, folderCases{
		"default":           {host("linux", "/home/me"), "/home/me/.yarn/berry/cache"},
		"XDG":               {host("linux", "/home/me", "XDG_DATA_HOME", "/d"), "/d/yarn/berry/cache"},
		"Windows":           {host("windows", `C:\me`), `C:\me\AppData\Local\Yarn\Berry\cache`},
		"global folder":     {host("linux", "/home/me", "YARN_GLOBAL_FOLDER", "/w/y"), "/w/y/cache"},
		"cache folder":      {host("linux", "/home/me", "YARN_CACHE_FOLDER", "/w/y"), "/w/y"},
		"ignored by Yarn 4": {of(lockfile.Berry, host("linux", "/home/me", "YARN_CACHE_FOLDER", "/w/y")), "/home/me/.yarn/berry/cache"},
		"heeded by Yarn 4": {of(lockfile.Berry, host("linux", "/home/me", "YARN_CACHE_FOLDER", "/w/y",
			"YARN_ENABLE_GLOBAL_CACHE", "false")), "/w/y"},
		"1":             {of(lockfile.Yarn1, host("linux", "/home/me")), "/home/me/.cache/yarn"},
		"1, XDG":        {of(lockfile.Yarn1, host("linux", "/home/me", "XDG_CACHE_HOME", "/c")), "/c/yarn"},
		"1, macOS":      {of(lockfile.Yarn1, host("darwin", "/Users/me")), "/Users/me/Library/Caches/Yarn"},
		"1, Windows":    {of(lockfile.Yarn1, host("windows", `C:\me`, "LOCALAPPDATA", `D:\l`)), `D:\l\Yarn\Cache`},
		"1, own folder": {of(lockfile.Yarn1, host("linux", "/home/me", "YARN_CACHE_FOLDER", "/w/y")), "/w/y"},
	})
}

// Names that Yarn 4.18 itself gave to archives.
func TestBerryNamesArchivesAsYarnDoes(t *testing.T) {
	t.Parallel()
	const sum = "ac80bd90012116ceb2d188fde62d96830ca847823e8ca71255616bc73991aa7d" +
		"9f057b8bfab79e8ee44ffefb031ddd1bcce63ea82f9e66f7c31ec02d2d823ccc"
	pkg := func(name, reference string) lockfile.Package {
		return lockfile.Package{Name: name, URL: reference, Integrity: []string{"10c0/" + sum}}
	}
	plan := yarn.Plan([]lockfile.Lock{{Format: lockfile.Berry, Packages: []lockfile.Package{
		pkg("@types/ms", "npm:0.7.34"), pkg("chalk", "npm:4.1.2"), pkg("local", "file:./local#./local::hash=cb25a5&locator=root%40workspace%3A."),
		pkg("resolve", "patch:resolve@npm%3A1.22.8#optional!builtin<compat/resolve>::version=1.22.8&hash=9bd1a5"),
		{Name: "bad", URL: "npm:1.0.0", Integrity: []string{"10c0/zz", "sha512-x"}},
	}}})
	if plan.Unproven != "" {
		t.Errorf("Unproven: got %q, want nothing", plan.Unproven)
	}
	checkClaims(t, plan, map[string]bool{
		"@types-ms-npm-0.7.34-46f5141bfd-10c0.zip":                               true,
		"@types-ms-npm-0.7.34-46f5141bfd-ac80bd9001.zip":                         true, // in the project's .yarn/cache
		"chalk-npm-4.1.2-ba8b67ab80-10c0.zip":                                    true,
		"chalk-npm-4.1.2-ba8b67ab80-8.zip":                                       false, // packed otherwise
		"chalk-npm-4.1.2-ba8b67ab81-10c0.zip":                                    false,
		"x/chalk-npm-4.1.2-ba8b67ab80-10c0.zip":                                  false,
		"chalk-npm-4.1.3-ba8b67ab80-10c0.zip":                                    false,
		"local-file-813c28b5b8-10c0.zip":                                         true,
		"resolve-patch-49bde8f0be-10c0.zip":                                      true,
		".gitignore":                                                             false,
		"npm-chalk-4.1.2-" + sum[:40] + "-integrity/node_modules/chalk/index.js": false,
	})
	c, _ := plan.Claims("chalk-npm-4.1.2-ba8b67ab80-10c0.zip")
	if c.ID != "10c0/"+sum || c.Hash.Size() != len(c.Sum) {
		t.Errorf("the claim about chalk: got %+v", c)
	}
}

func TestYarn1ClaimsFoldersOfLockedPackages(t *testing.T) {
	t.Parallel()
	plan := yarn.Plan([]lockfile.Lock{{Format: lockfile.Yarn1, Packages: []lockfile.Package{
		{Name: "a", Version: "1.0.0", Integrity: []string{"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512-x"}},
		{Name: "b", Version: "1.0.0", Integrity: []string{"sha512-x"}},
	}}})
	if plan.Unproven != yarn1Why || plan.Next != "yarn install --frozen-lockfile" {
		t.Errorf("Unproven: got %q, want the reason; Next: got %q", plan.Unproven, plan.Next)
	}
	const folder = "npm-@s-a-1.0.0-da39a3ee5e6b4b0d3255bfef95601890afd80709"
	checkClaims(t, plan, map[string]bool{
		"v6/" + folder + "-integrity/node_modules/@s/a/index.js":                      true,
		folder + "/node_modules/@s/a/.yarn-tarball.tgz":                               true,
		"v6/" + folder + "-other/node_modules/@s/a/index.js":                          false,
		"v6/" + folder + "-integrity":                                                 false,
		"v6/" + folder + "-integrity/bin/x":                                           false,
		"v6/.tmp/x":                                                                   false,
		"v6/npm-b-1.0.0-0a39a3ee5e6b4b0d3255bfef95601890afd80709/node_modules/b/i.js": false,
	})
}

func TestBerryInstallsFromTheClaimedFilesAlone(t *testing.T) {
	t.Parallel()
	for name, global := range map[string]string{"global cache": "true", "project's cache": "false"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newNodeProject(t, "yarn4", berryScript, yarn, "YARN_ENABLE_TELEMETRY=false", "YARN_ENABLE_GLOBAL_CACHE="+global)
			install := func(folder, network string) (string, error) {
				return p.run(t, []string{"YARN_GLOBAL_FOLDER=" + folder, "YARN_CACHE_FOLDER=" + filepath.Join(folder, "cache"),
					"YARN_ENABLE_NETWORK=" + network, "YARN_ENABLE_MIRROR=false"}, "install", "--immutable")
			}
			folder := t.TempDir()
			if out, err := install(folder, "true"); err != nil {
				t.Fatal(err, out)
			}
			p.works(t)
			if _, names := p.keep(t, filepath.Join(folder, "cache")); len(names) != 14 {
				t.Errorf("claimed %d files, want one for each of 14 packages: %q", len(names), names)
			}
			p.offline(t, filepath.Join(folder, "cache"), func(cache string) (string, error) {
				fresh := t.TempDir()
				if err := os.Rename(cache, filepath.Join(fresh, "cache")); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return install(fresh, "false")
			})
		})
	}
}

func TestYarn1InstallsFromTheClaimedFilesAlone(t *testing.T) {
	t.Parallel()
	p := newNodeProject(t, "yarn1", yarn1Script, yarn)
	cache := t.TempDir()
	p.must(t, []string{"YARN_CACHE_FOLDER=" + cache}, "install", "--frozen-lockfile", "--non-interactive")
	p.works(t)
	p.offline(t, cache, func(cache string) (string, error) {
		return p.run(t, []string{"YARN_CACHE_FOLDER=" + cache, nowhere}, "install", "--frozen-lockfile", "--offline", "--non-interactive")
	})
}

// Why Yarn 1's claims are not proven: it installs what is unpacked in its cache,
// whatever that is. Berry compares its archives with yarn.lock, and so do we.
func TestYarn1BelievesItsCacheAndBerryDoesNot(t *testing.T) {
	t.Parallel()
	p := newNodeProject(t, "yarn1", yarn1Script, yarn)
	cache := t.TempDir()
	p.must(t, []string{"YARN_CACHE_FOLDER=" + cache}, "install", "--frozen-lockfile", "--non-interactive")
	files, err := filepath.Glob(filepath.Join(cache, "v6", "npm-has-flag-*", "node_modules", "has-flag", "index.js"))
	if err != nil || len(files) != 1 {
		t.Fatalf("Yarn's cache has %q %v, want one has-flag", files, err)
	}
	write(t, files[0], `console.log("EVIL")`)
	p.clean(t)
	p.must(t, []string{"YARN_CACHE_FOLDER=" + cache}, "install", "--frozen-lockfile", "--offline", "--non-interactive")
	if out, _ := p.node(t, nil, "-e", `require("has-flag")`); out != "EVIL\n" {
		t.Errorf("Yarn 1 noticed a tampered cache: it could be proven after all\n%s", out)
	}

	p = newNodeProject(t, "yarn4", berryScript, yarn, "YARN_ENABLE_TELEMETRY=false")
	global := t.TempDir()
	env := []string{"YARN_GLOBAL_FOLDER=" + global}
	p.must(t, env, "install", "--immutable")
	const archive = "has-flag-npm-4.0.0-32af9f0536-10c0.zip"
	data, err := os.ReadFile(filepath.Join(global, "cache", archive))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(global, "cache", archive), string(data)+"\x00")
	p.clean(t)
	if out, err := p.run(t, append(env, "YARN_ENABLE_NETWORK=false"), "install", "--immutable"); err == nil {
		t.Errorf("Yarn 4 installed a tampered archive\n%s", out)
	}
	c, _ := p.plan().Claims(archive)
	if err := c.Check(os.DirFS(filepath.Join(global, "cache")), archive); err == nil || !strings.Contains(err.Error(), "sha") &&
		!strings.Contains(err.Error(), "SHA") {
		t.Errorf("our check of a tampered archive: %v", err)
	}
}

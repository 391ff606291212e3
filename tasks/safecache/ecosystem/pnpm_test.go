package ecosystem

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestPNPMFolder(t *testing.T) {
	t.Parallel()
	checkFolders(t, pnpm, folderCases{
		"default":  {host("linux", "/home/me"), "/home/me/.local/share/pnpm/store"},
		"XDG":      {host("linux", "/home/me", "XDG_DATA_HOME", "/d"), "/d/pnpm/store"},
		"macOS":    {host("darwin", "/Users/me"), "/Users/me/Library/pnpm/store"},
		"Windows":  {host("windows", `C:\me`, "LOCALAPPDATA", `D:\l`), `D:\l\pnpm\store`},
		"home":     {host("linux", "/home/me", "PNPM_HOME", "/p"), "/p/store"},
		"variable": {host("linux", "/home/me", "npm_config_store_dir", "/w/s", "PNPM_HOME", "/p"), "/w/s"},
	})
}

func TestPNPMClaimsTheStoreOfLockedPackages(t *testing.T) {
	t.Parallel()
	hash := func(text string) string {
		sum := sha512.Sum512([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	a, b := hash("a"), hash("b")
	sum, _ := hex.DecodeString(a)
	plan := pnpm.Plan([]lockfile.Lock{{Packages: []lockfile.Package{
		{Name: "a", Version: "1.0.0", Integrity: []string{"sha512-" + base64.StdEncoding.EncodeToString(sum)}}}}})
	if plan.Unproven != pnpmWhy {
		t.Errorf("Unproven: got %q, want the reason", plan.Unproven)
	}
	checkClaims(t, plan, map[string]bool{
		"v10/files/" + b[:2] + "/" + b[2:]:                     true,
		"files/" + b[:2] + "/" + b[2:] + "-exec":               true,
		"v3/files/" + a[:2] + "/" + a[2:] + "-index.json":      true,
		"v3/files/" + b[:2] + "/" + b[2:] + "-index.json":      false,
		"v10/index/" + a[:2] + "/" + a[2:64] + "-a@1.0.0.json": true,
		"v10/index/" + b[:2] + "/" + b[2:64] + "-b@1.0.0.json": false,
		"v11/index.db":                                  true,
		"v11/index.db-wal":                              false,
		"v10/projects/0123":                             false,
		"v10/links/a/1.0.0/node_modules/a/x":            false,
		"v10/tmp/x":                                     false,
		"v10/files/../x":                                false,
		"v10/files/" + b[:2] + "/" + b[2:] + "/x":       false,
		"v10/files/" + strings.ToUpper(b[:2]+"/"+b[2:]): false,
	})
}

func (p nodeProject) pnpmInstall(t *testing.T, args ...string) func(store string) (string, error) {
	return func(store string) (string, error) {
		return p.run(t, nil, append([]string{"install", "--frozen-lockfile", "--store-dir=" + store}, args...)...)
	}
}

func TestPNPMInstallsFromTheClaimedFilesAlone(t *testing.T) {
	t.Parallel()
	p := newNodeProject(t, "pnpm", pnpmScript, pnpm)
	store := t.TempDir()
	if out, err := p.pnpmInstall(t)(store); err != nil {
		t.Fatal(err, out)
	}
	p.works(t)
	p.offline(t, store, p.pnpmInstall(t, "--offline"))
}

// Why pnpm's claims are not proven: whoever rewrites the list of a package's files
// decides what is installed, and each file is still named by its own hash.
func TestPNPMBelievesItsLists(t *testing.T) {
	t.Parallel()
	p := newNodeProject(t, "pnpm", pnpmScript, pnpm)
	store := t.TempDir()
	if out, err := p.pnpmInstall(t)(store); err != nil {
		t.Fatal(err, out)
	}
	lists, err := filepath.Glob(filepath.Join(store, "v10", "index", "*", "*-has-flag@4.0.0.json"))
	if err != nil || len(lists) != 1 {
		t.Fatalf("the store has the lists %q %v, want one of has-flag", lists, err)
	}
	data, err := os.ReadFile(lists[0])
	if err != nil {
		t.Fatal(err)
	}
	var list map[string]any
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	const evil = `console.log("EVIL")`
	sum := sha512.Sum512([]byte(evil))
	file := list["files"].(map[string]any)["index.js"].(map[string]any)
	file["integrity"], file["size"] = "sha512-"+base64.StdEncoding.EncodeToString(sum[:]), len(evil)
	if data, err = json.Marshal(list); err != nil {
		t.Fatal(err)
	}
	write(t, lists[0], string(data))
	name := fmt.Sprintf("%x", sum)
	write(t, filepath.Join(store, "v10", "files", name[:2], name[2:]), evil)

	kept, _ := p.keep(t, store)
	p.clean(t)
	if out, err := p.pnpmInstall(t, "--offline")(kept); err != nil {
		t.Fatal(err, out)
	}
	out, _ := p.node(t, nil, "-e", `require(require.resolve("has-flag", {paths: [require.resolve("supports-color", `+
		`{paths: [require("fs").realpathSync("node_modules/chalk")]})]}))`)
	if out != "EVIL\n" {
		t.Errorf("pnpm noticed a tampered list: it could be proven after all\n%s", out)
	}
}

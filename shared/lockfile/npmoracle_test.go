package lockfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// npmModules is where `make oracles` puts npm.
const npmModules = "../../build/npm/node_modules/npm"

// oracleNode is a package as npm's library has it.
type oracleNode struct {
	Location, Name, Version          string
	Link, Dev, Optional, Peer, Ghost bool
	DevOptional                      bool
	Edges                            []oracleEdge
}

type oracleEdge struct {
	Name, Type, Range string
	To                *string
}

// TestNPMGraphAsNPM makes lock files of all kinds, and compares what they say with
// what npm reads in them.
func TestNPMGraphAsNPM(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 0))
	dir, args := t.TempDir(), []string{"testdata/arborist.js", npmPath(t, "node_modules/@npmcli/arborist")}
	for i := range 60 {
		folder := filepath.Join(dir, fmt.Sprint(i))
		writeFiles(t, folder, randomNPM(r)...)
		args = append(args, folder)
	}
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %q: %v\n%s", args[0], err, said.String())
	}
	var all map[string][]oracleNode
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 180 {
		t.Fatalf("npm read %d lock files, want 180", len(all))
	}
	edges := 0
	for folder, nodes := range all {
		lock, err := Read(os.DirFS(folder), "package-lock.json")
		if err != nil {
			t.Fatal(err)
		}
		v1 := strings.HasSuffix(folder, "-1")
		want := map[string]oracleNode{}
		for _, n := range nodes {
			want[n.Location] = n.normal(v1)
			edges += len(n.Edges)
		}
		got := map[string]oracleNode{}
		for _, e := range lock.Entries {
			got[e.Location] = asOracle(lock, e, want[e.Location], v1).normal(v1)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			text, _ := os.ReadFile(filepath.Join(folder, "package-lock.json"))
			t.Fatalf("%s (-npm +ours):\n%s\n%s", folder, diff, text)
		}
		if len(lock.Contradictions) > 0 {
			t.Errorf("%s: npm wrote it, and Read finds %v", folder, lock.Contradictions)
		}
	}
	if edges < 3000 {
		t.Errorf("compared %d edges, want 3,000 or more", edges)
	}
}

// normal sorts the edges, and leaves out what only npm has: the address of a workspace, and
// flags that it works out anew because version 1 leaves out peers. Of that, it gives links
// the names of their folders.
func (n oracleNode) normal(v1 bool) oracleNode {
	if v1 {
		n.Dev, n.Optional, n.Peer, n.Ghost, n.DevOptional = false, false, false, false, false
		if n.Link {
			n.Name = ""
		}
	}
	for i := range n.Edges {
		if n.Edges[i].Type == "workspace" {
			n.Edges[i].Range = ""
		}
	}
	slices.SortFunc(n.Edges, func(a, b oracleEdge) int { return strings.Compare(a.Name, b.Name) })
	return n
}

func asOracle(lock Lock, e Entry, want oracleNode, v1 bool) oracleNode {
	_, _, installed := installedIn(e.Location)
	n := oracleNode{Location: e.Location, Name: e.Name, Version: e.Version, Dev: e.Dev, Optional: e.Optional, Peer: e.Peer,
		Ghost: e.Ghost, DevOptional: e.DevOptional, Edges: []oracleEdge{}, Link: installed && e.Source == Project}
	types := map[Kind]string{Prod: "prod", Dev: "dev", Optional: "optional", Peer: "peer", PeerOptional: "peerOptional"}
	for _, r := range e.Requires {
		if n.Link {
			break // our own edge to what it leads to
		}
		// npm takes a package of development for one of a dependency's own, in version 1.
		if v1 && r.To >= 0 && r.Kind != Optional && lock.Entries[r.To].Dev && !e.Dev && e.Source != Project {
			continue
		}
		edge := oracleEdge{Name: r.Name, Type: types[r.Kind], Range: r.Range}
		if r.To >= 0 {
			edge.To = &lock.Entries[r.To].Location
		}
		// That of a workspace counts for more than one that is asked for.
		if slices.ContainsFunc(want.Edges, func(e oracleEdge) bool { return e.Name == r.Name && e.Type == "workspace" }) {
			edge.Type, edge.Range = "workspace", ""
		}
		n.Edges = append(n.Edges, edge)
	}
	return n
}

// randomNPM makes a package.json, and a package-lock.json of version 3 for it: with
// packages at several depths, scopes, aliases, links, workspaces, peers, and gaps.
func randomNPM(r *rand.Rand) (files []string) {
	names := []string{"a", "b", "c", "d", "e", "@s/f", "@s/g", "h", "i", "j.js"}
	pick := func() string { return names[r.IntN(len(names))] }
	requires := func(to map[string]any, kinds ...string) {
		for _, kind := range kinds {
			some := map[string]any{}
			for range r.IntN(4) {
				some[pick()] = []string{"^1.0.0", "~1.2.3", "*", "1.0.0 || >=2", ""}[r.IntN(5)]
			}
			if len(some) > 0 {
				to[kind] = some
			}
		}
		if peers, ok := to["peerDependencies"].(map[string]any); ok {
			meta := map[string]any{}
			for name := range peers {
				if r.IntN(2) == 0 {
					meta[name] = map[string]any{"optional": true}
				}
			}
			to["peerDependenciesMeta"] = meta
		}
	}
	root := map[string]any{"name": "root", "version": "1.0.0"}
	requires(root, kinds...)
	once(root)
	packages := map[string]any{"": root}
	install := func(folder string) string {
		name := pick()
		at := strings.TrimPrefix(folder+"/node_modules/"+name, "/")
		if _, ok := packages[at]; ok || strings.Count(at, modules) > 3 {
			return folder
		}
		version := fmt.Sprintf("%d.%d.0", r.IntN(3), r.IntN(5))
		e := map[string]any{"version": version, "integrity": sha512None,
			"resolved": fmt.Sprintf("https://registry.npmjs.org/%s/-/%s-%s.tgz", name, filepath.Base(name), version)}
		switch r.IntN(12) {
		case 0:
			e["name"] = "other"
		case 1:
			e["resolved"] = "git+ssh://git@github.com/o/r.git#0123456789012345678901234567890123456789"
		}
		for _, flag := range []string{"dev", "optional", "peer", "devOptional", "extraneous"} {
			if r.IntN(6) == 0 && !(flag == "devOptional" && (e["dev"] != nil || e["optional"] != nil)) {
				e[flag] = true
			}
		}
		requires(e, "dependencies", "optionalDependencies", "peerDependencies")
		packages[at] = e
		return at
	}
	folders := []string{""}
	if r.IntN(2) == 0 {
		root["workspaces"] = []string{"packages/*"}
		for _, name := range []string{"w1", "@w/w2"} {
			folder := "packages/" + filepath.Base(name)
			packages[modules+name] = map[string]any{"resolved": folder, "link": true}
			workspace := map[string]any{"name": name, "version": "1.0.0"}
			requires(workspace, kinds...)
			packages[folder], folders = workspace, append(folders, folder)
			files = append(files, folder+"/package.json", asJSON(workspace))
		}
		names = append(names, "w1")
	}
	for range r.IntN(40) {
		folders = append(folders, install(folders[r.IntN(len(folders))]))
	}
	lock := map[string]any{"name": "root", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": packages}
	return append(files, "package.json", asJSON(root), "package-lock.json", asJSON(lock))
}

// once leaves each package in the first kind only: else npm works out anew who needs what.
func once(root map[string]any) {
	seen := map[string]bool{}
	for _, kind := range kinds {
		wanted, _ := root[kind].(map[string]any)
		maps.DeleteFunc(wanted, func(name string, _ any) bool { return seen[name] })
		for name := range wanted {
			seen[name] = true
		}
	}
}

func asJSON(v any) string {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(data)
}

func npmPath(t *testing.T, name string) string {
	t.Helper()
	name, err := filepath.Abs(filepath.Join(npmModules, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Fatalf("npm is not installed: run `make oracles`: %v", err)
	}
	return name
}

func writeFiles(t *testing.T, dir string, namesAndTexts ...string) {
	t.Helper()
	for i := 0; i < len(namesAndTexts); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(namesAndTexts[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(namesAndTexts[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

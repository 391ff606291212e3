package lockfile

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// jsPrograms are the package managers pinned in build/npm, and how each makes its lock
// file anew, of a project without one.
var jsPrograms = map[string]struct {
	script, lock string
	make         []string
}{
	"yarn1": {"yarn/bin/yarn.js", "yarn.lock", []string{"install", "--ignore-scripts", "--non-interactive"}},
	"yarn4": {"@yarnpkg/cli-dist/bin/yarn.js", "yarn.lock", []string{"install", "--mode=update-lockfile"}},
	"pnpm":  {"pnpm/bin/pnpm.cjs", "pnpm-lock.yaml", []string{"install", "--lockfile-only"}},
}

// runJS runs one of them in a folder, and returns what it prints.
func runJS(t *testing.T, program, dir string, args ...string) string {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("../../build/npm/node_modules", jsPrograms[program].script))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", script)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	cmd.Dir = dir
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "USERPROFILE="+home, "YARN_CACHE_FOLDER="+filepath.Join(home, "cache"),
		"YARN_ENABLE_GLOBAL_CACHE=0", "YARN_ENABLE_TELEMETRY=0", "YARN_ENABLE_IMMUTABLE_INSTALLS=0", "CI=", "npm_config_cache="+home)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, errs.String())
	}
	return string(out)
}

// jsEdge says that one package requires another: by name@version, and by folder if that
// is a part of the project.
type jsEdge struct{ from, name, to string }

func (e jsEdge) String() string { return e.from + " needs " + e.name + ", and gets " + e.to }

// checkEdges compares edges that were printed with those of the lock file.
func checkEdges(t *testing.T, got, want map[jsEdge]bool) {
	t.Helper()
	if len(want) < 5 {
		t.Fatalf("only %d edges were printed", len(want))
	}
	order := func(a, b jsEdge) int { return strings.Compare(a.String(), b.String()) }
	for _, e := range slices.SortedFunc(maps.Keys(want), order) {
		if !got[e] {
			t.Errorf("missing: %s", e)
		}
	}
	for _, e := range slices.SortedFunc(maps.Keys(got), order) {
		if !want[e] {
			t.Errorf("too much: %s", e)
		}
	}
}

// readJS reads the lock file in a folder.
func readJS(t *testing.T, program, dir string) Lock {
	t.Helper()
	lock, err := Read(os.DirFS(dir), jsPrograms[program].lock)
	if err != nil {
		t.Fatal(err)
	}
	if len(lock.Contradictions) > 0 {
		t.Errorf("contradictions in a lock file of %s: %v", program, lock.Contradictions)
	}
	return lock
}

// edgesOf are the edges between entries, each named by id.
func edgesOf(entries []Entry, id func(Entry) string) map[jsEdge]bool {
	edges := map[jsEdge]bool{}
	for _, e := range entries {
		for _, r := range e.Requires {
			if r.To >= 0 {
				edges[jsEdge{id(e), r.Name, id(entries[r.To])}] = true
			}
		}
	}
	return edges
}

// pnpmNode is a package as pnpm list prints it.
type pnpmNode struct {
	From, Version, Path                                 string
	Dependencies, DevDependencies, OptionalDependencies map[string]pnpmNode
	UnsavedDependencies                                 map[string]pnpmNode
}

func TestPNPMGraphIsThatOfPNPM(t *testing.T) {
	t.Parallel()
	for name, dir := range jsProjects(t, "pnpm", "pnpm10") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dir(t)
			var roots []pnpmNode
			out := runJS(t, "pnpm", dir, "list", "-r", "--depth", "Infinity", "--json", "--lockfile-only")
			if err := json.Unmarshal([]byte(out), &roots); err != nil {
				t.Fatal(err)
			}
			want := map[jsEdge]bool{}
			var walk func(from string, n pnpmNode)
			walk = func(from string, n pnpmNode) {
				for _, kind := range []map[string]pnpmNode{n.Dependencies, n.DevDependencies, n.OptionalDependencies} {
					for name, child := range kind {
						id := child.From + "@" + child.Version
						if target, ok := strings.CutPrefix(child.Version, "link:"); ok {
							id = filepath.Join(strings.TrimPrefix(from, "./"), target)
						} else {
							walk(id, child)
						}
						want[jsEdge{from, name, id}] = true
					}
				}
			}
			for _, root := range roots {
				rel, _ := filepath.Rel(dir, root.Path)
				walk(rel, root)
			}
			got := edgesOf(readJS(t, "pnpm", dir).Entries, func(e Entry) string {
				switch {
				case e.Source == Project && e.Location == "":
					return "."
				case e.Source == Project:
					return e.Location
				case e.Source == Folder:
					return e.Name + "@file:" + e.Name
				}
				return e.Name + "@" + e.Version
			})
			checkEdges(t, got, want)
		})
	}
}

func TestBerryGraphIsThatOfYarn(t *testing.T) {
	t.Parallel()
	for name, dir := range jsProjects(t, "yarn4", "yarn4") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dir(t)
			want := map[jsEdge]bool{}
			for line := range strings.Lines(runJS(t, "yarn4", dir, "info", "-AR", "--json")) {
				var printed struct {
					Value    string
					Children struct {
						Dependencies []struct{ Descriptor, Locator string }
					}
				}
				if err := json.Unmarshal([]byte(line), &printed); err != nil {
					t.Fatal(err)
				}
				for _, d := range printed.Children.Dependencies {
					name, _ := cutSpec(d.Descriptor)
					want[jsEdge{berryID(printed.Value), name, berryID(d.Locator)}] = true
				}
			}
			got := edgesOf(readJS(t, "yarn4", dir).Entries, func(e Entry) string {
				switch {
				case e.Source == Project:
					return e.Name + "@workspace:" + cmpLocation(e)
				case e.Source == Folder:
					return berryID(e.Name + "@" + cmp.Or(e.URL, "file:"))
				}
				return e.Name + "@" + e.Version
			})
			// Yarn does not print that a patched package is made of another.
			maps.DeleteFunc(got, func(e jsEdge, _ bool) bool {
				return strings.HasPrefix(e.from, e.name+"@patch:")
			})
			checkEdges(t, got, want)
		})
	}
}

// berryID is a locator without what the lock file does not have, or has elsewhere.
func berryID(locator string) string {
	name, reference := cutSpec(locator)
	if _, rest, ok := strings.Cut(reference, "#"); ok && strings.HasPrefix(reference, "virtual:") {
		reference = rest
	}
	if strings.HasPrefix(reference, "file:") {
		reference = "file"
	}
	return name + "@" + strings.TrimPrefix(reference, "npm:")
}

// yarn1Node is a package as yarn list prints it: a shadow is a request that what is in
// a folder above answers.
type yarn1Node struct {
	Name     string
	Shadow   bool
	Children []yarn1Node
}

func TestYarn1GraphIsThatOfYarn(t *testing.T) {
	t.Parallel()
	for name, dir := range jsProjects(t, "yarn1", "yarn1") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dir(t)
			var printed struct{ Data struct{ Trees []yarn1Node } }
			out := runJS(t, "yarn1", dir, "list", "--json", "--no-progress")
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, `{"type":"tree"`) {
					if err := json.Unmarshal([]byte(line), &printed); err != nil {
						t.Fatal(err)
					}
				}
			}
			want := map[jsEdge]bool{}
			var walk func(above []map[string]string, n yarn1Node)
			walk = func(above []map[string]string, n yarn1Node) {
				folder := map[string]string{}
				for _, child := range n.Children {
					if name, _ := cutSpec(child.Name); !child.Shadow {
						folder[name] = child.Name
					}
				}
				above = append(slices.Clip(above), folder)
				for _, child := range n.Children {
					if !child.Shadow {
						walk(above, child)
						continue
					}
					name, _ := cutSpec(child.Name)
					for i := len(above) - 1; i >= 0; i-- {
						if found, ok := above[i][name]; ok {
							want[jsEdge{n.Name, name, found}] = true
							break
						}
					}
				}
			}
			walk(nil, yarn1Node{Children: printed.Data.Trees})
			entries := readJS(t, "yarn1", dir).Entries
			for i := range entries {
				if entries[i].Ghost {
					entries[i].Requires = nil
				}
			}
			got := edgesOf(entries, func(e Entry) string {
				if e.Alias != "" {
					return e.Alias + "@" + e.Version
				}
				return e.Name + "@" + e.Version
			})
			for edge := range got {
				if strings.HasPrefix(edge.from, "root@") { // whose requests are not printed
					delete(got, edge)
				}
			}
			checkEdges(t, got, want)
		})
	}
}

// jsProjects are folders with lock files of a program: one of testdata, and some that the
// program makes of generated packages.
func jsProjects(t *testing.T, program, fixture string) map[string]func(t *testing.T) string {
	t.Helper()
	projects := map[string]func(t *testing.T) string{fixture: func(t *testing.T) string {
		dir := t.TempDir()
		for name, file := range testProject(t, fixture) {
			writeJS(t, dir, name, string(file.Data))
		}
		return dir
	}}
	for seed := range uint64(2) {
		projects[fmt.Sprintf("generated %d", seed)] = func(t *testing.T) string {
			dir := t.TempDir()
			registry := newJSRegistry(t, seed)
			registry.project(t, program, dir)
			runJS(t, program, dir, jsPrograms[program].make...)
			return dir
		}
	}
	return projects
}

func writeJS(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), fs.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
}

// jsRegistry serves generated packages.
type jsRegistry struct {
	url      string
	random   *rand.Rand
	packages map[string]map[string]map[string]any // manifests, by name and version
}

const jsPackages = 40

func jsName(i int) string {
	switch {
	case i == 24:
		return "resolve" // which Berry patches
	case i%5 == 0:
		return fmt.Sprintf("@scope/p%d", i)
	}
	return fmt.Sprintf("p%d", i)
}

// newJSRegistry makes packages in three versions, each of which requires some others: also
// in circles, as peers, optionally and under other names.
func newJSRegistry(t *testing.T, seed uint64) *jsRegistry {
	r := &jsRegistry{random: rand.New(rand.NewPCG(seed, 1)), packages: map[string]map[string]map[string]any{}}
	for i := range jsPackages {
		name := jsName(i)
		r.packages[name] = map[string]map[string]any{}
		for _, version := range []string{"1.0.0", "1.2.0", "2.0.0"} {
			manifest := map[string]any{"name": name, "version": version, "dependencies": r.wishes(i+1, 3)}
			if i%4 == 1 {
				manifest["optionalDependencies"] = r.wishes(i+1, 1)
			}
			if i%7 == 2 {
				manifest["peerDependencies"] = map[string]string{jsName((i + 1) % jsPackages): "*"}
			}
			if i%9 == 3 {
				manifest["dependencies"].(map[string]string)["other"+fmt.Sprint(i)] = "npm:" + jsName((i+7)%jsPackages) + "@^1.0.0"
			}
			r.packages[name][version] = manifest
		}
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// wishes are ranges of some packages, mostly of later ones.
func (r *jsRegistry) wishes(from, most int) map[string]string {
	wishes := map[string]string{}
	for range r.random.IntN(most + 1) {
		i := from + r.random.IntN(jsPackages-min(from, jsPackages-1))
		ranges := []string{"^1.0.0", "1.0.0", "~1.2.0", ">=1.0.0", "*", "^2.0.0", "1.0.0 || 2.0.0"}
		wishes[jsName(i%jsPackages)] = ranges[r.random.IntN(len(ranges))]
	}
	return wishes
}

// project writes a project with two workspaces.
func (r *jsRegistry) project(t *testing.T, program, dir string) {
	t.Helper()
	write := func(name string, manifest map[string]any) {
		text, _ := json.MarshalIndent(manifest, "", "  ")
		writeJS(t, dir, name, string(text))
	}
	override := map[string]string{jsName(30): "1.2.0"}
	write("package.json", map[string]any{
		"name": "root", "version": "1.0.0", "private": true, "workspaces": []string{"packages/*"},
		"dependencies": r.wishes(0, 9), "devDependencies": r.wishes(jsPackages/2, 5),
		"resolutions": override, "pnpm": map[string]any{"overrides": override},
	})
	write("packages/a/package.json", map[string]any{"name": "a", "version": "1.0.0", "dependencies": r.wishes(0, 5)})
	b := r.wishes(0, 5)
	b["a"] = "1.0.0"
	if program != "yarn1" {
		b["a"] = "workspace:*"
	}
	b["resolve"] = "^1.0.0"
	b["other"] = "npm:" + jsName(3) + "@^1.0.0"
	write("packages/b/package.json", map[string]any{"name": "b", "version": "1.0.0", "dependencies": b})
	switch program {
	case "yarn4":
		writeJS(t, dir, ".yarnrc.yml", "npmRegistryServer: "+r.url+"\nunsafeHttpWhitelist: ['127.0.0.1']\nenableTelemetry: false\nnpmMinimalAgeGate: 0\n")
	default:
		writeJS(t, dir, ".npmrc", "registry="+r.url+"\n")
		writeJS(t, dir, "pnpm-workspace.yaml", "packages: ['packages/*']\n")
	}
}

func (r *jsRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	name, version, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/-/")
	versions, ok := r.packages[name]
	if !ok {
		http.NotFound(w, request)
		return
	}
	if version != "" {
		_, _ = w.Write(jsArchive(versions[strings.TrimSuffix(version[strings.LastIndex(version, "-")+1:], ".tgz")]))
		return
	}
	documents := map[string]any{}
	for version, manifest := range versions {
		archive := jsArchive(manifest)
		one, other := sha1.Sum(archive), sha512.Sum512(archive)
		document := maps.Clone(manifest)
		document["dist"] = map[string]string{
			"tarball": fmt.Sprintf("%s/%s/-/%s-%s.tgz", r.url, name, filepath.Base(name), version),
			"shasum":  hex.EncodeToString(one[:]), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(other[:]),
		}
		documents[version] = document
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"name": name, "versions": documents, "dist-tags": map[string]string{"latest": "2.0.0"},
	})
}

// jsArchive is a package with nothing in it but its manifest.
func jsArchive(manifest map[string]any) []byte {
	text, _ := json.Marshal(manifest)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	archive := tar.NewWriter(z)
	_ = archive.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
	_, _ = archive.Write(text)
	_ = archive.Close()
	_ = z.Close()
	return b.Bytes()
}

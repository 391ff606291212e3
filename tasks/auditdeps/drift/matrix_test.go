package drift_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// The matrix: each way in which a lock file, its manifest and what is installed can come
// apart, made by the real package managers. A row first shows what they do about it, and
// then what is found. The story is the same everywhere: app > mkdirp > minimist, where
// minimist 1.2.5 is vulnerable, and 1.2.6 and later are not.

// old are the packages as they were when the lock file was made.
var old = []npmtest.Package{
	{Name: "minimist", Version: "0.0.8"},
	{Name: "minimist", Version: "1.2.5"},
	{Name: "mkdirp", Version: "0.5.5", Dependencies: map[string]string{"minimist": "^1.2.5"}},
	{Name: "ms", Version: "2.1.3"},
}

// now returns a registry with the packages as they are now.
func now() *npmtest.Registry {
	r := npmtest.New(old...)
	r.Publish(
		npmtest.Package{Name: "minimist", Version: "1.2.6"},
		npmtest.Package{Name: "minimist", Version: "1.2.8"},
		npmtest.Package{Name: "mkdirp", Version: "0.5.6", Dependencies: map[string]string{"minimist": "^1.2.6"}},
	)
	r.Advise(npmtest.Advisory{ID: 1, Package: "minimist", Range: "<0.2.4 || >=1.0.0 <1.2.6", Severity: "critical",
		Title: "GHSA-xvch-5gv4-984h"})
	return r
}

const (
	app    = `{"name": "app", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}}`
	public = "https://registry.npmjs.org"
	npmJS  = "package-lock.json"
)

// locks are lock files for manifests, from a registry with the old and from one with the
// new packages, as if made with the public registry.
var locks sync.Map

// lockOf returns the lock file that npm makes for the manifest.
func lockOf(t *testing.T, r *npmtest.Registry, key string, files map[string]string, args ...string) string {
	t.Helper()
	made, _ := locks.LoadOrStore(key, sync.OnceValue(func() string {
		p := npmtest.NewProject(t, r, files)
		p.Must(npmtest.NPM, append([]string{"install", "--package-lock-only"}, args...)...)
		return strings.ReplaceAll(p.Read(npmJS), p.Registry, public)
	}))
	return made.(func() string)()
}

func oldLock(t *testing.T) string {
	return lockOf(t, npmtest.New(old...), "old", map[string]string{"package.json": app})
}

func newLock(t *testing.T) string {
	r := now()
	return lockOf(t, r, "new", map[string]string{"package.json": strings.Replace(app, "^0.5.5", "0.5.5", 1)})
}

// project is one in which something is made wrong.
type project struct {
	*npmtest.Project
	t *testing.T
	r *npmtest.Registry
}

func newProject(t *testing.T, files map[string]string) project {
	t.Helper()
	r := now()
	return project{npmtest.NewProject(t, r, files), t, r}
}

// lock changes the packages of a package-lock.json.
func (p project) lock(name string, change func(packages map[string]map[string]any)) {
	p.t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(p.Read(name)), &doc); err != nil {
		p.t.Fatal(err)
	}
	var packages map[string]map[string]any
	if err := json.Unmarshal(doc["packages"], &packages); err != nil {
		p.t.Fatal(err)
	}
	change(packages)
	var err error
	if doc["packages"], err = json.Marshal(packages); err != nil {
		p.t.Fatal(err)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		p.t.Fatal(err)
	}
	p.Write(name, string(text)+"\n")
}

// entry changes the entry of minimist.
func (p project) entry(change func(entry map[string]any)) {
	p.t.Helper()
	p.lock(npmJS, func(packages map[string]map[string]any) { change(packages["node_modules/minimist"]) })
}

// set changes fields of the entry of minimist; nil removes one.
func (p project) set(fields map[string]any) {
	p.t.Helper()
	p.entry(func(entry map[string]any) {
		for key, value := range fields {
			entry[key] = value
			if value == nil {
				delete(entry, key)
			}
		}
	})
}

// onDisk is name@version of what is in a folder of node_modules, "" if nothing is.
func (p project) onDisk(folder string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Dir, "node_modules", folder, "package.json"))
	if os.IsNotExist(err) {
		return ""
	}
	var manifest struct{ Name, Version string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		p.t.Fatal(err)
	}
	return manifest.Name + "@" + manifest.Version
}

// audit is what is known of a project without a package manager.
type audit struct {
	found    []string        // "fail drift/range", sorted
	messages []string        // of what was found
	versions map[string]bool // name@version in the lock file or on the disk
}

// audit reads the project as the task does.
func (p project) audit(lockName string) audit {
	p.t.Helper()
	root, err := os.OpenRoot(p.Dir)
	if err != nil {
		p.t.Fatal(err)
	}
	defer root.Close()
	tree := root.FS()
	lock, err := lockfile.Read(tree, lockName)
	if err != nil {
		p.t.Fatal(err)
	}
	var locations []string
	a := audit{versions: map[string]bool{}}
	for _, e := range lock.Entries {
		locations = append(locations, e.Location)
		a.versions[e.Name+"@"+e.Version] = true
	}
	node := installed.Node(p.t.Context(), tree, ".", locations)
	for _, at := range node.Packages {
		a.versions[at.Name+"@"+at.Version] = true
	}
	facts := drift.Facts{Lock: lock, Stale: lockfile.Stale(tree, lock)}
	if node.Kind != "" {
		facts.Trees = append(facts.Trees, node)
	}
	if hidden, err := lockfile.Read(tree, "node_modules/.package-lock.json"); err == nil {
		facts.Hidden = &hidden
	}
	if facts.Overrides, err = installed.Overrides(tree, "."); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range drift.Find(facts) {
		a.found = append(a.found, string(f.Severity)+" "+f.Rule)
		a.messages = append(a.messages, string(f.Severity)+" "+f.Rule+": "+f.Message+" ["+f.Path+"] fix: "+f.Fix)
		if f.Message == "" || f.Path == "" || f.Severity != drift.Note && f.Fix == "" {
			p.t.Errorf("a finding does not say what is wrong, where, and what to do: %+v", f)
		}
	}
	slices.Sort(a.found)
	a.found = slices.Compact(a.found)
	return a
}

// publish makes the lock file and npm's own look as if made with the public registry:
// that the test's is on this machine is no finding.
func (p project) publish(names ...string) {
	p.t.Helper()
	for _, name := range append(names, "node_modules/.package-lock.json") {
		if _, err := os.Stat(filepath.Join(p.Dir, name)); err == nil {
			p.Write(name, strings.ReplaceAll(p.Read(name), p.Registry, public))
		}
	}
}

// row is one way in which things come apart.
type row struct {
	lock func(t *testing.T) string // oldLock if nil
	// files are those of the project, package.json of app if nil.
	files map[string]string
	// wrong is what is done to the project before it is installed.
	wrong func(p project)
	// install are the arguments of npm, "ci" if nil; refused is what npm says if it does
	// not accept it.
	install []string
	refused string
	// later is what is done to the project afterwards.
	later func(p project)
	// disk is what is there in the end.
	disk map[string]string
	// audit are arguments of npm audit, and green says that it finds nothing.
	audit []string
	green bool
	// want is what has to be found, at least; without any, nothing may be found.
	want []string
	// vulnerable says that minimist 1.2.5 is in one of the inventories.
	vulnerable bool
}

func (r row) test(t *testing.T) {
	t.Parallel()
	if r.lock == nil {
		r.lock = oldLock
	}
	p := newProject(t, map[string]string{"package.json": app, npmJS: r.lock(t)})
	for name, text := range r.files {
		p.Write(name, text)
	}
	if r.wrong != nil {
		r.wrong(p)
	}
	if r.install == nil {
		r.install = []string{"ci", "--no-audit"}
	}
	out, err := p.Run(npmtest.NPM, r.install...)
	if r.refused == "" && err != nil || r.refused != "" && (err == nil || !strings.Contains(out, r.refused)) {
		t.Fatalf("npm %q: %v, want it to be refused with %q\n%s", r.install, err, r.refused, out)
	}
	if r.later != nil {
		r.later(p)
	}
	got := map[string]string{}
	for folder := range r.disk {
		got[folder] = p.onDisk(folder)
	}
	if diff := cmp.Diff(r.disk, got); len(r.disk) > 0 && diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if r.refused == "" {
		out, err := p.Run(npmtest.NPM, append([]string{"audit", "--audit-level=high"}, r.audit...)...)
		if (err == nil) != r.green {
			t.Errorf("npm audit: %v, want green: %v\n%s", err, r.green, out)
		}
	}
	p.publish(npmJS)
	p.check(npmJS, r.want, r.vulnerable)
}

// check audits a project.
func (p project) check(lock string, want []string, vulnerable bool) {
	p.t.Helper()
	a := p.audit(lock)
	for _, rule := range want {
		if !slices.Contains(a.found, rule) {
			p.t.Errorf("%s is not found, but only:\n%s", rule, strings.Join(a.messages, "\n"))
		}
	}
	if len(want) == 0 && len(a.found) > 0 {
		p.t.Errorf("found, although nothing is wrong:\n%s", strings.Join(a.messages, "\n"))
	}
	if a.versions["minimist@1.2.5"] != vulnerable {
		p.t.Errorf("minimist 1.2.5 in an inventory: %v, want %v: %v", !vulnerable, vulnerable, slices.Sorted(maps.Keys(a.versions)))
	}
	p.t.Logf("found: %q", a.found)
}

// foreign serves another registry, and returns its address.
func foreign(t *testing.T, packages ...npmtest.Package) (address string, r *npmtest.Registry) {
	t.Helper()
	r = npmtest.New(packages...)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL, r
}

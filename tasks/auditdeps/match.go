package auditdeps

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/database"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// refresh is from when on newer advisories are asked for: OSV publishes new ones every
// few hours.
const refresh = 4 * time.Hour

// components are the packages of a project: those of its lock file and those on the disk,
// once for each version.
func (a *audit) components(p *project) []component {
	list := inventory{
		project: p, ecosystem: p.lock.Ecosystem(), at: make(map[[2]string]int, len(p.lock.Entries)),
		all: make([]component, 0, len(p.lock.Entries)),
	}
	there := p.installedNames()
	var open []string
	for i, e := range p.lock.Entries {
		switch {
		case e.Source == lockfile.Project || e.Source == lockfile.Folder || p.hasToolchain() && goItself[e.Name]:
		case e.Version != "":
			c := list.add(e.Name, e.Version)
			c.entries = append(c.entries, i)
			c.dev = c.dev && p.graph.DevOnly(i)
		case !there[advisory.Normalize(list.ecosystem, e.Name)]:
			open = append(open, e.Name)
		}
	}
	if len(open) > 0 && !a.planned {
		a.unversioned(p, open)
	}
	for _, tree := range p.trees {
		list.disk(tree)
	}
	return list.all
}

// installedNames are the normalized names of what is on the disk.
func (p *project) installedNames() map[string]bool {
	names := map[string]bool{}
	for _, tree := range p.trees {
		for _, pkg := range tree.Packages {
			names[advisory.Normalize(p.lock.Ecosystem(), pkg.Name)] = true
		}
	}
	return names
}

// unversioned says of which packages of a project nobody can tell the version.
func (a *audit) unversioned(p *project, names []string) {
	if p.manager == "maven" { // a parent or a BOM says the versions, as in most projects
		a.skipped = append(a.skipped, unable{
			path: p.shown, text: fmt.Sprintf("%s: %s whose version does not stand there: %s", p.shown,
				plural(len(names), "package"), some(names)),
			fix: "audit what Maven resolves by another tool, or take the folder out of workingDirectory",
		})
		return
	}
	a.cannot(p.shown, fmt.Sprintf("%s: %s without a version, and not installed: %s", p.shown,
		plural(len(names), "package"), some(names)),
		"pin versions in the lock file, or run AuditDeps after the installation")
}

// goItself are the packages of the Go release. go.mod has the least that is wanted of it;
// if it is installed, that one counts.
var goItself = map[string]bool{"stdlib": true, "toolchain": true}

func (p *project) hasToolchain() bool {
	return slices.ContainsFunc(p.trees, func(t installed.Tree) bool { return t.Kind == installed.GoToolchain })
}

// folderOf is where a package is, below the project's root or absolute.
func (p *project) folderOf(tree installed.Tree, pkg installed.Package) string {
	if tree.Kind == installed.NodeModules || tree.Kind == installed.PlugAndPlay {
		return path.Join(p.dir(), pkg.Path)
	}
	return pkg.Path
}

// inventory collects components.
type inventory struct {
	project   *project
	ecosystem string
	at        map[[2]string]int // by name and version
	all       []component
}

// disk adds what is installed.
func (l *inventory) disk(tree installed.Tree) {
	for _, pkg := range tree.Packages {
		if pkg.Name == "" || pkg.Version == "" {
			continue // a Problem of the tree
		}
		c := l.add(pkg.Name, pkg.Version)
		c.disk = append(c.disk, l.project.folderOf(tree, pkg))
		c.dev = c.dev && len(c.entries) > 0
	}
}

// add returns the component, which is valid until the next call.
func (l *inventory) add(name, version string) *component {
	key := [2]string{advisory.Normalize(l.ecosystem, name), version}
	i, ok := l.at[key]
	if !ok {
		i = len(l.all)
		l.at[key] = i
		l.all = append(l.all, component{project: l.project, name: name, version: version, dev: true})
	}
	return &l.all[i]
}

// match looks all components up among the known vulnerabilities.
func (a *audit) match(ctx context.Context) error {
	var all []component
	ecosystems := map[string]bool{}
	for _, p := range a.projects {
		if p.unread == nil {
			p.components = a.components(p)
			all = append(all, p.components...)
			if len(p.components) > 0 {
				ecosystems[p.lock.Ecosystem()] = true
			}
		}
	}
	if len(all) == 0 || !a.step.checks[advisories] {
		return nil
	}
	source, err := a.open(ctx, ecosystems, all)
	if err != nil {
		return err
	}
	defer source.close()
	for _, c := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		hits, err := source.hits(c.project.lock.Ecosystem(), c.name, c.version)
		if err != nil {
			a.cannot(c.project.shown, fmt.Sprintf("%s %s: %v", c.name, c.version, err),
				"use a version that its ecosystem can order; if it is one, tell "+task.IssuesURL)
		}
		for _, hit := range hits {
			a.found = append(a.found, vulnerability{component: c, hit: hit})
		}
	}
	return a.subtract(ctx, source)
}

// advisorySource is the database, and which ecosystems it has nothing of.
type advisorySource struct {
	db     *database.Database
	failed map[string]bool
}

func (s *advisorySource) close() { _ = s.db.Close() }

// hits are the vulnerabilities of one version. The error is what could not be judged; the
// hits count all the same.
func (s *advisorySource) hits(ecosystem, name, version string) ([]advisory.Hit, error) {
	if s.failed[ecosystem] {
		return nil, nil // said already
	}
	name = advisory.Normalize(ecosystem, name)
	all, err := s.db.Lookup(ecosystem, name)
	if err != nil {
		return nil, err
	}
	var hits []advisory.Hit
	var errs []error
	for _, adv := range all {
		hit, err := adv.Apply(version)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s cannot be judged: %w", adv.ID, err))
		}
		if hit != nil {
			hits = append(hits, *hit)
		}
	}
	return advisory.Merge(hits), errors.Join(errs...)
}

// open gets the advisories. Ecosystems without data are said, and the rest is audited.
func (a *audit) open(ctx context.Context, ecosystems map[string]bool, all []component) (*advisorySource, error) {
	client, err := a.step.client()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(ecosystems))
	for name := range ecosystems {
		names = append(names, name)
	}
	slices.Sort(names)
	dir := a.step.env.Var("Agent.ToolsDirectory")
	if dir != "" {
		dir = filepath.Join(dir, "guardrails", "advisories")
	}
	db, err := database.Open(ctx, database.Config{
		Source: a.step.source, Dir: dir, Temp: a.step.env.TempDir(), MaxAge: a.step.maxAge, Refresh: refresh,
		HTTP: client, Now: a.step.env.Now, Print: a.step.env.Log.Print,
	}, names)
	source := &advisorySource{db: db, failed: map[string]bool{}}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	for _, failed := range databaseErrors(err) {
		of := ""
		if source.failed[failed.Ecosystem] = true; failed.Ecosystem != "" {
			of = " of " + failed.Ecosystem
		} else {
			source.failed = ecosystems // all of them
		}
		a.cannot("", "the advisories"+of+" are not to be had: "+failed.Reason, failed.Fix)
		a.step.env.Log.Debug(fmt.Sprint(failed.Err))
	}
	if db == nil {
		return nil, err
	}
	a.databases = db.Infos()
	if a.step.in.Online {
		a.ask(ctx, source, all)
	}
	return source, nil
}

// databaseErrors takes joined errors apart. Any other error is all ecosystems'.
func databaseErrors(err error) []*database.Error {
	var one *database.Error
	switch joined, ok := err.(interface{ Unwrap() []error }); {
	case err == nil:
		return nil
	case ok:
		var all []*database.Error
		for _, e := range joined.Unwrap() {
			all = append(all, databaseErrors(e)...)
		}
		return all
	case errors.As(err, &one):
		return []*database.Error{one}
	}
	return []*database.Error{{Reason: "the database cannot be opened", Fix: "see the debug log", Err: err}}
}

// ask tops the database up from OSV's API, for what comes from public registries: other
// names are nobody else's business.
func (a *audit) ask(ctx context.Context, source *advisorySource, all []component) {
	var packages []database.Package
	for _, c := range all {
		ecosystem := c.project.lock.Ecosystem()
		if !source.failed[ecosystem] &&
			slices.ContainsFunc(c.entries, func(i int) bool { return public(c.project.lock.Entries[i]) }) {
			packages = append(packages, database.Package{
				Ecosystem: ecosystem, Name: advisory.Normalize(ecosystem, c.name), Version: c.version,
			})
		}
	}
	added, err := source.db.TopUp(ctx, onlineURL(a.step.source), packages)
	for _, failed := range databaseErrors(err) {
		a.cannot("", "OSV could not be asked: "+failed.Reason, failed.Fix)
	}
	a.step.env.Log.Printf("OSV was asked about %s from public registries, and told %s more.",
		plural(len(packages), "package"), plural(added, "record"))
}

// publicHosts are where everybody's packages come from.
var publicHosts = []string{
	"https://registry.npmjs.org/", "https://registry.yarnpkg.com/", "https://files.pythonhosted.org/",
	"https://pypi.org/",
	"https://api.nuget.org/", "https://static.crates.io/", "https://crates.io/", "https://repo.maven.apache.org/",
	"registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/",
	"https://github.com/rust-lang/crates.io-index", "https://index.crates.io/",
}

// public reports whether an entry certainly comes from a public registry. One whose lock
// file says nothing may be private.
func public(e lockfile.Entry) bool {
	if e.Source != lockfile.Registry {
		return false
	}
	return slices.ContainsFunc(publicHosts, func(host string) bool { return strings.HasPrefix(e.URL, host) })
}

// client is the one for all requests of the step.
func (s *step) client() (*httpx.Client, error) {
	if s.http != nil {
		return s.http, nil
	}
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	if err != nil {
		return nil, err
	}
	config.Secrets = s.env.Secrets
	for _, text := range warnings {
		s.env.Log.Print(text)
	}
	s.http = httpx.New(config)
	return s.http, nil
}

// onlineURL is the API that is asked beside the database: OSV's own, or that of a server
// on this machine, for tests.
func onlineURL(source string) string {
	if u, err := url.Parse(source); err == nil && u.Scheme == "http" { // loopback only, see databaseSource
		return source
	}
	return database.DefaultAPI
}

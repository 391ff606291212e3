package auditdeps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/remedy"
)

// project is a lock file with what is installed for it.
type project struct {
	place
	shown     string // the lock file in messages
	manager   string
	lock      lockfile.Lock
	stale     error
	trees     []installed.Tree
	owner     string // the lock file beside it that node_modules was made from, "" if it is this one
	bare      bool   // nothing is installed for it
	hidden    *lockfile.Lock
	overrides map[string]string
	graph     *remedy.Graph
	// unknown is what else could not be read, in our own words.
	unknown []string
	// components are all packages, once for each version.
	components []component
	// unread is the lock file's error; then only the trees are known.
	unread error
}

func (p *project) dir() string { return path.Dir(p.path) }

// read reads all lock files and what is installed for them, at most two at a time.
func (a *audit) read(ctx context.Context, files found) {
	all := make([]*project, len(files.locks))
	var group sync.WaitGroup
	places := make(chan struct{}, 2)
	for i, at := range files.locks {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			all[i] = a.step.readProject(at)
			if p := all[i]; p.unread == nil && a.step.wants(p.manager) {
				a.step.readTrees(ctx, p)
			}
		})
	}
	group.Wait()
	apart(all)
	named := map[string]bool{}
	for _, p := range all {
		if !a.step.wants(p.manager) {
			continue
		}
		named[p.manager] = true
		a.projects = append(a.projects, p)
		a.tell(p)
	}
	if a.step.checks["installed"] {
		a.notInstalled()
	}
	a.missing(files, named)
	a.restored = a.step.cacheKey()
}

// wants reports whether the input ecosystems has a package manager; "" is that of a lock
// file which cannot be read.
func (s *step) wants(manager string) bool {
	return manager == "" || s.managers == nil || slices.Contains(s.managers, manager)
}

// readProject reads one lock file and the manifests beside it.
func (s *step) readProject(at place) *project {
	p := &project{place: at, shown: s.show(at, at.path)}
	p.lock, p.stale, p.unread = lockfile.ReadCompared(at.tree, at.path)
	if p.unread != nil {
		return p
	}
	p.manager, p.graph = managerOf(p.lock.Format), remedy.New(p.lock)
	return p
}

// tell says what was read of a project, and what of it cannot be audited.
func (a *audit) tell(p *project) {
	if p.unread != nil {
		var format *lockfile.FormatError
		reason := "it cannot be read"
		if errors.As(p.unread, &format) {
			reason = format.Reason
		}
		a.cannot(p.shown, p.shown+": "+reason,
			"renew the lock file with its package manager, or take its folder out of workingDirectory")
		return
	}
	packages := 0
	for _, e := range p.lock.Entries {
		if e.Source != lockfile.Project && e.Source != lockfile.Folder {
			packages++
		}
	}
	p.bare = packages > 0 && !p.installed() && p.owner == ""
	a.step.env.Log.Printf("%s: %s, %s named, %s installed.", p.shown, p.lock.Format, plural(packages, "package"),
		number(a.unreadTrees(p)))
	if folders := foldersOf(p.lock); len(folders) > 0 {
		a.step.env.Log.Printf("%s: %s in folders of the project, which no advisory is about: %s.", p.shown,
			plural(len(folders), "package"), some(folders))
	}
	if p.manager == "maven" { // what of a pom.xml nobody can tell without running Maven
		for _, note := range p.lock.Notes {
			a.step.env.Log.Print(p.shown + ": " + note)
		}
	}
	a.unclear(p)
}

// installed reports whether packages of a project are there; the Go release alone is not.
func (p *project) installed() bool {
	return slices.ContainsFunc(p.trees, func(t installed.Tree) bool { return t.Kind != installed.GoToolchain })
}

// unclear says what of a project's files could not be read or understood.
func (a *audit) unclear(p *project) {
	for _, text := range p.unknown {
		a.cannot(p.shown, text, "install again")
	}
	var stale *lockfile.StaleError
	if p.stale != nil && !errors.As(p.stale, &stale) {
		a.cannot(p.shown, p.shown+" cannot be compared with its manifest: "+p.stale.Error(), "correct the manifest")
	}
	if len(p.lock.Entries) == 0 && len(p.lock.Contradictions) > 0 {
		a.cannot(p.shown, p.shown+": "+p.lock.Contradictions[0].Text, "correct the file")
	}
}

// foldersOf are the packages that are folders or archives of the project itself.
func foldersOf(lock lockfile.Lock) []string {
	var names []string
	for _, e := range lock.Entries {
		if e.Source == lockfile.Folder && !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names
}

// unreadTrees says what could not be read of what is installed, and counts the rest.
func (a *audit) unreadTrees(p *project) (packages int) {
	for _, tree := range p.trees {
		packages += len(tree.Packages)
		for _, problem := range tree.Problems {
			if problem.Unread {
				a.cannot(a.step.show(p.place, problem.Path),
					fmt.Sprintf("%s: %s: %s", p.shown, problem.Path, problem.Text),
					"install again, or leave installed out of checks")
			}
		}
	}
	return packages
}

// notInstalled says for which lock files there is nothing on the disk to compare with. If
// there is for others, these are not what the job builds, and it is a warning.
func (a *audit) notInstalled() {
	some := slices.ContainsFunc(a.projects, (*project).installed)
	for _, p := range a.projects {
		if !p.bare {
			continue
		}
		u := unable{
			path: p.shown,
			text: p.shown + ": nothing is installed for it, so what a build would load was not looked at",
			fix: "run AuditDeps after the installation, or set install: clean, or leave installed out of checks, " +
				"or take the folder out with a line !folder in workingDirectory",
		}
		switch {
		case p.manager == "maven" || p.manager == "gradle":
			a.step.env.Log.Printf("%s: what is installed cannot be told without running the build; "+
				"only the file itself is audited.", p.shown)
		case some:
			a.skipped = append(a.skipped, u)
		default:
			a.unable = append(a.unable, u)
		}
	}
}

// missing says what should have been found and was not.
func (a *audit) missing(files found, named map[string]bool) {
	for _, manager := range a.step.managers {
		if !named[manager] {
			a.cannot("", "ecosystems names "+manager+", and no lock file of it was found",
				"correct workingDirectory or ecosystems")
		}
	}
	if a.step.managers == nil || slices.ContainsFunc(a.step.managers, isNode) {
		a.strays(files)
	}
	for _, at := range files.unlocked {
		if manager := lockOf(path.Base(at.path)); !at.names() || a.step.managers != nil &&
			!slices.Contains(a.step.managers, manager) {
			continue
		}
		shown := a.step.show(at, at.path)
		a.skipped = append(a.skipped, unable{
			path: shown,
			text: shown + " names dependencies, and there is no lock file: which versions it gets was not audited",
			fix:  "make a lock file, or take the folder out with a line !folder in workingDirectory",
		})
	}
	if len(a.projects) == 0 && len(a.unable) == 0 {
		a.cannot("", "no lock file was found, so there is nothing to audit",
			"name the folder of the lock file in workingDirectory")
	}
}

// holdsPackages reports whether there is more in a node_modules than what tools keep there.
func holdsPackages(at place) bool {
	entries, err := fs.ReadDir(at.tree, at.path)
	isPackage := func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }
	return err != nil || slices.ContainsFunc(entries, isPackage)
}

func isNode(manager string) bool { return manager == "npm" || manager == "yarn" || manager == "pnpm" }

// strays says which manifests and folders of installed packages no lock file knows: what
// is there would be used, and was not looked at.
func (a *audit) strays(files found) {
	known := map[string]bool{}
	for _, p := range a.projects {
		if !isNode(p.manager) && p.unread == nil {
			continue
		}
		for _, e := range p.lock.Entries {
			if e.Source == lockfile.Project {
				known[filepath.Join(p.root, filepath.FromSlash(path.Join(p.dir(), e.Location)))] = true
			}
		}
		known[filepath.Dir(p.full())] = true
	}
	for _, at := range files.manifests {
		if shown := a.step.show(at, at.path); !known[filepath.Dir(at.full())] && asksForPackages(at) {
			a.skipped = append(a.skipped, unable{
				path: shown,
				text: shown + " asks for packages, and no lock file knows it: which versions it gets was not audited",
				fix:  "commit a lock file, or take the folder out with a line !folder in workingDirectory",
			})
		}
	}
	for _, at := range files.modules {
		if shown := a.step.show(at, at.path); !known[filepath.Dir(at.full())] && holdsPackages(at) {
			a.cannot(shown, shown+" has packages that no lock file knows, so they were not looked at",
				"remove it, or take the folder out with a line !folder in workingDirectory")
		}
	}
}

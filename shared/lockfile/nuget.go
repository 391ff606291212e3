package lockfile

import (
	"encoding/base64"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// nugetLock is the usual name of NuGet's lock file; a folder with several projects
// has packages.<project>.lock.json.
const nugetLock = "packages.lock.json"

func isNuGetLock(base string) bool {
	return strings.HasPrefix(base, "packages.") && strings.HasSuffix(base, ".lock.json")
}

var (
	// nugetID and nugetVersion are what packages are called; both name folders.
	nugetID      = regexp.MustCompile(`^[0-9A-Za-z_]+(?:[.-][0-9A-Za-z_]+)*$`)
	nugetVersion = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+){0,3}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?$`)
)

// maxNuGetID is the length that nuget.org allows for an id, and ample for a version.
const maxNuGetID = 100

// nugetDependency is a package as a project's lock file has it.
type nugetDependency struct {
	id, kind, requested, resolved, hash string
	framework                           string // such as "net8.0" or "net8.0/linux-x64"
	line                                int
	needs                               []nugetNeed
}

// nugetNeed is what a package requires.
type nugetNeed struct{ id, span string }

// parseNuGetLock reads packages.lock.json of version 1, and 2 with central versions.
func parseNuGetLock(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = NuGet
	dependencies, err := nugetDependencies(data, lock)
	if err != nil {
		return err
	}
	for _, d := range dependencies {
		if d.kind == "Project" {
			continue
		}
		version, _, _ := strings.Cut(d.resolved, "+") // build metadata is not in folder names
		if d.hash == "" {
			lock.Unproven = append(lock.Unproven, d.id+"@"+version)
			continue
		}
		if sum, err := base64.StdEncoding.Strict().DecodeString(d.hash); err != nil || len(sum) != 64 {
			return malformed(lock, "the contentHash of %s %s is not base64 of 64 bytes", d.id, version)
		}
		lock.Packages = append(lock.Packages, Package{
			Name: strings.ToLower(d.id), Version: strings.ToLower(version), Integrity: []string{"sha512-" + d.hash}})
	}
	lock.addNuGet(tree, dependencies)
	return nil
}

// nugetDependencies lists the packages of all target frameworks.
func nugetDependencies(data []byte, lock *Lock) ([]nugetDependency, error) {
	root, err := parseJSON(lock.Path, data)
	if err != nil {
		return nil, err
	}
	if version := root.text("version"); version != "1" && version != "2" {
		return nil, malformed(lock, "version %.20q is not known here, only 1 and 2", version)
	}
	var list []nugetDependency
	frameworks := root.fields("dependencies")
	for _, framework := range frameworks.names() {
		packages := frameworks.fields(framework)
		for _, id := range packages.names() {
			p := packages.fields(id)
			d := nugetDependency{
				id: id, kind: p.text("type"), requested: p.text("requested"), resolved: p.text("resolved"),
				hash: p.text("contentHash"), framework: framework, line: packages.line(id),
			}
			needs := p.fields("dependencies")
			for _, name := range needs.names() {
				d.needs = append(d.needs, nugetNeed{name, needs.text(name)})
			}
			if d.kind != "Project" && (len(id) > maxNuGetID || len(d.resolved) > maxNuGetID ||
				!nugetID.MatchString(id) || !nugetVersion.MatchString(d.resolved)) {
				return nil, malformed(lock, "%.60q %.60q are not the id and version of a package", id, d.resolved)
			}
			list = append(list, d)
		}
	}
	return list, *root.problem
}

// staleNuGetLock compares the packages that the project file beside the lock file
// asks for with those that it was made for.
func staleNuGetLock(data []byte, tree fs.FS, lock Lock) error {
	projectPath, err := projectOf(tree, lock.Path)
	if err != nil || projectPath == "" {
		return err
	}
	wants, err := packageReferences(tree, projectPath)
	if err != nil || len(wants) == 0 {
		return err
	}
	dependencies, err := nugetDependencies(data, &lock)
	if err != nil {
		return err
	}
	direct := map[string][]string{} // what was requested, in each framework
	for _, d := range dependencies {
		if d.kind == "Direct" {
			id := strings.ToLower(d.id)
			direct[id] = append(direct[id], d.requested)
		}
	}
	stale := &StaleError{Path: lock.Path, Manifest: projectPath, Fix: "dotnet restore --force-evaluate"}
	for _, want := range wants {
		if why := want.missingIn(direct, path.Base(projectPath)); why != "" {
			stale.Differences = append(stale.Differences, why)
		}
	}
	if len(stale.Differences) == 0 {
		return nil
	}
	return stale
}

// projectOf is the project file that a lock file belongs to: the only one beside
// it, or the one that it is named after. Empty if that is not clear.
func projectOf(tree fs.FS, lockPath string) (string, error) {
	entries, err := fs.ReadDir(tree, path.Dir(lockPath))
	if err != nil {
		return "", err
	}
	named := strings.TrimSuffix(strings.TrimPrefix(path.Base(lockPath), "packages."), "lock.json") // "name." or ""
	var found []string
	for _, entry := range entries {
		extension := path.Ext(entry.Name())
		if entry.IsDir() || extension != ".csproj" && extension != ".fsproj" && extension != ".vbproj" {
			continue
		}
		project := strings.TrimSuffix(entry.Name(), extension)
		if named == "" || strings.ReplaceAll(project, " ", "_")+"." == named {
			found = append(found, path.Join(path.Dir(lockPath), entry.Name()))
		}
	}
	if len(found) != 1 {
		return "", nil
	}
	return found[0], nil
}

package extension

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"unicode/utf8"
)

// What tfx-cli (extension-composer.js), the marketplace and the agent ask of names. The agent's
// versions are 32-bit numbers.
var (
	idPattern      = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$`)
	taskPattern    = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	wordPattern    = regexp.MustCompile(`^[a-z]+$`)
	colorPattern   = regexp.MustCompile(`^#[0-9a-f]{6}$`)
)

const maxText = 200 // characters of name and description

type problems []error

func (p *problems) add(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf("  "+format, args...))
	}
}

func (m *Manifest) problems() []error {
	var p problems
	m.checkIdentity(&p)
	m.checkListing(&p)
	m.checkFiles(&p)
	m.checkContributions(&p)
	return p
}

func (m *Manifest) checkIdentity(p *problems) {
	p.add(m.ManifestVersion == 1, "manifestVersion is %d; it must be 1", m.ManifestVersion)
	p.add(idPattern.MatchString(m.ID), "id %q may only have letters, digits, _ and -", m.ID)
	p.add(idPattern.MatchString(m.Publisher), "publisher %q may only have letters, digits, _ and -", m.Publisher)
	p.add(versionPattern.MatchString(m.Version), "version %q must be three numbers, such as 1.0.0", m.Version)
	p.add(len(m.Targets) > 0, `targets is empty; add {"id": "Microsoft.VisualStudio.Services"}`)
	for _, t := range m.Targets {
		p.add(t.ID != "", "a target has no id")
	}
}

func (m *Manifest) checkListing(p *problems) {
	p.add(length(m.Name) > 0 && length(m.Name) <= maxText, "name must have 1 to %d characters", maxText)
	p.add(length(m.Description) > 0 && length(m.Description) <= maxText,
		"description has %d characters; it must have 1 to %d", length(m.Description), maxText)
	p.add(len(m.Categories) > 0, `categories is empty; add "Azure Pipelines"`)
	p.add(m.Icons["default"] != "", "icons.default is missing; name a PNG of at least 128x128")
	p.add(m.Content["details"].Path != "", "content.details is missing; name the listing, such as overview.md")
	for _, key := range slices.Concat(keys(m.Icons), keys(m.Content), keys(m.Links), keys(m.Branding)) {
		p.add(wordPattern.MatchString(key), "key %q must be lower-case letters, as tfx-cli spells it differently", key)
	}
	for _, key := range keys(m.Links) {
		p.add(isWeb(m.Links[key].URI), "links.%s: %q is not an https address", key, m.Links[key].URI)
	}
	p.add(m.Repository.Type == "git" && isWeb(m.Repository.URI), `repository must be {"type": "git", "uri": "https://..."}`)
	if color, ok := m.Branding["color"]; ok {
		p.add(colorPattern.MatchString(color), "branding.color %q must be hex in lower case, such as #1b365d", color)
	}
}

func (m *Manifest) checkFiles(p *problems) {
	paths := slices.Collect(maps.Values(m.Icons))
	for _, asset := range m.Content {
		paths = append(paths, asset.Path)
	}
	slices.Sort(paths)
	for _, name := range paths {
		p.add(name == "" || inside(name), "path %q must be a path inside the repository, with /", name)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		p.add(f.PackagePath != "" && f.Path == StageFolder+"/"+f.PackagePath,
			"files takes %q from %q; the task is staged in %s/%s", f.PackagePath, f.Path, StageFolder, f.PackagePath)
		p.add(!seen[f.PackagePath], "packagePath %q stands in files twice", f.PackagePath)
		seen[f.PackagePath] = true
		p.add(slices.Contains(m.Tasks(), f.PackagePath),
			"files puts %q at %q, which no contribution names; add a contribution or remove it", f.Path, f.PackagePath)
	}
}

func (m *Manifest) checkContributions(p *problems) {
	p.add(len(m.Contributions) > 0, "contributions is empty; add one for each task")
	ids, names := map[string]bool{}, map[string]bool{}
	for _, c := range m.Contributions {
		name := c.Properties.Name
		p.add(idPattern.MatchString(c.ID) && !ids[c.ID], "contribution id %q must be a name used once", c.ID)
		p.add(c.Type == TaskType, "contribution %q has type %q; it must be %s", c.ID, c.Type, TaskType)
		p.add(slices.Contains(c.Targets, TaskType+"s"), "contribution %q must have the target %ss", c.ID, TaskType)
		p.add(taskPattern.MatchString(name) && !names[name],
			"contribution %q: properties.name %q must be a task's name, used once", c.ID, name)
		p.add(slices.ContainsFunc(m.Files, func(f File) bool { return f.PackagePath == name }),
			"contribution %q names the folder %q, which files does not put into the package", c.ID, name)
		ids[c.ID], names[name] = true, true
	}
}

func length(text string) int { return utf8.RuneCountInString(text) }

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func inside(name string) bool { return fs.ValidPath(name) && path.Clean(name) == name && name != "." }

func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

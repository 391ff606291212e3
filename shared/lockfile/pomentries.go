package lockfile

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode/utf8"
)

// parsePOM reads what a pom.xml itself asks for, in the versions that stand in it. A cache
// is bound to it by the key alone: it names neither what that brings with it nor any hash.
func parsePOM(data []byte, _ fs.FS, lock *Lock) error {
	lock.Format = Maven
	pom, err := readPOM(data)
	if err != nil {
		// Maven would not take it either; for a cache it is a part of the key like any other.
		lock.Contradictions = []Contradiction{{Text: err.Error() + ", so nothing is known of what it asks for"}}
		return nil
	}
	lock.Notes = append(lock.Notes,
		"a pom.xml names what it asks for, not what that brings with it: this is not audited")
	if pom.plugins {
		lock.Notes = append(lock.Notes, "the plugins and extensions of the build are not audited")
	}
	pom.fill(lock)
	return nil
}

// fill adds the project, and what it asks for.
func (p *pomFile) fill(lock *Lock) {
	own := p.resolve(pomDependency{group: "${project.groupId}", artifact: "${project.artifactId}",
		version: "${project.version}"})
	lock.Entries = []Entry{{Name: own.name(), Version: pomVersion(own.version), Source: Project}}
	managed := p.managed(lock)
	for _, d := range p.dependencies {
		if d.managed {
			continue
		}
		e, need := p.entry(d, managed)
		if e.Version == "" && e.Source == Registry {
			lock.Notes = append(lock.Notes,
				fmt.Sprintf("line %d: %s: which version this is cannot be told from this file", d.line, e.Name))
		}
		need.To = len(lock.Entries)
		lock.Entries[0].Requires = append(lock.Entries[0].Requires, need)
		lock.Entries = append(lock.Entries, e)
	}
}

// managed are the versions that dependencyManagement sets, by Dependency.key; of keys with
// several, by way of profiles, none.
func (p *pomFile) managed(lock *Lock) map[string]pomDependency {
	managed := map[string]pomDependency{}
	for _, d := range p.dependencies {
		if !d.managed {
			continue
		}
		d = p.resolve(d)
		if d.scope == "import" {
			lock.Notes = append(lock.Notes,
				fmt.Sprintf("line %d: the versions that %s %s sets are not in this file", d.line, d.name(), d.version))
			continue
		}
		other, again := managed[d.key()]
		if again && other.version != d.version || !again && d.profile != "" {
			d.version = ""
		}
		managed[d.key()] = d
	}
	return managed
}

// resolve replaces the properties; what cannot be told stays as it is written. What Maven
// does not allow in a name or version is quoted: the texts go to reports.
func (p *pomFile) resolve(d pomDependency) pomDependency {
	for _, field := range []*string{&d.group, &d.artifact, &d.version, &d.scope, &d.optional, &d.kind, &d.classifier} {
		if value, ok := p.value(*field); ok {
			*field = value
		}
		if strings.ContainsFunc(*field, odd) || len(*field) > maxPOMText || !utf8.ValidString(*field) {
			*field = fmt.Sprintf("%.100q", *field)
		}
	}
	return d
}

// entry makes an entry of a dependency, and what the project asks for.
func (p *pomFile) entry(d pomDependency, managed map[string]pomDependency) (Entry, Require) {
	d = p.resolve(d)
	if by, ok := managed[d.key()]; ok {
		if d.version == "" {
			d.version = by.version
		}
		if d.scope == "" {
			d.scope = by.scope
		}
	}
	e := Entry{Name: d.name(), Line: d.line, Source: Registry, Version: pomVersion(d.version)}
	if !pomName.MatchString(e.Name) {
		e.Version = "" // which package it is of cannot be told either
	}
	need := Require{Name: e.Name, Range: d.version, Kind: Prod}
	switch {
	case d.scope == "test":
		e.Dev, need.Kind = true, Dev
	case d.optional == "true" || d.profile != "":
		e.Optional, need.Kind = true, Optional
	}
	if d.scope == "system" {
		e.Source = Folder
	}
	return e, need
}

// pomName is a group and artifact as Maven allows them (DefaultModelValidator).
var pomName = regexp.MustCompile(`^[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+$`)

// pomVersion is the version that Maven takes if nothing else asks for another: not a range,
// and not one that the repository decides about. Empty if it is none.
func pomVersion(version string) string {
	if exact := strings.TrimSuffix(strings.TrimPrefix(version, "["), "]"); len(version) == len(exact)+2 {
		version = exact
	}
	if version == "LATEST" || version == "RELEASE" || strings.ContainsAny(version, "[](),${}\" ") {
		return ""
	}
	return version
}

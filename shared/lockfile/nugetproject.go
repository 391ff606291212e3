package lockfile

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// packageReference is a package that a project asks for.
type packageReference struct {
	id      string
	version string // empty if it cannot be told
}

// missingIn says why a lock file does not fulfil the reference; empty if it does,
// or if that cannot be told. requested has the ranges of each id.
func (r packageReference) missingIn(requested map[string][]string, project string) string {
	ranges, ok := requested[strings.ToLower(r.id)]
	if !ok {
		return r.id + ": " + project + " has it, the lock file does not"
	}
	want, ok := nugetRange(r.version)
	if !ok {
		return ""
	}
	for _, text := range ranges {
		if got, known := nugetRange(text); !known || got == want {
			return ""
		}
	}
	locked := strings.Join(slices.Compact(ranges), ", ")
	return fmt.Sprintf("%s: %s says %s, the lock file %s", r.id, project, r.version, locked)
}

// nugetRange brings a version or range into one form: 1.2 and "[1.2.0, )" are the
// same. False for what is neither, such as a floating version.
func nugetRange(text string) (string, bool) {
	text = strings.Join(strings.Fields(text), "")
	if text == "" {
		return "", false
	}
	if text[0] != '[' && text[0] != '(' {
		text = "[" + text + ",)"
	}
	if len(text) < 3 {
		return "", false
	}
	opening, inner, closing := text[:1], text[1:len(text)-1], text[len(text)-1:]
	if closing != "]" && closing != ")" {
		return "", false
	}
	from, to, isRange := strings.Cut(inner, ",")
	if !isRange {
		to = from
	}
	from, ok := nugetNormal(from)
	to, ok2 := nugetNormal(to)
	return opening + from + "," + to + closing, ok && ok2
}

// nugetNormal writes a version as NuGet normalises it: three numbers, or four, no
// zeros before them, no build metadata, no difference of case.
func nugetNormal(version string) (string, bool) {
	if version == "" {
		return "", true // unbounded
	}
	if !nugetVersion.MatchString(version) {
		return "", false
	}
	version, _, _ = strings.Cut(version, "+")
	numbers, release, isPre := strings.Cut(version, "-")
	fields := strings.Split(numbers, ".")
	for i, f := range fields {
		if fields[i] = strings.TrimLeft(f, "0"); fields[i] == "" {
			fields[i] = "0"
		}
	}
	for len(fields) < 3 {
		fields = append(fields, "0")
	}
	if len(fields) == 4 && fields[3] == "0" {
		fields = fields[:3]
	}
	numbers = strings.Join(fields, ".")
	if isPre {
		numbers += "-" + strings.ToLower(release)
	}
	return numbers, true
}

// packageReferences are what a project asks for on every machine and in every
// configuration: items without a condition and without properties. Those that
// anything removes or changes are left out.
func packageReferences(tree fs.FS, projectPath string) ([]packageReference, error) {
	items, err := readMSBuild(tree, projectPath, "PackageReference")
	if err != nil {
		return nil, err
	}
	central, err := centralVersions(tree, path.Dir(projectPath))
	if err != nil {
		return nil, err
	}
	var references []packageReference
	for _, item := range items {
		if item.conditional || !nugetID.MatchString(item.include) || changed(items, item.include) {
			continue
		}
		r := packageReference{id: item.include, version: item.version}
		if r.version == "" {
			r.version = central[strings.ToLower(item.include)]
		}
		references = append(references, r)
	}
	return references, nil
}

// changed reports whether there is more than one item about a package.
func changed(items []projectItem, id string) bool {
	count := 0
	for _, item := range items {
		if strings.EqualFold(item.include, id) || strings.EqualFold(item.other, id) ||
			strings.ContainsAny(item.other, "@$*") {
			count++
		}
	}
	return count != 1
}

// centralVersions are the versions of the nearest Directory.Packages.props above a
// project.
func centralVersions(tree fs.FS, dir string) (map[string]string, error) {
	for ; ; dir = path.Dir(dir) {
		items, err := readMSBuild(tree, path.Join(dir, "Directory.Packages.props"), "PackageVersion")
		if err != nil {
			return nil, err
		}
		versions := map[string]string{}
		for _, item := range items {
			if !item.conditional && !changed(items, item.include) {
				versions[strings.ToLower(item.include)] = item.version
			}
		}
		if len(items) > 0 || dir == path.Dir(dir) {
			return versions, nil
		}
	}
}

// projectItem is one item of an MSBuild file.
type projectItem struct {
	include, other string // other: what it updates or removes
	version        string
	conditional    bool // it, or what it is in, has a condition
}

// readMSBuild lists the items of one kind in an MSBuild file. A file that is not
// there, or not XML in UTF-8, has none.
func readMSBuild(tree fs.FS, name, kind string) ([]projectItem, error) {
	data, err := manifest(tree, name)
	if err != nil || data == nil {
		return nil, err
	}
	reader := projectReader{kind: kind}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.RawToken()
		if err != nil {
			return reader.items, nil
		}
		switch token := token.(type) {
		case xml.StartElement:
			reader.start(token)
		case xml.CharData:
			reader.text += string(token[:min(len(token), maxNuGetID)])
			reader.text = reader.text[:min(len(reader.text), maxNuGetID)]
		case xml.EndElement:
			reader.end(token.Name.Local)
		}
	}
}

// projectReader collects items while an MSBuild file is read.
type projectReader struct {
	kind        string
	items       []projectItem
	conditional []bool // of the elements that are open
	inItem      bool
	text        string // since the last tag
}

func (r *projectReader) start(element xml.StartElement) {
	name := element.Name.Local
	item := readItem(element)
	if r.inItem {
		// <Version Condition="..."> decides about the item that it is in.
		last := &r.items[len(r.items)-1]
		last.conditional = last.conditional || item.conditional
	}
	outer := len(r.conditional) > 0 && r.conditional[len(r.conditional)-1]
	item.conditional = item.conditional || outer ||
		slices.Contains([]string{"Choose", "When", "Otherwise", "Target"}, name)
	r.conditional = append(r.conditional, item.conditional)
	r.text = ""
	if name == r.kind {
		r.items = append(r.items, item)
		r.inItem = true
	}
}

func (r *projectReader) end(name string) {
	r.conditional = r.conditional[:max(len(r.conditional)-1, 0)]
	switch {
	case name == r.kind:
		r.inItem = false
	case r.inItem && (name == "Version" || name == "VersionOverride"):
		// <PackageReference Include="x"><Version>1.0</Version></PackageReference>
		r.items[len(r.items)-1].version = strings.TrimSpace(r.text)
	}
	r.text = ""
}

func readItem(element xml.StartElement) projectItem {
	var item projectItem
	for _, attribute := range element.Attr {
		value := strings.TrimSpace(attribute.Value)
		switch attribute.Name.Local {
		case "Include":
			item.include = value
		case "Update", "Remove":
			item.other = value
		case "Version":
			if item.version == "" {
				item.version = value
			}
		case "VersionOverride":
			item.version = value
		case "Condition":
			item.conditional = true
		}
	}
	return item
}

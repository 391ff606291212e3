package lockfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// pomDependency is what a pom.xml asks for, as written.
type pomDependency struct {
	group, artifact, version string
	scope, optional, kind    string // kind: the <type>
	classifier               string
	profile                  string // the id of the profile that it is in
	managed                  bool   // it only says which version counts, if somebody asks for it
	line                     int
}

func (d pomDependency) name() string { return d.group + ":" + d.artifact }

// key is what dependencyManagement goes by (Maven, Dependency.getManagementKey).
func (d pomDependency) key() string {
	kind := d.kind
	if kind == "" {
		kind = "jar"
	}
	return d.name() + ":" + kind + ":" + d.classifier
}

// pomFile is what one pom.xml says, read as it comes.
type pomFile struct {
	open         []string          // elements that are open, the root first
	text         strings.Builder   // since the last tag
	model        map[string]string // "project.version" and the like
	properties   map[string]string
	profiles     map[string]bool // properties that a profile can change
	dependencies []pomDependency
	at           *pomDependency // that is open
	profile      string
	inProfile    bool
	plugins      bool // it has plugins or extensions
}

// maxPOM bounds the XML, of which each byte costs several; real files reach 200 kB.
const maxPOM = 8 << 20

// readPOM reads a pom.xml. Its error can be shown.
func readPOM(data []byte) (*pomFile, error) {
	if len(data) > maxPOM {
		return nil, fmt.Errorf("it is larger than %d MiB", maxPOM>>20)
	}
	p := &pomFile{model: map[string]string{}, properties: map[string]string{}, profiles: map[string]bool{}}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.CharsetReader = latin1
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && len(p.open) == 0 && p.model["project"] != "":
			return p, nil
		case err != nil:
			line, column := decoder.InputPos()
			return nil, fmt.Errorf("line %d, column %d: not the XML of a pom.xml", line, column)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(p.open) > maxDepth {
				return nil, errDeep
			}
			line, _ := decoder.InputPos()
			p.start(token.Name.Local, line)
		case xml.CharData:
			p.text.Write(token)
		case xml.EndElement:
			p.end(strings.TrimSpace(p.text.String()))
			p.text.Reset()
		}
	}
}

// latin1 reads one of the encodings with a byte for each character: what is not ASCII is in
// names of people and comments, and need not be right.
func latin1(charset string, in io.Reader) (io.Reader, error) {
	charset = strings.ToLower(charset)
	if !strings.HasPrefix(charset, "iso-8859-") && !strings.HasPrefix(charset, "windows-") && charset != "us-ascii" {
		return nil, errors.New("an encoding that is not known")
	}
	data, err := io.ReadAll(in)
	var text strings.Builder
	for _, b := range data {
		text.WriteRune(rune(b))
	}
	return strings.NewReader(text.String()), err
}

// place is where the innermost element is: "project/dependencies/dependency", also in a
// profile.
func (p *pomFile) place() string {
	if len(p.open) > 8 {
		return ""
	}
	place := strings.Join(p.open, "/")
	if rest, ok := strings.CutPrefix(place, "project/profiles/profile/"); ok {
		return "project/" + rest
	}
	return place
}

func (p *pomFile) start(name string, line int) {
	p.open = append(p.open, name)
	p.text.Reset()
	switch place := p.place(); place {
	case "project":
		p.model["project"] = name
	case "project/dependencies/dependency", "project/dependencyManagement/dependencies/dependency":
		p.dependencies = append(p.dependencies,
			pomDependency{line: line, managed: strings.Contains(place, "Management"), profile: p.profile})
		p.at = &p.dependencies[len(p.dependencies)-1]
	case "project/profiles/profile":
		p.profile, p.inProfile = "of a profile", true
	case "project/build/plugins/plugin", "project/build/extensions/extension":
		p.plugins = true
	}
}

func (p *pomFile) end(text string) {
	place := p.place()
	name := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	switch {
	case place == "project/profiles/profile":
		p.profile, p.inProfile = "", false
	case strings.HasSuffix(place, "dependencies/dependency"):
		p.at = nil
	case p.at != nil && p.place() == "project/dependencies/dependency",
		p.at != nil && p.place() == "project/dependencyManagement/dependencies/dependency":
		p.at.set(name, text)
	case p.place() == "project/properties":
		p.property(name, text)
	case p.place() == "project" && len(p.open) == 1:
		p.model["project."+name] = text
	case p.place() == "project/parent":
		p.model["project.parent."+name] = text
	}
}

// property keeps the value of a property. Which profiles count cannot be told, so what one
// of them gives another value has none.
func (p *pomFile) property(name, value string) {
	if p.inProfile {
		p.profiles[name] = true
		return
	}
	p.properties[name] = value
}

func (d *pomDependency) set(name, text string) {
	switch name {
	case "groupId":
		d.group = text
	case "artifactId":
		d.artifact = text
	case "version":
		d.version = text
	case "scope":
		d.scope = text
	case "optional":
		d.optional = text
	case "type":
		d.kind = text
	case "classifier":
		d.classifier = text
	}
}

// pomReference is a property that a value refers to.
var pomReference = regexp.MustCompile(`\$\{([^{}$]*)\}`)

// maxPOMText is the longest value that properties make up.
const maxPOMText = 500

// value replaces the properties that the file itself sets. False if one of them is set
// elsewhere, or by a profile.
func (p *pomFile) value(text string) (string, bool) {
	known := true
	for range 10 { // of properties that refer to others
		if !strings.Contains(text, "${") || len(text) > maxPOMText {
			break
		}
		text = pomReference.ReplaceAllStringFunc(text, func(reference string) string {
			value, ok := p.lookup(strings.TrimSpace(reference[2 : len(reference)-1]))
			if known = known && ok && len(value) <= maxPOMText; !known {
				return ""
			}
			return value
		})
	}
	return text, known && !strings.Contains(text, "${") && len(text) <= maxPOMText
}

// lookup finds a property as Maven does: first what is written project.x, then the file's
// own, then the project's without the prefix. Group and version can be the parent's.
func (p *pomFile) lookup(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, "pom."); ok { // the old form
		name = "project." + rest
	}
	if value := p.field(name); value != "" {
		return value, true
	}
	if p.profiles[name] {
		return "", false
	}
	if value, ok := p.properties[name]; ok {
		return value, true
	}
	value := p.field("project." + name)
	return value, value != ""
}

func (p *pomFile) field(name string) string {
	value := p.model[name]
	if value == "" && (name == "project.groupId" || name == "project.version") {
		value = p.model["project.parent."+strings.TrimPrefix(name, "project.")]
	}
	return value
}

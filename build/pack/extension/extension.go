// Package extension reads and checks vss-extension.json, the manifest from which both this
// packer and the official tfx-cli make the .vsix. It knows the keys this extension uses and
// refuses all others, so that nothing in the manifest is silently left out of the package.
package extension

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// TaskType is the type of a contribution that is a pipeline task.
const TaskType = "ms.vss-distributed-task.task"

// StageFolder is where tasks are staged, relative to the repository's root: the manifest takes each
// task from there.
const StageFolder = "build/out/stage"

// Manifest is vss-extension.json.
type Manifest struct {
	ManifestVersion int               `json:"manifestVersion"`
	Publisher       string            `json:"publisher"`
	ID              string            `json:"id"`
	Version         string            `json:"version"`
	Name            string            `json:"name"`
	Description     string            `json:"description"`
	Categories      []string          `json:"categories"`
	Tags            []string          `json:"tags"`
	GalleryFlags    []string          `json:"galleryFlags"`
	Targets         []Installation    `json:"targets"`
	Icons           map[string]string `json:"icons"`
	Content         map[string]Asset  `json:"content"`
	Links           map[string]Link   `json:"links"`
	Repository      Repository        `json:"repository"`
	Branding        map[string]string `json:"branding"`
	Scopes          []string          `json:"scopes"`
	Files           []File            `json:"files"`
	Contributions   []Contribution    `json:"contributions"`
}

// Installation is a product the extension installs into.
type Installation struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// Asset is a file shown in the marketplace.
type Asset struct {
	Path string `json:"path"`
}

// Link is an address shown in the marketplace.
type Link struct {
	URI string `json:"uri"`
}

// Repository is where the sources are.
type Repository struct {
	Type string `json:"type"`
	URI  string `json:"uri"`
}

// File puts a file or folder, relative to the repository's root, into the package.
type File struct {
	Path        string `json:"path"`
	PackagePath string `json:"packagePath"`
}

// Contribution is one thing the extension adds; here always a task.
type Contribution struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	Targets    []string   `json:"targets"`
	Properties Properties `json:"properties"`
}

// Properties of a task's contribution: Name is the task's folder in the package.
type Properties struct {
	Name string `json:"name"`
}

// Load reads the manifest and reports all that is wrong with it at once.
func Load(path string) (*Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the extension's manifest: %w", err)
	}
	m, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := errors.Join(m.problems()...); err != nil {
		return nil, fmt.Errorf("%s has mistakes:\n%w", path, err)
	}
	return m, nil
}

func parse(data []byte) (*Manifest, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var m Manifest
	err := decoder.Decode(&m)
	if err == nil {
		if _, extra := decoder.Token(); extra != io.EOF {
			err = errors.New("text after the end of the manifest")
		}
	}
	if err != nil {
		line := 1 + bytes.Count(data[:decoder.InputOffset()], []byte("\n"))
		return nil, fmt.Errorf("not a readable manifest near line %d: %w", line, err)
	}
	return &m, nil
}

// Tasks returns the names of the tasks the extension contributes, sorted.
func (m *Manifest) Tasks() []string {
	var names []string
	for _, c := range m.Contributions {
		names = append(names, c.Properties.Name)
	}
	slices.Sort(names)
	return names
}

// FileName returns the name tfx-cli gives to the package.
func (m *Manifest) FileName() string {
	return fmt.Sprintf("%s.%s-%s.vsix", m.Publisher, m.ID, m.Version)
}

// Numbers returns the three numbers of the version.
func (m *Manifest) Numbers() (major, minor, patch int) {
	var n [3]int
	for i, text := range strings.SplitN(m.Version, ".", 3) {
		n[i], _ = strconv.Atoi(text) // Load has checked it
	}
	return n[0], n[1], n[2]
}

// ForTask returns the manifest of an extension with this one task, for servers that accept
// small packages only. Its id is the extension's and the contribution's, joined by "-".
func (m *Manifest) ForTask(name string) (*Manifest, error) {
	one := *m
	one.Contributions = slices.DeleteFunc(slices.Clone(m.Contributions), func(c Contribution) bool {
		return c.Properties.Name != name
	})
	one.Files = slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return f.PackagePath != name })
	if len(one.Contributions) != 1 {
		return nil, fmt.Errorf("the extension has no task %q; it has %s", name, strings.Join(m.Tasks(), ", "))
	}
	one.ID += "-" + one.Contributions[0].ID
	one.Name += " " + name
	return &one, nil
}

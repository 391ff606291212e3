// Package document reads YAML and JSON files as trees that know where in the text each
// scalar stands, and finds places in them by JSONPath.
//
// Both kinds become yaml.Nodes: a file is a list of documents. Scalars keep their text:
// 2.0 is not 2. Aliases are there as such, see [Resolve].
package document

import "go.yaml.in/yaml/v3"

// File is a file that was read.
type File struct {
	Name string
	JSON bool
	Docs []*yaml.Node // the content of each document, no DocumentNode; nil for an empty one
}

// Is reports whether a file of this name is read as a document.
func Is(name string) bool { panic("skeleton") }

// Parse reads a file.
func Parse(name string, data []byte) (*File, error) { panic("skeleton") }

// Path is a place, or several, in a document: JSONPath such as $.images[?(@.name == 'web')].newTag. The "$." may be left out.
type Path struct{ text string }

// ParsePath reads a path.
func ParsePath(text string) (Path, error) { panic("skeleton") }

// String is the path as it was written.
func (p Path) String() string { return p.text }

// Match is a place that a path names.
type Match struct {
	Doc  int
	Node *yaml.Node
	Path string // normalised, such as $['images'][0]['newTag']
	// Aliased: an alias or merge key is on the way to it.
	Aliased bool
}

// Find returns the places that a path names, in the order of the file.
func (f *File) Find(p Path) ([]Match, error) { panic("skeleton") }

// Package splice changes scalars of YAML and JSON files in their text: comments, order,
// blank lines and all other bytes stay as they are.
package splice

import "github.com/guardrails-ci/guardrails/tasks/guardedpush/document"

// Edit is a change that is asked for.
type Edit struct {
	Line  int    // of the input, from 1
	File  string // slash-separated, checked
	Path  document.Path
	Value string
	Text  bool // the value was written in quotes: it is a text, whatever it looks like
}

// ParseEdits reads lines of the form "file.yaml: json-path = value". All wrong ones are told at once.
func ParseEdits(lines []string) ([]Edit, error) { panic("skeleton") }

// Applied is what an edit did.
type Applied struct {
	Edit     Edit
	Path     string // normalised
	Line     int    // in the file
	Old, New string // scalars; equal if nothing was to do
}

// Apply makes edits of one file.
func Apply(name string, data []byte, edits []Edit) ([]byte, []Applied, error) { panic("skeleton") }

// Package fingerprint turns everything that decides about an image into one hash, so that what is there already need not be
// built again.
package fingerprint

import "context"

// Inputs are what an image is made of.
type Inputs struct {
	Context    string            // folder
	Dockerfile string            // path
	Named      map[string]string // further contexts: folder, or an image by digest
	Bases      map[string]string // image as the Dockerfile names it -> digest
	Args       map[string]string
	Target     string
	Platforms  []string
	Settings   map[string]string // whatever else decides: labels, annotations, frontend, ...
}

// Of is "in-" and 64 hex digits: a tag. Files that .dockerignore leaves out don't count, nor do times and owners; of modes only
// the executable bit does.
func Of(ctx context.Context, in Inputs) (string, error) { panic("skeleton") }

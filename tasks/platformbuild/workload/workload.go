// Package workload finds the images that Kubernetes manifests run, and holds them against the rules of a cluster.
package workload

import "context"

// Use is an image that a manifest runs.
type Use struct {
	Path     string // file, slash-separated, from the root
	Line     int
	Column   int
	Image    string            // as written; after the images of a kustomization, if one applies
	Kind     string            // such as Deployment
	Name     string            // of the object
	Selector map[string]string // nodeSelector, and required node affinity, for kubernetes.io/arch and /os
}

// Rules are what images must keep to.
type Rules struct {
	Places []string // allowed registries
	Digest string   // "error", "warn" or "off": not pinned by digest
	// Platforms returns the platforms that an image has; nil: not looked at.
	Platforms func(ctx context.Context, image string) ([]string, error)
}

// Finding is a breach of a rule.
type Finding struct {
	Use
	Rule, Text, Hint string
	Warn             bool
}

// Read finds the manifests below root that match the patterns (doublestar), and the images in them.
// Files that cannot be read as what they seem to be are findings.
func Read(ctx context.Context, root string, patterns []string) (uses []Use, problems []Finding, err error) {
	panic("skeleton")
}

// Check holds the uses against the rules.
func Check(ctx context.Context, uses []Use, r Rules) ([]Finding, error) { panic("skeleton") }

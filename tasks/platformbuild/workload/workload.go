// Package workload finds the images that Kubernetes manifests run, and holds them against the rules of a cluster.
//
// It reads plain manifests (YAML and JSON), carries out the images and patches of kustomizations, and looks at what
// Helm renders of a chart. An image is what stands in a list of containers at any depth of an object, so that custom
// resources with a pod's template count, and in an image volume.
//
// Manifests are untrusted: their size, depth, number and what their aliases come to are bounded, and links out of
// the root are not followed. What cannot be read is told, never passed over: a file that has not been looked at
// must not look like one that is in order.
//
// It does not fetch: remote bases, charts that a kustomization names, and the applications of Argo CD or Flux are
// not followed. The values of charts other than their defaults are the caller's.
package workload

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Use is an image that a manifest runs.
type Use struct {
	Path   string // file, slash-separated, from the root
	Line   int    // 0 where a chart's template was rendered
	Column int
	Image  string // as written; after the images of a kustomization, if one applies
	Kind   string // such as Deployment
	Name   string // of the object
	// Selector is what nodeSelector and required node affinity ask for: for kubernetes.io/arch and /os, the values
	// that a node may have, in order and with commas between them.
	Selector map[string]string
}

// Finding is a breach of a rule, or what could not be looked at.
type Finding struct {
	Use
	Rule, Text, Hint string
	Warn             bool // worth a word, no reason to refuse
}

// Render returns what Helm makes of a chart, a folder with a slash-separated path from the root: a stream of YAML
// documents with Helm's "# Source:" comments.
type Render func(ctx context.Context, chart string) ([]byte, error)

// Read finds the manifests below root that match the patterns (doublestar; with a "!" in front they leave files
// out), and the images in them. Files that cannot be read as what they seem to be are findings; an error is a pattern
// that is none, a root that cannot be read, or the end of ctx. Charts are rendered by render; if that is nil,
// they are findings, too.
func Read(
	ctx context.Context, root string, patterns []string, render Render,
) (uses []Use, problems []Finding, err error) {
	globs, err := parseGlobs(patterns)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, fmt.Errorf("reading manifests: %w", err)
	}
	defer dir.Close()
	r := &reader{
		ctx: ctx, root: dir, render: render, parsed: map[string][]image{}, claimed: map[string]bool{},
		kustomizations: map[string]*kustomization{},
	}
	found, err := r.find(globs)
	if err != nil {
		return nil, nil, err
	}
	images := r.kustomized(found.kustomizations)
	for _, name := range found.manifests {
		if !r.claimed[name] {
			images = append(images, r.manifest(name)...)
		}
	}
	for _, chart := range found.charts {
		images = append(images, r.chart(chart)...)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for _, im := range images {
		uses = append(uses, im.Use)
	}
	return tidyUses(uses), tidyFindings(r.problems), nil
}

// reader reads the manifests of one root.
type reader struct {
	ctx      context.Context
	root     *os.Root
	render   Render
	problems []Finding

	parsed         map[string][]image // by file
	kustomizations map[string]*kustomization
	claimed        map[string]bool // files that kustomizations apply
	read           int64           // bytes so far
	images         int             // so far
}

// problem says that something could not be looked at.
func (r *reader) problem(at Use, hint, text string, args ...any) {
	if len(r.problems) == maxProblems {
		return
	}
	r.problems = append(r.problems, Finding{Use: at, Rule: "scan/unread", Text: fmt.Sprintf(text, args...), Hint: hint})
}

func (u Use) compare(v Use) int {
	return cmp.Or(cmp.Compare(u.Path, v.Path), cmp.Compare(u.Line, v.Line), cmp.Compare(u.Column, v.Column),
		cmp.Compare(u.Image, v.Image), cmp.Compare(u.Kind, v.Kind), cmp.Compare(u.Name, v.Name))
}

// tidyUses are the uses in order, each once: two overlays of one base may say the same.
func tidyUses(uses []Use) []Use {
	slices.SortStableFunc(uses, Use.compare)
	return slices.CompactFunc(uses, func(a, b Use) bool {
		return a.compare(b) == 0 && maps.Equal(a.Selector, b.Selector)
	})
}

func tidyFindings(all []Finding) []Finding {
	order := func(a, b Finding) int { return cmp.Or(a.Use.compare(b.Use), cmp.Compare(a.Text, b.Text)) }
	slices.SortStableFunc(all, order)
	return slices.CompactFunc(all, func(a, b Finding) bool { return order(a, b) == 0 })
}

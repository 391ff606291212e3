// Package meaning compares files by what they mean: bytes first, then documents.
package meaning

// Ignore is what does not count as a change.
type Ignore struct{}

// ParseIgnore reads lines of the form "path" or "glob: path"; see document.Path. What never counts is in it already.
func ParseIgnore(lines []string) (Ignore, error) { panic("skeleton") }

// Same reports whether a file means the same in both versions; a file that is no document, or cannot be read as one, only if its bytes are the same.
func Same(name string, before, after []byte, ignore Ignore) bool { panic("skeleton") }

// Image is a container image that a document names.
type Image struct {
	Place string // such as "Deployment web, container web", or "images[web]"
	Ref   string // such as registry.example.com/web:1.2.3
}

// Images lists the images that Kubernetes manifests, kustomizations and Helm values name.
func Images(name string, data []byte) []Image { panic("skeleton") }

// ImageChange is an image that was changed, added ("" before) or removed.
type ImageChange struct{ Place, Before, After string }

// Changes compares two lists of images.
func Changes(before, after []Image) []ImageChange { panic("skeleton") }

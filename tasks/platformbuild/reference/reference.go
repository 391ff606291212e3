// Package reference reads the names of images as Docker and Kubernetes do.
package reference

// Reference is an image's name. Registry and Repository are always set: "nginx" is docker.io and library/nginx.
type Reference struct {
	Registry   string // host, with the port if it has one
	Repository string
	Tag        string // "" if the name has none; never "latest" by itself
	Digest     string // "sha256:..." or ""
	Implicit   bool   // the name has no registry of its own
}

// Parse reads an image's name.
func Parse(text string) (Reference, error) { panic("skeleton") }

// Name is registry/repository.
func (r Reference) Name() string { panic("skeleton") }

// String is the whole name, with tag and digest.
func (r Reference) String() string { panic("skeleton") }

// CheckTag says why text cannot be a tag.
func CheckTag(text string) error { panic("skeleton") }

// Allowed reports whether the image is in one of the allowed places, each a registry or a registry with a path
// ("prodacr.azurecr.io", "prodacr.azurecr.io/team/"): compared by whole path segments, so that prodacr.azurecr.io.evil.com is not.
func (r Reference) Allowed(places []string) bool { panic("skeleton") }

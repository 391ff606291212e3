package platformbuild

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

const imageScheme = "pkg:docker/"

// imageURI is an image's (github.com/package-url/purl-spec, docker), as long as a reference and a platform can be.
var imageURI = regexp.MustCompile(`^` + imageScheme + `[A-Za-z0-9._~%:/@?&=+-]{1,600}$`)

// sha256Text is a digest as SLSA writes it.
var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

// maxBases is more than anybody builds on.
const maxBases = 200

// material is something that a build was made of.
type material struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// basesOf are the images that a build has read, by their package URLs, with the digests that they had: from what
// BuildKit has written down beside the image, in either form of SLSA. It is somebody else's text, and will be signed:
// what is not of the form that BuildKit gives the name and digest of an image is left out, and counted.
func basesOf(image registry.Image) (bases map[string]string, out int) {
	bases = map[string]string{}
	for _, part := range slices.Sorted(maps.Keys(image.Provenance)) {
		var record struct {
			Predicate struct {
				Materials  []material `json:"materials"` // v0.2
				Definition struct {
					Dependencies []material `json:"resolvedDependencies"` // v1
				} `json:"buildDefinition"`
			} `json:"predicate"`
		}
		if json.Unmarshal(image.Provenance[part], &record) != nil {
			out++
			continue
		}
		for _, m := range slices.Concat(record.Predicate.Materials, record.Predicate.Definition.Dependencies) {
			digest := m.Digest["sha256"]
			had, twice := bases[m.URI]
			switch {
			case !strings.HasPrefix(m.URI, imageScheme) || twice && had == "sha256:"+digest:
			case twice || len(bases) == maxBases || !imageURI.MatchString(m.URI) || !sha256Text.MatchString(digest):
				out++
			default:
				bases[m.URI] = "sha256:" + digest
			}
		}
	}
	return bases, out
}

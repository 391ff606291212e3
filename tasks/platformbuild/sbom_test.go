package platformbuild

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// lists is a scanner that follows BuildKit's protocol (docs/attestations/sbom-protocol.md of moby/buildkit). What it
// lists stands in a file of the image.
const lists = `set -e
what=$(cat "$BUILDKIT_SCAN_SOURCE/listed")
cat >"$BUILDKIT_SCAN_DESTINATION/${BUILDKIT_SCAN_SOURCE##*/}.spdx.json" <<END
{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "subject": [],
 "predicate": {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "ours",
  "documentNamespace": "https://scanner.invalid/ours",
  "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: scanner-of-the-test"]},
  "packages": [{"SPDXID": "SPDXRef-P", "name": "$what", "versionInfo": "1", "downloadLocation": "NOASSERTION"}]}}
END
`

// scanner puts an image into the registry that starts something, and returns its name.
func (j *job) scanner(start ...string) string {
	j.t.Helper()
	inside := remote.WithTransport(j.registry.Inside())
	base, err := name.ParseReference(j.base(), name.Insecure)
	j.must(err)
	image, err := remote.Image(base, inside, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	j.must(err)
	image, err = mutate.Config(image, v1.Config{Entrypoint: start, Env: []string{"PATH=/bin"}})
	j.must(err)
	target, err := name.ParseReference(j.registry.Host()+"/scanners/ours:1", name.Insecure)
	j.must(err)
	j.must(remote.Write(target, image, inside))
	return target.String()
}

func TestSBOM(t *testing.T) {
	t.Parallel()
	const dockerfile = "FROM {base}\nARG TARGETARCH\nCOPY $TARGETARCH /listed\n"
	lab := func(t *testing.T) *job {
		t.Parallel()
		j := realJob(t, map[string]string{"Dockerfile": dockerfile, "amd64": "of-amd64", "arm64": "of-arm64"})
		return j.input("sbom", "true", "platforms", "linux/amd64,linux/arm64")
	}
	t.Run("of each platform", func(t *testing.T) {
		j := lab(t)
		scanner := j.scanner("/bin/sh", "-c", lists)
		j.input("sbomGenerator", scanner).want("Succeeded")
		j.says("generating sbom using " + scanner)
		got, want := j.listed("100"), map[string]string{}
		for _, m := range j.manifest("100").Manifests {
			if m.Platform.OS == "linux" {
				want[m.Digest] = "of-" + m.Platform.Architecture
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 2 {
			t.Errorf("what is listed, by image (-want +got):\n%s", diff)
		}
	})
	for name, tc := range map[string]struct {
		start      []string // of the scanner; nil: it is not there
		rule, says string
	}{
		"not there":      {nil, "", "the image of the SBOM scanner, {scanner}, cannot be read"},
		"writes nothing": {[]string{"/bin/true"}, "image/sbom", "has no SBOM: the scanner has written none"},
		"fails":          {[]string{"/bin/sh", "-c", "echo broken; exit 3"}, "", "generating sbom using {scanner}"},
		"is no scanner":  {[]string{}, "", "the image {scanner} is no SBOM scanner: it starts nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			j := lab(t)
			scanner := j.registry.Host() + "/scanners/none:1"
			if tc.start != nil {
				scanner = j.scanner(tc.start...)
			}
			j.input("sbomGenerator", scanner).refuses(tc.rule, strings.ReplaceAll(tc.says, "{scanner}", scanner))
		})
	}
}

// An SBOM of another scanner may list something else.
func TestScannerIsAnInput(t *testing.T) {
	t.Parallel()
	j := onceJob(t).input("sbom", "true")
	for run, scanner := range []string{"syft:1", "syft:1", "syft:2"} {
		j.input("sbomGenerator", scanner).set("BUILD_BUILDID", "20"+strconv.Itoa(run)).want("Succeeded")
	}
	if got := len(j.built()); got != 3 { // one without an SBOM, and one a scanner
		t.Errorf("built %d times, want 3:\n%s", got, strings.Join(j.built(), "\n"))
	}
}

// listed is what the scanner lists of the images under a tag, by digest.
func (j *job) listed(tag string) map[string]string {
	j.t.Helper()
	all := map[string]string{}
	for _, m := range j.manifest(tag).Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			continue
		}
		text := j.everything(m.Digest)
		_, rest, _ := strings.Cut(text, `"name":"of-`)
		all[m.Annotations["vnd.docker.reference.digest"]] = "of-" + rest[:min(len(rest), 5)]
	}
	return all
}

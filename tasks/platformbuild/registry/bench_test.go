package registry

import (
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// BenchmarkResolve asks what an image of two platforms is: an index, two manifests, two configs.
func BenchmarkResolve(b *testing.B) {
	r := containertest.NewRegistry(b)
	var parts []object
	for _, arch := range []string{"amd64", "arm64"} {
		d := putImage(b, r, "", config("linux", arch), "layer")
		parts = append(parts, object{
			"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size,
			"platform": object{"os": "linux", "architecture": arch},
		})
	}
	putManifestIn(b, r, "1", ociIndex, object{"schemaVersion": 2, "mediaType": ociIndex, "manifests": parts})
	client, ref := clientOf(r), at(b, r, "1")
	for b.Loop() {
		if im, err := client.Resolve(b.Context(), ref); err != nil || len(im.Parts) != 2 {
			b.Fatalf("Resolve = %+v, %v", im, err)
		}
	}
}

// BenchmarkLayer reads a layer of 64 MB and compares its digest; "plain" is the same request without us.
func BenchmarkLayer(b *testing.B) {
	data := make([]byte, 64<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // does not fail
	r := containertest.NewRegistry(b)
	d := putImage(b, r, "1", config("linux", "amd64"), string(data))
	im, err := clientOf(r).Resolve(b.Context(), at(b, r, d.Digest))
	if err != nil {
		b.Fatal(err)
	}
	layer := im.Parts[0].Layers[0]
	for name, open := range map[string]func() (io.ReadCloser, error){
		"checked": func() (io.ReadCloser, error) { return layer.Open(b.Context()) },
		"plain": func() (io.ReadCloser, error) {
			answer, err := r.Client().Get(r.URL() + "/v2/app/blobs/" + layer.Digest())
			if err == nil && answer.StatusCode != http.StatusOK {
				b.Fatal(answer.Status)
			}
			return answer.Body, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				stream, err := open()
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, stream); err != nil || n != int64(len(data)) {
					b.Fatalf("%d bytes, %v", n, err)
				}
				_ = stream.Close() // it has been read
			}
		})
	}
}

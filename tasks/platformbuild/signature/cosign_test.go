package signature

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// cosigner runs the real cosign against a registry.
type cosigner struct {
	program, dir string
	client       *registry.Client
}

func newCosigner(t *testing.T) *cosigner {
	t.Helper()
	return &cosigner{
		containertest.Judge(t, "cosign"), t.TempDir(),
		registry.New(registry.Config{HTTP: &http.Client{}}),
	}
}

// run returns what cosign prints.
func (c *cosigner) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"HOME=" + c.dir, "DOCKER_CONFIG=" + c.dir, "COSIGN_PASSWORD=", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	t.Logf("cosign %s: %v\n%s", strings.Join(args, " "), err, out)
	return string(out), err
}

// file writes a file for cosign.
func (c *cosigner) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// push puts an image into a registry.
func push(t *testing.T, r *containertest.Registry, repository string) Image {
	t.Helper()
	if _, err := r.PushBase(repository, "1", "amd64", "arm64"); err != nil {
		t.Fatal(err)
	}
	return Image{r.Host() + "/" + repository, r.Digest(repository, "1")}
}

// put writes what belongs to an image, as the task does.
func (c *cosigner) put(t *testing.T, im Image, suffix string, a registry.Artifact) {
	t.Helper()
	if err := c.client.PutArtifact(t.Context(), place(t, im, suffix), a); err != nil {
		t.Fatalf("PutArtifact: %v", err)
	}
}

// get reads it.
func (c *cosigner) get(t *testing.T, im Image, suffix string) registry.Artifact {
	t.Helper()
	a, ok, err := c.client.Artifact(t.Context(), place(t, im, suffix))
	if err != nil || !ok {
		t.Fatalf("Artifact(%s): %t, %v", place(t, im, suffix), ok, err)
	}
	return a
}

func place(t *testing.T, im Image, suffix string) reference.Reference {
	t.Helper()
	ref, err := reference.Parse(im.Repository + ":" + Tag(im.Digest, suffix))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// What we sign with a vault's key is good for cosign, and what we would refuse is not.
func TestCosignVerifiesOurs(t *testing.T) {
	t.Parallel()
	c, r, cloud := newCosigner(t), containertest.NewRegistry(t), azuretest.NewCloud(t)
	cloud.Vault("contoso-kv").PutKey("images", azuretest.Key{})
	cloud.Vault("contoso-kv").PutKey("large", azuretest.Key{Private: rsaKey(t, 2048)})
	for _, name := range []string{"images", "large"} {
		k := mustOpen(t, cloud, "https://contoso-kv.vault.azure.net/keys/"+name)
		public := c.file(t, name+".pub", k.PEM())
		im := push(t, r, "team/"+name)
		verify := []string{"verify", "--key", public, "--insecure-ignore-tlog=true", "--allow-http-registry"}
		attestation := []string{"verify-attestation", "--type", "slsaprovenance1", "--key", public, "--insecure-ignore-tlog=true", "--allow-http-registry"}
		for _, args := range [][]string{verify, attestation} {
			if out, err := c.run(t, append(args, im.String())...); err == nil {
				t.Errorf("cosign %s of an unsigned image succeeds: %s", args[0], out)
			}
		}
		c.put(t, im, "sig", signedBy(t, k, im, claims, registry.Artifact{}))
		c.put(t, im, "att", attestedBy(t, k, im, built, registry.Artifact{}))
		out, err := c.run(t, append(verify, "-a", "build-id=42", "-a", "pipeline=app <ci>", im.String())...)
		if err != nil || !strings.Contains(out, im.Digest) || !strings.Contains(out, `"build-id":"42"`) {
			t.Errorf("cosign verify: %v\n%s", err, out)
		}
		if out, err := c.run(t, append(verify, "-a", "build-id=43", im.String())...); err == nil {
			t.Errorf("cosign verify with another claim succeeds: %s", out)
		}
		if out, err := c.run(t, append(attestation, im.String())...); err != nil || !strings.Contains(out, `"payloadType":"application/vnd.in-toto+json"`) {
			t.Errorf("cosign verify-attestation: %v\n%s", err, out)
		}
		// Both take them for those of this image only.
		moved := push(t, r, "team/moved-"+name)
		moved.Digest = c.other(t, r, "team/moved-"+name)
		c.put(t, moved, "sig", c.get(t, im, "sig"))
		c.put(t, moved, "att", c.get(t, im, "att"))
		for _, args := range [][]string{verify, attestation} {
			if out, err := c.run(t, append(args, moved.String())...); err == nil {
				t.Errorf("cosign %s of a copied signature succeeds: %s", args[0], out)
			}
		}
		if _, err := k.Verify(moved, c.get(t, moved, "sig")); err == nil {
			t.Error("Verify of a copied signature has no error")
		}
	}
}

// other is the digest of another image of the repository: the first of its index.
func (c *cosigner) other(t *testing.T, r *containertest.Registry, repository string) string {
	t.Helper()
	var index struct{ Manifests []struct{ Digest string } }
	if err := r.Manifest(repository, "1", &index); err != nil || len(index.Manifests) == 0 {
		t.Fatalf("the index of %s: %+v, %v", repository, index, err)
	}
	return index.Manifests[0].Digest
}

// What cosign signs in this format is good for us.
func TestWeVerifyCosigns(t *testing.T) {
	t.Parallel()
	c, r := newCosigner(t), containertest.NewRegistry(t)
	im := push(t, r, "team/app")
	if out, err := c.run(t, "generate-key-pair"); err != nil {
		t.Fatalf("cosign generate-key-pair: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(text)
	if err != nil {
		t.Fatalf("ParseKey(%s): %v", text, err)
	}
	offline := []string{"--key", "cosign.key", "--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false", "--allow-http-registry", "--yes"}
	if out, err := c.run(t, append(append([]string{"sign", "-a", "build-id=42"}, offline...), im.String())...); err != nil {
		t.Fatalf("cosign sign: %v\n%s", err, out)
	}
	if got, err := k.Verify(im, c.get(t, im, "sig")); err != nil || got["build-id"] != "42" {
		t.Errorf("Verify = %v, %v", got, err)
	}
	predicate, err := json.Marshal(statementOf(im, built).Predicate)
	if err != nil {
		t.Fatal(err)
	}
	attest := append([]string{"attest", "--type", "slsaprovenance1", "--predicate", c.file(t, "predicate.json", predicate)}, offline...)
	if out, err := c.run(t, append(attest, im.String())...); err != nil {
		t.Fatalf("cosign attest: %v\n%s", err, out)
	}
	if got, err := k.VerifyBuild(im, c.get(t, im, "att")); err != nil || got.Builder != built.Builder || len(got.Dependencies) != 3 {
		t.Errorf("VerifyBuild = %+v, %v", got, err)
	}
	if _, err := newKey(t).Verify(im, c.get(t, im, "sig")); err == nil {
		t.Error("Verify by another key has no error")
	}
}

package platformbuild

import (
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// verifying makes a step that verifies what the last one has built.
func (j *job) verifying(inputs ...string) *job {
	image := j.output("imageRef")
	for name := range j.env {
		if name == "INPUT_SIGNINGKEY" || name == "INPUT_AZURESUBSCRIPTION" {
			delete(j.env, name)
		}
	}
	return j.input("command", "verify", "images", image).input(inputs...)
}

// An image is signed before it has a tag, and so is how it came about.
func TestSigned(t *testing.T) {
	t.Parallel()
	j, vault := signed(t, fake{})
	j.want("Succeeded")
	j.says("Signed by " + keyID)
	digest := strings.Replace(j.output("digest"), ":", "-", 1)
	order := map[string]int{}
	for i, q := range j.registry.Requests() {
		if q.Operation == "manifest.put" {
			order[q.Path[strings.LastIndex(q.Path, "/")+1:]] = i
		}
	}
	if order[digest+".sig"] == 0 || order[digest+".att"] == 0 || order["100"] < max(order[digest+".sig"], order[digest+".att"]) {
		t.Errorf("written in the order %v", order)
	}
	for name, want := range map[string]string{digest + ".sig": "docker-manifest-digest", digest + ".att": "payloadType"} {
		if text := j.everything(name); !strings.Contains(text, want) {
			t.Errorf("%s is %s", name, text)
		}
	}

	foreign := j.publicKey(foreignKey(t))
	j.verifying("publicKey", foreign).refuses("image/signature", "is not signed by the public key")
	public := j.publicKey(vault.PublicKey("images"))
	j.input("publicKey", public, "provenance", "min").want("Succeeded")
	j.says("Built by " + j.env["SYSTEM_COLLECTIONURI"] + "Shop/_build/results?buildId=100")
	j.input("publicKey", "", "signingKey", keyID, "azureSubscription", azureID).want("Succeeded")
	// A relative path starts at the sources folder.
	j.input("publicKey", "../../key.pem", "signingKey", "", "azureSubscription", "").want("Succeeded")
}

// Labels are no proof where there is a key.
func TestNotSigned(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{})
	j.want("Succeeded")
	j.verifying().want("Succeeded")
	public := j.publicKey(foreignKey(t))
	j.input("publicKey", public, "origin", "any").refuses("image/signature", "is not signed by the public key")
	j.says(": it has no signature. How to fix: ")
	j.input("enforcement", "warn").want("SucceededWithIssues")
	j.says("code=image/signature")
}

// The signature is there, the statement of provenance is not.
func TestNoStatement(t *testing.T) {
	t.Parallel()
	j, vault := signed(t, fake{})
	j.want("Succeeded")
	public := j.publicKey(vault.PublicKey("images"))
	j.verifying("publicKey", public)
	j.registry.Fail(containertest.Fault{Operation: "manifest.get", Path: ".att", Status: 404})
	j.want("Succeeded")
	j.input("provenance", "min").refuses("image/provenance", "has no provenance signed by")
}

// The signature of another image, or from another repository, proves nothing.
func TestSignatureOfAnother(t *testing.T) {
	t.Parallel()
	j, vault := signed(t, fake{})
	j.want("Succeeded")
	sig := "sha256-" + strings.TrimPrefix(j.output("digest"), "sha256:") + ".sig"
	signature := j.get("/v2/shop/web/manifests/" + sig)
	stranger := j.put("shop/web:stranger", labelled("pipeline", "web"))
	j.copyTo("shop/web", "sha256-"+strings.TrimPrefix(stranger, "sha256:")+".sig", signature)
	public := j.publicKey(vault.PublicKey("images"))
	j.verifying("publicKey", public, "images", j.registry.Host()+"/shop/web:stranger")
	j.refuses("image/signature", "is not signed by")
}

// A key that cannot be used is known before anything is built; one that then refuses leaves the image without a tag.
func TestKeyCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job, v *azuretest.Vault)
		says   string
		built  int
	}{
		"no such key": {
			func(j *job, _ *azuretest.Vault) { j.input("signingKey", keyID+"x") }, "the signing key cannot be used", 0,
		},
		"another vault": {
			func(j *job, _ *azuretest.Vault) { j.input("signingKey", "https://evil.com/keys/images") }, "not in a vault", 0,
		},
		"no permission to read": {
			func(_ *job, v *azuretest.Vault) { v.Configure(azuretest.VaultConfig{KeyPermissions: []string{"sign"}}) },
			"Key Vault Crypto User", 0,
		},
		"no permission to sign": {
			func(_ *job, v *azuretest.Vault) { v.Configure(azuretest.VaultConfig{KeyPermissions: []string{"get"}}) },
			"the image cannot be signed", 1,
		},
		"disabled": {
			func(_ *job, v *azuretest.Vault) { v.PutKey("images", azuretest.Key{Disabled: true}) }, "the signing key", 0,
		},
		"no such connection": {
			func(j *job, _ *azuretest.Vault) { j.input("azureSubscription", "nobody") }, "azureSubscription", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, vault := signed(t, fake{})
			j.input("enforcement", "warn")
			tc.change(j, vault)
			j.refuses("", tc.says)
			if n := len(j.built()); n != tc.built {
				t.Errorf("built %d times, want %d", n, tc.built)
			}
		})
	}
}

// The registry takes the image and not what belongs to it.
func TestSignatureCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{".sig", ".att"} {
		j, _ := signed(t, fake{})
		j.registry.Fail(containertest.Fault{Operation: "manifest.put", Path: suffix, Status: 403})
		j.input("enforcement", "warn").want("Failed")
		j.says("image/registry", "writing ")
		if slices.Contains(j.tags(), "100") {
			t.Errorf("tags %q", j.tags())
		}
	}
}

// An image of the same inputs is used if the key has signed it.
func TestBuildOnceWithAKey(t *testing.T) {
	t.Parallel()
	j, vault := signed(t, fake{})
	j.write(map[string]string{".dockerignore": ".git\n"}).commit().input("buildOnce", "true")
	j.want("Succeeded")
	j.want("Succeeded")
	if j.output("reused") != "true" || len(j.built()) != 1 {
		t.Errorf("reused %q, built %d times:\n%s", j.output("reused"), len(j.built()), j.log)
	}
	vault.PutKey("images", azuretest.Key{}) // its signatures are another's from now on
	j.want("SucceededWithIssues")
	j.says("and is not used: ", "is not signed by")
	if j.output("reused") != "false" || len(j.built()) != 2 {
		t.Errorf("reused %q, built %d times", j.output("reused"), len(j.built()))
	}

	unsigned := fakeJob(t, fake{}).write(map[string]string{".dockerignore": ".git\n"}).commit().input("buildOnce", "true")
	unsigned.want("Succeeded")
	unsigned.azure().Vault("contoso-kv").PutKey("images", azuretest.Key{})
	unsigned.input("azureSubscription", azureID, "signingKey", keyID).want("SucceededWithIssues")
	unsigned.says("and is not used: ", "is not signed by")
}

// A public key that is none.
func TestPublicKeyIsNone(t *testing.T) {
	t.Parallel()
	j := verifier(t, started("exec app AMD64"))
	j.input("publicKey", "nowhere.pem").refuses("image/input", `"nowhere.pem" cannot be read`)
	j.write(map[string]string{"key.pem": "x"})
	j.input("publicKey", "key.pem").refuses("image/input", "the key is not a PEM block. How to fix: give the public key")
}

package platformbuild

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// statement is what the tests look at of a signed statement.
type statement struct {
	Predicate struct {
		BuildDefinition struct {
			ExternalParameters   map[string]any
			InternalParameters   map[string]any
			ResolvedDependencies []struct {
				URI    string
				Digest map[string]string
			}
		}
	}
}

// statement is that about the image that was built, without its envelope, and as text.
func (j *job) statement() (s statement, text string) {
	j.t.Helper()
	tag := strings.Replace(j.output("digest"), ":", "-", 1) + ".att"
	var envelope struct{ Payload string }
	j.must(json.Unmarshal(j.get("/v2/shop/web/blobs/"+j.manifest(tag).Layers[0].Digest), &envelope))
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	j.must(err)
	j.must(json.Unmarshal(payload, &s))
	return s, string(payload)
}

// The statement names the base images with the digests that they had, whatever their tags stand for now.
func TestStatementNamesBases(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nCOPY Dockerfile /\n"})
	vault := j.azure().Vault("contoso-kv")
	vault.PutKey("images", azuretest.Key{})
	j.set("BUILD_REASON", "IndividualCI")
	j.input("cache", "none", "azureSubscription", azureID, "signingKey", keyID).want("Succeeded")
	digest := strings.TrimPrefix(j.registry.Digest("base/busybox", "1"), "sha256:")
	made, text := j.statement()
	definition := made.Predicate.BuildDefinition
	found := false
	for _, d := range definition.ResolvedDependencies {
		found = found || strings.Contains(d.URI, "/base/busybox@1") && d.Digest["sha256"] == digest
	}
	if !found {
		t.Errorf("the statement does not name the base image %s:\n%s", digest, text)
	}
	want := map[string]any{
		"platforms": "linux/amd64", "dockerfile": "Dockerfile", "target": "",
		"pipeline": map[string]any{"project": "Shop", "definition": "web", "definitionId": "12"},
		"source":   map[string]any{"repository": "https://dev.azure.com/contoso/shop/_git/web", "ref": "refs/heads/main"},
	}
	if diff := cmp.Diff(want, definition.ExternalParameters); diff != "" {
		t.Errorf("external parameters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"reason": "IndividualCI"}, definition.InternalParameters); diff != "" {
		t.Errorf("internal parameters (-want +got):\n%s", diff)
	}
	public := j.publicKey(vault.PublicKey("images"))
	j.verifying("publicKey", public, "provenance", "min").want("Succeeded")
	j.says("?buildId=100 from ", "/base/busybox@1", "sha256:"+digest[:12])
}

// What a builder says of base images cannot break the statement, and no secret gets into it.
func TestOddBases(t *testing.T) {
	t.Parallel()
	hexes := strings.Repeat("ab", 32)
	var all []string
	for _, uri := range []string{
		"pkg:docker/good@1", "pkg:docker/" + password + "@1", "pkg:docker/a\n##vso[task.complete result=Failed;]", "https://x/y",
		"git+https://dev.azure.com/contoso/shop/_git/web",
	} {
		all = append(all, fmt.Sprintf(`{"uri": %q, "digest": {"sha256": %q}}`, uri, hexes))
	}
	all = append(all, `{"uri": "pkg:docker/bad@1", "digest": {"sha256": "x"}}`, `{"uri": "pkg:docker/none@1"}`)
	j, vault := signed(t, fake{Record: `{"materials": [` + strings.Join(all, ", ") + `]}`})
	j.set("BUILD_REASON", password).want("Succeeded")
	j.says("does not name 4 base images") // the secret, the line break, and the two without a digest
	made, text := j.statement()
	got := map[string]string{}
	for _, d := range made.Predicate.BuildDefinition.ResolvedDependencies {
		got[d.URI] = d.Digest["sha256"] + d.Digest["gitCommit"]
	}
	want := map[string]string{
		"pkg:docker/good@1": hexes, "git+https://dev.azure.com/contoso/shop/_git/web": j.env["BUILD_SOURCEVERSION"],
	}
	if diff := cmp.Diff(want, got); diff != "" || strings.Contains(text, password) {
		t.Errorf("dependencies (-want +got):\n%s%s", diff, text)
	}
	public := j.publicKey(vault.PublicKey("images"))
	j.verifying("publicKey", public, "provenance", "min").want("Succeeded")
	j.says("?buildId=100 from good@1 (sha256:" + hexes[:12] + ")")
}

// What BuildKit has written down is somebody else's text, and what is taken from it gets signed.
func TestBasesOf(t *testing.T) {
	t.Parallel()
	hexes := strings.Repeat("ab", 32)
	item := func(uri, digest string) string {
		return fmt.Sprintf(`{"uri": %q, "digest": {"sha256": %q}}`, uri, digest)
	}
	old := func(items ...string) string {
		return `{"predicate": {"materials": [` + strings.Join(items, ",") + `]}}`
	}
	const alpine, b = "pkg:docker/docker.io/library/alpine@3.22?platform=linux%2Famd64", "pkg:docker/b"
	good := map[string]string{alpine: "sha256:" + hexes}
	var many []string
	for i := range 2 * maxBases {
		many = append(many, item(fmt.Sprintf("pkg:docker/a@%d", i), hexes))
	}
	for name, tc := range map[string]struct {
		records []string
		want    map[string]string
		out     int
	}{
		"v0.2":             {[]string{old(item(alpine, hexes))}, good, 0},
		"v1":               {[]string{`{"predicate": {"buildDefinition": {"resolvedDependencies": [` + item(alpine, hexes) + `]}}}`}, good, 0},
		"two platforms":    {[]string{old(item(alpine, hexes)), old(item(b, hexes))}, map[string]string{alpine: "sha256:" + hexes, b: "sha256:" + hexes}, 0},
		"none":             {nil, map[string]string{}, 0},
		"no JSON":          {[]string{`{`, old(item(alpine, hexes))}, good, 1},
		"no list":          {[]string{`{"predicate": {"materials": 7}}`}, map[string]string{}, 1},
		"two digests":      {[]string{old(item(alpine, hexes), item(alpine, strings.Repeat("0", 64)))}, good, 1},
		"short digest":     {[]string{old(item(b, "ab"), item(alpine, hexes))}, good, 1},
		"upper case":       {[]string{old(item(b, strings.ToUpper(hexes)))}, map[string]string{}, 1},
		"another digest":   {[]string{old(`{"uri": "pkg:docker/b", "digest": {"md5": "ab"}}`)}, map[string]string{}, 1},
		"digest of no map": {[]string{old(`{"uri": "pkg:docker/b", "digest": "sha256:` + hexes + `"}`)}, map[string]string{}, 1},
		"a download":       {[]string{old(item("https://x/y?token=z", hexes))}, map[string]string{}, 0},
		"lines":            {[]string{old(item(b+"\n##vso[x]", hexes), item("pkg:docker/a b", hexes))}, map[string]string{}, 2},
		"long":             {[]string{old(item("pkg:docker/"+strings.Repeat("a", 601), hexes))}, map[string]string{}, 1},
	} {
		image := registry.Image{Provenance: map[string][]byte{}}
		for i, text := range tc.records {
			image.Provenance[fmt.Sprint(i)] = []byte(text)
		}
		got, out := basesOf(image)
		if diff := cmp.Diff(tc.want, got); diff != "" || out != tc.out {
			t.Errorf("%s: basesOf %q: %d left out, want %d (-want +got):\n%s", name, tc.records, out, tc.out, diff)
		}
	}
	got, out := basesOf(registry.Image{Provenance: map[string][]byte{"x": []byte(old(many...))}})
	if len(got) != maxBases || out != maxBases {
		t.Errorf("basesOf %d images: %d, %d left out, want %d of each", len(many), len(got), out, maxBases)
	}
}

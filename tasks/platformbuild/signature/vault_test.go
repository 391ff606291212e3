package signature

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

const address = "https://contoso-kv.vault.azure.net/keys/images"

// identity returns the credential of a service connection of the cloud's first application.
func identity(t testing.TB, c *azuretest.Cloud, client *httpx.Client, data ...string) *azure.Credential {
	t.Helper()
	credential, err := azure.New(c.Connection(t, data...), azure.Job{HTTP: client, Server: "https://dev.azure.com/org/"})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// openAt opens a key without real pauses.
func openAt(t testing.TB, c *azuretest.Cloud, id string, data ...string) (*Key, error) {
	t.Helper()
	client := c.HTTP(t)
	return open(t.Context(), id, keyvault.Config{
		Credential: identity(t, c, client, data...), HTTP: client,
		Retry: retry.Policy{Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }},
	})
}

func mustOpen(t testing.TB, c *azuretest.Cloud, id string, data ...string) *Key {
	t.Helper()
	k, err := openAt(t, c, id, data...)
	if err != nil {
		t.Fatalf("OpenKey(%s): %v", id, err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func TestVaultKeys(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key         azuretest.Key
		environment string
		host        string // of the key; that of the cloud's vaults if empty
		hsm         string // the resource of managed HSMs
	}{
		"P-256":             {azuretest.Key{}, "AzureCloud", "contoso-kv.vault.azure.net", ""},
		"P-256 in hardware": {azuretest.Key{HSM: true}, "AzureCloud", "contoso-kv.vault.azure.net", ""},
		"RSA":               {azuretest.Key{Private: rsaKey(t, 2048)}, "AzureCloud", "contoso-kv.vault.azure.net", ""},
		"RSA in hardware":   {azuretest.Key{Private: rsaKey(t, 3072), HSM: true}, "AzureCloud", "contoso-kv.vault.azure.net", ""},
		"a managed HSM":     {azuretest.Key{HSM: true}, "AzureCloud", "contoso-kv.managedhsm.azure.net", "managedhsm.azure.net"},
		"US government":     {azuretest.Key{}, "AzureUSGovernment", "contoso-kv.vault.usgovcloudapi.net", ""},
		"China's HSM":       {azuretest.Key{HSM: true}, "AzureChinaCloud", "contoso-kv.managedhsm.azure.cn", "managedhsm.azure.cn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t, func(c *azuretest.Config) { c.Environment = tc.environment })
			v := c.Vault("contoso-kv")
			if tc.hsm != "" {
				v.Configure(azuretest.VaultConfig{Suffix: tc.hsm, Resource: "https://" + tc.hsm})
			}
			version := v.PutKey("images", tc.key)
			k := mustOpen(t, c, "https://"+tc.host+"/keys/images", "ENVIRONMENT="+tc.environment)
			if got, want := k.String(), "https://"+tc.host+"/keys/images/"+version; got != want {
				t.Errorf("the key is %s, want %s", got, want)
			}
			if diff := cmp.Diff(v.PublicKey("images"), k.Public()); diff != "" {
				t.Errorf("Public (-want +got):\n%s", diff)
			}
			if err := k.CanSign(time.Now()); err != nil {
				t.Errorf("CanSign: %v", err)
			}
			public, err := ParseKey(k.PEM())
			if err != nil {
				t.Fatalf("ParseKey: %v", err)
			}
			if got, err := public.Verify(image, signedBy(t, k, image, claims, registry.Artifact{})); err != nil || len(got) != 2 {
				t.Errorf("Verify = %v, %v", got, err)
			}
			if got, err := public.VerifyBuild(image, attestedBy(t, k, image, built, registry.Artifact{})); err != nil || got.Builder != built.Builder {
				t.Errorf("VerifyBuild = %+v, %v", got, err)
			}
		})
	}
}

// The version that was current at the beginning signs to the end.
func TestTheVersionIsPinned(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	old := v.PutKey("images", azuretest.Key{})
	k := mustOpen(t, c, address)
	next := v.PutKey("images", azuretest.Key{})
	a := signedBy(t, k, image, claims, registry.Artifact{})
	if got := mustOpen(t, c, address+"/"+strings.ToUpper(old)+"/"); got.String() != address+"/"+old {
		t.Errorf("the old version is %s", got)
	} else if _, err := got.Verify(image, a); err != nil {
		t.Errorf("Verify by the old version: %v", err)
	}
	current := mustOpen(t, c, address)
	_, err := current.Verify(image, a)
	wantError(t, "Verify by the new version", err, "which is not by "+address+"/"+next+"; check which key its pipeline signs with; if the key has a new version")
	for _, r := range v.Requests() {
		if strings.HasSuffix(r.Path, "/sign") && r.Path != "/keys/images/"+old+"/sign" {
			t.Errorf("request %s, want only the old version to sign", r)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	c.Vault("contoso-kv").PutKey("images", azuretest.Key{})
	for id, want := range map[string]string{
		"":      "begins with https://",
		"%zz":   "begins with https://",
		"https": "begins with https://",
		"http://contoso-kv.vault.azure.net/keys/images":              "begins with https://",
		"azurekms://contoso-kv.vault.azure.net/images":               "begins with https://",
		"https://me:hunter2@contoso-kv.vault.azure.net/keys/images":  "more than a vault and a path",
		"https://contoso-kv.vault.azure.net/keys/images?sig=hunter2": "more than a vault and a path",
		"https://contoso-kv.vault.azure.net/keys/images#hunter2":     "more than a vault and a path",
		"https://contoso-kv.vault.azure.net:8443/keys/images":        "more than a vault and a path",
		"https://contoso-kv.vault.azure.net/secrets/images":          "not one of a key",
		"https://contoso-kv.vault.azure.net/keys/":                   "not one of a key",
		"https://contoso-kv.vault.azure.net/keys/images/1/2":         "not one of a key",
		"https://contoso-kv.vault.azure.net/keys/images/hunter2":     "has a name or a version that no key",
		"https://contoso-kv.vault.azure.net/keys/a_b":                "has a name or a version that no key",
		"https://contoso-kv.vault.azure.net.evil.com/keys/images":    "not in a vault of the service connection's cloud, whose addresses end with vault.azure.net or managedhsm.azure.net",
		"https://evil.com/keys/images":                               "not in a vault",
		"https://vault.azure.net/keys/images":                        "not in a vault",
		"https://evilvault.azure.net/keys/images":                    "not in a vault",
		"https://a.contoso-kv.vault.azure.net/keys/images":           "not in a vault",
		"https://contoso-kv.vault.azure.cn/keys/images":              "not in a vault",
		"https://x_y.vault.azure.net/keys/images":                    "has a name that no key vault can have",
	} {
		k, err := openAt(t, c, id)
		if k != nil {
			t.Errorf("OpenKey(%s) = %s", id, k)
		}
		wantError(t, id, err, want)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("OpenKey(%s): error %q holds what may be a secret", id, err)
		}
	}
	if n := len(c.Requests()); n > 0 {
		t.Errorf("requests %v, want none", c.Requests())
	}
	mustOpen(t, c, " HTTPS://Contoso-KV.vault.azure.net:443/keys/Images/ ")
	_, err := openAt(t, c, address, "ENVIRONMENT=AzureStack", "ACTIVEDIRECTORYAUTHORITY=https://login.example/")
	wantError(t, "a cloud without vaults", err, "what the connection does not say")
}

func curve(t testing.TB, c elliptic.Curve) crypto.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func custom(body string) azuretest.Fault {
	return azuretest.Fault{Kind: azuretest.Custom, Status: http.StatusOK, Body: body}
}

const (
	version = "0123456789abcdef0123456789abcdef"
	bundle  = `{"key":{"kid":"https://contoso-kv.vault.azure.net/keys/images/` + version + `","kty":"EC","crv":"P-256","x":"AA","y":"AA"},"attributes":{"enabled":true}}`
)

func TestOpenInTrouble(t *testing.T) {
	t.Parallel()
	const subject = "the key images of the vault contoso-kv "
	for name, tc := range map[string]struct {
		key   azuretest.Key
		fault azuretest.Fault
		kind  keyvault.Kind
		want  string
	}{
		"deleted":          {azuretest.Key{Deleted: true}, azuretest.Fault{}, keyvault.NotFound, subject + "does not exist, or has been deleted; check its name; if it was deleted, recover it (az keyvault key recover)"},
		"disabled":         {azuretest.Key{Disabled: true}, azuretest.Fault{}, keyvault.Disabled, "images of the vault contoso-kv is disabled; enable it (az keyvault key set-attributes"},
		"no role":          {azuretest.Key{}, azuretest.Fault{Kind: azuretest.RBAC}, keyvault.RBAC, "which has no role to read it; give it the role Key Vault Crypto User"},
		"no policy":        {azuretest.Key{}, azuretest.Fault{Kind: azuretest.Policy}, keyvault.Policy, "give it the key permission Get in the vault's access policies"},
		"P-384":            {azuretest.Key{Private: curve(t, elliptic.P384())}, azuretest.Fault{}, keyvault.Unfit, subject + "is of the curve P-384, not P-256; make one that cosign's verifiers know"},
		"P-521":            {azuretest.Key{Private: curve(t, elliptic.P521())}, azuretest.Fault{}, keyvault.Unfit, "is of the curve P-521"},
		"another curve":    {azuretest.Key{}, custom(strings.Replace(bundle, "P-256", "P-256K", 1)), keyvault.Unfit, "is neither of the curve P-256 nor of RSA"},
		"symmetric":        {azuretest.Key{}, custom(strings.Replace(bundle, `"EC"`, `"oct-HSM"`, 1)), keyvault.Unfit, "is neither of"},
		"a small RSA key":  {azuretest.Key{}, custom(strings.Replace(bundle, `"EC"`, `"RSA","n":"gQ","e":"AQAB"`, 1)), keyvault.Unfit, "is an RSA key of 8 bits"},
		"an even exponent": {azuretest.Key{}, custom(strings.Replace(bundle, `"EC"`, `"RSA","n":"gQ","e":"Ag"`, 1)), keyvault.Malformed, "not a public key"},
		"no point":         {azuretest.Key{}, custom(bundle), keyvault.Malformed, "has an answer that is not a public key"},
		"a long number":    {azuretest.Key{}, custom(strings.Replace(bundle, `"x":"AA"`, `"x":"`+strings.Repeat("AAAA", 30)+`"`, 1)), keyvault.Malformed, "not a public key"},
		"no kty":           {azuretest.Key{}, custom(strings.Replace(bundle, `"kty"`, `"other"`, 1)), keyvault.Malformed, "not a public key"},
		"no crv":           {azuretest.Key{}, custom(strings.Replace(bundle, `"crv"`, `"other"`, 1)), keyvault.Malformed, "not a public key"},
		"no id":            {azuretest.Key{}, custom(strings.Replace(bundle, `"kid"`, `"other"`, 1)), keyvault.Malformed, "without a key, an id or attributes"},
		"no attributes":    {azuretest.Key{}, custom(strings.Replace(bundle, `"attributes"`, `"other"`, 1)), keyvault.Malformed, "without a key"},
		"no version":       {azuretest.Key{}, custom(strings.Replace(bundle, "/"+version, "", 1)), keyvault.Malformed, "is for another key"},
		"another key":      {azuretest.Key{}, custom(strings.Replace(bundle, "/keys/images", "/keys/other", 1)), keyvault.Malformed, "is for another key"},
		"another vault":    {azuretest.Key{}, custom(strings.Replace(bundle, "contoso-kv", "evil-kv", 1)), keyvault.Malformed, "is for another key"},
		"without TLS":      {azuretest.Key{}, custom(strings.Replace(bundle, "https:", "http:", 1)), keyvault.Malformed, "is for another key"},
		"a secret":         {azuretest.Key{}, custom(strings.Replace(bundle, "/keys/", "/secrets/", 1)), keyvault.Malformed, "is for another key"},
		"no JSON":          {azuretest.Key{}, custom("hunter2"), keyvault.Malformed, "not the JSON of a key vault"},
		"a web page":       {azuretest.Key{}, azuretest.Fault{Kind: azuretest.HTML}, keyvault.SignInPage, "answers with a web page"},
		"firewall":         {azuretest.Key{}, azuretest.Fault{Kind: azuretest.Firewall}, keyvault.Firewall, "does not allow the address 203.0.113.7"},
		"for long":         {azuretest.Key{}, azuretest.Fault{Kind: azuretest.Unavailable}, keyvault.Server, "cannot be used: the vault has trouble of its own (503) (4 attempts)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			v.PutKey("images", tc.key)
			if tc.fault.Kind != "" {
				v.Fail(tc.fault)
			}
			_, err := openAt(t, c, address)
			wantError(t, name, err, tc.want)
			var e *keyvault.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("OpenKey: %v, want the kind %s", err, tc.kind)
			}
		})
	}
}

func TestSignInTrouble(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Hour)
	answer := func(kid string, sum []byte) azuretest.Fault {
		f := custom(`{"kid":"` + kid + `","value":"` + base64.RawURLEncoding.EncodeToString(sum) + `"}`)
		f.Path = "/keys/images/*/sign"
		return f
	}
	at := func(kind azuretest.Kind) azuretest.Fault {
		return azuretest.Fault{Kind: kind, Path: "/keys/images/*/sign"}
	}
	for name, tc := range map[string]struct {
		key   azuretest.Key
		fault azuretest.Fault
		want  string
		ready string // what CanSign knows before
	}{
		"disabled meanwhile":  {azuretest.Key{}, at(azuretest.Disabled), "is disabled; enable it (az keyvault key", ""},
		"no role":             {azuretest.Key{}, at(azuretest.RBAC), "which has no role to sign with it; give it the role Key Vault Crypto User", ""},
		"no policy":           {azuretest.Key{}, at(azuretest.Policy), "lets sign with it; give it the key permission Sign in", ""},
		"not for signing":     {azuretest.Key{Operations: []string{"verify"}}, azuretest.Fault{}, "does not permit to be used for this (its operations, key_ops)", "does not permit"},
		"for nothing":         {azuretest.Key{Operations: []string{}}, azuretest.Fault{}, "does not permit to be used", "does not permit"},
		"expired":             {azuretest.Key{Expires: past}, azuretest.Fault{}, "has expired; make a new version", "has expired"},
		"not yet":             {azuretest.Key{NotBefore: time.Now().Add(time.Hour)}, azuretest.Fault{}, "(KeyNotYetValid)", "is not valid yet"},
		"deleted meanwhile":   {azuretest.Key{}, azuretest.Fault{Kind: azuretest.Custom, Status: 404, Body: `{"error":{"code":"KeyNotFound","message":"x"}}`, Path: "/keys/images/*/sign"}, "does not exist, or has been deleted", ""},
		"another's signature": {azuretest.Key{Version: version}, answer(address+"/"+version, make([]byte, 64)), "has an answer that is not its signature", ""},
		"half a signature":    {azuretest.Key{Version: version}, answer(address+"/"+version, make([]byte, 32)), "not its signature", ""},
		"no signature":        {azuretest.Key{Version: version}, answer(address+"/"+version, nil), "not its signature", ""},
		"another version's":   {azuretest.Key{Version: version}, answer(address+"/"+strings.Repeat("f", 32), make([]byte, 64)), "is for another key", ""},
		"another key's":       {azuretest.Key{Version: version}, answer("https://contoso-kv.vault.azure.net/keys/other/"+version, make([]byte, 64)), "is for another key", ""},
		"no id":               {azuretest.Key{Version: version}, answer("", make([]byte, 64)), "is for another key", ""},
		"busy":                {azuretest.Key{}, at(azuretest.Throttled), "gets too many requests (429 Throttled), from all who use it (7 attempts); use it in fewer jobs", ""},
		"another server":      {azuretest.Key{}, at(azuretest.SignInPage), "the answer is a redirect (302)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			v.PutKey("images", tc.key)
			k := mustOpen(t, c, address)
			if tc.fault.Kind != "" {
				v.Fail(tc.fault)
			}
			switch err := k.CanSign(time.Now()); {
			case tc.ready != "":
				wantError(t, "CanSign", err, tc.ready)
			case err != nil:
				t.Errorf("CanSign: %v", err)
			}
			a, err := k.Sign(t.Context(), image, claims, registry.Artifact{})
			wantError(t, name, err, tc.want)
			if len(a.Layers) > 0 {
				t.Errorf("Sign made %d layers and the error %v", len(a.Layers), err)
			}
			_, err = k.Attest(t.Context(), image, built, registry.Artifact{})
			wantError(t, "Attest", err, tc.want)
		})
	}
}

// What passes is waited for, and the whole request is made again.
func TestSignAgain(t *testing.T) {
	t.Parallel()
	for kind, times := range map[azuretest.Kind]int{
		azuretest.Throttled: 6, azuretest.Unavailable: 3, azuretest.Claims: 1,
		// A connection that has ended may be noticed only by the next request, which is one more attempt.
		azuretest.ResetRequest: 1, azuretest.Cut: 1,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			v.PutKey("images", azuretest.Key{})
			k := mustOpen(t, c, address)
			v.Fail(azuretest.Fault{Kind: kind, Path: "/keys/images/*/sign", Times: times})
			if _, err := k.Verify(image, signedBy(t, k, image, claims, registry.Artifact{})); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.PutKey("images", azuretest.Key{})
	k := mustOpen(t, c, address)
	why := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := k.Sign(ctx, image, claims, registry.Artifact{}); !errors.Is(err, why) {
		t.Errorf("Sign after the end: %v, want the context's cause", err)
	}
}

// To verify needs nobody, and to sign what is signed nobody either.
func TestTheVaultIsNotAskedInVain(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.PutKey("images", azuretest.Key{})
	k := mustOpen(t, c, address)
	a := signedBy(t, k, image, claims, registry.Artifact{})
	before := len(c.Requests())
	signedBy(t, k, image, claims, a)
	if _, err := k.Verify(image, a); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if after := len(c.Requests()); after != before {
		t.Errorf("%d requests more, want none: %v", after-before, c.Requests())
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.PutKey("images", azuretest.Key{})
	k := mustOpen(t, c, address)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a, err := k.Sign(t.Context(), image, claims, registry.Artifact{})
			if err != nil {
				t.Errorf("Sign: %v", err)
				return
			}
			if _, err := k.Verify(image, a); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
	group.Wait()
}

func TestExplain(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	_, missing := openAt(t, c, address)
	_, wrong := openAt(t, c, "hunter2")
	_, unsigned := newKey(t).Verify(image, registry.Artifact{})
	for name, tc := range map[string]struct {
		err          error
		message, fix string
	}{
		"of the proxy":    {missing, "the vault contoso-kv cannot be reached: the proxy", "check the vault's name"},
		"of the address":  {wrong, "the address of the signing key is not one", "write it as the portal"},
		"of an image":     {unsigned, "the image prodacr.azurecr.io/team/app@sha256:" + hexes + " has no signature", "build it in its pipeline"},
		"without a fix":   {errForm, errForm.Error(), ""},
		"wrapped":         {errors.Join(unsigned), "the image prodacr", "build it"},
		"of another kind": {context.Canceled, "context canceled", ""},
	} {
		message, fix := Explain(tc.err)
		if !strings.HasPrefix(message, tc.message) || !strings.HasPrefix(fix, tc.fix) || strings.Contains(message, "; ") || tc.fix == "" && fix != "" {
			t.Errorf("%s: Explain(%v) = %q, %q, want %q, %q", name, tc.err, message, fix, tc.message, tc.fix)
		}
	}
}

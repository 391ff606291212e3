package azuretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

func keys(t *testing.T, c *Cloud, v *Vault) *azkeys.Client {
	t.Helper()
	client, err := azkeys.NewClient(v.URL(), withSecret(t, c), &azkeys.ClientOptions{ClientOptions: through(t, c)})
	if err != nil {
		t.Fatalf("azkeys.NewClient(%q): %v", v.URL(), err)
	}
	return client
}

// wantRefusal is an error of the SDK with the code and the words of the vault.
func wantRefusal(t *testing.T, what string, err error, status int, words ...string) {
	t.Helper()
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != status {
		t.Errorf("%s: error %v, want status %d", what, err, status)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: error %v, want %q in it", what, err, word)
		}
	}
}

func TestKeysSign(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("contoso-kv")
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	old := v.PutKey("curve", Key{})
	first := v.PublicKey("curve")
	current := v.PutKey("curve", Key{HSM: true})
	v.PutKey("rsa", Key{Private: large})
	client := keys(t, c, v)
	digest := sha256.Sum256([]byte("text"))
	sign := func(name, version string, algorithm azkeys.SignatureAlgorithm) []byte {
		t.Helper()
		got, err := client.Sign(t.Context(), name, version, azkeys.SignParameters{Algorithm: &algorithm, Value: digest[:]}, nil)
		if err != nil {
			t.Fatalf("Sign(%s, %s): %v", name, version, err)
		}
		if version != "" && got.KID.Version() != version {
			t.Errorf("Sign(%s, %s) has the id %s", name, version, *got.KID)
		}
		return got.Result
	}
	curve := func(public crypto.PublicKey, sum []byte) bool {
		return len(sum) == 64 && ecdsa.Verify(public.(*ecdsa.PublicKey), digest[:],
			new(big.Int).SetBytes(sum[:32]), new(big.Int).SetBytes(sum[32:]))
	}
	if sum := sign("curve", old, azkeys.SignatureAlgorithmES256); !curve(first, sum) {
		t.Errorf("%x is not a signature by the old version", sum)
	}
	if sum := sign("CURVE", "", azkeys.SignatureAlgorithmES256); !curve(v.PublicKey("curve"), sum) {
		t.Errorf("%x is not a signature by the current version", sum)
	}
	if err := rsa.VerifyPKCS1v15(&large.PublicKey, crypto.SHA256, digest[:], sign("rsa", "", azkeys.SignatureAlgorithmRS256)); err != nil {
		t.Errorf("RS256: %v", err)
	}
	got, err := client.GetKey(t.Context(), "curve", "", nil)
	if err != nil {
		t.Fatalf("GetKey: %v", err)
	}
	point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, got.Key.X...), got.Key.Y...))
	if err != nil || !point.Equal(v.PublicKey("curve")) || got.Key.KID.Version() != current || *got.Key.Kty != azkeys.KeyTypeECHSM ||
		len(got.Key.KeyOps) != 2 || !*got.Attributes.Enabled {
		t.Errorf("GetKey = %+v, %v", got.Key, err)
	}
	if got, err := client.GetKey(t.Context(), "rsa", "", nil); err != nil || new(big.Int).SetBytes(got.Key.N).Cmp(large.N) != 0 ||
		new(big.Int).SetBytes(got.Key.E).Int64() != int64(large.E) {
		t.Errorf("GetKey of RSA = %+v, %v", got.Key, err)
	}
	if v.PublicKey("other") != nil {
		t.Error("there is a public key of no key")
	}
}

func TestKeysRefuse(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("contoso-kv")
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v.Configure(VaultConfig{Keys: map[string][]Key{
		"good": {{}}, "disabled": {{Disabled: true}}, "expired": {{Expires: time.Now().Add(-time.Hour)}},
		"later": {{NotBefore: time.Now().Add(time.Hour)}}, "verifies": {{Operations: []string{"verify"}}},
		"deleted": {{Deleted: true}}, "large": {{Private: curve}},
	}})
	client := keys(t, c, v)
	for name, tc := range map[string]struct {
		key       string
		algorithm azkeys.SignatureAlgorithm
		length    int
		status    int
		words     []string
	}{
		"missing":         {"missing", "ES256", 32, 404, []string{"KeyNotFound", "A key with (name/id) missing"}},
		"deleted":         {"deleted", "ES256", 32, 404, []string{"KeyNotFound"}},
		"disabled":        {"disabled", "ES256", 32, 403, []string{"KeyDisabled", "Operation sign is not allowed on a disabled key."}},
		"expired":         {"expired", "ES256", 32, 403, []string{"on an expired key."}},
		"not yet":         {"later", "ES256", 32, 403, []string{"not yet valid"}},
		"not for signing": {"verifies", "ES256", 32, 403, []string{"KeyOperationForbidden", "Operation sign is not permitted on this key."}},
		"a text":          {"good", "ES256", 44, 400, []string{"Invalid length of 'value': 44 bytes. ES256 requires 32 bytes"}},
		"RSA's":           {"good", "RS256", 32, 400, []string{"Key and signing algorithm are incompatible"}},
		"another curve":   {"large", "ES256", 32, 400, []string{"uses curve 'P-384'"}},
		"unknown":         {"good", "ES512", 32, 400, []string{"Property alg"}},
		"a bad name":      {"a_b", "ES256", 32, 400, []string{"invalid name"}},
	} {
		_, err := client.Sign(t.Context(), tc.key, "", azkeys.SignParameters{Algorithm: &tc.algorithm, Value: make([]byte, tc.length)}, nil)
		wantRefusal(t, name, err, tc.status, tc.words...)
	}
	_, err = client.GetKey(t.Context(), "good", strings.Repeat("0", 32), nil)
	wantRefusal(t, "another version", err, http.StatusNotFound, "good/000")
	if got, err := client.GetKey(t.Context(), "disabled", "", nil); err != nil || *got.Attributes.Enabled {
		t.Errorf("GetKey of a disabled key = %v, %v, want that it is disabled", got, err)
	}
	_, err = client.Encrypt(t.Context(), "good", "", azkeys.KeyOperationParameters{Algorithm: to.Ptr(azkeys.EncryptionAlgorithmRSAOAEP)}, nil)
	wantRefusal(t, "Encrypt", err, http.StatusMethodNotAllowed)
}

func TestKeyPermissions(t *testing.T) {
	t.Parallel()
	for _, policies := range []bool{false, true} {
		c := NewCloud(t)
		v := c.Vault("contoso-kv")
		v.Configure(VaultConfig{KeyPermissions: []string{"get"}, AccessPolicies: policies})
		v.PutKey("good", Key{})
		client := keys(t, c, v)
		if _, err := client.GetKey(t.Context(), "good", "", nil); err != nil {
			t.Errorf("GetKey: %v", err)
		}
		_, err := client.Sign(t.Context(), "good", "", azkeys.SignParameters{
			Algorithm: to.Ptr(azkeys.SignatureAlgorithmES256), Value: make([]byte, 32),
		}, nil)
		want := []string{"ForbiddenByRbac", "Microsoft.KeyVault/vaults/keys/sign/action"}
		if policies {
			want = []string{"AccessDenied", "does not have keys sign permission on key vault"}
		}
		wantRefusal(t, "Sign", err, http.StatusForbidden, want...)
		v.Configure(VaultConfig{KeyPermissions: []string{}})
		_, err = client.GetKey(t.Context(), "good", "", nil)
		wantRefusal(t, "GetKey", err, http.StatusForbidden, "Microsoft.KeyVault/vaults/keys/read")
	}
}

package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
)

// OpenKey is a key of Key Vault or of a managed HSM, by its address https://<vault>/keys/<name>[/<version>]; without a
// version the current one is pinned. It needs the permission to get the key, and to sign the one for that. Its error
// is about the address, or a *keyvault.Error, or the context's.
func OpenKey(ctx context.Context, id string, c *azure.Credential, client *httpx.Client) (*Key, error) {
	return open(ctx, id, keyvault.Config{Credential: c, HTTP: client})
}

func open(ctx context.Context, id string, config keyvault.Config) (*Key, error) {
	s := &vaultSigner{}
	if err := s.place(id, &config); err != nil {
		return nil, err
	}
	var err error
	if s.vault, err = keyvault.New(config); err != nil {
		return nil, err
	}
	if err := s.vault.CheckObject(s.op("", "")); err != nil {
		return nil, err
	}
	if s.sdk, err = azkeys.NewClient(s.vault.URL(), s.vault.Credential(), &azkeys.ClientOptions{
		ClientOptions: s.vault.Options(), DisableChallengeResourceVerification: s.vault.Unverified(),
	}); err != nil {
		return nil, s.problem(keyvault.Malformed, "cannot be asked for", "report this")
	}
	ctx, cancel := s.vault.Within(ctx)
	defer cancel()
	if err := s.vault.Ask(ctx, s.op("read", "Get"), s.get); err != nil {
		return nil, err
	}
	return &Key{s.public, s.vault.URL() + "/keys/" + s.name + "/" + s.version, s}, nil
}

// vaultSigner is a key of a vault.
type vaultSigner struct {
	vault         *keyvault.Vault
	sdk           *azkeys.Client
	name, version string
	hardware      bool // the vault is a managed HSM

	public             crypto.PublicKey
	operations         []*azkeys.KeyOperation
	notBefore, expires time.Time
}

// place reads the address of a key. Who may get a token of ours is not for the address to say: it has to be one of
// the vaults of the connection's cloud.
func (s *vaultSigner) place(id string, config *keyvault.Config) error {
	u, path, wrong := split(id)
	if wrong != "" {
		return errors.New("the address of the signing key " + wrong +
			"; write it as the portal shows it, such as https://contoso-kv.vault.azure.net/keys/images")
	}
	s.name, s.version = path[0], strings.ToLower(strings.Join(path[1:], ""))
	name, suffix, _ := strings.Cut(strings.ToLower(u.Hostname()), ".")
	c := config.Credential
	switch {
	case suffix != "" && suffix == c.VaultSuffix():
	case suffix != "" && suffix == c.HSMSuffix():
		s.hardware, config.Scope = true, c.HSMScope()
	default:
		return fmt.Errorf("the signing key is not in a vault of the service connection's cloud, "+
			"whose addresses end with %s; correct the address, or use a connection of that cloud",
			strings.Join(known(c), " or "))
	}
	config.Name, config.Suffix = name, suffix
	return nil
}

// split returns the address of a vault, and the name and perhaps the version of a key; or what is wrong. It shows
// nothing of the address: what is in a wrong one may be a secret.
func split(id string) (u *url.URL, path []string, wrong string) {
	u, err := url.Parse(strings.TrimSpace(id))
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return nil, nil, "is not one that begins with https://"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Port() != "" && u.Port() != "443":
		return nil, nil, "has more than a vault and a path"
	}
	path = strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(path) < 2 || len(path) > 3 || path[0] != "keys" || path[1] == "" {
		return nil, nil, "is not one of a key"
	}
	return u, path[1:], ""
}

func known(c *azure.Credential) []string {
	suffixes := slices.DeleteFunc([]string{c.VaultSuffix(), c.HSMSuffix()}, func(s string) bool { return s == "" })
	if len(suffixes) == 0 {
		return []string{"what the connection does not say"}
	}
	return suffixes
}

// op is what is wanted of the key.
func (s *vaultSigner) op(verb, permission string) keyvault.Op {
	op := keyvault.Op{
		Noun: "key", Name: s.name, Version: s.version, Verb: verb, Done: "used", Permission: permission,
		Role: "Key Vault Crypto User",
	}
	if s.hardware {
		op.Role = "Managed HSM Crypto User"
	}
	return op
}

func (s *vaultSigner) problem(kind keyvault.Kind, reason, fix string) *keyvault.Error {
	return s.vault.Problem(s.op("", ""), kind, reason, fix)
}

const between = "check what the proxy of this agent makes of requests to the vault"

// get reads the public half, and pins the version.
func (s *vaultSigner) get(ctx context.Context) error {
	answer, err := s.sdk.GetKey(ctx, s.name, s.version, nil)
	if err != nil {
		return err
	}
	if answer.Key == nil || answer.Key.KID == nil || answer.Attributes == nil {
		return s.problem(keyvault.Malformed, "has an answer without a key, an id or attributes", between)
	}
	if s.version, err = s.versionOf(answer.Key.KID); err != nil {
		return err
	}
	if answer.Attributes.Enabled != nil && !*answer.Attributes.Enabled {
		return s.problem(keyvault.Disabled, "is disabled",
			"enable it (az keyvault key set-attributes --enabled true), or name another version")
	}
	s.public, err = publicOf(answer.Key)
	if err != nil {
		return s.problem(keyvault.Malformed, "has an answer that is not a public key", between)
	}
	if reason := unfit(s.public); reason != "" {
		return s.problem(keyvault.Unfit, reason,
			"make one that cosign's verifiers know (az keyvault key create --kty EC --curve P-256)")
	}
	s.operations = answer.Key.KeyOps
	s.notBefore, s.expires = value(answer.Attributes.NotBefore), value(answer.Attributes.Expires)
	return nil
}

func value(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// versionOf is the version of an answer, if it is for the key that was asked for.
func (s *vaultSigner) versionOf(id *azkeys.ID) (string, error) {
	if id != nil {
		name, version, ok := s.vault.Parse(string(*id), "keys")
		same := s.version == "" || strings.EqualFold(version, s.version)
		if ok && same && version != "" && strings.EqualFold(name, s.name) {
			return strings.ToLower(version), nil
		}
	}
	return "", s.problem(keyvault.Malformed, "has an answer that is for another key", between)
}

var errPublic = errors.New("not a public key")

// publicOf reads a JSON Web Key.
func publicOf(k *azkeys.JSONWebKey) (crypto.PublicKey, error) {
	if k.Kty == nil {
		return nil, errPublic
	}
	switch *k.Kty {
	case azkeys.KeyTypeEC, azkeys.KeyTypeECHSM:
		return curveKey(k)
	case azkeys.KeyTypeRSA, azkeys.KeyTypeRSAHSM:
		e := new(big.Int).SetBytes(k.E)
		if len(k.N) > maxBits || e.BitLen() > 31 || e.Bit(0) == 0 || e.BitLen() < 2 {
			return nil, errPublic
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(k.N), E: int(e.Int64())}, nil
	}
	return nil, nil // unfit knows the words for it
}

func curveKey(k *azkeys.JSONWebKey) (crypto.PublicKey, error) {
	curves := map[azkeys.CurveName]elliptic.Curve{
		azkeys.CurveNameP256: elliptic.P256(), azkeys.CurveNameP384: elliptic.P384(),
		azkeys.CurveNameP521: elliptic.P521(),
	}
	if k.Crv == nil {
		return nil, errPublic
	}
	curve, ok := curves[*k.Crv]
	if !ok {
		return nil, nil // P-256K, of which unfit knows enough
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(k.X) > size || len(k.Y) > size {
		return nil, errPublic
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // uncompressed, SEC 1 2.3.3
	copy(point[1+size-len(k.X):], k.X)
	copy(point[1+2*size-len(k.Y):], k.Y)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point) // which looks whether it is on the curve
	if err != nil {
		return nil, errPublic
	}
	return key, nil
}

// ready says why the key cannot sign now.
func (s *vaultSigner) ready(now time.Time) error {
	may := func(o *azkeys.KeyOperation) bool { return o != nil && *o == azkeys.KeyOperationSign }
	switch {
	case s.operations != nil && !slices.ContainsFunc(s.operations, may):
		return s.problem(keyvault.Unfit, "does not permit to be used for this (its operations, key_ops)",
			"permit it (az keyvault key set-attributes --ops), or use a key that is made for it")
	case !s.expires.IsZero() && !now.Before(s.expires):
		return s.problem(keyvault.Unfit, "has expired", "make a new version, and use that")
	case now.Before(s.notBefore):
		return s.problem(keyvault.Unfit, "is not valid yet", "use another version until it is")
	}
	return nil
}

// sign lets the vault sign a digest.
func (s *vaultSigner) sign(ctx context.Context, digest []byte) ([]byte, error) {
	ctx, cancel := s.vault.Within(ctx)
	defer cancel()
	algorithm := azkeys.SignatureAlgorithmES256
	if _, ok := s.public.(*rsa.PublicKey); ok {
		algorithm = azkeys.SignatureAlgorithmRS256
	}
	var sum []byte
	err := s.vault.Ask(ctx, s.op("sign with", "Sign"), func(ctx context.Context) error {
		answer, err := s.sdk.Sign(ctx, s.name, s.version, azkeys.SignParameters{
			Algorithm: &algorithm, Value: bytes.Clone(digest),
		}, nil)
		if err != nil {
			return err
		}
		if _, err := s.versionOf(answer.KID); err != nil {
			return err
		}
		sum = answer.Result
		if algorithm == azkeys.SignatureAlgorithmES256 {
			sum = derOf(sum)
		}
		if !verifiesDigest(s.public, digest, sum) {
			return s.problem(keyvault.Malformed, "has an answer that is not its signature", between)
		}
		return nil
	})
	return sum, err
}

// derOf turns a signature of JSON Web Algorithms, r and s behind each other (RFC 7518 3.4), into the ASN.1 of everybody
// else; nil if it is none.
func derOf(sum []byte) []byte {
	if len(sum) != 64 {
		return nil
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sum[:32]), new(big.Int).SetBytes(sum[32:])})
	if err != nil {
		return nil
	}
	return der
}

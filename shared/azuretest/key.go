package azuretest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Key is a key that a vault keeps. The zero value is a new one of the curve P-256, which
// may sign and verify.
type Key struct {
	Private crypto.Signer // an *ecdsa.PrivateKey or an *rsa.PrivateKey
	Version string        // 32 hexadecimal digits; made up if empty
	HSM     bool          // its type says that it is in hardware
	// Operations are what it may be used for; "sign" and "verify" if nil.
	Operations         []string
	Disabled           bool
	NotBefore, Expires time.Time // a key signs within
	// Deleted says that it has been deleted and may be recovered.
	Deleted bool
}

// keyEntry is one version of a key.
type keyEntry struct {
	Key
	name    string
	created time.Time
}

// PutKey adds a version of a key, which is the current one from now on. It panics if a
// vault could not have it.
func (v *Vault) PutKey(name string, k Key) (version string) {
	if !secretName.MatchString(name) {
		panic(fmt.Sprintf("a vault can have no key %q", name))
	}
	if k.Private == nil {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		k.Private = private
	}
	if k.Version == "" {
		k.Version = strings.ReplaceAll(guid(), "-", "")
	}
	if k.Operations == nil {
		k.Operations = []string{"sign", "verify"}
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	key := strings.ToLower(name)
	v.keys[key] = append(v.keys[key], &keyEntry{k, name, v.cloud.config.Now()})
	return k.Version
}

// PublicKey is the public half of the current version of a key; nil if there is none.
func (v *Vault) PublicKey(name string) crypto.PublicKey {
	if e := v.keyEntry(name, ""); e != nil {
		return e.Private.Public()
	}
	return nil
}

func (v *Vault) keyEntry(name, version string) *keyEntry {
	v.lock.Lock()
	defer v.lock.Unlock()
	versions := v.keys[strings.ToLower(name)]
	at := len(versions) - 1
	if version != "" {
		at = slices.IndexFunc(versions, func(e *keyEntry) bool { return strings.EqualFold(e.Version, version) })
	}
	if at < 0 || versions[len(versions)-1].Deleted {
		return nil
	}
	return versions[at]
}

// key answers a request for a key: https://learn.microsoft.com/rest/api/keyvault/keys/get-key/get-key
// and https://learn.microsoft.com/rest/api/keyvault/keys/sign/sign.
func (v *Vault) key(r *http.Request, caller token) answer {
	path, signs := strings.CutSuffix(strings.Trim(strings.TrimPrefix(r.URL.Path, "/keys/"), "/"), "/sign")
	name, version, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/") // the version of /name//sign is the current one
	method := map[bool]string{false: http.MethodGet, true: http.MethodPost}[signs]
	if strings.Contains(version, "/") || r.Method != method {
		return problem(http.StatusMethodNotAllowed, "MethodNotAllowed", "this fake gets keys, and signs with them", "")
	}
	w, lack := wishOf(r), RBAC
	if v.settings().AccessPolicies {
		lack = Policy
	}
	if allowed := v.settings().KeyPermissions; allowed != nil && !slices.Contains(allowed, w.need) {
		return v.forbidden(lack, w, caller)
	}
	if !secretName.MatchString(name) {
		return badName(name)
	}
	e := v.keyEntry(name, version)
	switch {
	case e == nil:
		return notFound("key", strings.TrimSuffix(name+"/"+version, "/"))
	case signs:
		return v.sign(r, e)
	}
	return reply(http.StatusOK, v.keyBundle(e))
}

func (v *Vault) keyID(e *keyEntry) string { return v.URL() + "keys/" + e.name + "/" + e.Version }

// keyBundle is a key's public half, and what there is to know of it.
func (v *Vault) keyBundle(e *keyEntry) map[string]any {
	text := base64.RawURLEncoding.EncodeToString
	key := map[string]any{"kid": v.keyID(e), "key_ops": e.Operations}
	switch public := e.Private.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err) // it is on its curve
		}
		half := len(point) / 2 // behind the 4 in front
		key["kty"], key["crv"] = "EC", public.Curve.Params().Name
		key["x"], key["y"] = text(point[1:1+half]), text(point[1+half:])
	case *rsa.PublicKey:
		key["kty"], key["n"], key["e"] = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
	}
	if e.HSM {
		key["kty"] = key["kty"].(string) + "-HSM"
	}
	attributes := map[string]any{
		"enabled": !e.Disabled, "created": e.created.Unix(), "updated": e.created.Unix(),
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90, "exportable": false,
	}
	if !e.NotBefore.IsZero() {
		attributes["nbf"] = e.NotBefore.Unix()
	}
	if !e.Expires.IsZero() {
		attributes["exp"] = e.Expires.Unix()
	}
	return map[string]any{"key": key, "attributes": attributes, "tags": map[string]string{}}
}

// sign answers with a signature of a digest.
func (v *Vault) sign(r *http.Request, e *keyEntry) answer {
	wrong := func(message string) answer { return problem(http.StatusBadRequest, "BadParameter", message, "") }
	refuse := func(message, code string) answer {
		return problem(http.StatusForbidden, "Forbidden", message, code)
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "BadParameter", "Content-Type must be application/json", "")
	}
	var body struct{ Alg, Value string }
	text, _ := io.ReadAll(r.Body) // it has been read before
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return wrong("Request body not specified, or is no JSON")
	}
	digest, err := base64.RawURLEncoding.Strict().DecodeString(body.Value)
	now := v.cloud.config.Now()
	switch {
	case body.Alg != "ES256" && body.Alg != "RS256":
		return wrong("Property alg has invalid value: this fake knows ES256 and RS256")
	case err != nil:
		return wrong("Property value has invalid value: not base64url")
	case len(digest) != 32: // github.com/Azure/azure-cli/issues/28027
		return wrong(fmt.Sprintf("Invalid length of 'value': %d bytes. %s requires 32 bytes, encoded with base64url.",
			len(digest), body.Alg))
	case !slices.Contains(e.Operations, "sign"):
		// github.com/Azure/azure-sdk-for-net, sdk/keyvault/TROUBLESHOOTING.md
		return refuse("Operation sign is not permitted on this key.", "KeyOperationForbidden")
	case e.Disabled:
		return disabled("key", "sign")
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		return refuse("Operation sign is not allowed on an expired key.", "KeyExpired")
	case now.Before(e.NotBefore):
		return refuse("Operation sign is not allowed on a key that is not yet valid.", "KeyNotYetValid")
	}
	sum, message := signDigest(e, body.Alg, digest)
	if sum == nil {
		return wrong("Key and signing algorithm are incompatible. Key " + v.keyID(e) + " " + message)
	}
	return reply(http.StatusOK, map[string]string{
		"kid": v.keyID(e), "value": base64.RawURLEncoding.EncodeToString(sum),
	})
}

// signDigest returns the signature, or how the key and the algorithm differ
// (github.com/Azure/azure-sdk-for-java/issues/6262).
func signDigest(e *keyEntry, algorithm string, digest []byte) (sum []byte, wrong string) {
	der, err := e.Private.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		panic(err) // the length is right
	}
	public, ok := e.Private.Public().(*ecdsa.PublicKey)
	switch {
	case !ok && algorithm == "RS256":
		return der, ""
	case !ok || algorithm != "ES256":
		return nil, fmt.Sprintf("is not of the type that algorithm '%s' is for", algorithm)
	case public.Curve != elliptic.P256():
		return nil, fmt.Sprintf("uses curve '%s', and algorithm 'ES256' can only be used with curve 'P-256'.",
			public.Curve.Params().Name)
	}
	var point struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &point); err != nil {
		panic(err) // it is of crypto/ecdsa
	}
	sum = make([]byte, 64) // as JWS has it, RFC 7518 3.4
	point.R.FillBytes(sum[:32])
	point.S.FillBytes(sum[32:])
	return sum, ""
}

package decode_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/decode"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
)

func TestValue(t *testing.T) {
	t.Parallel()
	const document = "\ufeff" + ` { "a": {"b": "hunter2", "c.d": {"e": 1}, "u": "\u00e4\n\/\"\ufffd\\ufffd", "0": "zero"},
		"a.b": "no", "x.y": "dotted", "x": {"z": 0}, "l[0]": "literal",
		"n": 12345678901234567890, "f": 1.10, "o": { "10": "b", "2" : [1,2] }, "t": true, "null": null, "empty": "",
		"list": [ {"p": "first"}, ["inner", 2.50] ], "": "nothing", "dup": 1, "dup": 2 } `
	for name, tc := range map[string]struct {
		text, path string
		decode     mapping.Decode
		want       string
	}{
		"as it is":              {" x\r\n", "", mapping.None, " x\r\n"},
		"no decoding":           {"x", "", "", "x"},
		"nested":                {document, "a.b", "", "hunter2"},
		"a key with a dot":      {document, "x.y", "", "dotted"},
		"dots below":            {document, "a.c.d.e", "", "1"},
		"escapes":               {document, "a.u", "", "ä\n/\"\ufffd\\ufffd"},
		"a key of digits":       {document, "a.0", "", "zero"},
		"all the digits":        {document, "n", "", "12345678901234567890"},
		"the zero at the end":   {document, "f", "", "1.10"},
		"an object as it is":    {document, "o", "", `{ "10": "b", "2" : [1,2] }`},
		"an array":              {document, "o.2", "", "[1,2]"},
		"an element":            {document, "o.2[1]", "", "2"},
		"an element by number":  {document, "list.1.0", "", "inner"},
		"of a list":             {document, "list[0].p", "", "first"},
		"of a list in a list":   {document, "list[1][1]", "", "2.50"},
		"a key with brackets":   {document, "l[0]", "", "literal"},
		"true":                  {document, "t", "", "true"},
		"an empty text":         {document, "empty", "", ""},
		"the last of two":       {document, "dup", "", "2"},
		"an array at the top":   {`["a"]`, "[0]", "", "a"},
		"base64":                {"aHVudGVyMg==", "", mapping.Base64, "hunter2"},
		"unpadded":              {"aHVudGVyMg", "", mapping.Base64, "hunter2"},
		"URL alphabet":          {"-_-_", "", mapping.Base64, "\xfb\xff\xbf"},
		"the same, usual":       {"+/+/", "", mapping.Base64, "\xfb\xff\xbf"},
		"lines":                 {" aHVu\r\ndGVy\r\nMg==\r\n", "", mapping.Base64, "hunter2"},
		"nothing":               {"", "", mapping.Base64, ""},
		"a value, then base64":  {`{"a":"aHVudGVyMg=="}`, "a", mapping.Base64, "hunter2"},
		"PEM stays":             {"x\n-----BEGIN A-----\nAAAA\n-----END A-----\n", "", mapping.PFX2PEM, "x\n-----BEGIN A-----\nAAAA\n-----END A-----\n"},
		"a BOM is no JSON, but": {"\ufeffx", "", mapping.None, "\ufeffx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decode.Value(tc.text, tc.decode, tc.path)
			if err != nil || got != tc.want {
				t.Errorf("Value(%q, %q, %q) = %q, %v, want %q", tc.text, tc.decode, tc.path, got, err, tc.want)
			}
		})
	}
}

func TestValueRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, path string
		decode     mapping.Decode
		want       string
		none       bool // is ErrNoValue
	}{
		"no JSON":                {"hunter2", "a", "", "not a JSON document", false},
		"cut JSON":               {`{"a":"hunter2"`, "a", "", "not a JSON document", false},
		"two documents":          {`{"a":"hunter2"}{}`, "a", "", "not a JSON document", false},
		"nothing":                {``, "a", "", "not a JSON document", false},
		"no such key":            {`{"a":"hunter2"}`, "b", "", "no value at the path b", true},
		"another case":           {`{"a":"hunter2"}`, "A", "", "no value", true},
		"below a text":           {`{"a":"hunter2"}`, "a.b", "", "no value", true},
		"an index of an object":  {`{"a":{"0":"hunter2"}}`, "a[0]", "", "no value", true},
		"a key of an array":      {`["hunter2"]`, "a", "", "no value", true},
		"behind the end":         {`["hunter2"]`, "[1]", "", "no value", true},
		"null":                   {`{"a":null}`, "a", "", "null", true},
		"half a character":       {`{"a":"hunter2\ud800"}`, "a", "", "no character", false},
		"no UTF-8":               {"{\"a\":\"hunter2\xff\"}", "a", "", "no character", false},
		"a bad path":             {`{"a":"hunter2"}`, "a..b", "", "the path is not one", false},
		"no base64":              {"hunter2!", "", mapping.Base64, "not base64", false},
		"two alphabets":          {"+_+_", "", mapping.Base64, "not base64", false},
		"one character left":     {"aHVudGVyMgAAA", "", mapping.Base64, "not base64", false},
		"one = too few":          {"aHVudGVyMg=", "", mapping.Base64, "not base64", false},
		"one = too many":         {"aHVudGVy=", "", mapping.Base64, "not base64", false},
		"four = too many":        {"aHVu====", "", mapping.Base64, "not base64", false},
		"padding within":         {"aHV=udGV", "", mapping.Base64, "not base64", false},
		"a bit left over":        {"aHVudGVyMh==", "", mapping.Base64, "not base64", false},
		"a decoding of its own":  {"hunter2", "", "hunter2", "not one of", false},
		"neither PEM nor PFX":    {"hunter2", "", mapping.PFX2PEM, "neither PEM nor PFX", false},
		"no base64 for PFX":      {"hunter2!", "", mapping.PFX2PEM, "neither PEM nor PFX", false},
		"a PEM without its end":  {"-----BEGIN PRIVATE KEY-----\nhunter2\n", "", mapping.PFX2PEM, "not whole", false},
		"base64 that is no PFX":  {"aHVudGVyMg==", "", mapping.PFX2PEM, "not a PFX", false},
		"a PFX with a password":  {pfx(t, "hunter2", newECDSA(t)), "", mapping.PFX2PEM, "with a password", false},
		"a PFX without its end ": {pfx(t, "", newECDSA(t))[:400], "", mapping.PFX2PEM, "not a PFX", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decode.Value(tc.text, tc.decode, tc.path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, decode.ErrNoValue) != tc.none {
				t.Fatalf("Value(%q, %q, %q) = %q, %v, want an error with %q (ErrNoValue: %t)",
					tc.text, tc.decode, tc.path, got, err, tc.want, tc.none)
			}
			if got != "" || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("Value = %q, error %q: want no value, and none in the error", got, err)
			}
		})
	}
}

func newECDSA(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pfx returns a key, its certificate and that of an authority as a vault keeps them.
func pfx(t *testing.T, password string, key crypto.Signer) string {
	t.Helper()
	template := func(serial int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: serial == 2, BasicConstraintsValid: true}
	}
	authorityKey := newECDSA(t)
	certificate := func(template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	encoder := pkcs12.Modern2023
	if password == "" {
		encoder = pkcs12.Passwordless
	}
	authority := certificate(template(2), authorityKey.Public())
	data, err := encoder.Encode(key, certificate(template(1), key.Public()), []*x509.Certificate{authority}, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

func TestPFX(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey, "ECDSA": newECDSA(t), "Ed25519": edKey} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := pfx(t, "", key)
			got, err := decode.Value(text, mapping.PFX2PEM, "")
			if err != nil {
				t.Fatal(err)
			}
			// The product's own reader takes it, and finds key and certificate to belong together.
			pair, err := tls.X509KeyPair([]byte(got), []byte(got))
			if err != nil || len(pair.Certificate) != 2 {
				t.Fatalf("X509KeyPair of the result: %v, with %d certificates, want 2", err, len(pair.Certificate))
			}
			if !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(pair.PrivateKey.(crypto.Signer).Public()) {
				t.Error("the key is another one")
			}
		})
	}
}

// FuzzPath: what is found is in the document, and it never panics.
func FuzzPath(f *testing.F) {
	f.Add(`{"a":{"b":["x",1.10]},"a.b":2}`, "a.b[0]")
	f.Add(`[[[{"":"\ud800"}]]]`, "[0].0[0].x")
	f.Fuzz(func(t *testing.T, document, path string) {
		got, err := decode.Value(document, mapping.None, path)
		if err != nil || path == "" {
			return
		}
		quoted, _ := json.Marshal(got)
		var canonical, whole bytes.Buffer
		if json.Compact(&whole, []byte(strings.TrimPrefix(document, "\ufeff"))) != nil {
			t.Fatalf("Value(%q, %q) = %q of what is no JSON", document, path, got)
		}
		if json.Compact(&canonical, []byte(got)) == nil && strings.Contains(whole.String(), canonical.String()) {
			return // it stands there as it is
		}
		var inner any
		_ = json.Unmarshal(whole.Bytes(), &inner)
		if !holds(inner, got) {
			t.Errorf("Value(%q, %q) = %s, which is not in it", document, path, quoted)
		}
	})
}

// holds reports whether a string is one of a document's.
func holds(document any, text string) bool {
	switch v := document.(type) {
	case string:
		return v == text
	case []any:
		for _, inner := range v {
			if holds(inner, text) {
				return true
			}
		}
	case map[string]any:
		for _, inner := range v {
			if holds(inner, text) {
				return true
			}
		}
	}
	return false
}

// FuzzBase64: it decodes what the encoder makes, and nothing that would not be made of the result.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("hunter2"), "aHVu\r\ndGVyMg==")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if got, err := decode.Value(e.EncodeToString(data), mapping.Base64, ""); err != nil || got != string(data) {
				t.Errorf("Value(%q) = %q, %v, want %q", e.EncodeToString(data), got, err, data)
			}
		}
		got, err := decode.Value(text, mapping.Base64, "")
		if err != nil {
			return
		}
		plain := strings.NewReplacer("-", "+", "_", "/", "=", "", "\r", "", "\n", "").Replace(strings.TrimSpace(text))
		if back := base64.RawStdEncoding.EncodeToString([]byte(got)); back != plain {
			t.Errorf("Value(%q) = %q, which would be %q", text, got, back)
		}
	})
}

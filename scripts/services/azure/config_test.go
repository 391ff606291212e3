package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

func TestReadConfig(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	text := `{
	  "environment": "AzureChinaCloud", "tenant": "t", "latency": "30ms", "proxyUser": "u", "proxyPassword": "p",
	  "identities": ["i"],
	  "clients": [{"id": "c", "secret": "s", "secretExpired": true, "tenants": ["t"],
	    "trust": [{"issuer": "https://i", "subject": "sc://o/p/c", "audience": "a"}, {}]}],
	  "vaults": {"contoso-kv": {
	    "tenant": "t", "suffix": "vault.example", "resource": "https://vault.example", "permissions": ["get"],
	    "accessPolicies": true, "emptyPages": true, "apiVersions": ["7.1"],
	    "secrets": {
	      "one": "value", "empty": "",
	      "two": {"value": "v", "version": "0123456789abcdef0123456789abcdef", "contentType": "text/plain", "enabled": false,
	        "notBefore": "2026-01-01", "expires": "24h", "managed": true, "tags": {"owner": "team"}, "deleted": true},
	      "three": [{"value": "old", "expires": "2026-05-06T07:08:09Z"}, "new"]
	    }
	  }},
	  "faults": [{"kind": "custom", "vault": "contoso-kv", "method": "GET", "path": "/secrets/*", "after": 1, "times": 2,
	    "wait": "2s", "status": 418, "header": {"x-name": "value"}, "body": "b"}, {"kind": "stall", "host": "h"}]
	}`
	config, faults, err := readConfig(write(t, t.TempDir(), "c.json", text), func() time.Time { return now })
	if err != nil {
		t.Fatalf("readConfig: %v", err)
	}
	want := azuretest.Config{
		Environment: "AzureChinaCloud", Tenant: "t", Latency: 30 * time.Millisecond, ProxyUser: "u", ProxyPassword: "p",
		Identities: []string{"i"},
		Apps: []azuretest.App{{ID: "c", Secret: "s", SecretExpired: true, Tenants: []string{"t"}, Trust: []azuretest.Trust{
			{Issuer: "https://i", Subject: "sc://o/p/c", Audience: "a"}, {},
		}}},
		Vaults: map[string]azuretest.VaultConfig{"contoso-kv": {
			Tenant: "t", Suffix: "vault.example", Resource: "https://vault.example", Permissions: []string{"get"},
			AccessPolicies: true, EmptyPages: true, APIVersions: []string{"7.1"},
			Secrets: map[string][]azuretest.Secret{
				"one": {{Value: "value"}}, "empty": {{}},
				"two": {{
					Value: "v", Version: "0123456789abcdef0123456789abcdef", ContentType: "text/plain", Disabled: true, Managed: true,
					NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Expires: now.Add(24 * time.Hour),
					Tags: map[string]string{"owner": "team"}, Deleted: true,
				}},
				"three": {{Value: "old", Expires: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}, {Value: "new"}},
			},
		}},
	}
	keys := cmp.Comparer(func(a, b *rsa.PublicKey) bool { return a == b })
	if diff := cmp.Diff(want, config, keys); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	wantFaults := []fault{{azuretest.Fault{
		Kind: azuretest.Custom, Method: "GET", Path: "/secrets/*", After: 1, Times: 2, Wait: 2 * time.Second, Status: 418,
		Header: http.Header{"X-Name": {"value"}}, Body: "b",
	}, "contoso-kv"}, {azuretest.Fault{Kind: azuretest.Stall, Host: "h"}, ""}}
	if diff := cmp.Diff(wantFaults, faults, cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "not.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})))
	for text, want := range map[string]string{
		``:                     "EOF",
		`[]`:                   "cannot unmarshal",
		`{"vault": {}}`:        `unknown field "vault"`,
		`{"latency": 30}`:      "cannot unmarshal",
		`{"environment": "x"}`: `unknown environment "x"`,
		`{"clients": [{}]}`:    "client 1: it has no id",
		`{"clients": [{"id": "a", "certificate": "none.pem"}]}`:                              "none.pem",
		`{"clients": [{"id": "a", "certificate": "not.pem"}]}`:                               "holds no certificate",
		`{"clients": [{"id": "a", "trust": [{"issuers": "x"}]}]}`:                            `unknown field "issuers"`,
		`{"devOps": "https://dev.azure.com"}`:                                                "no http address on this machine",
		`{"devOps": "http://dev.azure.com"}`:                                                 "no http address on this machine",
		`{"vaults": {"a b": {}}}`:                                                            `vault "a b"`,
		`{"vaults": {"kv1": {"permissions": ["set"]}}}`:                                      `no permission "set"`,
		`{"vaults": {"kv1": {"secrets": {"a_b": "x"}}}}`:                                     `name "a_b"`,
		`{"vaults": {"kv1": {"secrets": {"a": {}}}}}`:                                        "needs a value or a file",
		`{"vaults": {"kv1": {"secrets": {"a": null}}}}`:                                      "at least one version",
		`{"vaults": {"kv1": {"secrets": {"a": []}}}}`:                                        "at least one version",
		`{"vaults": {"kv1": {"secrets": {"a": 1}}}}`:                                         "cannot unmarshal",
		`{"vaults": {"kv1": {"secrets": {"a": {"value": "x", "file": "y"}}}}}`:               "and not both",
		`{"vaults": {"kv1": {"secrets": {"a": {"file": "none"}}}}}`:                          "none",
		`{"vaults": {"kv1": {"keys": {"a_b": "x"}}}}`:                                        `name "a_b"`,
		`{"vaults": {"kv1": {"keys": {"a": "none.pem"}}}}`:                                   "none.pem",
		`{"vaults": {"kv1": {"keys": {"a": "c.json"}}}}`:                                     "no private key in PEM",
		`{"vaults": {"kv1": {"secrets": {"a": {"valeu": "x"}}}}}`:                            `unknown field "valeu"`,
		`{"vaults": {"kv1": {"secrets": {"a": {"value": "x", "version": "1"}}}}}`:            "32 hexadecimal digits",
		`{"vaults": {"kv1": {"secrets": {"a": {"value": "x", "expires": "soon"}}}}}`:         `"soon" is no time`,
		`{"faults": [{"kind": "x"}]}`:                                                        `fault 1: there is no fault "x"`,
		`{"faults": [{"kind": "rbac", "vault": "kv1"}]}`:                                     `no vault "kv1"`,
		`{"vaults": {"kv1": {}}, "faults": [{"kind": "rbac", "vault": "kv1", "host": "h"}]}`: "host, too",
		`{"faults": [{"kind": "custom"}]}`:                                                   "needs a status",
	} {
		got := azure(t, "-config", write(t, dir, "c.json", text), "program-that-must-not-run")
		if got.status != beside.ExitUsage || !strings.Contains(got.stderr, want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("azure with %s = %+v, want status 2 and one line with %q", text, got, want)
		}
	}
}

// TestReadKeys reads the private keys of a vault from files.
func TestReadKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	config, _, err := readConfig(write(t, dir, "c.json", `{"vaults": {"kv1": {"keys": {"images": "key.pem"}}}}`), time.Now)
	if err != nil {
		t.Fatalf("readConfig: %v", err)
	}
	got := config.Vaults["kv1"].Keys["images"]
	if len(got) != 1 || !private.Equal(got[0].Private) {
		t.Errorf("keys: %+v", got)
	}
}

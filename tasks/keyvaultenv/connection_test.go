package keyvaultenv

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// TestTroubles has what can go wrong on the way to a secret. Each ends in one line, which
// names what is wrong and the way out, and sets nothing.
func TestTroubles(t *testing.T) {
	t.Parallel()
	challenge := http.Header{"Content-Type": {"application/json"}, "Www-Authenticate": {
		`Bearer authorization="https://login.microsoftonline.com/7f3c1c52-0a7e-4f0b-9a0e-5b1f8c1d2e3f", resource="https://vault.azure.net"`,
	}}
	refuse := func(status int, code, message string) azuretest.Fault {
		return azuretest.Fault{Kind: azuretest.Custom, Status: status, Header: challenge, Body: `{"error":{"code":"` + code + `","message":"` + message + ` hunter-22"}}`}
	}
	at := func(kind azuretest.Kind) azuretest.Fault { return azuretest.Fault{Kind: kind} }
	of := func(kind azuretest.Kind) azuretest.Fault { return azuretest.Fault{Kind: kind, Path: "/secrets/a"} }
	for name, tc := range map[string]struct {
		fault azuretest.Fault
		says  string
	}{
		"proxy says no":      {at(azuretest.ProxyDenied), "the proxy of this agent gives no connection"},
		"proxy wants a user": {at(azuretest.ProxyAuth), "the proxy of this agent wants a user name and password"},
		"unknown authority":  {at(azuretest.Untrusted), "is of an authority that this agent does not know"},
		"other certificate":  {at(azuretest.WrongName), "is for another name"},
		"sign-in page":       {at(azuretest.SignInPage), "as to a page to sign in"},
		"web page":           {at(azuretest.HTML), "answers with a web page"},
		"truncated":          {of(azuretest.Truncated), "is not the JSON of a key vault"},
		"token not taken":    {at(azuretest.Unauthorized), "does not take the token"},
		"missing":            {of(azuretest.NotFound), "does not exist, or has been deleted"},
		"disabled":           {of(azuretest.Disabled), "is disabled"},
		"role":               {of(azuretest.RBAC), "has no role to read it"},
		"access policy":      {of(azuretest.Policy), "no access policy of the vault lets read it"},
		"on behalf":          {of(azuretest.OnBehalf), "(ForbiddenByPolicy)"},
		"firewall":           {at(azuretest.Firewall), "its firewall does not allow the address"},
		"private link":       {at(azuretest.PrivateLink), "is open to its private network only"},
		"bad name":           {of(azuretest.BadName), "has a name or a version that the vault does not take"},
		"other tenant":       {refuse(401, "Unauthorized", "AKV10032: Invalid issuer."), "is of another tenant"},
		"other cloud":        {refuse(401, "Unauthorized", "AKV10022: Invalid audience."), "is not of the cloud of the service connection"},
		"API version":        {refuse(400, "BadParameter", "The specified version (7.4) is not recognized."), "does not know the API version 7.4"},
		"Entra says no":      {azuretest.Fault{Kind: azuretest.Unavailable, Status: 400, Host: "login.microsoftonline.com", Path: "/*/oauth2/v2.0/token"}, "answers 400, and not as Entra does"},
		"Entra sends a page": {azuretest.Fault{Kind: azuretest.HTML, Host: "login.microsoftonline.com"}, "is not the expected one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newJob(t).trouble(tc.fault, tc.says)
		})
	}
}

// trouble runs the step with a fault, which ends it in one line.
func (j *job) trouble(fault azuretest.Fault, says string) {
	j.t.Helper()
	j.vault.Set("a", "hunter-22")
	j.vault.Set("b", "hunter-33")
	if fault.Host != "" {
		j.cloud.Fail(fault)
	} else {
		j.vault.Fail(fault)
	}
	j.input("secrets", "A=a\nB=b").expect("main", "Failed", "!hunter")
	got := j.issues("error")
	if len(got) != 1 || !strings.Contains(got[0], says) || !strings.Contains(got[0], "How to fix: ") {
		j.t.Errorf("%s: the errors are\n%s\nwant one with %q and the way out", fault.Kind, strings.Join(got, "\n"), says)
	}
	j.nothingSet()
	j.hidden("hunter")
	j.expect("post", "Succeeded")
}

// scheme sets the parameters of the service connection; of two, name and value.
func (j *job) scheme(scheme string, pairs ...string) *job {
	j.env["ENDPOINT_AUTH_SCHEME_"+connectionID] = scheme
	delete(j.env, "ENDPOINT_AUTH_PARAMETER_"+connectionID+"_SERVICEPRINCIPALKEY")
	for i := 0; i < len(pairs); i += 2 {
		j.env["ENDPOINT_"+pairs[i]] = pairs[i+1]
	}
	return j
}

const (
	parameter = "AUTH_PARAMETER_" + connectionID + "_"
	data      = "DATA_" + connectionID + "_"
)

// TestIdentities: every scheme of a service connection, in every cloud.
func TestIdentities(t *testing.T) {
	t.Parallel()
	cert, both := certificate(t)
	for name, tc := range map[string]struct {
		config func(*azuretest.Config)
		change func(*job)
	}{
		"certificate": {
			func(c *azuretest.Config) {
				c.Apps = []azuretest.App{{ID: "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef", Certificate: cert}}
			},
			func(j *job) {
				j.scheme("ServicePrincipal", parameter+"AUTHENTICATIONTYPE", "spnCertificate", parameter+"SERVICEPRINCIPALCERTIFICATE", both)
			},
		},
		"US Government": {
			func(c *azuretest.Config) { c.Environment = "AzureUSGovernment" },
			func(j *job) { j.env["ENDPOINT_"+data+"ENVIRONMENT"] = "AzureUSGovernment" },
		},
		"China": {
			func(c *azuretest.Config) { c.Environment = "AzureChinaCloud" },
			func(j *job) { j.env["ENDPOINT_"+data+"ENVIRONMENT"] = "AzureChinaCloud" },
		},
		"old API": {
			func(c *azuretest.Config) {
				c.Vaults = map[string]azuretest.VaultConfig{testVault: {APIVersions: []string{"2016-10-01"}}}
			},
			func(j *job) { j.input("apiVersion", "2016-10-01") },
		},
		"proxy with a user": {
			func(c *azuretest.Config) { c.ProxyUser, c.ProxyPassword = "agent", "proxy-hunter-44" },
			func(*job) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, tc.config)
			j.vault.Set("a", "correct-horse-9")
			tc.change(j)
			j.input("secrets", "A=a").expect("main", "Succeeded", "!proxy-hunter")
			j.wantSecrets(map[string]string{"A": "correct-horse-9"})
			for _, r := range j.vault.Requests() {
				if !r.Proxied {
					t.Errorf("%s did not come through the proxy", r)
				}
			}
		})
	}
}

// certificate makes one, and it with its key as a service connection has them.
func certificate(t *testing.T) (*x509.Certificate, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

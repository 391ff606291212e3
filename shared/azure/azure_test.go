package azure

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// servicePrincipalPEM is a certificate and its key, as a connection holds them.
func servicePrincipalPEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestToken(t *testing.T) {
	t.Parallel()
	const login = "login.microsoftonline.com/" + tenant
	entra := func(host string) []string {
		return []string{
			"GET " + host + "/v2.0/.well-known/openid-configuration", "POST " + host + "/oauth2/v2.0/token",
		}
	}
	// Tokens of managed identities are kept for the whole process, also for the next run
	// of this test, so they are for something else each time.
	resource := "https://" + strings.ToLower(rand.Text()) + ".example"
	for name, tc := range map[string]struct {
		scheme     string
		parameters []string
		seen       []string          // requests
		form       map[string]string // of the last one; "*" for anything
	}{
		"workload identity federation": {
			"WorkloadIdentityFederation", nil,
			[]string{
				entra(login)[0], "POST " + strings.TrimPrefix(oidcURI, "https://"), entra(login)[1],
			},
			map[string]string{
				"grant_type": "client_credentials", "client_id": client, "client_assertion": assertion,
				"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
				"scope":                 StorageScope + " openid offline_access profile", "client_secret": "",
			},
		},
		"secret": {
			"ServicePrincipal", []string{"auth SERVICEPRINCIPALKEY=" + clientSecret, "data ENVIRONMENT=AzureCloud"},
			entra(login), map[string]string{"client_id": client, "client_secret": clientSecret, "client_assertion": ""},
		},
		"no scheme": {
			"", []string{"auth SERVICEPRINCIPALKEY=" + clientSecret, "auth AUTHENTICATIONTYPE=spnKey"},
			entra(login), map[string]string{"client_secret": clientSecret},
		},
		"certificate": {
			"serviceprincipal", []string{"auth AUTHENTICATIONTYPE=spnCertificate", "auth SERVICEPRINCIPALCERTIFICATE=" + servicePrincipalPEM(t)},
			entra(login), map[string]string{"client_assertion": "*", "client_secret": ""},
		},
		"government": {
			"ServicePrincipal", []string{"auth SERVICEPRINCIPALKEY=" + clientSecret, "data ENVIRONMENT=AzureUSGovernment"},
			entra("login.microsoftonline.us/" + tenant), map[string]string{"client_secret": clientSecret},
		},
		"China": {
			"ServicePrincipal", []string{"auth SERVICEPRINCIPALKEY=" + clientSecret, "data ENVIRONMENT=AzureChinaCloud"},
			entra("login.chinacloudapi.cn/" + tenant), map[string]string{"client_secret": clientSecret},
		},
		"the cloud's login is not the connection's to choose": {
			"ServicePrincipal", []string{"auth SERVICEPRINCIPALKEY=" + clientSecret, "data ACTIVEDIRECTORYAUTHORITY=https://login.stack.example/"},
			entra(login), map[string]string{"client_secret": clientSecret},
		},
		"Azure Stack": {
			"ServicePrincipal", []string{
				"auth SERVICEPRINCIPALKEY=" + clientSecret, "data ENVIRONMENT=AzureStack",
				"data ACTIVEDIRECTORYAUTHORITY=https://login.stack.example/",
			},
			entra("login.stack.example/" + tenant), map[string]string{"client_secret": clientSecret},
		},
		"managed identity": {
			"ManagedServiceIdentity", nil, []string{"GET 169.254.169.254/metadata/identity/oauth2/token"},
			map[string]string{"resource": resource, "client_id": ""},
		},
		"managed identity of several": {
			"ManagedServiceIdentity", []string{"data MSICLIENTID=" + client}, []string{"GET 169.254.169.254/metadata/identity/oauth2/token"},
			map[string]string{"resource": resource, "client_id": client},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := network(t, nil)
			job := w.job()
			var masked []string
			job.Mask = func(secret string) { masked = append(masked, secret) }
			c, err := New(connect(t, tc.scheme, tc.parameters...), job)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			scope := StorageScope
			if tc.scheme == "ManagedServiceIdentity" {
				scope = resource + "/.default"
			}
			for range 2 { // the second token is the first one
				got, err := c.For(scope).Token(t.Context())
				if err != nil || got != accessToken {
					t.Fatalf("Token = %q, %v, want %q", got, err, accessToken)
				}
			}
			if diff := cmp.Diff(tc.seen, w.seen); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			for key, want := range tc.form {
				if got := w.form.Get(key); got != want && (want != "*" || got == "") {
					t.Errorf("the request has %s=%q, want %q", key, got, want)
				}
			}
			if len(masked) == 0 || masked[0] != accessToken {
				t.Errorf("masked %q, want the token", masked)
			}
		})
	}
}

func TestBlobSuffix(t *testing.T) {
	t.Parallel()
	for cloud, want := range map[string]string{
		"AzureCloud": "blob.core.windows.net", "azureusgovernment": "blob.core.usgovcloudapi.net",
		"AzureChinaCloud": "blob.core.chinacloudapi.cn", "AzureStack": "",
	} {
		w := network(t, nil)
		c, err := New(connect(t, "ServicePrincipal", "auth SERVICEPRINCIPALKEY=x", "data ENVIRONMENT="+cloud,
			"data ENVIRONMENTAUTHORITYURL=https://login.stack.example/adfs/"), w.job())
		if err != nil || c.BlobSuffix() != want {
			t.Errorf("%s: New = %v, %v, want one with the suffix %q", cloud, c, err, want)
		}
	}
}

func TestConnectionsThatGiveNoToken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scheme     string
		parameters []string
		job        func(*Job)
		want       string
	}{
		"other scheme":        {"PublishProfile", nil, nil, `"PublishProfile"`},
		"no secret":           {"ServicePrincipal", nil, nil, "it has no secret"},
		"no tenant":           {"ServicePrincipal", []string{"auth TENANTID="}, nil, "it names no tenant"},
		"no application":      {"WorkloadIdentityFederation", []string{"auth SERVICEPRINCIPALID="}, nil, "it names no application"},
		"hostile tenant":      {"WorkloadIdentityFederation", []string{"auth TENANTID=evil/../x?"}, nil, "not the right form"},
		"no certificate":      {"ServicePrincipal", []string{"auth AUTHENTICATIONTYPE=spnCertificate"}, nil, "it has no certificate"},
		"garbled certificate": {"ServicePrincipal", []string{"auth AUTHENTICATIONTYPE=spnCertificate", "auth SERVICEPRINCIPALCERTIFICATE=" + clientSecret}, nil, "not readable"},
		"unknown cloud":       {"ServicePrincipal", []string{"data ENVIRONMENT=AzureGermanCloud"}, nil, "does not say where"},
		"login without https": {"ServicePrincipal", []string{"data ENVIRONMENT=AzureStack", "data ACTIVEDIRECTORYAUTHORITY=http://login.stack.example"}, nil, "begins with https://"},
		"old server":          {"WorkloadIdentityFederation", nil, func(j *Job) { j.OIDC = "" }, "System.OidcRequestUri"},
		"no job token":        {"WorkloadIdentityFederation", nil, func(j *Job) { j.Token = inputs.Secret{} }, "SYSTEM_ACCESSTOKEN"},
		"another's address":   {"WorkloadIdentityFederation", nil, func(j *Job) { j.OIDC = "https://evil.example/oidctoken" }, "not an address of the server"},
		"address with a user": {"WorkloadIdentityFederation", nil, func(j *Job) { j.OIDC = "https://dev.azure.com@evil.example/" }, "not an address of the server"},
		"address, no https":   {"WorkloadIdentityFederation", nil, func(j *Job) { j.OIDC = "http://dev.azure.com/org" }, "not an address of the server"},
		"look-alike":          {"WorkloadIdentityFederation", nil, func(j *Job) { j.OIDC = "https://xdev.azure.com/org" }, "not an address of the server"},
		"service, own server": {"WorkloadIdentityFederation", nil, func(j *Job) { j.Server = "https://tfs.example/" }, "not an address of the server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := network(t, nil)
			job := w.job()
			if tc.job != nil {
				tc.job(&job)
			}
			_, err := New(connect(t, tc.scheme, tc.parameters...), job)
			checkError(t, err, tc.want, "")
			if len(w.seen) > 0 {
				t.Errorf("New made the requests %q", w.seen)
			}
		})
	}
}

func checkError(t *testing.T, err error, want, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.Code != code || e.Connection != connectionID {
		t.Fatalf("error %v, want an *Error with %q and the code %q", err, want, code)
	}
	if strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("error %q holds a secret, or is not one line", err)
	}
}

func TestServersOfTheJob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		address, server string
		want            bool
	}{
		"same":               {"https://dev.azure.com/org/x", "https://dev.azure.com/org/", true},
		"own server":         {"https://tfs.example:8080/x", "https://TFS.example:8080/c", true},
		"own, other port":    {"https://tfs.example:8081/x", "https://tfs.example:8080/c", false},
		"old name":           {"https://dev.azure.com/org/x", "https://org.visualstudio.com/", true},
		"old name, releases": {"https://org.vsrm.visualstudio.com/x", "https://dev.azure.com/org/", true},
		"a tunnel":           {"https://x-80.app.online.visualstudio.com/x", "https://dev.azure.com/org/", false},
		"no organization":    {"https://.visualstudio.com/x", "https://dev.azure.com/org/", false},
		"service, http":      {"http://dev.azure.com/org/x", "https://dev.azure.com/org/", false},
		"service, port":      {"https://dev.azure.com:8443/org/x", "https://dev.azure.com/org/", false},
		"other name":         {"https://vstoken.dev.azure.com/x", "https://dev.azure.com/org/", true},
		"test server":        {"http://127.0.0.1:1/x", "http://127.0.0.1:1/", true},
		"own, without https": {"http://tfs.example/x", "http://tfs.example/", false},
		"garbled":            {"%", "https://dev.azure.com/", false},
		"no server":          {"https://dev.azure.com/", "", false},
	} {
		if got := isOfServer(tc.address, tc.server); got != tc.want {
			t.Errorf("%s: isOfServer(%q, %q) = %v, want %v", name, tc.address, tc.server, got, tc.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	status := func(suffix string, status int) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, suffix) {
				return false
			}
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte("<html>" + clientSecret))
			return true
		}
	}
	const federated, secret, managed = "WorkloadIdentityFederation", "ServicePrincipal", "ManagedServiceIdentity"
	for name, tc := range map[string]struct {
		scheme     string
		answer     func(http.ResponseWriter, *http.Request) bool
		want, code string
	}{
		"wrong secret":          {secret, aadsts(7000215, 401), "its secret is not the application's", "AADSTS7000215"},
		"expired secret":        {secret, aadsts(7000222, 401), "its secret has expired", "AADSTS7000222"},
		"unknown application":   {secret, aadsts(700016, 400), "not known in its tenant", "AADSTS700016"},
		"unknown tenant":        {secret, aadsts(90002, 400), "its tenant is not known", "AADSTS90002"},
		"not federated":         {federated, aadsts(700213, 401), "federated credential", "AADSTS700213"},
		"clock":                 {federated, aadsts(700024, 401), "clock", "AADSTS700024"},
		"conditional access":    {secret, aadsts(53003, 400), "conditional access", "AADSTS53003"},
		"another code":          {secret, aadsts(1234567, 400), "look the code up", "AADSTS1234567"},
		"connection not ours":   {federated, status("/oidctoken", 403), "this pipeline is permitted to use it", ""},
		"job token refused":     {federated, status("/oidctoken", 401), "gives no token for it (401)", ""},
		"a proxy's page":        {secret, status("/token", 403), "not as Entra does", ""},
		"no identity":           {managed, status("/token", 400), "managed identity", ""},
		"web page for the JSON": {secret, status("/token", 200), "not the expected one", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := network(t, tc.answer)
			// An identity of its own: tokens of managed identities are kept for the whole process.
			c, err := New(connect(t, tc.scheme, "auth SERVICEPRINCIPALKEY="+clientSecret, "data MSICLIENTID=another"), w.job())
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Token(t.Context(), StorageScope)
			checkError(t, err, tc.want, tc.code)
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	w := network(t, nil)
	c, err := New(connect(t, "ServicePrincipal", "auth SERVICEPRINCIPALKEY="+clientSecret, "data ENVIRONMENT=AzureStack",
		"data ACTIVEDIRECTORYAUTHORITY=https://unknown.stack.example/"), w.job())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // it tries several times
	defer cancel()
	_, err = c.Token(ctx, StorageScope)
	checkError(t, err, "unknown.stack.example", "")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Token(stopped, StorageScope); !errors.Is(err, context.Canceled) {
		t.Errorf("Token of a cancelled job: error %v, want the context's", err)
	}
}

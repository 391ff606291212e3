package azuretest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/google/go-cmp/cmp"
)

const oidcPath = "/o/p/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken"

// azidentity reads this from the process's environment, as an agent sets it.
func TestMain(m *testing.M) {
	if os.Getenv("AZURETEST_VAULT") != "" {
		program()
		return
	}
	if err := os.Setenv("SYSTEM_OIDCREQUESTURI", "https://dev.azure.com"+oidcPath); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestPipelinesCredential(t *testing.T) {
	t.Parallel()
	var seen []string
	c := NewCloud(t, func(o *Config) {
		o.DevOps = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Method+" "+r.Host+r.URL.Path+" "+r.URL.Query().Get("serviceConnectionId")+" "+r.Header.Get("Authorization"))
			token := signToken(otherKey(), map[string]any{}, assertionClaims())
			_ = json.NewEncoder(w).Encode(map[string]string{"oidcToken": token})
		})
	})
	v := c.Vault("kv")
	v.Set("a", "hunter2")
	source, err := azidentity.NewAzurePipelinesCredential(c.Tenant(), c.App().ID, "connection", "job-token",
		&azidentity.AzurePipelinesCredentialOptions{ClientOptions: through(t, c)})
	if err != nil {
		t.Fatalf("NewAzurePipelinesCredential: %v", err)
	}
	wantValue(t, secrets(t, c, v, source), "a", "hunter2")
	if diff := cmp.Diff([]string{"POST dev.azure.com" + oidcPath + " connection Bearer job-token"}, seen); diff != "" {
		t.Errorf("requests to Azure DevOps (-want +got):\n%s", diff)
	}
	c.Fail(Fault{Kind: Custom, Host: "dev.azure.com", Status: http.StatusUnauthorized, Body: "{}"})
	if response, _ := ask(t, c, http.MethodGet, "https://dev.azure.com/o", ""); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("GET with a fault = %d, want 401", response.StatusCode)
	}
}

func certificateAndKey(t *testing.T, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificateOf("app"), certificateOf("app"), key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	mine, others := certificateAndKey(t, tokenKey()), certificateAndKey(t, otherKey())
	for name, tc := range map[string]struct {
		configured, shown *x509.Certificate
		key               *rsa.PrivateKey
		change            func(*Cloud, map[string]any) map[string]any
		want              string
	}{
		"good":           {mine, mine, tokenKey(), same, ""},
		"another":        {mine, others, otherKey(), same, "AADSTS700027: The certificate with identifier"},
		"none":           {nil, mine, tokenKey(), same, "AADSTS700027"},
		"another's key":  {mine, mine, otherKey(), same, "AADSTS50012"},
		"other subject":  {mine, mine, tokenKey(), with("sub", "other"), "AADSTS700021"},
		"other audience": {mine, mine, tokenKey(), with("aud", "https://login.microsoftonline.com/other/oauth2/v2.0/token"), "AADSTS700023"},
		"no ID":          {mine, mine, tokenKey(), without("jti"), "AADSTS50027"},
		"expired":        {mine, mine, tokenKey(), with("exp", 1700000000), "AADSTS700024"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t, func(o *Config) { o.Apps = []App{{ID: someApp, Certificate: tc.configured}} })
			source, err := azidentity.NewClientAssertionCredential(c.Tenant(), someApp, func(context.Context) (string, error) {
				return selfSigned(tc.shown, tc.key, tc.change(c, selfClaims(c))), nil
			}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: through(t, c)})
			if tc.want == "" { // as azidentity does it; it refuses to sign with the wrong key
				sdk, err2 := azidentity.NewClientCertificateCredential(c.Tenant(), someApp, []*x509.Certificate{tc.shown}, tc.key,
					&azidentity.ClientCertificateCredentialOptions{ClientOptions: through(t, c)})
				if err2 != nil {
					t.Fatalf("NewClientCertificateCredential: %v", err2)
				}
				wantToken(t, sdk, "https://vault.azure.net", "")
			}
			if err != nil {
				t.Fatal(err)
			}
			wantToken(t, source, "https://vault.azure.net", tc.want)
		})
	}
}

// selfSigned is an assertion of the application for itself.
func selfSigned(certificate *x509.Certificate, key *rsa.PrivateKey, claims map[string]any) string {
	sum := sha256.Sum256(certificate.Raw)
	return signToken(key, map[string]any{"x5t#S256": encode(string(sum[:]))}, claims)
}

func selfClaims(c *Cloud) map[string]any {
	return map[string]any{
		"iss": someApp, "sub": someApp, "jti": guid(), "aud": "https://" + c.Login() + "/" + c.Tenant() + "/oauth2/v2.0/token",
		"nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
}

// wantToken wants a token for a resource, or an error with a text.
func wantToken(t *testing.T, source azcore.TokenCredential, resource, want string) {
	t.Helper()
	got, err := source.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	if want != "" {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("GetToken(%q) = %v, want an error with %q", resource, err, want)
		}
		return
	}
	if err != nil {
		t.Fatalf("GetToken(%q): %v", resource, err)
	}
	parsed, err := parseToken(got.Token)
	if err != nil || parsed.verify(&tokenKey().PublicKey) != nil || parsed.text("aud") != resource {
		t.Errorf("GetToken(%q) = a token for %q, %v; want a signed one", resource, parsed.text("aud"), err)
	}
	if left := time.Until(got.ExpiresOn); left < 50*time.Minute || left > time.Hour {
		t.Errorf("GetToken(%q) = a token for %s, want an hour", resource, left)
	}
}

func TestEntraRefusesClients(t *testing.T) {
	t.Parallel()
	const resource = "https://vault.azure.net"
	for name, tc := range map[string]struct {
		app                      App
		tenant, client, resource string
		want                     string
	}{
		"good":            {App{Secret: "hunter2"}, someTenant, someApp, resource, ""},
		"storage":         {App{Secret: "hunter2"}, someTenant, someApp, "https://storage.azure.com", ""},
		"wrong secret":    {App{Secret: "hunter3"}, someTenant, someApp, resource, "AADSTS7000215: Invalid client secret provided."},
		"no secret":       {App{}, someTenant, someApp, resource, "AADSTS7000215"},
		"expired secret":  {App{Secret: "hunter2", SecretExpired: true}, someTenant, someApp, resource, "AADSTS7000222"},
		"unknown app":     {App{Secret: "hunter2"}, someTenant, "66666666-7777-4888-8999-000000000001", resource, "AADSTS700016"},
		"other tenant":    {App{Secret: "hunter2", Tenants: []string{"66666666-7777-4888-8999-111111111111"}}, someTenant, someApp, resource, "AADSTS700016"},
		"unknown tenant":  {App{Secret: "hunter2"}, "66666666-7777-4888-8999-222222222222", someApp, resource, "AADSTS90002"},
		"unknown service": {App{Secret: "hunter2"}, someTenant, someApp, "https://vault.example", "AADSTS500011"},
		"another cloud's": {App{Secret: "hunter2"}, someTenant, someApp, "https://vault.azure.cn", "AADSTS500011"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.app.ID = someApp
			c := NewCloud(t, func(o *Config) { o.Apps = []App{tc.app} })
			source, err := azidentity.NewClientSecretCredential(tc.tenant, tc.client, "hunter2",
				&azidentity.ClientSecretCredentialOptions{ClientOptions: through(t, c)})
			if err != nil {
				t.Fatal(err)
			}
			wantToken(t, source, tc.resource, tc.want)
			for _, r := range c.Requests() {
				if good := r.App == someApp; good != (tc.want == "" && r.Method == http.MethodPost) {
					t.Errorf("%s is of the application %q", r, r.App)
				}
			}
		})
	}
}

func TestEntraRefusesRequests(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	base := "https://" + c.Login() + "/" + c.Tenant() + "/oauth2/v2.0/token"
	form := "client_id=" + c.App().ID + "&grant_type=client_credentials&scope=https%3A%2F%2Fvault.azure.net%2F.default"
	for name, tc := range map[string]struct {
		form, want string
		status     int
	}{
		"good":                 {form + "&client_secret=" + c.App().Secret, "access_token", 200},
		"no proof":             {form, "AADSTS7000218", 401},
		"no grant":             {"client_id=" + c.App().ID, "AADSTS70003", 400},
		"no type of assertion": {form + "&client_assertion=x", "AADSTS900144", 400},
		"garbled assertion":    {form + "&client_assertion_type=" + assertionBearer + "&client_assertion=x", "AADSTS50027", 401},
		"no scope":             {"client_id=" + c.App().ID + "&grant_type=client_credentials&client_secret=" + c.App().Secret, "AADSTS500011", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, err := c.HTTP(t).HTTP().Post(base, "application/x-www-form-urlencoded", strings.NewReader(tc.form))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var body map[string]any
			if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(body); response.StatusCode != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("POST = %d %s, want %d with %q", response.StatusCode, text, tc.status, tc.want)
			}
			if tc.status != http.StatusOK && (body["trace_id"] == nil || body["error"] == nil || body["error_codes"] == nil) {
				t.Errorf("POST = %v, want an error as Entra has them", body)
			}
		})
	}
	for path, want := range map[string]int{
		"/" + c.Tenant() + "/discovery/v2.0/keys": 200, "/" + c.Tenant() + "/other": 404,
		"/common/discovery/instance": 400, // of nothing
		"/common/discovery/instance?authorization_endpoint=https://evil.example/t/oauth2/": 400,
		"/66666666-7777-4888-8999-222222222222/v2.0/.well-known/openid-configuration":      400,
	} {
		if response, body := ask(t, c, http.MethodGet, "https://"+c.Login()+path, ""); response.StatusCode != want {
			t.Errorf("GET %s = %d %s, want %d", path, response.StatusCode, body, want)
		}
	}
}

func TestEnvironments(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string][]string{
		"AzureUSGovernment": {"login.microsoftonline.us", "https://kv.vault.usgovcloudapi.net/"},
		"AzureChinaCloud":   {"login.chinacloudapi.cn", "https://kv.vault.azure.cn/"},
		"AzureStack":        {"adfs.local.azurestack.external", "https://kv.vault.local.azurestack.external/"},
	} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t, func(o *Config) { o.Environment = environment })
			v := c.Vault("kv")
			v.Set("a", "hunter2")
			if diff := cmp.Diff(want, []string{c.Login(), v.URL()}); diff != "" {
				t.Errorf("login and vault (-want +got):\n%s", diff)
			}
			if environment != "AzureStack" {
				wantValue(t, secrets(t, c, v, withSecret(t, c)), "a", "hunter2")
				return
			}
			source, err := azidentity.NewClientSecretCredential(c.Tenant(), c.App().ID, c.App().Secret,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: through(t, c), DisableInstanceDiscovery: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := get(t, secrets(t, c, v, source), "a", ""); err == nil || !strings.Contains(err.Error(), "doesn't match the requested domain") {
				t.Errorf("GetSecret = %v, want the SDK to refuse the challenge", err)
			}
			client, err := azsecrets.NewClient(v.URL(), source, &azsecrets.ClientOptions{
				ClientOptions: through(t, c), DisableChallengeResourceVerification: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			wantValue(t, client, "a", "hunter2")
		})
	}
	if c, err := StartCloud(Config{Environment: "AzureGermanCloud"}); err == nil {
		c.Close()
		t.Error("StartCloud knows AzureGermanCloud")
	}
}

func TestOtherTenantsVault(t *testing.T) {
	t.Parallel()
	const other = "66666666-7777-4888-8999-111111111111"
	c := NewCloud(t, func(o *Config) {
		o.Apps = []App{{ID: someApp, Secret: "hunter3", Tenants: []string{someTenant, other}}}
	})
	v := c.Vault("kv")
	v.Configure(VaultConfig{Tenant: other, Secrets: map[string][]Secret{"a": {{Value: "hunter2"}}}})
	if _, err := get(t, secrets(t, c, v, withSecret(t, c)), "a", ""); err == nil || !strings.Contains(err.Error(), "isn't configured to acquire tokens for tenant") {
		t.Errorf("GetSecret = %v, want the SDK to refuse the tenant", err)
	}
	source, err := azidentity.NewClientSecretCredential(someTenant, someApp, "hunter3", &azidentity.ClientSecretCredentialOptions{
		ClientOptions: through(t, c), AdditionallyAllowedTenants: []string{other},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, secrets(t, c, v, source), "a", "hunter2")
}

// A vault of this test only: the SDK keeps tokens of managed identities for the whole process.
func TestManagedIdentity(t *testing.T) {
	t.Parallel()
	identity := guid()
	c := NewCloud(t, func(o *Config) { o.Identities = []string{identity} })
	v := c.Vault("kv")
	v.Set("a", "hunter2")
	managed := func(id string) azcore.TokenCredential {
		source, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ClientOptions: through(t, c), ID: azidentity.ClientID(id),
		})
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	wantValue(t, secrets(t, c, v, managed(identity)), "a", "hunter2")
	for _, r := range c.Requests() {
		if proxied := r.Host != metadataHost; r.Proxied != proxied {
			t.Errorf("%s: through the proxy: %t, want %t", r, r.Proxied, proxied)
		}
	}
	if _, err := get(t, secrets(t, c, v, managed(guid())), "a", ""); err == nil || !strings.Contains(err.Error(), "Identity not found") {
		t.Errorf("GetSecret with another identity = %v, want that it is not found", err)
	}
	const address = "http://169.254.169.254/metadata/identity/oauth2/token"
	const query = "?api-version=2018-02-01&resource=https://vault.azure.net"
	for name, tc := range map[string]struct {
		method, address string
		header          http.Header
		status          int
		want            string
	}{
		"good":           {"GET", address + query, http.Header{"Metadata": {"true"}}, 200, "access_token"},
		"no header":      {"GET", address + query, nil, 400, "Required metadata header"},
		"forwarded":      {"GET", address + query, http.Header{"Metadata": {"true"}, "X-Forwarded-For": {"10.0.0.1"}}, 400, "X-Forwarded-For"},
		"POST":           {"POST", address + query, http.Header{"Metadata": {"true"}}, 405, "GET"},
		"no resource":    {"GET", address + "?api-version=2018-02-01", http.Header{"Metadata": {"true"}}, 400, "resource"},
		"no api-version": {"GET", address + "?resource=https://vault.azure.net", http.Header{"Metadata": {"true"}}, 400, "api-version"},
		"other service":  {"GET", address + "?api-version=2018-02-01&resource=https://x.example", http.Header{"Metadata": {"true"}}, 400, "AADSTS500011"},
		"other path":     {"GET", "http://169.254.169.254/metadata/instance" + query, http.Header{"Metadata": {"true"}}, 404, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, tc.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = tc.header
		response, err := c.HTTP(t).HTTP().Do(request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != tc.status || !strings.Contains(string(body), tc.want) {
			t.Errorf("%s: %s %s = %d %s, want %d with %q", name, tc.method, tc.address, response.StatusCode, body, tc.status, tc.want)
		}
	}
}

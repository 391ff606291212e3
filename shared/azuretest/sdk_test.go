package azuretest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/google/go-cmp/cmp"
)

// through are the options of an SDK client whose network is the cloud, and which
// tries once.
func through(t *testing.T, c *Cloud) azcore.ClientOptions {
	t.Helper()
	configuration := map[string]cloud.Configuration{
		"": cloud.AzurePublic, "AzureUSGovernment": cloud.AzureGovernment, "AzureChinaCloud": cloud.AzureChina,
		"AzureStack": {ActiveDirectoryAuthorityHost: "https://" + c.Login() + "/"},
	}[c.config.Environment]
	return azcore.ClientOptions{
		Cloud: configuration, Transport: c.HTTP(t).HTTP(), Retry: policy.RetryOptions{MaxRetries: -1},
	}
}

func withSecret(t *testing.T, c *Cloud) azcore.TokenCredential {
	t.Helper()
	source, err := azidentity.NewClientSecretCredential(c.Tenant(), c.App().ID, c.App().Secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: through(t, c)})
	if err != nil {
		t.Fatalf("NewClientSecretCredential: %v", err)
	}
	return source
}

func secrets(t *testing.T, c *Cloud, v *Vault, source azcore.TokenCredential) *azsecrets.Client {
	t.Helper()
	client, err := azsecrets.NewClient(v.URL(), source, &azsecrets.ClientOptions{ClientOptions: through(t, c)})
	if err != nil {
		t.Fatalf("azsecrets.NewClient(%q): %v", v.URL(), err)
	}
	return client
}

func get(t *testing.T, client *azsecrets.Client, name, version string) (azsecrets.GetSecretResponse, error) {
	t.Helper()
	return client.GetSecret(t.Context(), name, version, nil)
}

func wantValue(t *testing.T, client *azsecrets.Client, name, want string) {
	t.Helper()
	got, err := get(t, client, name, "")
	if err != nil {
		t.Fatalf("GetSecret(%q): %v", name, err)
	}
	if got.Value == nil || *got.Value != want {
		t.Errorf("GetSecret(%q) = %v, want %q", name, got.Value, want)
	}
}

// status is that of an SDK's error; 0 if it has none.
func status(err error) int {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode
	}
	return 0
}

func lines(requests []Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, r.String())
	}
	return all
}

func TestSecretWithClientSecret(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("Contoso-KV")
	v.Set("db-url", "postgres://u:hunter2@db/app")
	client := secrets(t, c, v, withSecret(t, c))
	wantValue(t, client, "DB-URL", "postgres://u:hunter2@db/app") // names have no case
	login := "login.microsoftonline.com/"
	want := []string{
		"GET contoso-kv.vault.azure.net/secrets/DB-URL/ 401",
		"GET " + login + "common/discovery/instance 200",
		"GET " + login + c.Tenant() + "/v2.0/.well-known/openid-configuration 200",
		"POST " + login + c.Tenant() + "/oauth2/v2.0/token 200",
		"GET contoso-kv.vault.azure.net/secrets/DB-URL/ 200",
	}
	if diff := cmp.Diff(want, lines(c.Requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, r := range c.Requests() {
		if !r.Proxied || r.End.Before(r.Start) || r.Start.IsZero() {
			t.Errorf("%s: proxied %t, from %s to %s", r, r.Proxied, r.Start, r.End)
		}
	}
}

func TestWorkloadIdentity(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trust  Trust
		change func(c *Cloud, claims map[string]any) map[string]any
		want   string // in the error
	}{
		"good":                 {Trust{}, same, ""},
		"good, exactly":        {Trust{Issuer: "https://vstoken.dev.azure.com/o", Subject: "sc://o/p/c", Audience: "api://AzureADTokenExchange"}, same, ""},
		"signed":               {Trust{Key: &tokenKey().PublicKey}, same, ""},
		"signed by another":    {Trust{Key: &otherKey().PublicKey}, same, "AADSTS50013"},
		"other issuer":         {Trust{Issuer: "https://vstoken.dev.azure.com/x"}, same, "AADSTS700211"},
		"other subject":        {Trust{Subject: "sc://o/p/x"}, same, "AADSTS700213"},
		"subject, other case":  {Trust{Subject: "sc://o/p/C"}, same, "AADSTS700213"},
		"no subject":           {Trust{}, without("sub"), "AADSTS700213"},
		"issuer without https": {Trust{}, with("iss", "http://vstoken.dev.azure.com/o"), "AADSTS700211"},
		"issuer here":          {Trust{}, with("iss", "http://127.0.0.1:4711/o"), ""},
		"other audience":       {Trust{}, with("aud", "api://other"), "AADSTS700212"},
		"expired":              {Trust{}, with("exp", 1700000000), "AADSTS700024"},
		"no expiry":            {Trust{}, without("exp"), "AADSTS700024"},
		"not yet":              {Trust{}, with("nbf", 4000000000), "AADSTS700024"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t, func(o *Config) { o.Apps = []App{{ID: someApp, Trust: []Trust{tc.trust}}} })
			v := c.Vault("kv")
			v.Set("a", "hunter2")
			source, err := azidentity.NewClientAssertionCredential(c.Tenant(), someApp, func(context.Context) (string, error) {
				return signToken(tokenKey(), map[string]any{}, tc.change(c, assertionClaims())), nil
			}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: through(t, c)})
			if err != nil {
				t.Fatalf("NewClientAssertionCredential: %v", err)
			}
			got, err := get(t, secrets(t, c, v, source), "a", "")
			if tc.want == "" {
				if err != nil || *got.Value != "hunter2" {
					t.Errorf("GetSecret = %v, %v, want hunter2", got.Value, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("GetSecret = %v, want an error with %q", err, tc.want)
			}
			last := c.Requests()[len(c.Requests())-1]
			if last.Status != http.StatusUnauthorized {
				t.Errorf("the last request is %s, want 401", last)
			}
		})
	}
}

package keyvault

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// stranger is a server in the place of a vault, which wants a token by the challenge.
type stranger struct {
	t         testing.TB
	challenge string
}

func (s stranger) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || req.URL.Host != "contoso-kv.vault.azure.net" {
		s.t.Errorf("request to %s", req.URL)
	}
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Request: req, Body: io.NopCloser(strings.NewReader(`{"error":{"code":"Unauthorized"}}`)),
		Header: http.Header{"Www-Authenticate": {s.challenge}},
	}, nil
}

// tokens counts how often a token was asked for.
type tokens struct {
	t      testing.TB
	scopes []string
}

func (c *tokens) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = append(c.scopes, o.Scopes...)
	return azcore.AccessToken{Token: "hunter2", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// ask reads a secret of a stranger, and returns the scopes of the tokens it got, and the error.
func ask(t testing.TB, challenge, scope string) ([]string, error) {
	t.Helper()
	web := httpx.New(httpx.Config{})
	web.HTTP().Transport = stranger{t, challenge}
	source := &tokens{t: t}
	v := &Vault{
		config: Config{Name: "contoso-kv", HTTP: web, Patience: time.Minute, APIVersion: "7.4", Retry: retry.Policy{Attempts: 1}},
		host:   "contoso-kv.vault.azure.net", source: scoped{source, scope},
	}
	client, err := azsecrets.NewClient(v.URL(), v.Credential(), &azsecrets.ClientOptions{
		ClientOptions: v.Options(), DisableChallengeResourceVerification: v.Unverified(),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = v.Ask(t.Context(), Op{Noun: "secret", Name: "a", Verb: "read", Done: "read"}, func(ctx context.Context) error {
		_, err := client.GetSecret(ctx, "a", "", nil)
		return err
	})
	return source.scopes, err
}

// The SDK's parser panics with some of these.
func TestChallenges(t *testing.T) {
	t.Parallel()
	const known = "https://vault.azure.net/.default"
	for name, tc := range map[string]struct {
		challenge, scope, want string
		token                  bool
	}{
		"as it should be":      {`Bearer authorization="https://login.example/t", resource="https://vault.azure.net"`, known, "does not take the token", true},
		"with a scope":         {`Bearer authorization="https://login.example/t", scope="https://vault.azure.net/.default"`, known, "does not take the token", true},
		"a short address":      {`Bearer authorization="https://login", resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"no address":           {`Bearer authorization="x", resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"without TLS":          {`Bearer authorization="http://login.example/t", resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"no tenant":            {`Bearer authorization="https://login.example/", resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"a comma for a tenant": {`Bearer authorization="https://login.example/,", resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"no authorization":     {`Bearer resource="https://vault.azure.net"`, known, "in a way that no vault does", false},
		"no resource":          {`Bearer authorization="https://login.example/t"`, known, "in a way that no vault does", false},
		"nothing":              {``, known, "in a way that no vault does", false},
		"Basic":                {`Basic realm="hunter2"`, known, "in a way that no vault does", false},
		"garbled claims":       {`Bearer authorization="https://login.example/t", resource="https://vault.azure.net", error="insufficient_claims", claims="hunter2!"`, known, "is not one for the key vaults", false},
		"another resource":     {`Bearer authorization="https://login.example/t", resource="https://graph.microsoft.com"`, known, "is not one for the key vaults", false},
		"a part of the host":   {`Bearer authorization="https://login.example/t", resource="https://azure.net"`, known, "is not one for the key vaults", false},
		"unknown scope, ours":  {`Bearer authorization="https://login.example/t", resource="https://vault.azure.net"`, "", "does not take the token", true},
		"unknown scope, other": {`Bearer authorization="https://login.example/t", resource="https://graph.microsoft.com"`, "", "is not one for the key vaults", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scopes, err := ask(t, tc.challenge, tc.scope)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Get with the challenge %s: error %v, want an *Error with %q", tc.challenge, err, tc.want)
			}
			if got := len(scopes) > 0; got != tc.token {
				t.Errorf("Get with the challenge %s got tokens for %q, want any: %t", tc.challenge, scopes, tc.token)
			}
		})
	}
}

// FuzzChallenge: whatever a server says, the program goes on, and it gets a token for key
// vaults or none.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{
		`Bearer authorization="https://login.example/t", resource="https://vault.azure.net"`, `Bearer authorization="x"`,
		`Bearer authorization="https://x/t" scope="https://vault.azure.net/.default" error="insufficient_claims" claims="e30="`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, challenge string) {
		scopes, err := ask(t, challenge, "https://vault.azure.net/.default")
		if err == nil || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("Get with the challenge %q: error %q", challenge, err)
		}
		for _, scope := range scopes {
			if scope != "https://vault.azure.net/.default" {
				t.Errorf("Get with the challenge %q asked for a token for %q", challenge, scope)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"nothing":      {http.Header{}, 0},
		"seconds":      {http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		"milliseconds": {http.Header{"Retry-After": {"7"}, "Retry-After-Ms": {"20"}}, 20 * time.Millisecond},
		"its own":      {http.Header{"X-Ms-Retry-After-Ms": {"20"}}, 20 * time.Millisecond},
		"a date":       {http.Header{"Date": {"Mon, 23 Nov 2026 06:00:00 GMT"}, "Retry-After": {"Mon, 23 Nov 2026 06:00:09 GMT"}}, 9 * time.Second},
		"a past date":  {http.Header{"Date": {"Mon, 23 Nov 2026 06:00:00 GMT"}, "Retry-After": {"Mon, 23 Nov 2026 05:00:09 GMT"}}, 0},
		"without now":  {http.Header{"Retry-After": {"Mon, 23 Nov 2026 06:00:09 GMT"}}, 0},
		"garbage":      {http.Header{"Retry-After": {"-1"}}, 0},
	} {
		if got := httpx.RetryAfter(tc.header); got != tc.want {
			t.Errorf("%s: RetryAfter(%v) = %s, want %s", name, tc.header, got, tc.want)
		}
	}
}

package azuretest

import (
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ask makes a request with a token, and returns the answer with its body.
func ask(t *testing.T, c *Cloud, method, url, token string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.HTTP(t).HTTP().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return response, string(body)
}

// vaultError is what Key Vault says is wrong.
type vaultError struct {
	Error struct {
		Code, Message string
		Innererror    struct{ Code string }
	}
}

func wantError(t *testing.T, body, code, inner, message string) {
	t.Helper()
	var got vaultError
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("the body is no error: %v\n%s", err, body)
	}
	if got.Error.Code != code || got.Error.Innererror.Code != inner || !strings.Contains(got.Error.Message, message) {
		t.Errorf("error = %+v, want code %q, inner code %q and %q in the message", got.Error, code, inner, message)
	}
}

// claimsOf are those of a good token for the vault.
func claimsOf(c *Cloud) map[string]any {
	now := time.Now()
	return map[string]any{
		"aud": "https://vault.azure.net", "iss": "https://sts.windows.net/" + c.Tenant() + "/", "appid": someApp,
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Minute).Unix(),
	}
}

func TestVaultRefusesTokens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key    func() *rsa.PrivateKey
		change func(*Cloud, map[string]any) map[string]any
		edit   func(string) string
		want   string // in the message; "" if the token is good
	}{
		"good":                {nil, same, nil, ""},
		"none":                {nil, same, func(string) string { return "" }, "AKV10000: Request is missing a Bearer or PoP token."},
		"no token":            {nil, same, func(string) string { return "hunter2" }, "AKV10005"},
		"not base64":          {nil, same, func(string) string { return "a.b.c!" }, "AKV10005"},
		"signed by another":   {otherKey, same, nil, "AKV10046"},
		"unsigned":            {nil, same, unsign, "AKV10046"},
		"other algorithm":     {nil, same, withHeader(`{"alg":"none","typ":"JWT"}`), "AKV10046"},
		"other audience":      {nil, with("aud", "https://storage.azure.com"), nil, "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://storage.azure.com."},
		"audience, slash":     {nil, with("aud", "https://vault.azure.net/"), nil, "AKV10022"},
		"other cloud":         {nil, with("aud", "https://vault.azure.cn"), nil, "AKV10022"},
		"other tenant":        {nil, with("iss", "https://sts.windows.net/66666666-7777-4888-8999-111111111111/"), nil, "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/"},
		"tenant, no slash":    {nil, with("iss", "https://sts.windows.net/"+someTenant), nil, "AKV10032"},
		"expired":             {nil, with("exp", time.Now().Add(-time.Second).Unix()), nil, "IDX10223"},
		"no expiry":           {nil, without("exp"), nil, "IDX10223"},
		"not yet valid":       {nil, with("nbf", time.Now().Add(time.Hour).Unix()), nil, "IDX10223"},
		"claim of wrong kind": {nil, with("exp", "tomorrow"), nil, "IDX10223"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t)
			v := c.Vault("kv")
			v.Set("a", "hunter2")
			key := tc.key
			if key == nil {
				key = tokenKey
			}
			token := signToken(key(), map[string]any{}, tc.change(c, claimsOf(c)))
			if tc.edit != nil {
				token = tc.edit(token)
			}
			response, body := ask(t, c, http.MethodGet, v.URL()+"secrets/a/?api-version=7.4", token)
			challenge := response.Header.Get("WWW-Authenticate")
			if tc.want == "" {
				if response.StatusCode != http.StatusOK || !strings.Contains(body, `"value":"hunter2"`) || challenge != "" {
					t.Errorf("answer %d %q, challenge %q, want 200, the value and no challenge", response.StatusCode, body, challenge)
				}
				return
			}
			if response.StatusCode != http.StatusUnauthorized || strings.Contains(body, "hunter2") {
				t.Errorf("answer %d %q, want 401 without the value", response.StatusCode, body)
			}
			wantError(t, body, "Unauthorized", "", tc.want)
			want := `Bearer authorization="https://login.microsoftonline.com/` + c.Tenant() + `", resource="https://vault.azure.net"`
			if challenge != want {
				t.Errorf("challenge %q, want %q", challenge, want)
			}
		})
	}
}

func unsign(token string) string { return token[:strings.LastIndex(token, ".")+1] }

// withHeader puts another header before the claims.
func withHeader(header string) func(string) string {
	return func(token string) string {
		_, rest, _ := strings.Cut(token, ".")
		return encode(header) + "." + rest
	}
}

func TestVaultRefusesRequests(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	v.Set("a", "hunter2")
	v.Put("off", Secret{Value: "hunter2", Disabled: true})
	v.Put("gone", Secret{Value: "hunter2", Deleted: true})
	token := signToken(tokenKey(), map[string]any{}, claimsOf(c))
	for name, tc := range map[string]struct {
		method, path         string
		status               int
		code, inner, message string
	}{
		"no api-version":      {"GET", "secrets/a", 400, "BadParameter", "", "api-version must be specified"},
		"unknown api-version": {"GET", "secrets/a?api-version=7.9", 400, "BadParameter", "", "The specified version (7.9) is not recognized."},
		"api-version, case":   {"GET", "secrets/a?API-VERSION=7.4", 400, "BadParameter", "", "api-version must be specified"},
		"POST":                {"POST", "secrets/a?api-version=7.4", 405, "MethodNotAllowed", "", ""},
		"PUT":                 {"PUT", "secrets/a?api-version=7.4", 405, "MethodNotAllowed", "", ""},
		"bad name":            {"GET", "secrets/a_b?api-version=7.4", 400, "BadParameter", "", "invalid name: a_b"},
		"long name":           {"GET", "secrets/" + strings.Repeat("a", 128) + "?api-version=7.4", 400, "BadParameter", "", "invalid name"},
		"missing":             {"GET", "secrets/b?api-version=7.4", 404, "SecretNotFound", "", "A secret with (name/id) b was not found"},
		"missing version":     {"GET", "secrets/a/0123456789abcdef0123456789abcdef?api-version=7.4", 404, "SecretNotFound", "", "(name/id) a/0123456789abcdef"},
		"deleted":             {"GET", "secrets/gone?api-version=7.4", 404, "SecretNotFound", "", "If you recently deleted this secret"},
		"not deleted":         {"GET", "deletedsecrets/a?api-version=7.4", 404, "SecretNotFound", "", "Deleted Secret not found"},
		"disabled":            {"GET", "secrets/off?api-version=7.4", 403, "Forbidden", "SecretDisabled", "not allowed on a disabled secret"},
		"page too large":      {"GET", "secrets?api-version=7.4&maxresults=26", 400, "BadParameter", "", "maxresults"},
		"page of nothing":     {"GET", "secrets?api-version=7.4&maxresults=0", 400, "BadParameter", "", "maxresults"},
		"skiptoken made up":   {"GET", "secrets?api-version=7.4&$skiptoken=cGFnZSA5OQ", 400, "BadParameter", "", "skiptoken"},
		"conversion":          {"GET", "secrets/a?api-version=2026-04-01&outContentType=application/x-pem-file", 501, "NotImplemented", "", "fake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := ask(t, c, tc.method, v.URL()+tc.path, token)
			if response.StatusCode != tc.status || strings.Contains(body, "hunter2") {
				t.Errorf("%s %s: %d %q, want %d without the value", tc.method, tc.path, response.StatusCode, body, tc.status)
			}
			wantError(t, body, tc.code, tc.inner, tc.message)
			for _, header := range []string{"X-Ms-Keyvault-Region", "X-Ms-Request-Id", "X-Ms-Client-Request-Id", "X-Ms-Keyvault-Service-Version"} {
				if response.Header.Get(header) == "" {
					t.Errorf("%s %s: the answer has no header %s", tc.method, tc.path, header)
				}
			}
		})
	}
	for _, path := range []string{"", "keys/a?api-version=7.4", "secrets/a/b/c?api-version=7.4", "deletedsecrets?api-version=7.4"} {
		if response, body := ask(t, c, http.MethodGet, v.URL()+path+"?api-version=7.4", token); response.StatusCode != http.StatusNotFound &&
			response.StatusCode != http.StatusBadRequest {
			t.Errorf("GET %s: %d %q, want 404", path, response.StatusCode, body)
		}
	}
	_, body := ask(t, c, http.MethodGet, v.URL()+"deletedsecrets/gone?api-version=7.4", token)
	if !strings.Contains(body, `"recoveryId"`) || strings.Contains(body, "hunter2") {
		t.Errorf("the deleted secret is %q, want it with a recoveryId and without its value", body)
	}
}

// An older vault, as of Azure Stack, knows fewer versions.
func TestVaultWithFewerVersions(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	v.Configure(VaultConfig{APIVersions: []string{"2016-10-01", "7.1"}, Secrets: map[string][]Secret{"a": {{Value: "hunter2"}}}})
	_, err := get(t, secrets(t, c, v, withSecret(t, c)), "a", "")
	if status(err) != http.StatusBadRequest || !strings.Contains(err.Error(), "latest supported version (7.1)") {
		t.Errorf("GetSecret = %v, want 400 with the latest version", err)
	}
}

func TestVaultAsksForPermissions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config VaultConfig
		inner  string
	}{
		"by role":          {VaultConfig{Permissions: []string{"get"}}, "ForbiddenByRbac"},
		"by access policy": {VaultConfig{Permissions: []string{"get"}, AccessPolicies: true}, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t)
			v := c.Vault("kv")
			v.Configure(tc.config)
			v.Set("a", "hunter2")
			client := secrets(t, c, v, withSecret(t, c))
			wantValue(t, client, "a", "hunter2")
			_, err := client.NewListSecretPropertiesPager(nil).NextPage(t.Context())
			if status(err) != http.StatusForbidden || !strings.Contains(err.Error(), tc.inner) || !strings.Contains(err.Error(), c.App().ID) {
				t.Errorf("NextPage = %v, want 403 with %q and the application", err, tc.inner)
			}
		})
	}
}

package azuretest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const noStatus = -1 // an error of another kind

// Each of these answers a request with a good token.
func TestVaultFaults(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[Kind]struct {
		fault  Fault
		status int
		want   []string // in the error
	}{
		Custom:       {Fault{Status: 418, Body: `{"error":{"code":"Teapot"}}`, Header: http.Header{"X-A": {"b"}}}, 418, []string{"Teapot"}},
		Unauthorized: {Fault{Times: 2}, 401, []string{"AKV10046"}}, // the SDK gets another token
		NotFound:     {Fault{}, 404, []string{"SecretNotFound", "(name/id) a was not found"}},
		Disabled:     {Fault{}, 403, []string{`"SecretDisabled"`, "disabled secret"}},
		RBAC:         {Fault{}, 403, []string{`"ForbiddenByRbac"`, `\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'`}},
		Policy:       {Fault{}, 403, []string{`"AccessDenied"`, "does not have secrets get permission on key vault 'kv;"}},
		OnBehalf:     {Fault{}, 403, []string{`"ForbiddenByPolicy"`, "on-behalf-of"}},
		Firewall:     {Fault{}, 403, []string{`"ForbiddenByFirewall"`, `\r\nClient address: 203.0.113.7\r\nCaller: appid=`}},
		PrivateLink:  {Fault{}, 403, []string{`"ForbiddenByConnection"`, "Public network access is disabled"}},
		Throttled:    {Fault{Wait: 2100 * time.Millisecond}, 429, []string{"Throttled", "VaultRequestTypeLimitReached"}},
		BadName:      {Fault{}, 400, []string{"BadParameter", "invalid name"}},
		Unavailable:  {Fault{Status: 500}, 500, nil},
		Cut:          {Fault{}, noStatus, nil},
		Truncated:    {Fault{}, noStatus, []string{"unexpected end of JSON input"}},
		HTML:         {Fault{}, noStatus, []string{"invalid character '<'"}},
		SignInPage:   {Fault{}, noStatus, []string{"invalid character '<'"}},
		ResetRequest: {Fault{Times: 2}, noStatus, nil}, // net/http asks again on a new connection
		Slow:         {Fault{Wait: time.Millisecond}, 0, nil},
		SlowBody:     {Fault{Wait: 10 * time.Millisecond}, 0, nil},
		Claims:       {Fault{}, 0, nil}, // the SDK meets the claims
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t)
			v := c.Vault("kv")
			v.Set("a", "hunter2")
			v.Set("b", "hunter3")
			client := secrets(t, c, v, withSecret(t, c))
			wantValue(t, client, "b", "hunter3") // the token is there
			tc.fault.Kind, tc.fault.Path, tc.fault.Times = kind, "/secrets/a", max(1, tc.fault.Times)
			v.Fail(tc.fault)
			wantValue(t, client, "b", "hunter3") // not this one
			got, err := get(t, client, "a", "")
			if tc.status == 0 {
				if err != nil || *got.Value != "hunter2" {
					t.Errorf("GetSecret = %v, %v, want the value", got.Value, err)
				}
				if kind == Claims {
					wantClaims(t, c)
				}
				return
			}
			if err == nil || status(err) != max(tc.status, 0) {
				t.Fatalf("GetSecret = %v, want an error with %d", err, tc.status)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("GetSecret = %v, want an error with %q", err, want)
				}
			}
			wantValue(t, client, "a", "hunter2") // once only
		})
	}
}

// wantClaims wants the second token to have been asked for with the vault's claims.
func wantClaims(t *testing.T, c *Cloud) {
	t.Helper()
	var asked []string
	for _, r := range c.Requests() {
		if r.Method == http.MethodPost {
			asked = append(asked, r.Form.Get("claims"))
		}
	}
	if len(asked) != 2 || strings.Contains(asked[0], "1700000000") || !strings.Contains(asked[1], "1700000000") {
		t.Errorf("tokens were asked for with the claims %q, want two, and the vault's in the second", asked)
	}
}

func TestThrottledSaysWhen(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{0: "", time.Millisecond: "1", 10 * time.Second: "10", 2100 * time.Millisecond: "3"} {
		c := NewCloud(t)
		v := c.Vault("kv")
		v.Fail(Fault{Kind: Throttled, Wait: wait})
		_, err := get(t, secrets(t, c, v, withSecret(t, c)), "a", "")
		var response *azcore.ResponseError
		if !errors.As(err, &response) || response.RawResponse.Header.Get("Retry-After") != want {
			t.Errorf("GetSecret with %s = %v, want an answer with Retry-After %q", wait, err, want)
		}
	}
}

// Each of these lets no whole, good answer come. They meet requests without a token,
// too, so there is none here.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[Kind]struct {
		status int    // of the answer; 0 if there is none
		body   string // in it
		err    error  // in place of an answer, or of its end
	}{
		ResetRequest: {0, "", errAny},
		Stall:        {0, "", errTimeout},
		SignInPage:   {200, "Sign in to your account", nil},
		HTML:         {200, "<!DOCTYPE html>", nil},
		Unavailable:  {503, "", nil},
		SlowBody:     {200, "token_endpoint", nil},
		Slow:         {200, "token_endpoint", nil},
		Cut:          {200, `{"`, io.ErrUnexpectedEOF},
		Truncated:    {200, `{"`, nil},
		Untrusted:    {0, "", errCertificate("x509: certificate signed by unknown authority")},
		WrongName:    {0, "", errCertificate("x509: certificate is valid for not-login.microsoftonline.com, not login")},
		Reset:        {0, "", errAny},
		NoHost:       {0, "", errAny},
		DNSBroken:    {0, "", errAny},
		ProxyDenied:  {0, "", errAny},
		ProxyAuth:    {0, "", errAny},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t)
			const wait = 50 * time.Millisecond
			c.Fail(Fault{Kind: kind, Times: 1, Wait: wait})
			client := c.HTTP(t).HTTP()
			client.Timeout = time.Minute
			if errors.Is(tc.err, errTimeout) {
				client.Timeout = 100 * time.Millisecond
			}
			start := time.Now()
			address := "https://" + c.Login() + "/" + c.Tenant() + "/v2.0/.well-known/openid-configuration"
			body, status, err := fetch(t, client, address)
			if status != tc.status || !strings.Contains(body, tc.body) || !isError(err, tc.err) {
				t.Errorf("GET = %d %q, %v; want %d with %q, error %v", status, body, err, tc.status, tc.body, tc.err)
			}
			if slow := kind == Slow || kind == SlowBody; slow && time.Since(start) < wait {
				t.Errorf("the answer took %s, want %s", time.Since(start), wait)
			}
			if whole := strings.HasSuffix(body, "}"); whole != (kind == Slow || kind == SlowBody) {
				t.Errorf("GET = %q: whole is %t", body, whole)
			}
			client.Timeout = time.Minute
			if body, status, err := fetch(t, client, address); status != http.StatusOK || !strings.HasSuffix(body, "}") || err != nil {
				t.Errorf("the next GET = %d %q, %v; want a whole answer", status, body, err)
			}
		})
	}
}

var errAny, errTimeout = errors.New("any"), errors.New("timeout")

type errCertificate string

func (e errCertificate) Error() string { return string(e) }

func isError(got, want error) bool {
	var text errCertificate
	var timeout net.Error
	switch {
	case got == nil || want == nil:
		return got == nil && want == nil
	case errors.Is(want, errTimeout):
		return errors.As(got, &timeout) && timeout.Timeout()
	case errors.As(want, &text):
		return strings.Contains(got.Error(), string(text))
	}
	return errors.Is(want, errAny) || errors.Is(got, want)
}

func fetch(t *testing.T, client *http.Client, address string) (body string, status int, err error) {
	t.Helper()
	response, err := client.Get(address)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return string(data), response.StatusCode, err
}

// Without a proxy a name is looked up here.
func TestFaultsWithoutProxy(t *testing.T) {
	t.Parallel()
	for kind, notFound := range map[Kind]bool{NoHost: true, DNSBroken: false} {
		c := NewCloud(t)
		c.Fail(Fault{Kind: kind, Times: 1})
		_, _, err := fetch(t, c.Direct(t).HTTP(), "https://"+c.Login()+"/common/discovery/instance")
		var dns *net.DNSError
		if !errors.As(err, &dns) || dns.IsNotFound != notFound {
			t.Errorf("%s: %v, want an error of DNS, not found: %t", kind, err, notFound)
		}
	}
	for _, kind := range []Kind{Untrusted, WrongName, Reset} {
		c := NewCloud(t)
		c.Fail(Fault{Kind: kind, Times: 1})
		client := c.Direct(t).HTTP()
		if _, _, err := fetch(t, client, "https://"+c.Login()+"/"); err == nil {
			t.Errorf("%s: GET has an answer, want an error", kind)
		}
		if _, status, err := fetch(t, client, "https://"+c.Login()+"/"); err != nil || status == 0 {
			t.Errorf("%s: the next GET = %v, want an answer", kind, err)
		}
	}
}

func TestAFaultMeetsWhatItSays(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	other := c.Vault("other")
	for _, vault := range []*Vault{v, other} {
		vault.Set("a", "hunter2")
	}
	client := secrets(t, c, v, withSecret(t, c))
	v.Fail(Fault{Kind: RBAC, Path: "/secrets/*", After: 1, Times: 2})
	v.Fail(Fault{Kind: RBAC, Method: http.MethodPut})
	wantValue(t, client, "a", "hunter2")
	for range 2 {
		if _, err := get(t, client, "a", ""); status(err) != http.StatusForbidden {
			t.Errorf("GetSecret = %v, want 403", err)
		}
	}
	wantValue(t, client, "a", "hunter2")
	v.Fail(Fault{Kind: RBAC})
	wantValue(t, secrets(t, c, other, withSecret(t, c)), "a", "hunter2")
	for range 3 {
		if _, err := get(t, client, "a", ""); status(err) != http.StatusForbidden {
			t.Errorf("GetSecret = %v, want 403", err)
		}
	}
	c.Heal()
	wantValue(t, client, "a", "hunter2")
}

func TestFaultsAreChecked(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{{}, {Kind: "other"}, {Kind: Custom}, {Kind: RBAC, Path: "["}} {
		if err := f.Check(); err == nil {
			t.Errorf("Check(%+v) found nothing wrong", f)
		}
	}
	for _, kind := range slices.Concat(connection, network, delivery, service) {
		if err := (Fault{Kind: kind, Status: 418}).Check(); err != nil {
			t.Errorf("Check(%s): %v", kind, err)
		}
	}
}

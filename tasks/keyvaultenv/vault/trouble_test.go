package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
)

// trouble is one way in which a secret is not to be had.
type trouble struct {
	fault  azuretest.Fault
	direct bool // without a proxy
	kind   keyvault.Kind
	want   string
	tries  int // connections or requests of the vault after which it gives up, 0 for 1
}

var troubles = map[string]trouble{
	"missing":   {azuretest.Fault{Kind: azuretest.NotFound}, false, keyvault.NotFound, "the secret a of the vault Contoso-KV does not exist, or has been deleted; check its name", 0},
	"disabled":  {azuretest.Fault{Kind: azuretest.Disabled}, false, keyvault.Disabled, "the secret a of the vault Contoso-KV is disabled; enable it", 0},
	"no role":   {azuretest.Fault{Kind: azuretest.RBAC}, false, keyvault.RBAC, "(c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef), which has no role to read it; give it the role Key Vault Secrets User", 0},
	"no policy": {azuretest.Fault{Kind: azuretest.Policy}, false, keyvault.Policy, "which no access policy of the vault lets read it; give it the secret permission Get in the vault's access policies", 0},
	"on behalf": {azuretest.Fault{Kind: azuretest.OnBehalf}, false, keyvault.Forbidden, "(ForbiddenByPolicy)", 0},
	"firewall": {
		azuretest.Fault{Kind: azuretest.Firewall}, false, keyvault.Firewall,
		"the vault Contoso-KV does not let this agent in: its firewall does not allow the address 203.0.113.7; allow it", 0,
	},
	"private link": {azuretest.Fault{Kind: azuretest.PrivateLink}, false, keyvault.PrivateLink, "is open to its private network only; run the job on an agent in this network", 0},
	"not our token": {
		azuretest.Fault{Kind: azuretest.Unauthorized}, false, keyvault.Unauthorized, "does not take the token of the service connection (AKV10046)", 0,
	},
	"a bad name": {azuretest.Fault{Kind: azuretest.BadName}, false, keyvault.BadName, "the vault does not take (400 BadParameter)", 0},
	"unknown host, by a proxy": {
		azuretest.Fault{Kind: azuretest.NoHost}, false, keyvault.Proxy,
		"the proxy of this agent gives no connection to contoso-kv.vault.azure.net (503 Service Unavailable) (4 attempts); check the vault's name", 0,
	},
	"unknown host": {azuretest.Fault{Kind: azuretest.NoHost}, true, keyvault.NoVault, "does not exist: the name contoso-kv.vault.azure.net is not known; check the vault's name", 0},
	"name servers": {azuretest.Fault{Kind: azuretest.DNSBroken}, true, keyvault.DNS, "contoso-kv.vault.azure.net cannot be looked up (4 attempts); check the name servers", 0},
	"proxy":        {azuretest.Fault{Kind: azuretest.ProxyDenied}, false, keyvault.Proxy, "gives no connection to contoso-kv.vault.azure.net (403 Forbidden); check", 0},
	"proxy wants a password": {
		azuretest.Fault{Kind: azuretest.ProxyAuth}, false, keyvault.Proxy, "wants a user name and password; configure the agent with --proxyusername", 0,
	},
	"unknown authority":   {azuretest.Fault{Kind: azuretest.Untrusted}, false, keyvault.TLS, "is of an authority that this agent does not know; if your organization's proxy", 0},
	"another's name":      {azuretest.Fault{Kind: azuretest.WrongName}, false, keyvault.TLS, "is for another name; check", 0},
	"reset":               {azuretest.Fault{Kind: azuretest.Reset}, false, keyvault.Network, "the connection to contoso-kv.vault.azure.net breaks off", 0},
	"reset request":       {azuretest.Fault{Kind: azuretest.ResetRequest, After: 1}, false, keyvault.Network, "breaks off", 0},
	"no answer":           {azuretest.Fault{Kind: azuretest.Stall}, false, keyvault.Timeout, "contoso-kv.vault.azure.net does not answer in time (4 attempts); check the network", 4},
	"a slow body":         {azuretest.Fault{Kind: azuretest.SlowBody, Wait: time.Minute}, false, keyvault.Timeout, "does not answer in time (4 attempts)", 5},
	"a cut body":          {azuretest.Fault{Kind: azuretest.Cut}, false, keyvault.Network, "breaks off (4 attempts)", 5},
	"half of the JSON":    {azuretest.Fault{Kind: azuretest.Truncated}, false, keyvault.Malformed, "has an answer that is not the JSON of a key vault; let requests", 0},
	"a redirect":          {azuretest.Fault{Kind: azuretest.SignInPage}, false, keyvault.SignInPage, "the answer is a redirect (302), as to a page to sign in; let requests", 0},
	"a web page":          {azuretest.Fault{Kind: azuretest.HTML}, false, keyvault.SignInPage, "answers with a web page", 0},
	"a refusal as a page": {custom(403, "text/html", "<html>hunter2"), false, keyvault.SignInPage, "answers 403, and not as a key vault does", 0},
	"unavailable":         {azuretest.Fault{Kind: azuretest.Unavailable}, false, keyvault.Server, "the vault has trouble of its own (503) (4 attempts); try again later", 4},
	"a gateway's trouble": {azuretest.Fault{Kind: azuretest.Unavailable, Status: 502}, false, keyvault.Server, "(502)", 4},
	"busy":                {azuretest.Fault{Kind: azuretest.Throttled}, false, keyvault.Throttled, "gets too many requests (429 Throttled), from all who use it (7 attempts)", 8},
	"a proxy's 407":       {custom(407, "text/html", "hunter2"), false, keyvault.Proxy, "wants a user name and password", 0},
	"another's 404":       {custom(404, "application/json", `{"error":{"code":"ResourceNotFound","message":"hunter2"}}`), false, keyvault.Server, "cannot be read (404 ResourceNotFound)", 0},
	"innerError": {
		custom(403, "application/json", `{"error":{"code":"Forbidden","message":"hunter2","innerError":{"code":"SecretDisabled"}}}`),
		false, keyvault.Disabled, "is disabled", 0,
	},
	"a firewall in other words": {
		custom(403, "application/json", `{"error":{"code":"Forbidden","message":"Client address: 2001:db8::1\r\nhunter2","innererror":{"code":"AccessDenied"}}}`),
		false, keyvault.Firewall, "the address 2001:db8::1; allow it", 0,
	},
	"another tenant": {custom(401, "application/json", `{"error":{"code":"Unauthorized","message":"AKV10032: Invalid issuer. hunter2"}}`, challenge), false, keyvault.WrongTenant, "(AKV10032)", 0},
	"another cloud":  {custom(401, "application/json", `{"error":{"code":"Unauthorized","message":"AKV10022: Invalid audience. hunter2"}}`, challenge), false, keyvault.Unauthorized, "is not of the cloud of the service connection (AKV10022)", 0},
	"an API version": {
		custom(400, "application/json", `{"error":{"code":"BadParameter","message":"The specified version (7.4) is not recognized. Consider using the latest supported version (7.3)."}}`),
		false, keyvault.BadVersion, "does not know the API version 7.4 (400 BadParameter)", 0,
	},
	"codes that are none":    {custom(403, "application/json", `{"error":{"code":"Forbidden","innererror":{"code":"hunter2\r\n"}}}`), false, keyvault.Forbidden, "is not for the application of the service connection; ask", 0},
	"an address that's none": {custom(403, "application/json", `{"error":{"code":"Forbidden","message":"Client address: 1.2.3","innererror":{"code":"ForbiddenByFirewall"}}}`), false, keyvault.Firewall, "does not allow the address; allow", 0},
	"no JSON":                {custom(200, "application/json", "hunter2"), false, keyvault.Malformed, "not the JSON of a key vault", 0},
	"nothing":                {custom(200, "application/json", ""), false, keyvault.Malformed, "", 0},
	"JSON of another kind":   {custom(200, "application/json", `["hunter2"]`), false, keyvault.Malformed, "", 0},
	"a value that's a number": {
		custom(200, "application/json", strings.Replace(bundle, `"hunter2"`, "1", 1)), false, keyvault.Malformed, "not the JSON of a key vault", 0,
	},
	"no value":       {custom(200, "application/json", strings.Replace(bundle, `"value"`, `"other"`, 1)), false, keyvault.Malformed, "without a value", 0},
	"null":           {custom(200, "application/json", strings.Replace(bundle, `"hunter2"`, "null", 1)), false, keyvault.Malformed, "without a value", 0},
	"no attributes":  {custom(200, "application/json", strings.Replace(bundle, `"attributes"`, `"other"`, 1)), false, keyvault.Malformed, "without a value, an id or attributes", 0},
	"bad attributes": {custom(200, "application/json", strings.Replace(bundle, `{"enabled":true}`, `{"exp":"hunter2"}`, 1)), false, keyvault.Malformed, "not the JSON", 0},
	"no id":          {custom(200, "application/json", strings.Replace(bundle, `"id"`, `"other"`, 1)), false, keyvault.Malformed, "without a value, an id", 0},
	"another secret": {custom(200, "application/json", strings.Replace(bundle, "/secrets/a/", "/secrets/b/", 1)), false, keyvault.Malformed, "is for another secret", 0},
	"another vault":  {custom(200, "application/json", strings.Replace(bundle, "contoso-kv", "other-kv", 1)), false, keyvault.Malformed, "is for another secret", 0},
	"a key":          {custom(200, "application/json", strings.Replace(bundle, "/secrets/", "/keys/", 1)), false, keyvault.Malformed, "is for another secret", 0},
	"no version":     {custom(200, "application/json", strings.Replace(bundle, "/"+version, "", 1)), false, keyvault.Malformed, "is for another secret", 0},
	"an id that's none": {
		custom(200, "application/json", strings.Replace(bundle, "https://contoso-kv.vault.azure.net/secrets/a/", "%", 1)), false, keyvault.Malformed, "is for another secret", 0,
	},
	"too large a value":   {custom(200, "application/json", strings.Replace(bundle, "hunter2", strings.Repeat("x", 64<<10+1), 1)), false, keyvault.Malformed, "larger than a key vault can keep", 0},
	"too large an answer": {custom(200, "application/json", strings.Repeat(" ", 4<<20+1)), false, keyvault.Malformed, "larger than any of a vault's", 0},
}

const (
	version   = "0123456789abcdef0123456789abcdef"
	bundle    = `{"value":"hunter2","id":"https://contoso-kv.vault.azure.net/secrets/a/` + version + `","attributes":{"enabled":true}}`
	challenge = `Bearer authorization="https://login.microsoftonline.com/7f3c1c52-0a7e-4f0b-9a0e-5b1f8c1d2e3f", resource="https://vault.azure.net"`
)

func custom(status int, contentType, body string, challenges ...string) azuretest.Fault {
	header := http.Header{"Content-Type": {contentType}, "Www-Authenticate": challenges}
	return azuretest.Fault{Kind: azuretest.Custom, Status: status, Header: header, Body: body}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	for name, tc := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			v.Set("a", secretValue)
			v.Set("b", secretValue)
			client, _ := clientOf(t, c, func(config *keyvault.Config) {
				config.Patience = 5 * time.Second
				if tc.fault.Kind == azuretest.Stall || tc.fault.Kind == azuretest.SlowBody {
					config.Patience = 300 * time.Millisecond
				}
				if tc.direct {
					config.HTTP = c.Direct(t)
				}
			})
			v.Fail(tc.fault)
			got := client.Get(t.Context(), refs("a"))
			checkError(t, got[0].Err, tc.kind, tc.want)
			if got[0].Secret.Value.Reveal() != "" {
				t.Errorf("Get has the value %q and the error %v", got[0].Secret.Value.Reveal(), got[0].Err)
			}
			if n := len(v.Requests()); tc.tries > 0 && n != tc.tries {
				t.Errorf("%d requests, want %d: %v", n, tc.tries, v.Requests())
			}
			c.Heal() // each was the fault's, and nothing else's
			if got := client.Get(t.Context(), refs("a")); got[0].Err != nil {
				t.Errorf("without the fault: %v", got[0].Err)
			}
		})
	}
}

// A vault that cannot be read is asked once, and not for each of many secrets.
func TestOneErrorForAll(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault    azuretest.Fault
		requests int
		same     bool
	}{
		"firewall":        {azuretest.Fault{Kind: azuretest.Firewall}, 2, true},
		"not our token":   {azuretest.Fault{Kind: azuretest.Unauthorized}, 2, true},
		"busy for long":   {azuretest.Fault{Kind: azuretest.Throttled}, 8, true},
		"of one secret":   {azuretest.Fault{Kind: azuretest.Disabled, Path: "/secrets/a"}, 4, false},
		"roles by secret": {azuretest.Fault{Kind: azuretest.RBAC}, 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			client, _ := clientOf(t, c)
			v.Fail(tc.fault)
			got := client.Get(t.Context(), refs("a", "b", "c"))
			if same := got[0].Err == got[1].Err && got[1].Err == got[2].Err; same != tc.same || got[0].Err == nil {
				t.Errorf("Get = %v, want the same error for all: %t", shown(got), tc.same)
			}
			if n := len(v.Requests()); n != tc.requests {
				t.Errorf("%d requests, want %d: %v", n, tc.requests, v.Requests())
			}
		})
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault    azuretest.Fault
		min, max time.Duration // of all waiting
		err      string
	}{
		// The window is ten seconds: whoever gives up before has not tried.
		"to the end of the window": {azuretest.Fault{Kind: azuretest.Throttled, Times: 6}, 10 * time.Second, time.Minute, ""},
		"once":                     {azuretest.Fault{Kind: azuretest.Throttled, Times: 1}, 500 * time.Millisecond, time.Second, ""},
		"as long as it wants":      {azuretest.Fault{Kind: azuretest.Throttled, Times: 2, Wait: 7 * time.Second}, 14 * time.Second, 14 * time.Second, ""},
		"longer than we wait":      {azuretest.Fault{Kind: azuretest.Throttled, Times: 2, Wait: time.Minute}, 0, 0, "too many requests"},
		"trouble passes":           {azuretest.Fault{Kind: azuretest.Unavailable, Times: 3}, 3 * time.Second, 7 * time.Second, ""},
		"a broken connection":      {azuretest.Fault{Kind: azuretest.ResetRequest, Times: 3}, 3 * time.Second, 7 * time.Second, ""},
		"a cut body":               {azuretest.Fault{Kind: azuretest.Cut, Times: 3}, 3 * time.Second, 7 * time.Second, ""},
		"other claims":             {azuretest.Fault{Kind: azuretest.Claims, Times: 1}, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			v.Set("a", secretValue)
			client, w := clientOf(t, c)
			v.Fail(tc.fault)
			got := client.Get(t.Context(), refs("a"))
			if tc.err != "" {
				checkError(t, got[0].Err, keyvault.Throttled, tc.err)
			} else if got[0].Err != nil {
				t.Errorf("Get: %v", got[0].Err)
			}
			if w.total < tc.min || w.total > tc.max {
				t.Errorf("Get waited %v, together %s, want between %s and %s", w.all, w.total, tc.min, tc.max)
			}
		})
	}
}

func TestListInTrouble(t *testing.T) {
	t.Parallel()
	list := func(items, next string) azuretest.Fault {
		return custom(200, "application/json", `{"value":[`+items+`],"nextLink":`+next+`}`)
	}
	const evil = `"https://evil.example/secrets?api-version=7.4"`
	for name, tc := range map[string]struct {
		fault azuretest.Fault
		kind  keyvault.Kind // "" for no error
		want  string
	}{
		"throttled in the middle": {azuretest.Fault{Kind: azuretest.Throttled, After: 1, Times: 3}, "", ""},
		"cut in the middle":       {azuretest.Fault{Kind: azuretest.Cut, After: 1, Times: 1}, "", ""},
		"no role":                 {azuretest.Fault{Kind: azuretest.RBAC}, keyvault.RBAC, "needs Get only"},
		"no policy":               {azuretest.Fault{Kind: azuretest.Policy}, keyvault.Policy, "permission List"},
		"an API version":          {azuretest.Fault{Kind: azuretest.BadName}, keyvault.BadVersion, "does not know the API version 7.4"},
		"it goes on elsewhere":    {list("", evil), keyvault.Malformed, "goes on at another server"},
		"it goes on without TLS":  {list("", `"http://contoso-kv.vault.azure.net/secrets"`), keyvault.Malformed, "next page is none"},
		"at another port":         {list("", `"https://contoso-kv.vault.azure.net:8443/secrets"`), keyvault.Malformed, "goes on at another server"},
		"without an end":          {list("", `"https://contoso-kv.vault.azure.net/secrets?x=1"`), keyvault.Malformed, "does not end after 4000 pages"},
		"an item without an id":   {list(`{"attributes":{}}`, "null"), keyvault.Malformed, "no secret of it"},
		"no item":                 {list(`null`, "null"), keyvault.Malformed, "no secret of it"},
		"an item of another":      {list(`{"id":"https://other-kv.vault.azure.net/secrets/a","attributes":{}}`, "null"), keyvault.Malformed, "no secret of it"},
		"a name that is none":     {list(`{"id":"https://contoso-kv.vault.azure.net/secrets/a_b","attributes":{}}`, "null"), keyvault.Malformed, "no secret of it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t)
			v := c.Vault("contoso-kv")
			for i := range 31 {
				v.Set(fmt.Sprintf("secret-%d", i), secretValue)
			}
			client, _ := clientOf(t, c)
			v.Fail(tc.fault)
			items, err := client.List(t.Context())
			if tc.kind == "" {
				if err != nil || len(items) != 31 {
					t.Errorf("List = %d items, %v, want 31", len(items), err)
				}
				return
			}
			checkError(t, err, tc.kind, tc.want)
			for _, r := range c.Requests() {
				if r.Host == "evil.example" {
					t.Errorf("request %s", r)
				}
			}
		})
	}
}

// A vault of another tenant does not see the secret of the connection, nor does its login.
func TestAnotherTenant(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.Configure(azuretest.VaultConfig{Tenant: "99999999-2222-4333-8444-555555555555"})
	v.Set("a", secretValue)
	client, _ := clientOf(t, c)
	got := client.Get(t.Context(), refs("a", "b"))
	checkError(t, got[1].Err, keyvault.WrongTenant, "is of another tenant than the service connection; use a connection of the vault's tenant")
	if !errors.Is(got[0].Err, azure.ErrTenant) || len(c.Requests()) != 1 {
		t.Errorf("error %v after %v, want ErrTenant and nothing but the challenge", got[0].Err, c.Requests())
	}
}

// A vault names the resource of the token it wants, and gets only one for key vaults.
func TestAnotherResource(t *testing.T) {
	t.Parallel()
	for _, resource := range []string{"https://management.azure.com", "https://azure.net", "https://net", "https://VAULT.azure.net"} {
		c := azuretest.NewCloud(t)
		v := c.Vault("contoso-kv")
		v.Configure(azuretest.VaultConfig{Resource: resource})
		client, _ := clientOf(t, c)
		got := client.Get(t.Context(), refs("a"))
		checkError(t, got[0].Err, keyvault.Unauthorized, "asks for a token that is not one for the key vaults of this cloud")
		if len(c.Requests()) != 1 {
			t.Errorf("resource %s: requests %v, want nothing but the challenge", resource, c.Requests())
		}
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t, func(c *azuretest.Config) {
		c.Apps = []azuretest.App{{ID: "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef", Secret: "hunter2", SecretExpired: true}}
	})
	client, w := clientOf(t, c)
	c.Vault("contoso-kv").Set("a", secretValue)
	got := client.Get(t.Context(), refs("a", "b"))
	checkError(t, got[1].Err, keyvault.Credential, "cannot be asked: the service connection gives no token (its secret has expired); make a new one")
	var e *azure.Error
	if !errors.As(got[0].Err, &e) || e.Code != "AADSTS7000222" || len(w.all) > 0 {
		t.Errorf("error %v after the waits %v, want an *azure.Error with its code, and none", got[0].Err, w.all)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	why := errors.New("the job was cancelled")
	v := c.Vault("contoso-kv")
	v.Fail(azuretest.Fault{Kind: azuretest.Throttled})
	client, w := clientOf(t, c)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.after = func() { cancel(why) }
	for _, r := range client.Get(ctx, refs("a", "b")) {
		if !errors.Is(r.Err, why) || len(w.all) != 1 {
			t.Errorf("Get after the end: %v, after the waits %v, want the context's cause", r.Err, w.all)
		}
	}
	if _, err := client.List(ctx); !errors.Is(err, why) {
		t.Errorf("List after the end: %v, want the context's cause", err)
	}
}

func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	c.Vault("contoso-kv").Fail(custom(200, "application/json", bundle))
	client, _ := clientOf(t, c)
	got := client.Get(t.Context(), refs("a/"+version, "a/"+strings.Repeat("f", 32)))
	if got[0].Err != nil {
		t.Errorf("Get of the version: %v", got[0].Err)
	}
	checkError(t, got[1].Err, keyvault.Malformed, "the version "+strings.Repeat("f", 32)+" of the secret a of the vault Contoso-KV has an answer that is for another secret")
}

func TestNoProxy(t *testing.T) {
	t.Parallel()
	c, gone := azuretest.NewCloud(t), httptest.NewServer(nil)
	gone.Close()
	there, err := url.Parse(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := clientOf(t, c, func(config *keyvault.Config) {
		config.HTTP = httpx.New(httpx.Config{Proxy: http.ProxyURL(there)})
	})
	checkError(t, client.Get(t.Context(), refs("a"))[0].Err, keyvault.Proxy, "the proxy of this agent does not answer (")
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.Set("a", secretValue)
	v.Fail(azuretest.Fault{Kind: azuretest.Stall, After: 1})
	client, _ := clientOf(t, c, func(config *keyvault.Config) { config.Deadline = 300 * time.Millisecond })
	checkError(t, client.Get(t.Context(), refs("a", "b"))[1].Err, keyvault.Timeout, "has not answered everything within 300ms")
}

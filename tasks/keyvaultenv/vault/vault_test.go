package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/vault"
)

const secretValue = "hunter2-value"

// waits are the pauses that a client made, which take no time in tests.
type waits struct {
	lock  sync.Mutex
	total time.Duration
	all   []time.Duration
	after func() // called after each
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.total += d
	w.all = append(w.all, d)
	if w.after != nil {
		w.after()
	}
	return ctx.Err()
}

// identity returns the credential of a service connection of the cloud's first application.
func identity(t testing.TB, c *azuretest.Cloud, http *httpx.Client, data ...string) *azure.Credential {
	t.Helper()
	credential, err := azure.New(c.Connection(t, data...), azure.Job{HTTP: http, Server: "https://dev.azure.com/org/"})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// clientOf returns a client of the vault contoso-kv of a cloud.
func clientOf(t testing.TB, c *azuretest.Cloud, change ...func(*keyvault.Config)) (*vault.Client, *waits) {
	t.Helper()
	w := &waits{}
	config := keyvault.Config{Name: "Contoso-KV", HTTP: c.HTTP(t), Retry: retry.Policy{Sleep: w.sleep}}
	for _, f := range change {
		f(&config)
	}
	if config.Credential == nil {
		config.Credential = identity(t, c, c.HTTP(t))
	}
	client, err := vault.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return client, w
}

func refs(names ...string) []vault.Ref {
	var all []vault.Ref
	for _, name := range names {
		name, version, _ := strings.Cut(name, "/")
		all = append(all, vault.Ref{Name: name, Version: version})
	}
	return all
}

// shown is a result in one line.
func shown(results []vault.Result) []string {
	var all []string
	for _, r := range results {
		text := r.Ref.Name + ": " + r.Secret.Value.Reveal()
		if r.Err != nil {
			text = r.Ref.Name + ": error: " + r.Err.Error()
		}
		all = append(all, text)
	}
	return all
}

func TestGet(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	old := v.Set("db-url", "old")
	v.Set("db-url", "  "+secretValue+"\r\n\u00e4%3B")
	v.Set("empty", "")
	expires := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	version := v.Put("cert", azuretest.Secret{
		Value: "pfx", Expires: expires, NotBefore: expires.Add(-time.Hour), ContentType: "application/x-pkcs12",
		Managed: true, Tags: map[string]string{"owner": "team"},
	})
	v.Set("large", strings.Repeat("\u00e4", 12_500)) // 25 KB
	client, _ := clientOf(t, c)
	got := client.Get(t.Context(), refs("DB-url", "empty", "missing", "cert", "db-url/"+old, "large", "db-URL", "a_b"))
	want := []string{
		"DB-url:   " + secretValue + "\r\n\u00e4%3B", "empty: ",
		"missing: error: the secret missing of the vault Contoso-KV does not exist, or has been deleted; " +
			"check its name; if it was deleted, recover it (az keyvault secret recover)",
		"cert: pfx", "db-url: old", "large: " + strings.Repeat("\u00e4", 12_500), "db-URL:   " + secretValue + "\r\n\u00e4%3B",
		"a_b: error: the vault Contoso-KV has a name or a version that no secret of a key vault can have; " +
			"correct it: letters, digits and dashes, and 32 digits and letters from a to f",
	}
	if diff := cmp.Diff(want, shown(got)); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	item := vault.Item{
		Name: "cert", Version: version, Enabled: true, Expires: expires, NotBefore: expires.Add(-time.Hour),
		Managed: true, Tags: map[string]string{"owner": "team"},
	}
	if diff := cmp.Diff(item, got[3].Secret.Item); diff != "" {
		t.Errorf("the item of cert (-want +got):\n%s", diff)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got[0], got[0], got[0], got[0].Secret.Value); strings.Contains(text, secretValue) {
		t.Errorf("a result prints as %s", text)
	}
	if e := (*keyvault.Error)(nil); !errors.As(got[2].Err, &e) || !e.Missing() || e.Status != 404 || e.Name != "missing" {
		t.Errorf("the error of missing is %+v", got[2].Err)
	}
	for _, r := range v.Requests() {
		if version := r.Query.Get("api-version"); version != keyvault.DefaultAPIVersion || !r.Proxied || len(r.Query) != 1 {
			t.Errorf("%s with the query %v, proxied: %t", r, r.Query, r.Proxied)
		}
	}
	if n := len(v.Requests()); n != 1+6 { // the challenge, and each once
		t.Errorf("%d requests, want 7: %v", n, v.Requests())
	}
}

func TestGetNothing(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	client, _ := clientOf(t, c)
	if got := client.Get(t.Context(), nil); len(got) != 0 || len(c.Requests()) != 0 {
		t.Errorf("Get of nothing = %v after %v", got, c.Requests())
	}
}

// One request gets the token; then eight are on their way at a time, and results keep their order.
func TestGetMany(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t, func(c *azuretest.Config) { c.Latency = 20 * time.Millisecond })
	v := c.Vault("contoso-kv")
	var names, want []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("secret-%d", i))
		want = append(want, fmt.Sprintf("secret-%d: %d", i, i))
		v.Set(names[i], fmt.Sprint(i))
	}
	client, _ := clientOf(t, c)
	if diff := cmp.Diff(want, shown(client.Get(t.Context(), refs(names...)))); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	requests := v.Requests()
	if len(requests) != 61 || requests[0].Status != 401 || requests[1].Status != 200 || requests[2].Start.Before(requests[1].End) {
		t.Errorf("%d requests beginning with %s, %s, want 61, and the first secret alone", len(requests), requests[0], requests[1])
	}
	most := 0
	for _, r := range requests {
		at := 0
		for _, other := range requests {
			if !other.Start.After(r.Start) && other.End.After(r.Start) {
				at++
			}
		}
		most = max(most, at)
	}
	if most < 2 || most > 8 {
		t.Errorf("%d requests at a time, want at most 8, and more than one", most)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for _, empty := range []bool{false, true} {
		c := azuretest.NewCloud(t)
		v := c.Vault("contoso-kv")
		v.Configure(azuretest.VaultConfig{EmptyPages: empty})
		want := map[string]bool{}
		for i := range 60 {
			name := fmt.Sprintf("secret-%d", i)
			v.Put(name, azuretest.Secret{Value: secretValue, Disabled: i%2 == 0})
			want[name] = i%2 != 0
		}
		v.Put("deleted", azuretest.Secret{Value: secretValue, Deleted: true})
		client, _ := clientOf(t, c)
		items, err := client.List(t.Context())
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		got := map[string]bool{}
		for _, item := range items {
			got[item.Name] = item.Enabled
		}
		if diff := cmp.Diff(want, got); diff != "" || len(items) != 60 {
			t.Errorf("List with empty pages (%t) has %d items (-want +got):\n%s", empty, len(items), diff)
		}
	}
}

// What is named needs the permission Get only.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	v := c.Vault("contoso-kv")
	v.Configure(azuretest.VaultConfig{Permissions: []string{"get"}})
	v.Set("a", secretValue)
	client, _ := clientOf(t, c)
	if got := client.Get(t.Context(), refs("a")); got[0].Err != nil {
		t.Errorf("Get with the permission get: %v", got[0].Err)
	}
	_, err := client.List(t.Context())
	checkError(t, err, keyvault.RBAC, "has no role to list the secrets of it; give it the role Key Vault Secrets User")
}

func checkError(t *testing.T, err error, kind keyvault.Kind, want string) {
	t.Helper()
	var e *keyvault.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want an *Error of the kind %s with %q", err, kind, want)
	}
	if strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\r\n") || e.Fix == "" || len(err.Error()) > 600 {
		t.Errorf("error %q holds a secret, or is not one line, or has no fix", err)
	}
}

func TestClouds(t *testing.T) {
	t.Parallel()
	for cloud, data := range map[string][]string{
		"AzureCloud": nil, "AzureUSGovernment": nil, "AzureChinaCloud": nil,
		"AzureStack": {
			"ACTIVEDIRECTORYAUTHORITY=https://adfs.local.azurestack.external/adfs", "ENABLEADFSAUTHENTICATION=true",
			"AZUREKEYVAULTDNSSUFFIX=vault.local.azurestack.external",
			"AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://vault.adfs.azurestack.local/7f3c1c52-0a7e-4f0b-9a0e-5b1f8c1d2e3f",
		},
	} {
		t.Run(cloud, func(t *testing.T) {
			t.Parallel()
			c := azuretest.NewCloud(t, func(c *azuretest.Config) { c.Environment = cloud })
			v := c.Vault("contoso-kv")
			v.Configure(azuretest.VaultConfig{APIVersions: []string{"2016-10-01"}})
			v.Set("a", secretValue)
			client, _ := clientOf(t, c, func(config *keyvault.Config) {
				config.Credential = identity(t, c, c.HTTP(t), append(data, "ENVIRONMENT="+cloud)...)
				config.APIVersion = "2016-10-01"
			})
			if got := client.Get(t.Context(), refs("a")); got[0].Err != nil || got[0].Secret.Value.Reveal() != secretValue {
				t.Errorf("Get = %v after %v", shown(got), c.Requests())
			}
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := azuretest.NewCloud(t)
	client := c.HTTP(t)
	known := identity(t, c, client)
	unknown := identity(t, c, client, "ENVIRONMENT=AzureStack", "ACTIVEDIRECTORYAUTHORITY=https://login.example/")
	for name, tc := range map[string]struct {
		config keyvault.Config
		kind   keyvault.Kind
	}{
		"an address":        {keyvault.Config{Name: "https://hunter2.vault.azure.net"}, keyvault.BadName},
		"a host":            {keyvault.Config{Name: "contoso-kv.vault.azure.net"}, keyvault.BadName},
		"nothing":           {keyvault.Config{}, keyvault.BadName},
		"two letters":       {keyvault.Config{Name: "ab"}, keyvault.BadName},
		"25 letters":        {keyvault.Config{Name: strings.Repeat("a", 25)}, keyvault.BadName},
		"24 and a dash":     {keyvault.Config{Name: strings.Repeat("a", 12) + "-" + strings.Repeat("a", 12)}, keyvault.BadName},
		"two dashes":        {keyvault.Config{Name: "a--b"}, keyvault.BadName},
		"a dash at the end": {keyvault.Config{Name: "abc-"}, keyvault.BadName},
		"a digit first":     {keyvault.Config{Name: "1abc"}, keyvault.BadName},
		"no suffix":         {keyvault.Config{Name: "abc", Credential: unknown}, keyvault.BadName},
		"a bad suffix":      {keyvault.Config{Name: "abc", Suffix: "evil.example/"}, keyvault.BadName},
		"an API version":    {keyvault.Config{Name: "abc", APIVersion: "7.4&x=hunter2"}, keyvault.BadVersion},
	} {
		if tc.config.Credential == nil {
			tc.config.Credential = known
		}
		tc.config.HTTP = client
		got, err := vault.New(tc.config)
		if got != nil {
			t.Errorf("%s: New(%+v) has no error", name, tc.config)
			continue
		}
		checkError(t, err, tc.kind, "the vault ")
	}
	for _, version := range []string{"", "7.4", "2016-10-01", "7.6-preview.1", "2025-06-01-preview"} {
		if _, err := vault.New(keyvault.Config{Name: "a-b-c", APIVersion: version, Credential: known, HTTP: client}); err != nil {
			t.Errorf("New with the API version %q: %v", version, err)
		}
	}
}

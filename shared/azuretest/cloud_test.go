package azuretest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/httpx"
)

const someApp = "66666666-7777-4888-8999-000000000000"

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// assertionClaims are those of a token of Azure DevOps for a service connection.
func assertionClaims() map[string]any {
	return map[string]any{
		"iss": "https://vstoken.dev.azure.com/o", "sub": "sc://o/p/c", "aud": "api://AzureADTokenExchange",
		"nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
}

func same(_ *Cloud, claims map[string]any) map[string]any { return claims }

func with(name string, value any) func(*Cloud, map[string]any) map[string]any {
	return func(_ *Cloud, claims map[string]any) map[string]any {
		claims[name] = value
		return claims
	}
}

func without(name string) func(*Cloud, map[string]any) map[string]any {
	return func(_ *Cloud, claims map[string]any) map[string]any {
		delete(claims, name)
		return claims
	}
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// program is what an unmodified program does: it knows the names of Azure only. It
// runs in a process of its own, see TestMain.
func program() {
	value, err := secretOf(os.Getenv("AZURETEST_VAULT"))
	if err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	fmt.Print(value)
}

func secretOf(vault string) (string, error) {
	once := azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}
	source, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: once})
	if err != nil {
		return "", err
	}
	client, err := azsecrets.NewClient(vault, source, &azsecrets.ClientOptions{ClientOptions: once})
	if err != nil {
		return "", err
	}
	got, err := client.GetSecret(context.Background(), "a", "", nil)
	if err != nil {
		return "", err
	}
	return *got.Value, nil
}

func TestUnmodifiedProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go reads SSL_CERT_FILE elsewhere only")
	}
	c := NewCloud(t, func(o *Config) { o.ProxyUser, o.ProxyPassword = "user", "p@ss" })
	v := c.Vault("kv")
	v.Set("a", "hunter2")
	for name, tc := range map[string]struct {
		env  []string
		want string
	}{
		"with the cloud's environment": {c.Env(), "hunter2"},
		"without the authority": {slices.DeleteFunc(c.Env(), func(v string) bool {
			return strings.HasPrefix(v, "SSL_CERT_FILE=")
		}), "certificate signed by unknown authority"},
		"without the password": {[]string{"HTTPS_PROXY=http://" + c.Address(), "SSL_CERT_FILE=" + c.CAFile()}, "Proxy Authentication Required"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(tc.env, "AZURETEST_VAULT="+v.URL(), "AZURE_TENANT_ID="+c.Tenant(), "AZURE_CLIENT_ID="+c.App().ID,
				"AZURE_CLIENT_SECRET="+c.App().Secret)
			if out, _ := child.CombinedOutput(); !strings.Contains(string(out), tc.want) {
				t.Errorf("the program wrote %q, want %q", out, tc.want)
			}
		})
	}
}

// What a task does with what its agent tells.
func TestAgentEnv(t *testing.T) {
	t.Parallel()
	c := NewCloud(t, func(o *Config) { o.ProxyUser, o.ProxyPassword = "user", "p@ss" })
	config, _, err := httpx.FromAgent(func(key string) (string, bool) {
		for _, variable := range c.AgentEnv() {
			if value, ok := strings.CutPrefix(variable, key+"="); ok {
				return value, true
			}
		}
		return "", false
	})
	if err != nil {
		t.Fatalf("httpx.FromAgent: %v", err)
	}
	answer, err := httpx.New(config).Do(t.Context(), httpx.Request{
		URL: "https://" + c.Login() + "/" + c.Tenant() + "/v2.0/.well-known/openid-configuration",
	})
	if err != nil || answer.Status != http.StatusOK {
		t.Errorf("Do = %v, %v, want an answer", answer, err)
	}
}

func TestNothingElseIsThere(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	c.Vault("kv")
	for _, address := range []string{
		"https://other.vault.azure.net/", "https://dev.azure.com/", "https://example.com/", "https://kv.vault.azure.net:8443/",
		"https://kv.vault.azure.cn/", "https://127.0.0.1/",
	} {
		if response, err := c.HTTP(t).HTTP().Get(address); err == nil {
			t.Errorf("GET %s = %s, want no answer", address, response.Status)
			_ = response.Body.Close()
		}
	}
	for _, address := range []string{"http://example.com/", "http://kv.vault.azure.net/secrets/a?api-version=7.4"} {
		if response, _ := ask(t, c, http.MethodGet, address, ""); response.StatusCode != http.StatusForbidden {
			t.Errorf("GET %s = %s, want 403", address, response.Status)
		}
	}
	if requests := c.Vault("kv").Requests(); len(requests) != 1 {
		t.Errorf("the vault has seen %q, want the request without TLS", lines(requests))
	}
}

// A tunnel is for the host that it was made for.
func TestATunnelIsForOneHost(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+c.Login()+"/secrets/a?api-version=7.4", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = strings.TrimSuffix(strings.TrimPrefix(v.URL(), "https://"), "/")
	response, err := c.HTTP(t).HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("GET = %s, want 421", response.Status)
	}
	client := c.HTTP(t).HTTP()
	client.Transport.(*http.Transport).TLSClientConfig.ServerName = request.Host
	if response, err := client.Get("https://" + c.Login() + "/"); err == nil {
		_ = response.Body.Close()
		t.Errorf("GET with the vault's name in the handshake = %s, want none", response.Status)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	const latency = 20 * time.Millisecond
	c := NewCloud(t, func(o *Config) { o.Latency = latency })
	v := c.Vault("kv")
	v.Set("a", "hunter2")
	wantValue(t, secrets(t, c, v, withSecret(t, c)), "a", "hunter2")
	requests := c.Requests()
	if len(requests) != 5 {
		t.Fatalf("requests %q, want 5", lines(requests))
	}
	for i, r := range requests {
		if took := r.End.Sub(r.Start); took < latency {
			t.Errorf("%s took %s, want %s at least", r, took, latency)
		}
		if i > 0 && r.Start.Before(requests[i-1].End) {
			t.Errorf("%s started before the one before it had ended", r)
		}
	}
}

func TestGetSecret(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	expires := time.Now().Add(-time.Hour).Truncate(time.Second)
	first := v.Set("A", "old")
	second := v.Put("a", Secret{
		Value: "hunter2\r\n\ufeffé\U0001F600\x00", ContentType: "text/plain", Expires: expires, NotBefore: expires.Add(2 * time.Hour),
		Tags: map[string]string{"owner": "team"}, Managed: true,
	})
	v.Set("empty", "")
	v.Set("large", strings.Repeat("x", 25<<10))
	client := secrets(t, c, v, withSecret(t, c))
	got, err := get(t, client, "a", "") // expired, and not yet active: the vault does not mind
	if err != nil {
		t.Fatalf("GetSecret: %v", err)
	}
	want := azsecrets.Secret{
		Value: to.Ptr("hunter2\r\n\ufeffé\U0001F600\x00"), ContentType: to.Ptr("text/plain"), Managed: to.Ptr(true),
		ID:   to.Ptr(azsecrets.ID("https://kv.vault.azure.net/secrets/a/" + second)),
		Tags: map[string]*string{"owner": to.Ptr("team")}, PreviousVersion: to.Ptr(first),
		Attributes: &azsecrets.SecretAttributes{
			Enabled: to.Ptr(true), Expires: to.Ptr(expires), NotBefore: to.Ptr(expires.Add(2 * time.Hour)),
			RecoverableDays: to.Ptr(int32(90)), RecoveryLevel: to.Ptr("Recoverable+Purgeable"),
		},
	}
	got.KID, got.Attributes.Created, got.Attributes.Updated = nil, nil, nil
	equal := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, got.Secret, equal); diff != "" {
		t.Errorf("GetSecret (-want +got):\n%s", diff)
	}
	if got, err := get(t, client, "a", first); err != nil || *got.Value != "old" {
		t.Errorf("GetSecret(first version) = %v, %v, want old", got.Value, err)
	}
	wantValue(t, client, "empty", "")
	wantValue(t, client, "large", strings.Repeat("x", 25<<10))
}

func TestList(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		secrets int
		empty   bool
		pages   []int
	}{
		"none":                 {0, false, []int{0}},
		"one page":             {25, false, []int{25}},
		"three pages":          {60, false, []int{25, 25, 10}},
		"none, empty pages":    {0, true, []int{0, 0}},
		"three, empty between": {60, true, []int{0, 25, 0, 25, 0, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewCloud(t)
			v := c.Vault("kv")
			v.Configure(VaultConfig{EmptyPages: tc.empty})
			for i := range tc.secrets {
				v.Put(fmt.Sprintf("s%02d", i), Secret{Value: "hunter2", Disabled: i%2 == 1})
			}
			v.Put("gone", Secret{Value: "hunter2", Deleted: true})
			var pages []int
			var names []string
			for pager := secrets(t, c, v, withSecret(t, c)).NewListSecretPropertiesPager(nil); pager.More(); {
				page, err := pager.NextPage(t.Context())
				if err != nil {
					t.Fatalf("NextPage: %v", err)
				}
				pages = append(pages, len(page.Value))
				for _, item := range page.Value {
					names = append(names, item.ID.Name())
					if version := item.ID.Version(); version != "" {
						t.Errorf("%s is listed with the version %s", *item.ID, version)
					}
				}
			}
			if diff := cmp.Diff(tc.pages, pages); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
			if !slices.IsSorted(names) || len(slices.Compact(names)) != tc.secrets {
				t.Errorf("names %q, want %d of them, sorted", names, tc.secrets)
			}
		})
	}
}

func TestListVersions(t *testing.T) {
	t.Parallel()
	c := NewCloud(t)
	v := c.Vault("kv")
	want := []string{v.Set("a", "1"), v.Set("a", "2")}
	page, err := secrets(t, c, v, withSecret(t, c)).NewListSecretPropertiesVersionsPager("a", nil).NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range page.Value {
		got = append(got, item.ID.Version())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

// The cloud ends what it began, and leaves nothing.
func TestClose(t *testing.T) {
	t.Parallel()
	c, err := StartCloud(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c.Fail(Fault{Kind: Stall})
	client := c.HTTP(t).HTTP()
	done := make(chan error)
	go func() {
		_, err := client.Get("https://" + c.Login() + "/")
		done <- err
	}()
	for len(c.Requests()) == 0 { // it is remembered before it stalls
		time.Sleep(time.Millisecond)
	}
	c.Close()
	c.Close() // does no harm
	if err := <-done; err == nil {
		t.Error("the request that was not answered has an answer")
	}
	if _, err := os.Stat(c.CAFile()); err == nil {
		t.Errorf("%s is still there", c.CAFile())
	}
	if _, err := client.Get("https://" + c.Login() + "/"); err == nil {
		t.Error("a closed cloud answers")
	}
}

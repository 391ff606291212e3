package containertest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

type basic struct{ user, password string }

// Authorization is of authn.Authenticator.
func (b basic) Authorization() (*authn.AuthConfig, error) {
	return &authn.AuthConfig{Username: b.user, Password: b.password}, nil
}

// post sends a form, and reads a member of the answer.
func post(t *testing.T, r *Registry, path, member string, form url.Values) (status int, value, body string) {
	t.Helper()
	answer, err := r.Client().PostForm(r.URL()+path, form)
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	defer answer.Body.Close()
	var all map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		t.Fatalf("POST %s: %d: %v", path, answer.StatusCode, err)
	}
	value, _ = all[member].(string)
	return answer.StatusCode, value, fmt.Sprint(all)
}

// refreshed exchanges a token of Entra.
func refreshed(t *testing.T, r *Registry) string {
	t.Helper()
	status, token, body := post(t, r, "/oauth2/exchange", "refresh_token", url.Values{
		"grant_type": {"access_token"}, "service": {r.Host()}, "tenant": {""}, "access_token": {r.EntraToken(time.Hour)},
	})
	if status != http.StatusOK || token == "" {
		t.Fatalf("exchange: %d %s", status, body)
	}
	return token
}

func acr(t *testing.T, change func(*Config)) *Registry {
	t.Helper()
	return NewRegistry(t, func(c *Config) { c.ACR = &ACR{} }, change)
}

func TestExchangeRefuses(t *testing.T) {
	t.Parallel()
	const tenant = "0a1b2c3d-0000-4000-8000-000000000001"
	for name, tc := range map[string]struct {
		change func(r *Registry, form url.Values)
		status int
		why    string
	}{
		"nothing wrong": {func(*Registry, url.Values) {}, 200, ""},
		"expired": {func(r *Registry, f url.Values) { f.Set("access_token", r.EntraToken(-time.Second)) },
			401, "has expired"},
		"no token":      {func(_ *Registry, f url.Values) { f.Set("access_token", "x") }, 401, "is none"},
		"other service": {func(_ *Registry, f url.Values) { f.Set("service", "other.azurecr.io") }, 400, "is not this registry"},
		"other tenant":  {func(_ *Registry, f url.Values) { f.Set("tenant", "other") }, 401, "not of the tenant other"},
		"other grant":   {func(_ *Registry, f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported grant_type"},
		"other audience": {func(_ *Registry, f url.Values) {
			f.Set("access_token", sign(nil, map[string]any{"aud": "https://vault.azure.net", "exp": 9999999999, "tid": tenant}))
		}, 401, "is for https://vault.azure.net"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := acr(t, func(c *Config) { c.ACR.Tenant = tenant })
			form := url.Values{
				"grant_type": {"access_token"}, "service": {r.Host()}, "tenant": {tenant}, "access_token": {r.EntraToken(time.Hour)},
			}
			tc.change(r, form)
			status, _, body := post(t, r, "/oauth2/exchange", "refresh_token", form)
			if status != tc.status || !strings.Contains(body, tc.why) {
				t.Errorf("exchange(%v) = %d %s, want %d %q", form, status, body, tc.status, tc.why)
			}
		})
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	r := acr(t, func(c *Config) {
		c.Now, c.ACR.AccessFor, c.ACR.RefreshFor, c.ACR.AccessUses = now, time.Minute, time.Hour, 2
	})
	pushed(t, r, "app", "1")
	refresh := refreshed(t, r)
	access := func() (int, string) {
		status, token, _ := post(t, r, "/oauth2/token", "access_token", url.Values{
			"grant_type": {"refresh_token"}, "service": {r.Host()}, "scope": {"repository:app:pull"}, "refresh_token": {refresh},
		})
		return status, token
	}
	head := func(token string) int {
		answer, _ := send(t, r, http.MethodHead, "/v2/app/manifests/1", "Authorization", "Bearer "+token)
		return answer.StatusCode
	}
	_, first := access()
	_, second := access()
	got := []int{head(first), head(first), head(first)} // good for two
	ahead.Store(int64(2 * time.Minute))
	got = append(got, head(second))
	_, third := access()
	got = append(got, head(third))
	ahead.Store(int64(2 * time.Hour))
	status, _ := access()
	got = append(got, status)
	if diff := cmp.Diff([]int{200, 200, 401, 401, 200, 401}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if n := r.Count("token", 200); n != 3 {
		t.Errorf("Count(token, 200) = %d, want 3:\n%s", n, r.Log())
	}
}

func TestTokenAllowsItsScopeOnly(t *testing.T) {
	t.Parallel()
	r := acr(t, func(*Config) {})
	pushed(t, r, "app", "1")
	_, token, _ := post(t, r, "/oauth2/token", "access_token", url.Values{
		"grant_type": {"refresh_token"}, "scope": {"repository:app:pull,push"}, "refresh_token": {refreshed(t, r)},
	})
	for path, want := range map[string]int{
		"HEAD /v2/app/manifests/1": 200, "DELETE /acr/v1/app/_tags/1": 401, "HEAD /v2/other/manifests/1": 401,
		"POST /v2/app/blobs/uploads/": 202, "GET /v2/": 200,
	} {
		method, where, _ := strings.Cut(path, " ")
		answer, body := send(t, r, method, where, "Authorization", "Bearer "+token)
		if answer.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, answer.StatusCode, body, want)
		}
	}
	answer, body := send(t, r, http.MethodGet, "/v2/other/tags/list", "Authorization", "Bearer "+token)
	said := answer.Header.Get("WWW-Authenticate")
	if !strings.Contains(said, `scope="repository:other:pull",error="insufficient_scope"`) ||
		!strings.Contains(body, "authentication required, visit https://aka.ms/acr/authorization") {
		t.Errorf("a request outside of the scope: %q, %s", said, body)
	}
}

func TestDeleteTagOfACR(t *testing.T) {
	t.Parallel()
	r := acr(t, func(*Config) {})
	image := pushed(t, r, "team/app", "1", "2")
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(nobody+":"+refreshed(t, r)))
	var got []int
	for range 2 {
		answer, _ := send(t, r, http.MethodDelete, "/acr/v1/team/app/_tags/1", "Authorization", auth)
		got = append(got, answer.StatusCode)
	}
	if diff := cmp.Diff([]int{202, 404}, got); diff != "" {
		t.Errorf("DELETE twice (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2"}, r.Tags("team/app")); diff != "" || r.Digest("team/app", "2") != digest(t, image) {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestACRServesClients(t *testing.T) {
	t.Parallel()
	r := acr(t, func(*Config) {})
	image := pushed(t, r, "app", "1")
	ref, err := tagOf(r, "app", "2")
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(basic{nobody, refreshed(t, r)})
	if err := remote.Write(ref, image, auth, remote.WithTransport(r.Client().Transport)); err != nil {
		t.Errorf("remote.Write: %v\n%s", err, r.Log())
	}
}

// A builder asks for tokens in its own way, by a grant of a password.
func TestACRServesBuildKit(t *testing.T) {
	t.Parallel()
	r := acr(t, func(*Config) {})
	d := Start(t, Settings{BuildKit: true, Registries: []*Registry{r}})
	config := fmt.Sprintf(`{"cliPluginsExtraDirs":[%q],"auths":{%q:{"auth":%q}}}`, d.plugins, r.Host(),
		base64.StdEncoding.EncodeToString([]byte(nobody+":"+refreshed(t, r))))
	if err := os.WriteFile(filepath.Join(d.Dir, "config", "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	from := base(t, r, "base", "amd64")
	docker(t, d, "buildx", "build", "--push", "-t", r.Host()+"/team/app:1",
		contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nCOPY Dockerfile /\n"}))
	if r.Digest("team/app", "1") == "" || r.Count("token", 200) == 0 {
		t.Errorf("tag %q; want one, and tokens asked for:\n%s", r.Digest("team/app", "1"), r.Log())
	}
}

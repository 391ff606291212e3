package credential

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azure"
)

func TestExchange(t *testing.T) {
	t.Parallel()
	stack := []string{
		"data ENVIRONMENT=AzureStack", "data ACTIVEDIRECTORYAUTHORITY=https://login.stack.example/",
		"data ACTIVEDIRECTORYSERVICEENDPOINTRESOURCEID=https://management.stack.example",
	}
	for name, tc := range map[string]struct {
		host    string
		more    []string
		refused string   // Entra's answer for the registries' own scope
		scopes  []string // that Entra is asked for, and where
	}{
		"public":        {acr, nil, "", []string{"login.microsoftonline.com " + registryScope}},
		"named":         {acr, []string{"data ENVIRONMENT=azurecloud"}, "", []string{"login.microsoftonline.com " + registryScope}},
		"US Government": {"contoso.azurecr.us", nil, "", []string{"login.microsoftonline.us " + registryScope}},
		"China":         {"contoso.azurecr.cn", nil, "", []string{"login.chinacloudapi.cn " + registryScope}},
		"one's own":     {"r.stack.example", stack, "", []string{"login.stack.example " + registryScope}},
		"no registries in the tenant yet": {acr, nil, "AADSTS500011", []string{
			"login.microsoftonline.com " + registryScope, "login.microsoftonline.com https://management.azure.com/.default",
		}},
		"none in one's own cloud": {"r.stack.example", stack, "AADSTS500011", []string{
			"login.stack.example " + registryScope, "login.stack.example https://management.stack.example/.default",
		}},
	} {
		l := newLab(t)
		l.refused[registryScope] = tc.refused
		s := l.federated(t, tc.host, tc.more...)
		user, token, err := s.Get(t.Context(), false)
		if err != nil || user != nobody || !strings.HasSuffix(token, ".hunter2sig") {
			t.Errorf("%s: Get: %q, %q, %v", name, user, token, err)
			continue
		}
		if diff := cmp.Diff(tc.scopes, l.scopes); diff != "" {
			t.Errorf("%s: Entra was asked for (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{tc.host}, l.hosts); diff != "" {
			t.Errorf("%s: registries (-want +got):\n%s", name, diff)
		}
		_, scope, _ := strings.Cut(tc.scopes[len(tc.scopes)-1], " ")
		entra := entraToken + "-for-" + scope
		want := map[string][]string{
			"grant_type": {"access_token"}, "service": {tc.host}, "tenant": {tenant}, "access_token": {entra},
		}
		if diff := cmp.Diff(want, map[string][]string(l.forms[0])); diff != "" {
			t.Errorf("%s: the registry got (-want +got):\n%s", name, diff)
		}
		for _, secret := range []string{entra, token, basic(nobody, token)} {
			if !slices.Contains(l.masked, secret) {
				t.Errorf("%s: %q was not masked", name, secret)
			}
		}
		if said := strings.Join(l.said, "\n"); strings.Contains(said, "hunter2") {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

// A token is remembered until it ends soon, and what is left of it bridges a bad time of the registry.
func TestTokenIsRemembered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.federated(t, acr)
	get := func(fresh bool, asked int) string {
		t.Helper()
		_, token, err := s.Get(t.Context(), fresh)
		if err != nil {
			t.Fatalf("Get(%v): %v", fresh, err)
		}
		if l.asked() != asked {
			t.Errorf("Get(%v): the registry was asked %d times, want %d", fresh, l.asked(), asked)
		}
		return token
	}
	first := get(false, 1)
	l.pass(3*time.Hour - 6*time.Minute)
	if get(false, 1) != first {
		t.Error("a token that is good for six minutes is not handed out")
	}
	second := get(true, 2)
	if second == first {
		t.Error("a fresh one is the old one")
	}
	get(false, 2)
	l.pass(3*time.Hour - 4*time.Minute)
	third := get(false, 3)

	l.pass(3*time.Hour - 4*time.Minute)
	l.answer = refuse(503, "UNAVAILABLE")
	const attempts = 4 // of httpx
	if got := get(false, 3+attempts); got != third {
		t.Errorf("while the registry has a problem, got %q, want the old one", got)
	}
	if _, _, err := s.Get(t.Context(), true); err == nil {
		t.Error("a fresh one was asked for, and the old one came")
	}
	l.pass(3*time.Minute + 1*time.Second)
	if _, _, err := s.Get(t.Context(), false); err == nil {
		t.Error("a token that ends within a minute was handed out")
	}
}

func TestLifeOf(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, tc := range map[string]struct {
		token string
		want  time.Duration
	}{
		"three hours":             {tokenOf(map[string]any{"iat": at(0), "exp": at(3 * time.Hour)}), 3 * time.Hour},
		"begun before it is made": {tokenOf(map[string]any{"nbf": at(-15 * time.Minute), "iat": at(0), "exp": at(time.Hour)}), time.Hour},
		"old":                     {tokenOf(map[string]any{"iat": at(-time.Hour), "exp": at(time.Hour)}), time.Hour},
		"no beginning":            {tokenOf(map[string]any{"exp": at(35 * time.Minute)}), 35 * time.Minute},
		"our clock is late":       {tokenOf(map[string]any{"iat": at(2 * time.Hour), "exp": at(3 * time.Hour)}), time.Hour},
		"our clock is early":      {tokenOf(map[string]any{"iat": at(-5 * time.Hour), "exp": at(-4 * time.Hour)}), time.Hour},
		"for ever":                {tokenOf(map[string]any{"exp": 1e300}), longest},
		"ended, no beginning":     {tokenOf(map[string]any{"exp": at(-time.Hour)}), shortest},
		"ends before it begins":   {tokenOf(map[string]any{"iat": at(0), "exp": at(-time.Hour)}), shortest},
		"nothing":                 {tokenOf(map[string]any{}), 2 * margin},
		"a text":                  {tokenOf(map[string]any{"exp": "tomorrow"}), 2 * margin},
		"below zero":              {tokenOf(map[string]any{"exp": -1}), 2 * margin},
		"no parts":                {"opaque", 2 * margin},
		"two parts":               {"e30.e30", 2 * margin},
		"not base64":              {"e30.!!!.x", 2 * margin},
	} {
		if got := lifeOf(tc.token, now); got != tc.want {
			t.Errorf("%s: lifeOf(%s) = %s, want %s", name, tc.token, got, tc.want)
		}
	}
}

func FuzzLifeOf(f *testing.F) {
	f.Add("e30.eyJleHAiOjF9.x")
	f.Add(tokenOf(map[string]any{"iat": 1e308, "exp": 1e308}))
	f.Fuzz(func(t *testing.T, token string) {
		for _, text := range []string{token, "e30." + token + ".x"} {
			if got := lifeOf(text, time.Unix(1_800_000_000, 0)); got < shortest || got > longest {
				t.Errorf("lifeOf(%q) = %s", text, got)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	say := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
		asked  int
	}{
		"no role":        {refuse(401, "UNAUTHORIZED"), "does not accept its identity (401 UNAUTHORIZED); give it the role AcrPush", 1},
		"forbidden":      {refuse(403, "FORBIDDEN"), "does not accept its identity (403 FORBIDDEN)", 1},
		"firewall":       {refuse(403, "DENIED"), "does not let this agent's network in (403 DENIED)", 1},
		"no registry":    {refuse(404, "NOT_FOUND"), "check that it is a registry of Azure", 1},
		"bad request":    {refuse(400, "ERROR"), "check the tenant and the application", 1},
		"throttled":      {refuse(429, "TOOMANYREQUESTS"), "limits the requests of this agent (429 TOOMANYREQUESTS)", 4},
		"broken":         {refuse(500, "x"), "gives no token (500)", 4},
		"a page":         {say("<html>sign in</html>"), "gives no token in its answer", 1},
		"no token":       {say(`{"access_token":"x"}`), "gives no token in its answer", 1},
		"line break":     {say(`{"refresh_token":"a\nb"}`), "gives no token in its answer", 1},
		"quote":          {say(`{"refresh_token":"a\"b"}`), "gives no token in its answer", 1},
		"huge":           {say(`{"refresh_token":"` + strings.Repeat("a", maxToken+1) + `"}`), "gives no token in its answer", 1},
		"another host":   {http.RedirectHandler("https://evil.azurecr.io/oauth2/exchange", http.StatusTemporaryRedirect).ServeHTTP, "another host, which must not get the body", 1},
		"in plain":       {http.RedirectHandler("http://contoso.azurecr.io/oauth2/exchange", http.StatusTemporaryRedirect).ServeHTTP, "from https to an unprotected address", 1},
		"code injection": {refuse(400, "A\n##vso[x]"), "gives no token (400)", 1},
	} {
		l := newLab(t)
		l.answer = tc.answer
		_, _, err := l.federated(t, acr).Get(t.Context(), false)
		var e *azure.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || l.asked() != tc.asked {
			t.Errorf("%s: Get: %v after %d requests, want an *azure.Error with %q after %d", name, err, l.asked(), tc.want, tc.asked)
			continue
		}
		if text := err.Error(); strings.Contains(text, entraToken) || strings.Contains(text, "##") || strings.Contains(text, "\n") {
			t.Errorf("%s: the error is %q", name, text)
		}
	}
	l := newLab(t)
	l.refused[registryScope] = "AADSTS500011"
	_, _, err := l.federated(t, "r.stack.example", "data ENVIRONMENT=AzureStack",
		"data ACTIVEDIRECTORYAUTHORITY=https://login.stack.example/").Get(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "AADSTS500011") || len(l.scopes) != 1 {
		t.Errorf("one's own cloud, without another resource: %v; asked for %q", err, l.scopes)
	}
	l = newLab(t)
	_, _, err = l.federated(t, "unknown.azurecr.io").Get(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "its registry cannot be asked for a token") {
		t.Errorf("unknown host: %v", err)
	}
	l.refused[registryScope] = "AADSTS7000222"
	_, _, err = l.federated(t, acr).Get(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "its secret has expired") || len(l.scopes) != 2 {
		t.Errorf("Entra refuses: %v; asked for %q", err, l.scopes)
	}
}

// A registry on this machine, which only tests have, may have no certificate. No other one is spoken to without.
func TestWithoutCertificate(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	server := httptest.NewServer(l)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	if _, _, err := l.federated(t, host).Get(t.Context(), false); err != nil || l.hosts[0] != host {
		t.Errorf("Get: %v, asked %q", err, l.hosts)
	}
	s := l.federated(t, acr)
	way := l.config.HTTP.HTTP().Transport.(*http.Transport)
	before := way.DialContext
	way.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, acr) {
			address = host
		}
		return before(ctx, network, address)
	}
	asked := l.asked()
	if _, _, err := s.Get(t.Context(), false); err == nil || l.asked() != asked {
		t.Errorf("Get from another host without a certificate: %v after %d requests", err, l.asked()-asked)
	}
}

// A registry that speaks as Azure's does takes what we hand out, also from the hands of Docker, and when the first token
// has ended.
func TestRegistryOfAzure(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		l := newLab(t)
		r := l.registryOfAzure(t, secure)
		s := l.federated(t, r.Host())
		for range 2 {
			user, token, err := s.Get(t.Context(), false)
			if err != nil {
				t.Fatalf("Get with TLS %v: %v", secure, err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth(user, token)
			resp, err := l.config.HTTP.HTTP().Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("the registry with TLS %v: %v, %v", secure, resp, err)
			}
			l.pass(4 * time.Hour)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.federated(t, acr)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, token, err := s.Get(t.Context(), false); err != nil || token == "" {
				t.Errorf("Get: %q, %v", token, err)
			}
		})
	}
	all.Wait()
	if l.asked() != 1 {
		t.Errorf("20 at once asked the registry %d times, want once", l.asked())
	}
}

func TestWaitingCanBeStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	arrived, ended := make(chan bool), make(chan bool)
	l.answer = func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
	}
	s := l.federated(t, acr)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		if _, _, err := s.Get(ctx, false); !errors.Is(err, context.Canceled) {
			t.Errorf("Get: %v, want it stopped", err)
		}
	}()
	<-arrived
	other, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := s.Get(other, false); !errors.Is(err, context.Canceled) { // the first still asks
		t.Errorf("Get of another: %v, want it stopped", err)
	}
	cancel()
	<-ended
}

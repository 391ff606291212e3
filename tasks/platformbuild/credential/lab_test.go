package credential

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

const (
	connectionID = "1e2d3c4b-0000-4111-8222-abcdefabcdef"
	tenant       = "11111111-2222-4333-8444-555555555555"
	client       = "66666666-7777-4888-8999-000000000000"
	acr          = "contoso.azurecr.io"
	entraToken   = "hunter2-entra-token"
	oidcURI      = "https://dev.azure.com/org/p/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken"
)

// The test's program is Docker's helper, too, as the task's is.
func TestMain(m *testing.M) {
	if code, ok := Helper(os.Args, os.Environ(), os.Stdin, os.Stdout); ok {
		os.Exit(code)
	}
	if err := os.Setenv("SYSTEM_OIDCREQUESTURI", oidcURI); err != nil { // azidentity reads it there
		panic(err)
	}
	os.Exit(m.Run())
}

// lab is the network as a source sees it: every host is one server.
type lab struct {
	config  Config
	refused map[string]string // Entra's codes, by scope
	answer  http.HandlerFunc  // of the registry, instead of a token
	life    time.Duration     // of its tokens
	entra   func(scope string) string

	lock   sync.Mutex
	now    time.Time
	scopes []string     // that Entra was asked for
	forms  []url.Values // that the registry got
	hosts  []string     // of the registry, in the order it was asked
	masked []string
	said   []string // debug lines
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{now: time.Unix(1_800_000_000, 0), life: 3 * time.Hour, refused: map[string]string{}}
	l.entra = func(scope string) string { return entraToken + "-for-" + scope }
	secure := httptest.NewUnstartedServer(l)
	cert, pool := azuretest.Certificate(t, "*.azurecr.io", "*.azurecr.us", "*.azurecr.cn", "*.microsoftonline.com",
		"*.microsoftonline.us", "*.chinacloudapi.cn", "dev.azure.com", "*.stack.example", "stack.example")
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	l.config = Config{
		HTTP: httpx.New(httpx.Config{RootCAs: pool, Retry: retry.Policy{
			Sleep: func(context.Context, time.Duration) error { return nil },
		}}),
		Job:   azure.Job{Server: "https://dev.azure.com/org/", Token: inputs.NewSecret("job-token"), OIDC: oidcURI},
		Mask:  func(secret string) { l.note(&l.masked, secret) },
		Debug: func(text string) { l.note(&l.said, text) },
		Now: func() time.Time {
			l.lock.Lock()
			defer l.lock.Unlock()
			return l.now
		},
	}
	l.config.Job.HTTP = l.config.HTTP
	l.config.HTTP.HTTP().Transport.(*http.Transport).DialContext = func(
		ctx context.Context, network, address string,
	) (net.Conn, error) {
		if strings.HasPrefix(address, "unknown.") {
			return nil, &net.DNSError{Err: "no such host", Name: "unknown.azurecr.io", IsNotFound: true}
		}
		if !strings.HasPrefix(address, "127.") {
			address = secure.Listener.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return l
}

func (l *lab) note(list *[]string, text string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	*list = append(*list, text)
}

func (l *lab) pass(d time.Duration) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.now = l.now.Add(d)
}

func (l *lab) asked() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return len(l.forms)
}

// ServeHTTP is Entra, the server of the pipeline and each registry.
func (l *lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	send := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	base := "https://" + r.Host + "/" + tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/oidctoken"):
		send(200, map[string]string{"oidcToken": "assertion"})
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		send(200, map[string]string{
			"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
			"issuer": base + "/v2.0",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		scope, _, _ := strings.Cut(r.PostForm.Get("scope"), " ")
		l.note(&l.scopes, r.Host+" "+scope)
		if code := l.refused[scope]; code != "" {
			send(400, map[string]string{"error": "invalid_resource", "error_description": code + ": no. Trace ID: 1"})
			return
		}
		send(200, map[string]any{"access_token": l.entra(scope), "expires_in": 3600, "token_type": "Bearer"})
	case r.URL.Path == "/oauth2/exchange":
		l.exchange(w, r, send)
	default:
		http.NotFound(w, r)
	}
}

func (l *lab) exchange(w http.ResponseWriter, r *http.Request, send func(int, any)) {
	l.lock.Lock()
	l.forms, l.hosts = append(l.forms, r.PostForm), append(l.hosts, r.Host)
	token := tokenOf(map[string]any{"iat": l.now.Unix(), "exp": l.now.Add(l.life).Unix(), "jti": len(l.forms)})
	answer := l.answer
	l.lock.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	send(200, map[string]string{"refresh_token": token})
}

func tokenOf(claims any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".hunter2sig"
}

// connect returns a connection with parameters as an agent has them in its environment: "auth NAME=value" and "data
// NAME=value".
func connect(t *testing.T, scheme string, parameters ...string) *endpoint.Connection {
	t.Helper()
	environ := []string{"ENDPOINT_URL_" + connectionID + "=https://index.docker.io/v1/"}
	if scheme != "" {
		environ = append(environ, "ENDPOINT_AUTH_SCHEME_"+connectionID+"="+scheme)
	}
	for _, p := range parameters {
		kind, rest, _ := strings.Cut(p, " ")
		prefix := map[string]string{"auth": "ENDPOINT_AUTH_PARAMETER_", "data": "ENDPOINT_DATA_"}[kind]
		environ = append(environ, prefix+connectionID+"_"+rest)
	}
	c, err := endpoint.New(environ).Connection(connectionID, "containerRegistry")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// acrParameters are those of a connection to a registry of Azure.
func acrParameters(host string, more ...string) []string {
	return append([]string{
		"data REGISTRYTYPE=ACR", "auth LOGINSERVER=" + host, "auth TENANTID=" + tenant, "auth SERVICEPRINCIPALID=" + client,
	}, more...)
}

// federated is the source of a connection with workload identity federation.
func (l *lab) federated(t *testing.T, host string, more ...string) *Source {
	t.Helper()
	s, err := Of(connect(t, "WorkloadIdentityFederation", acrParameters(host, more...)...), l.config)
	if err != nil {
		t.Fatalf("Of: %v", err)
	}
	return s
}

// plain is the source of a connection with a user and a password.
func (l *lab) plain(t *testing.T, registry, user, password string) *Source {
	t.Helper()
	s, err := Of(connect(t, "UsernamePassword", "auth REGISTRY="+registry, "auth USERNAME="+user,
		"auth PASSWORD="+password), l.config)
	if err != nil {
		t.Fatalf("Of(%s): %v", registry, err)
	}
	return s
}

// registryOfAzure starts a registry that speaks as Azure's does, and takes the tokens of the lab's Entra.
func (l *lab) registryOfAzure(t *testing.T, secure bool) *containertest.Registry {
	t.Helper()
	r := containertest.NewRegistry(t, func(c *containertest.Config) {
		c.TLS, c.Now, c.ACR = secure, l.config.Now, &containertest.ACR{Tenant: tenant}
	})
	l.entra = func(string) string { return r.EntraToken(24 * time.Hour) }
	if !secure {
		return r
	}
	pem, err := os.ReadFile(r.CAFile())
	if err != nil || !l.config.HTTP.HTTP().Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		t.Fatalf("the registry's authority: %s, %v", pem, err)
	}
	return r
}

func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"##vso[task.complete] %s"}]}`, code, r.PostFormValue("access_token"))
	}
}

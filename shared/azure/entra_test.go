package azure

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

const (
	connectionID = "1e2d3c4b-0000-4111-8222-abcdefabcdef"
	tenant       = "11111111-2222-4333-8444-555555555555"
	client       = "66666666-7777-4888-8999-000000000000"
	jobToken     = "hunter2-job-token"
	assertion    = "hunter2-assertion"
	clientSecret = "hunter2-client-secret"
	accessToken  = "hunter2-access-token"
	oidcURI      = "https://dev.azure.com/org/p/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken"
)

// azidentity reads this from the process's environment, as an agent sets it.
func TestMain(m *testing.M) {
	if err := os.Setenv("SYSTEM_OIDCREQUESTURI", oidcURI); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// world is the network as a Credential sees it: every host is this server.
type world struct {
	http *httpx.Client

	lock sync.Mutex
	seen []string // method, host and path of each request
	form url.Values
}

func (w *world) saw(r *http.Request) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.seen = append(w.seen, r.Method+" "+r.Host+r.URL.Path)
}

// network starts a world. Answer may answer a request, and returns true if it has.
func network(t *testing.T, answer func(http.ResponseWriter, *http.Request) bool) *world {
	t.Helper()
	w := &world{}
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.saw(r)
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		switch {
		case answer != nil && answer(rw, r):
		case strings.HasSuffix(r.URL.Path, "/oidctoken"):
			w.oidc(t, rw, r)
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			base := "https://" + r.Host + "/" + tenant
			reply(rw, 200, map[string]string{
				"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
				"issuer": base + "/v2.0",
			})
		case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
			w.lock.Lock()
			w.form = r.PostForm
			w.lock.Unlock()
			reply(rw, 200, map[string]any{"access_token": accessToken, "expires_in": 3600, "token_type": "Bearer"})
		case r.URL.Path == "/metadata/identity/oauth2/token":
			w.lock.Lock()
			w.form = r.Form
			w.lock.Unlock()
			reply(rw, 200, map[string]any{"access_token": accessToken, "expires_in": "3600", "token_type": "Bearer"})
		default:
			t.Errorf("unexpected request %s %s%s", r.Method, r.Host, r.URL.Path)
			rw.WriteHeader(http.StatusTeapot)
		}
	})
	secure, plain := httptest.NewUnstartedServer(handler), httptest.NewServer(handler)
	cert, pool := azuretest.Certificate(t, "*.microsoftonline.com", "*.microsoftonline.us", "*.chinacloudapi.cn",
		"dev.azure.com", "*.stack.example")
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	w.http = httpx.New(httpx.Config{RootCAs: pool})
	w.http.HTTP().Transport.(*http.Transport).DialContext = func(
		ctx context.Context, network, address string,
	) (net.Conn, error) {
		to := secure.Listener.Addr().String()
		switch host, port, _ := net.SplitHostPort(address); {
		case strings.HasPrefix(host, "unknown."):
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		case port == "80":
			to = plain.Listener.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	return w
}

func (w *world) oidc(t *testing.T, rw http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+jobToken ||
		query.Get("serviceConnectionId") != connectionID || query.Get("api-version") == "" ||
		r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" {
		t.Errorf("OIDC request %s %s with headers %v", r.Method, r.URL, r.Header)
	}
	reply(rw, 200, map[string]string{"oidcToken": assertion})
}

func reply(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body)
}

// aadsts answers as Entra does when it refuses.
func aadsts(code, status int) func(http.ResponseWriter, *http.Request) bool {
	return func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			return false
		}
		reply(rw, status, map[string]any{
			"error": "invalid_client", "error_codes": []int{code},
			"error_description": fmt.Sprintf("AADSTS%d: Something with %s.\r\nTrace ID: 1\r\nTimestamp: 2", code, clientSecret),
		})
		return true
	}
}

// connect returns a connection of the scheme, with parameters as an agent has them in
// its environment: AUTH names and DATA names.
func connect(t *testing.T, scheme string, parameters ...string) *endpoint.Connection {
	t.Helper()
	environ := []string{
		"ENDPOINT_URL_" + connectionID + "=https://management.azure.com/",
		"ENDPOINT_AUTH_SCHEME_" + connectionID + "=" + scheme,
		"ENDPOINT_AUTH_PARAMETER_" + connectionID + "_TENANTID=" + tenant,
		"ENDPOINT_AUTH_PARAMETER_" + connectionID + "_SERVICEPRINCIPALID=" + client,
	}
	for _, p := range parameters {
		kind, rest, _ := strings.Cut(p, " ")
		prefix := map[string]string{"auth": "ENDPOINT_AUTH_PARAMETER_", "data": "ENDPOINT_DATA_"}[kind]
		environ = append(environ, prefix+connectionID+"_"+rest)
	}
	c, err := endpoint.New(environ).Connection(connectionID, "azureSubscription")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) job() Job {
	return Job{HTTP: w.http, Server: "https://dev.azure.com/org/", Token: inputs.NewSecret(jobToken), OIDC: oidcURI}
}

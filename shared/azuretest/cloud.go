package azuretest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
)

// Config is what a [Cloud] is made of. The zero value is Azure's public cloud with
// one tenant, one application and no vaults.
type Config struct {
	// Environment is the cloud, by its name in service connections: AzureCloud (if
	// empty), AzureUSGovernment, AzureChinaCloud or AzureStack (with AD FS).
	Environment string
	// Tenant is where the applications and vaults are that name no other.
	Tenant string
	// Apps are the applications that Entra knows.
	Apps []App
	// Identities are the client IDs of the machine's managed identities. One that is
	// asked for without a name is the first. None if empty.
	Identities []string
	// Vaults are there from the beginning, by name; see also Cloud.Vault.
	Vaults map[string]VaultConfig
	// DevOps answers dev.azure.com and its other names. If nil, they do not exist.
	DevOps http.Handler
	// Latency is waited before each answer.
	Latency time.Duration
	// ProxyUser and ProxyPassword are what the proxy wants, if not empty.
	ProxyUser, ProxyPassword string
	// Now is the cloud's clock; time.Now if nil.
	Now func() time.Time
}

// App is an application (service principal) of Entra.
type App struct {
	ID string
	// Secret, Certificate and Trust are what it may show; those that are empty are
	// not configured.
	Secret      string
	Certificate *x509.Certificate
	Trust       []Trust
	// SecretExpired says that the secret was good once.
	SecretExpired bool
	// Tenants are where it is known; Config.Tenant if empty.
	Tenants []string
}

// environment is how the clouds differ, see
// https://github.com/Azure/azure-sdk-for-go/blob/main/sdk/azcore/cloud/cloud.go and
// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates.
type environment struct{ login, tenant, issuer, suffix, resource string }

const someTenant = "7f3c1c52-0a7e-4f0b-9a0e-5b1f8c1d2e3f"

var environments = map[string]environment{
	"AzureCloud": {
		"login.microsoftonline.com", someTenant, "https://sts.windows.net/", "vault.azure.net",
		"https://vault.azure.net",
	},
	"AzureUSGovernment": {
		"login.microsoftonline.us", someTenant, "https://sts.windows.net/", "vault.usgovcloudapi.net",
		"https://vault.usgovcloudapi.net",
	},
	"AzureChinaCloud": {
		"login.chinacloudapi.cn", someTenant, "https://sts.chinacloudapi.cn/", "vault.azure.cn",
		"https://vault.azure.cn",
	},
	// Its audience is not its suffix: github.com/Azure/azure-sdk-for-python/issues/28595.
	"AzureStack": {
		"adfs.local.azurestack.external", "adfs", "https://adfs.local.azurestack.external/",
		"vault.local.azurestack.external", "https://vault.adfs.azurestack.local/" + someTenant,
	},
}

// Cloud is a fake of the parts of Azure that a pipeline's task talks to: Entra,
// Key Vault, the metadata service and, by a handler of the test's, Azure DevOps.
// They are behind one address on this machine, which is a proxy (CONNECT) with
// certificates of an authority that is made for the occasion; see [Cloud.Env].
type Cloud struct {
	config      Config
	environment environment
	dir         string
	listener    net.Listener
	plain       *queue // clients of the proxy, and of hosts without TLS
	secure      *queue // what is meant for a host with TLS
	servers     [2]http.Server
	authority   *authority
	stranger    *authority // nobody trusts it
	done        chan struct{}
	closing     sync.Once

	lock     sync.Mutex
	vaults   map[string]*Vault // by name
	faults   []*Fault
	requests []Request
}

// Request is what the cloud was asked.
type Request struct {
	Start, End time.Time
	Method     string
	Host, Path string
	Query      url.Values
	Form       url.Values // of the body, if it has that form
	Header     http.Header
	App        string // whom the token is of, if it is a good one
	Proxied    bool   // it came through the proxy
	Status     int    // of the answer; 0 if there was none
}

// String is one line without the query, for messages.
func (r Request) String() string {
	return fmt.Sprintf("%s %s%s %d", r.Method, r.Host, r.Path, r.Status)
}

// tokenKey signs the tokens of every Cloud of the process: RSA keys take their time.
var tokenKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return key
})

// NewCloud starts a Cloud, which ends with the test.
func NewCloud(t testing.TB, change ...func(*Config)) *Cloud {
	t.Helper()
	var config Config
	for _, f := range change {
		f(&config)
	}
	c, err := StartCloud(config)
	if err != nil {
		t.Fatalf("azuretest.StartCloud: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// StartCloud starts a Cloud. It has to be closed.
func StartCloud(config Config) (*Cloud, error) {
	known, ok := environments[cmp.Or(config.Environment, "AzureCloud")]
	if !ok {
		return nil, fmt.Errorf("unknown environment %q, want one of %q", config.Environment,
			slices.Sorted(maps.Keys(environments)))
	}
	config.Tenant = cmp.Or(config.Tenant, known.tenant)
	if config.Now == nil {
		config.Now = time.Now
	}
	if len(config.Apps) == 0 {
		config.Apps = []App{{
			ID: "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef", Secret: "fake~client~secret~" + rand.Text(), Trust: []Trust{{}},
		}}
	}
	c := &Cloud{config: config, environment: known, vaults: map[string]*Vault{}, done: make(chan struct{})}
	for name, v := range config.Vaults {
		c.Vault(name).Configure(v)
	}
	if err := c.start(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cloud) start() (err error) {
	if c.authority, err = newAuthority("guardrails test authority"); err != nil {
		return err
	}
	if c.stranger, err = newAuthority("an authority that nobody trusts"); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "azuretest-"); err != nil {
		return err
	}
	if err := os.WriteFile(c.CAFile(), c.authority.pem, 0o600); err != nil {
		return err
	}
	if c.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	c.plain, c.secure = newQueue(c.listener.Addr()), newQueue(c.listener.Addr())
	serve := func(server *http.Server, from net.Listener, handler http.HandlerFunc) {
		server.Handler, server.ConnContext = handler, remember
		server.ErrorLog = log.New(io.Discard, "", 0) // clients that give up are what is tested
		go func() { _ = server.Serve(from) }()
	}
	serve(&c.servers[0], c.plain, c.servePlain)
	serve(&c.servers[1], c.secure, func(w http.ResponseWriter, r *http.Request) {
		t := tunnelOf(r)
		c.serve(w, r, t != nil && t.host != "")
	})
	go c.accept()
	return nil
}

// Close ends the cloud and every connection to it, and removes its files.
func (c *Cloud) Close() { c.closing.Do(c.close) }

func (c *Cloud) close() {
	close(c.done)
	if c.listener != nil {
		_ = c.listener.Close()
		for i := range c.servers {
			_ = c.servers[i].Close()
		}
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// Tenant is the ID of the tenant.
func (c *Cloud) Tenant() string { return c.config.Tenant }

// App is the first application.
func (c *Cloud) App() App { return c.config.Apps[0] }

// Login is the host of Entra in this cloud.
func (c *Cloud) Login() string { return c.environment.login }

// Address is where the proxy is: host and port.
func (c *Cloud) Address() string { return c.listener.Addr().String() }

// CAFile is a PEM file with the authority of the cloud's certificates.
func (c *Cloud) CAFile() string { return filepath.Join(c.dir, "ca.pem") }

// CA trusts the cloud's certificates, and no others.
func (c *Cloud) CA() *x509.CertPool { return c.authority.pool() }

func (c *Cloud) proxy() *url.URL {
	u := &url.URL{Scheme: "http", Host: c.Address()}
	if c.config.ProxyUser != "" {
		u.User = url.UserPassword(c.config.ProxyUser, c.config.ProxyPassword)
	}
	return u
}

// Env is what a program that knows nothing of all this has to have in its
// environment: it then finds the cloud at Azure's real names, and nothing else.
func (c *Cloud) Env() []string {
	var env []string
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY"} {
		env = append(env, name+"="+c.proxy().String(), strings.ToLower(name)+"="+c.proxy().String())
	}
	const here = "127.0.0.1,localhost,::1"
	return append(env, "NO_PROXY="+here, "no_proxy="+here,
		"SSL_CERT_FILE="+c.CAFile(), "NODE_EXTRA_CA_CERTS="+c.CAFile())
}

// AgentEnv is what an agent that is configured with the proxy (--proxyurl) and the
// authority (--sslcacert) tells its tasks.
func (c *Cloud) AgentEnv() []string {
	env := []string{"AGENT_PROXYURL=http://" + c.Address(), "AGENT_CAINFO=" + c.CAFile()}
	if c.config.ProxyUser != "" {
		env = append(env, "AGENT_PROXYUSERNAME="+c.config.ProxyUser,
			"SECRET_AGENT_PROXYPASSWORD="+c.config.ProxyPassword)
	}
	return env
}

// Connection is a service connection of the first application, with its secret. Data are more of its parameters, as
// "ENVIRONMENT=AzureCloud".
func (c *Cloud) Connection(t testing.TB, data ...string) *endpoint.Connection {
	t.Helper()
	const id = "1e2d3c4b-0000-4111-8222-abcdefabcdef"
	environ := []string{
		"ENDPOINT_URL_" + id + "=https://management.azure.com/",
		"ENDPOINT_AUTH_SCHEME_" + id + "=ServicePrincipal",
		"ENDPOINT_AUTH_PARAMETER_" + id + "_TENANTID=" + c.Tenant(),
		"ENDPOINT_AUTH_PARAMETER_" + id + "_SERVICEPRINCIPALID=" + c.App().ID,
		"ENDPOINT_AUTH_PARAMETER_" + id + "_SERVICEPRINCIPALKEY=" + c.App().Secret,
	}
	for _, d := range data {
		environ = append(environ, "ENDPOINT_DATA_"+id+"_"+d)
	}
	connection, err := endpoint.New(environ).Connection(id, "azureSubscription")
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// HTTP returns a client whose network is the cloud: it goes through the proxy,
// but to the metadata service directly, as a task does.
func (c *Cloud) HTTP(t testing.TB) *httpx.Client {
	return c.client(t, func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == metadataHost {
			return nil, nil
		}
		return c.proxy(), nil
	})
}

// Direct returns a client whose network is the cloud without a proxy: names that
// the cloud does not have do not resolve.
func (c *Cloud) Direct(t testing.TB) *httpx.Client { return c.client(t, nil) }

func (c *Cloud) client(t testing.TB, proxy func(*http.Request) (*url.URL, error)) *httpx.Client {
	t.Helper()
	client := httpx.New(httpx.Config{Proxy: proxy, RootCAs: c.CA()})
	transport, ok := client.HTTP().Transport.(*http.Transport)
	if !ok {
		t.Fatalf("httpx has the transport %T", client.HTTP().Transport)
	}
	transport.DialContext = c.dial
	t.Cleanup(transport.CloseIdleConnections)
	return client
}

// dial is the network without a proxy.
func (c *Cloud) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil && address != c.Address() {
		host = canonical(host)
		fault := c.take(naming, host, nil)
		switch {
		case fault != nil && fault.Kind == DNSBroken:
			return nil, &net.DNSError{Err: "server misbehaving", Name: host, Server: "127.0.0.53:53", IsTemporary: true}
		case fault != nil || !c.has(host):
			return nil, &net.DNSError{Err: "no such host", Name: host, Server: "127.0.0.53:53", IsNotFound: true}
		}
	}
	return (&net.Dialer{}).DialContext(ctx, network, c.Address())
}

// Requests returns what has been asked and answered so far, in the order of the answers.
func (c *Cloud) Requests() []Request {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.requests)
}

// Vault returns the vault of this name, which is made if there is none.
func (c *Cloud) Vault(name string) *Vault {
	c.lock.Lock()
	defer c.lock.Unlock()
	name = strings.ToLower(name)
	if c.vaults[name] == nil {
		c.vaults[name] = &Vault{cloud: c, name: name, secrets: map[string][]*entry{}, keys: map[string][]*keyEntry{}}
		c.vaults[name].configure(VaultConfig{})
	}
	return c.vaults[name]
}

// vaultAt returns the vault with this host; nil if there is none.
func (c *Cloud) vaultAt(host string) *Vault {
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, v := range c.vaults {
		if v.host() == host {
			return v
		}
	}
	return nil
}

// has reports whether the cloud has a host.
func (c *Cloud) has(host string) bool {
	return isLogin(host) || host == c.environment.login || host == metadataHost ||
		c.config.DevOps != nil && isDevOps(host) || c.vaultAt(host) != nil
}

// isLogin reports whether a host is of Entra, of whichever cloud: each answers
// everywhere, and knows its own tenants only.
func isLogin(host string) bool {
	for _, e := range environments {
		if e.login == host {
			return true
		}
	}
	return otherNames[host] != ""
}

func isDevOps(host string) bool {
	return host == "dev.azure.com" || strings.HasSuffix(host, ".dev.azure.com") ||
		strings.HasSuffix(host, ".visualstudio.com")
}

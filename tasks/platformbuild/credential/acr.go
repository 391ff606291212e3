package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
)

// nobody is the user's name that stands for "the password is a token"
// (Azure/acr, docs/AAD-OAuth.md).
const nobody = "00000000-0000-0000-0000-000000000000"

// registryScope is what a token for registries is of, in every cloud (azcontainerregistry/cloud_config.go of the
// SDK).
const registryScope = "https://containerregistry.azure.net/.default"

// home is where registries of a cloud are.
type home struct {
	suffix string
	cloud  string // as service connections call it
	scope  string // of Azure Resource Manager, whose tokens registries take, too
}

// homes are all that may get a token. Who they are is written here, and not asked of a connection: its login server
// is a text like any other.
var homes = []home{
	{".azurecr.io", "AzureCloud", "https://management.azure.com/.default"},
	{".azurecr.us", "AzureUSGovernment", "https://management.usgovcloudapi.net/.default"},
	{".azurecr.cn", "AzureChinaCloud", "https://management.chinacloudapi.cn/.default"},
}

func ofAzure(c *endpoint.Connection, config Config) (*Source, error) {
	const fix = "save the connection again, and choose the registry"
	text, _ := c.Auth("loginServer")
	host, err := hostOf(text.Reveal())
	if err != nil {
		return nil, problem(c, "its login server is none: "+err.Error(), fix, nil)
	}
	where, err := homeOf(c, host)
	if err != nil {
		return nil, err
	}
	known := *c
	known.Scheme = schemeOf(c)
	key, hasKey := c.Auth("servicePrincipalKey")
	kind, _ := c.Auth("authenticationType")
	isPrincipal := strings.EqualFold(known.Scheme, "ServicePrincipal")
	if isPrincipal && hasKey && !strings.EqualFold(kind.Reveal(), "spnCertificate") {
		id, ok := c.Auth("servicePrincipalId")
		if !ok {
			return nil, problem(c, "it names no application (service principal)", fix, nil)
		}
		return simple(host, id.Reveal(), key, config), nil
	}
	config.Job.Cloud = where.cloud
	identity, err := azure.New(&known, config.Job)
	if err != nil {
		return nil, err
	}
	tenant, _ := c.Auth("tenantId")
	return &Source{host: host, config: config, exchange: &exchange{
		connection: c, host: host, tenant: tenant.Reveal(), arm: where.scope,
		identity: identity, config: config, turn: make(chan struct{}, 1),
	}}, nil
}

// schemeOf is how a connection signs in. Older ones say it in another place, or not at all.
func schemeOf(c *endpoint.Connection) string {
	if c.Scheme != "" {
		return c.Scheme
	}
	if scheme, ok := c.Auth("scheme"); ok {
		return scheme.Reveal()
	}
	return "ServicePrincipal"
}

// homeOf returns where a login server is, if it is one that may get a token of the connection.
func homeOf(c *endpoint.Connection, host string) (home, error) {
	cloud, named := c.Data("environment")
	i := slices.IndexFunc(homes, func(h home) bool { return strings.HasSuffix(host, h.suffix) })
	own := named && !slices.ContainsFunc(homes, func(h home) bool { return strings.EqualFold(h.cloud, cloud) })
	switch {
	case own && i < 0: // Azure Stack and the like; its registries can be anywhere
		where := home{cloud: cloud}
		if resource, ok := c.Data("activeDirectoryServiceEndpointResourceId"); ok {
			where.scope = strings.TrimSuffix(resource, "/") + "/.default"
		}
		return where, nil
	case i < 0 && isLoopback(host):
		return homes[0], nil
	case i < 0:
		return home{}, problem(c,
			fmt.Sprintf("its login server %.80q is no registry of Azure, which alone may get its token", host),
			"use a connection of the type Others, with a user and a password", nil)
	case own || named && !strings.EqualFold(cloud, homes[i].cloud):
		return home{}, problem(c, fmt.Sprintf("its login server %.80q is not of its cloud %.40q", host, cloud),
			"correct the environment of the connection", nil)
	}
	return homes[i], nil
}

const (
	margin   = 5 * time.Minute // a token is not handed out when it ends so soon
	longest  = 3 * time.Hour   // that one is remembered, whatever it says
	shortest = 10 * time.Second
	maxToken = 64 << 10
)

// exchange gets a registry's token for one of Entra, and keeps it while it is good.
type exchange struct {
	connection   *endpoint.Connection
	host, tenant string
	arm          string // scope; "" if it is not known
	identity     *azure.Credential
	config       Config

	turn  chan struct{} // has room for the one who may read and write what follows
	token string
	until time.Time // it is handed out
	ends  time.Time
}

func (e *exchange) get(ctx context.Context, fresh bool) (string, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if !fresh && e.token != "" && e.now().Before(e.until) {
		return e.token, nil
	}
	token, err := e.trade(ctx)
	if err != nil {
		// The old one may last for what is left to do, and the next one who asks tries again.
		if !fresh && ctx.Err() == nil && e.token != "" && e.now().Add(time.Minute).Before(e.ends) {
			e.config.debug("%s gives no new token yet, the old one is still good: %v", e.host, err)
			return e.token, nil
		}
		return "", err
	}
	life := lifeOf(token, e.now())
	e.token, e.ends = token, e.now().Add(life)
	e.until = e.ends.Add(-min(margin, life/4))
	e.config.debug("%s gave a token that is good for %s", e.host, life.Round(time.Second))
	return token, nil
}

func (e *exchange) now() time.Time { return e.config.Now() }

// trade gets a new token.
func (e *exchange) trade(ctx context.Context) (string, error) {
	entra, err := e.identity.Token(ctx, registryScope)
	var refused *azure.Error
	if errors.As(err, &refused) && slices.Contains(unknownRegistries, refused.Code) && e.arm != "" {
		entra, err = e.identity.Token(ctx, e.arm)
	}
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {e.host}, "access_token": {entra}}
	if e.tenant != "" {
		form.Set("tenant", e.tenant)
	}
	answer, err := e.post(ctx, "https://", form)
	if errors.Is(err, http.ErrSchemeMismatch) && isLoopback(e.host) { // as Docker does; only tests have such a one
		answer, err = e.post(ctx, "http://", form)
	}
	if err != nil {
		return "", e.refusal(ctx, err)
	}
	var got struct {
		Token string `json:"refresh_token"`
	}
	if json.Unmarshal(answer.Body, &got) != nil || !isToken(got.Token) {
		return "", problem(e.connection, e.host+" gives no token in its answer",
			"check that it is a registry of Azure, and what the proxy of this agent makes of requests to it", nil)
	}
	e.config.mask(got.Token, basic(nobody, got.Token))
	return got.Token, nil
}

func (e *exchange) post(ctx context.Context, scheme string, form url.Values) (*httpx.Response, error) {
	return e.config.HTTP.Do(ctx, httpx.Request{
		Method: http.MethodPost, URL: scheme + e.host + "/oauth2/exchange",
		Body: []byte(form.Encode()), Idempotent: true,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	})
}

// unknownRegistries are Entra's words for a tenant in which nobody has used registries yet (or where their
// application is disabled): then only the tokens of Azure Resource Manager are left.
var unknownRegistries = []string{"AADSTS500011", "AADSTS500014", "AADSTS650057"}

// isToken reports whether text can be a token, which goes into headers and into Docker.
func isToken(text string) bool {
	return text != "" && len(text) <= maxToken &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

var codePattern = regexp.MustCompile(`"code"\s*:\s*"([A-Z_]{1,40})"`)

// refusal says why the registry gave no token. Of what it says itself, only a code is shown.
func (e *exchange) refusal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s for a token: %w", e.host, context.Cause(ctx))
	}
	var status *httpx.StatusError
	if !errors.As(err, &status) {
		return problem(e.connection, fmt.Sprintf("its registry cannot be asked for a token: %v", err),
			"check the name of the registry, and the network, the proxy and the certificates of this agent", err)
	}
	said := fmt.Sprint(status.Status)
	if code := codePattern.FindStringSubmatch(status.Detail); code != nil {
		said += " " + code[1]
	}
	reason := fmt.Sprintf("%s gives no token (%s)", e.host, said)
	fix := "try again later; see https://azure.status.microsoft"
	switch {
	case status.Status == http.StatusForbidden && strings.HasSuffix(said, " DENIED"):
		reason = fmt.Sprintf("%s does not let this agent's network in (%s)", e.host, said)
		fix = "allow it in the registry's network settings, or run the job on an agent of a network that is allowed"
	case status.Status == http.StatusUnauthorized, status.Status == http.StatusForbidden:
		reason = fmt.Sprintf("%s does not accept its identity (%s)", e.host, said)
		fix = "give it the role AcrPush (or Container Registry Repository Writer) on the registry, and check that " +
			"both are of the same tenant"
	case status.Status == http.StatusNotFound, status.Status == http.StatusMethodNotAllowed:
		fix = "check that it is a registry of Azure"
	case status.Status == http.StatusTooManyRequests:
		reason = fmt.Sprintf("%s limits the requests of this agent (%s)", e.host, said)
		fix = "run fewer jobs at once, or try again later"
	case status.Status < http.StatusInternalServerError:
		fix = "check the tenant and the application of the connection"
	}
	return problem(e.connection, reason, fix, err)
}

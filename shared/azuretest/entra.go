package azuretest

import (
	"cmp"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The endpoints and their answers are those of
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
// and of the recordings of Azure/azure-sdk-for-js, such as
// sdk/keyvault/keyvault-secrets/recordings/node/secret_client__list_secrets_in_various_ways;
// the errors are explained in
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes.

// Trust is a federated credential of an application: whose tokens are taken for it.
// The signature is checked where there is a Key.
type Trust struct {
	// Issuer, Subject and Audience are compared with the case of letters. If empty:
	// any issuer with https (or on this machine), any subject, and
	// api://AzureADTokenExchange.
	Issuer, Subject, Audience string
	// Key is what the signature is checked with, if there is one.
	Key *rsa.PublicKey
}

const (
	tokenExchange   = "api://AzureADTokenExchange"
	assertionBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	tokenLife       = time.Hour
	clockSkew       = 5 * time.Minute
)

// entra answers for login.microsoftonline.com and its likes.
func (c *Cloud) entra(r *http.Request, seen *Request) answer {
	if fault := c.take([]Kind{Custom}, seen.Host, r); fault != nil {
		return fault.custom()
	}
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	rest = strings.TrimPrefix(rest, "v2.0/")
	said := page(http.StatusNotFound, "<html><body>404</body></html>")
	switch {
	case rest == "discovery/instance" && tenant == "common" && r.Method == http.MethodGet:
		said = c.instance(r, seen)
	case rest == "oauth2/authorize" || rest == "oauth2/v2.0/authorize":
		said = page(http.StatusOK, signIn)
	case !c.knowsTenant(seen.Host, tenant):
		said = c.refusal(r, 90002, tenant)
	case r.Method == http.MethodPost:
		if openID(seen.Host, tenant)["token_endpoint"] == "https://"+seen.Host+r.URL.Path {
			said = c.token(r, seen, tenant)
		}
	case rest == ".well-known/openid-configuration":
		said = reply(http.StatusOK, openID(seen.Host, tenant))
	case rest == "discovery/v2.0/keys":
		said = reply(http.StatusOK, keySet())
	}
	said.header.Set("Cache-Control", "no-store, no-cache")
	said.header.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	said.header.Set("X-Ms-Request-Id", guid())
	said.header.Set("X-Ms-Ests-Server", "2.1.10732.8 - NCUS ProdSlices")
	return said
}

// otherNames are further names of a cloud's login.
var otherNames = map[string]string{
	"login.windows.net": "login.microsoftonline.com", "login.partner.microsoftonline.cn": "login.chinacloudapi.cn",
}

// knowsTenant reports whether a tenant is in the cloud that has the host.
func (c *Cloud) knowsTenant(host, tenant string) bool {
	if cmp.Or(otherNames[host], host) != c.environment.login {
		return false
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if strings.EqualFold(tenant, c.config.Tenant) {
		return true
	}
	for _, v := range c.vaults {
		if strings.EqualFold(tenant, v.settings().Tenant) {
			return true
		}
	}
	return slices.ContainsFunc(c.config.Apps, func(a App) bool { return slices.Contains(a.Tenants, tenant) })
}

// refusal is an error of Entra, by its code; args are for its text.
func (c *Cloud) refusal(r *http.Request, code int, args ...any) answer {
	known, ok := entraErrors[code]
	if !ok {
		panic(fmt.Sprintf("AADSTS%d is not in the table", code))
	}
	if code == 90002 && r.Method == http.MethodGet {
		known.kind = "invalid_tenant" // as the discovery calls it
	}
	trace, correlation := guid(), cmp.Or(r.Header.Get("Client-Request-Id"), guid())
	stamp := c.config.Now().UTC().Format("2006-01-02 15:04:05Z")
	return reply(known.status, map[string]any{
		"error": known.kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, fmt.Sprintf(known.text, args...), trace, correlation, stamp),
		"error_codes": []int{code}, "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://%s/error?code=%d", c.environment.login, code),
	})
}

// instance tells which hosts are those of a cloud.
func (c *Cloud) instance(r *http.Request, seen *Request) answer {
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || !isLogin(asked.Host) {
		return c.refusal(r, 50049)
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	hosts := func(network, cache string, aliases ...string) map[string]any {
		return map[string]any{"preferred_network": network, "preferred_cache": cache, "aliases": aliases}
	}
	return reply(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + asked.Host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               cmp.Or(seen.Query.Get("api-version"), "1.0"),
		"metadata": []any{
			hosts("login.microsoftonline.com", "login.windows.net", "login.microsoftonline.com", "login.windows.net",
				"login.microsoft.com", "sts.windows.net"),
			hosts("login.partner.microsoftonline.cn", "login.partner.microsoftonline.cn",
				"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
			hosts("login.microsoftonline.us", "login.microsoftonline.us",
				"login.microsoftonline.us", "login.usgovcloudapi.net"),
		},
	})
}

// openID is the OpenID Connect Discovery of a tenant.
func openID(host, tenant string) map[string]any {
	base := "https://" + host + "/" + tenant
	endpoints, keys, issuer := base+"/oauth2/v2.0", base+"/discovery/v2.0/keys", base+"/v2.0"
	if tenant == "adfs" {
		endpoints, keys, issuer = base+"/oauth2", base+"/discovery/keys", base
	}
	return map[string]any{
		"token_endpoint":                        endpoints + "/token",
		"authorization_endpoint":                endpoints + "/authorize",
		"device_authorization_endpoint":         endpoints + "/devicecode",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"jwks_uri":                              keys,
		"issuer":                                issuer,
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"subject_types_supported":               []string{"pairwise"},
		"tenant_region_scope":                   "EU",
	}
}

// keySet is a JSON Web Key Set (RFC 7517) with the key of the tokens.
func keySet() map[string]any {
	public := &tokenKey().PublicKey
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "kid": keyID(), "n": encode(public.N.Bytes()),
		"e": encode(big.NewInt(int64(public.E)).Bytes()),
	}}}
}

func keyID() string {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&tokenKey().PublicKey))
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}

// token gives an application a token, if it shows that it is the application.
func (c *Cloud) token(r *http.Request, seen *Request, tenant string) answer {
	form := seen.Form
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return c.refusal(r, 70003, grant)
	}
	at := slices.IndexFunc(c.config.Apps, func(a App) bool {
		return strings.EqualFold(a.ID, form.Get("client_id")) && c.isIn(a, tenant)
	})
	if at < 0 {
		return c.refusal(r, 700016, form.Get("client_id"))
	}
	app := c.config.Apps[at]
	method, refused := c.prove(r, seen, app)
	if refused != nil {
		return *refused
	}
	resource, ok := c.resource(form.Get("scope"))
	if !ok {
		return c.refusal(r, 500011, resource)
	}
	seen.App = app.ID
	seconds := int(tokenLife.Seconds()) - 1
	return reply(http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
		"access_token": c.accessToken(app.ID, tenant, resource, method),
	})
}

// isIn reports whether a tenant knows an application.
func (c *Cloud) isIn(a App, tenant string) bool {
	if len(a.Tenants) == 0 {
		return strings.EqualFold(tenant, c.config.Tenant)
	}
	return slices.ContainsFunc(a.Tenants, func(t string) bool { return strings.EqualFold(t, tenant) })
}

// resource returns what a scope is of, and whether it is something in this cloud.
func (c *Cloud) resource(scope string) (string, bool) {
	for word := range strings.FieldsSeq(scope) {
		resource, ok := strings.CutSuffix(word, "/.default")
		if !ok {
			continue
		}
		known := []string{c.environment.resource, "https://storage.azure.com", "https://management.azure.com",
			"https://containerregistry.azure.net", "499b84ac-1321-427f-aa17-267ca6975798"} // Azure DevOps
		c.lock.Lock()
		defer c.lock.Unlock()
		for _, v := range c.vaults {
			known = append(known, v.settings().Resource)
		}
		return resource, slices.Contains(known, strings.TrimSuffix(resource, "/"))
	}
	return scope, false
}

// prove checks the application's secret or assertion, and returns how it has shown
// who it is (the claim appidacr).
func (c *Cloud) prove(r *http.Request, seen *Request, app App) (method string, refused *answer) {
	no := func(code int, args ...any) (string, *answer) {
		a := c.refusal(r, code, args...)
		return "", &a
	}
	secret, assertion := seen.Form.Get("client_secret"), seen.Form.Get("client_assertion")
	switch {
	case assertion == "" && secret == "":
		return no(7000218)
	case assertion != "" && seen.Form.Get("client_assertion_type") != assertionBearer:
		return no(900144, "client_assertion_type")
	case assertion != "":
		if code, args := c.judge(assertion, app, "https://"+seen.Host+seen.Path); code != 0 {
			return no(code, args...)
		}
		return "2", nil
	case app.Secret == "" || secret != app.Secret:
		return no(7000215, app.ID)
	case app.SecretExpired:
		return no(7000222, app.ID)
	}
	return "1", nil
}

// judge checks an assertion, and returns the code of what is wrong with it, and what
// the text of it needs.
func (c *Cloud) judge(assertion string, app App, endpoint string) (code int, args []any) {
	t, err := parseToken(assertion)
	if err != nil {
		return 50027, []any{err}
	}
	now, from, to := c.config.Now(), t.time("nbf"), t.time("exp")
	if now.After(to.Add(clockSkew)) || from.After(now.Add(clockSkew)) {
		return 700024, []any{now.UTC(), from.UTC(), to.UTC()}
	}
	if t.text("iss") == app.ID {
		return judgeCertificate(t, app, endpoint)
	}
	return judgeFederated(t, app)
}

// judgeCertificate checks an assertion that the application has signed itself, see
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
func judgeCertificate(t token, app App, endpoint string) (code int, args []any) {
	if app.Certificate == nil {
		return 700027, nil
	}
	sum1, sum256 := sha1.Sum(app.Certificate.Raw), sha256.Sum256(app.Certificate.Raw)
	key, ok := app.Certificate.PublicKey.(*rsa.PublicKey)
	switch {
	case !shows(t, "x5t", sum1[:]) && !shows(t, "x5t#S256", sum256[:]):
		return 700027, nil
	case !ok || t.verify(key) != nil:
		return 50012, nil
	case t.text("sub") != app.ID:
		return 700021, nil
	case t.text("aud") != endpoint:
		return 700023, []any{t.text("aud")}
	case t.text("jti") == "":
		return 50027, []any{"it has no jti"}
	}
	return 0, nil
}

// shows reports whether a token names a certificate by its thumbprint. MSAL for Go
// encodes it with the standard alphabet, which Entra takes, too.
func shows(t token, name string, thumbprint []byte) bool {
	shown, _ := t.header[name].(string)
	shown = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(shown)
	return shown == base64.RawURLEncoding.EncodeToString(thumbprint)
}

// judgeFederated checks an assertion that somebody else has signed, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
func judgeFederated(t token, app App) (code int, args []any) {
	code, args = 700211, []any{t.text("iss")}
	for _, trust := range app.Trust {
		switch {
		case !trust.issued(t.text("iss")):
		case t.text("sub") == "" || trust.Subject != "" && trust.Subject != t.text("sub"):
			code, args = 700213, []any{t.text("sub")}
		case t.text("aud") != cmp.Or(trust.Audience, tokenExchange):
			code, args = 700212, []any{t.text("aud")}
		case trust.Key != nil && t.verify(trust.Key) != nil:
			code, args = 50013, nil
		default:
			return 0, nil
		}
	}
	return code, args
}

func (t Trust) issued(issuer string) bool {
	if t.Issuer != "" {
		return t.Issuer == issuer
	}
	u, err := url.Parse(issuer)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && u.Hostname() == "127.0.0.1")
}

// accessToken makes a token as Entra makes them for Key Vault (version 1.0), see
// https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
func (c *Cloud) accessToken(app, tenant, resource, method string) string {
	now := c.config.Now()
	return signToken(tokenKey(), map[string]any{"kid": keyID(), "x5t": keyID()}, map[string]any{
		"aud": resource, "iss": c.environment.issuer + tenant + "/", "idp": c.environment.issuer + tenant + "/",
		"iat": now.Add(-clockSkew).Unix(), "nbf": now.Add(-clockSkew).Unix(), "exp": now.Add(tokenLife).Unix(),
		"appid": app, "appidacr": method, "oid": objectOf(app), "sub": objectOf(app), "tid": tenant, "ver": "1.0",
		"idtyp": "app", "uti": guid(),
	})
}

// objectOf is the ID of an application's service principal.
func objectOf(app string) string {
	sum := sha256.Sum256([]byte(app))
	return guidOf([16]byte(sum[:16]))
}

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
	var said answer
	switch {
	case r.Method == http.MethodGet && tenant == "common" && rest == "discovery/instance":
		said = c.instance(r, seen)
	case r.Method == http.MethodGet && strings.HasPrefix(rest, "oauth2/") && strings.HasSuffix(rest, "authorize"):
		return page(http.StatusOK, "<!DOCTYPE html>\r\n<html><head><title>Sign in to your account</title></head></html>")
	case !c.knowsTenant(seen.Host, tenant):
		kind := "invalid_request"
		if r.Method == http.MethodGet {
			kind = "invalid_tenant"
		}
		said = c.refusal(r, http.StatusBadRequest, kind, 90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure "+
			"you have the correct tenant ID and are signing into the correct cloud. Check with your subscription "+
			"administrator, this may happen if there are no active subscriptions for the tenant.", tenant))
	case r.Method == http.MethodGet && rest == ".well-known/openid-configuration":
		said = reply(http.StatusOK, openID(seen.Host, tenant))
	case r.Method == http.MethodGet && rest == "discovery/v2.0/keys":
		said = reply(http.StatusOK, keySet())
	case r.Method == http.MethodPost && (rest == "oauth2/v2.0/token" || tenant == "adfs" && rest == "oauth2/token"):
		said = c.token(r, seen, tenant)
	default:
		said = page(http.StatusNotFound, "<html><body>404</body></html>")
	}
	said.header.Set("Cache-Control", "no-store, no-cache")
	said.header.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	said.header.Set("X-Ms-Request-Id", guid())
	said.header.Set("X-Ms-Ests-Server", "2.1.10732.8 - NCUS ProdSlices")
	return said
}

// knowsTenant reports whether a tenant is in the cloud that has the host.
func (c *Cloud) knowsTenant(host, tenant string) bool {
	if host != c.environment.login && !(c.environment.login == "login.microsoftonline.com" && host == "login.windows.net") &&
		!(c.environment.login == "login.chinacloudapi.cn" && host == "login.partner.microsoftonline.cn") {
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

// refusal is an error of Entra.
func (c *Cloud) refusal(r *http.Request, status int, kind string, code int, text string) answer {
	trace, correlation := guid(), cmp.Or(r.Header.Get("Client-Request-Id"), guid())
	stamp := c.config.Now().UTC().Format("2006-01-02 15:04:05Z")
	return reply(status, map[string]any{
		"error": kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, text, trace, correlation, stamp),
		"error_codes": []int{code}, "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://%s/error?code=%d", c.environment.login, code),
	})
}

// instance tells which hosts are those of a cloud.
func (c *Cloud) instance(r *http.Request, seen *Request) answer {
	asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	if err != nil || !isLogin(asked.Host) {
		return c.refusal(r, http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance.")
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
			hosts("login.microsoftonline.us", "login.microsoftonline.us", "login.microsoftonline.us", "login.usgovcloudapi.net"),
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
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
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
		return c.refusal(r, http.StatusBadRequest, "unsupported_grant_type", 70003,
			fmt.Sprintf("The app requested an unsupported grant type '%s'.", grant))
	}
	id := form.Get("client_id")
	at := slices.IndexFunc(c.config.Apps, func(a App) bool {
		tenants := a.Tenants
		if len(tenants) == 0 {
			tenants = []string{c.config.Tenant}
		}
		return strings.EqualFold(a.ID, id) && slices.ContainsFunc(tenants, func(t string) bool { return strings.EqualFold(t, tenant) })
	})
	if id == "" || at < 0 {
		return c.refusal(r, http.StatusBadRequest, "unauthorized_client", 700016, fmt.Sprintf("Application with identifier "+
			"'%s' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the "+
			"administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication "+
			"request to the wrong tenant.", id))
	}
	app := c.config.Apps[at]
	method, refused := c.prove(r, seen, app, tenant)
	if refused != nil {
		return *refused
	}
	resource, ok := c.resource(form.Get("scope"))
	if !ok {
		return c.refusal(r, http.StatusBadRequest, "invalid_resource", 500011, fmt.Sprintf("The resource principal named %s "+
			"was not found in the tenant named Contoso. This can happen if the application has not been installed by the "+
			"administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication "+
			"request to the wrong tenant.", resource))
	}
	seen.App = app.ID
	return reply(http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": int(tokenLife.Seconds()) - 1, "ext_expires_in": int(tokenLife.Seconds()) - 1,
		"access_token": c.accessToken(app.ID, tenant, resource, method),
	})
}

// resource returns what a scope is of, and whether it is something in this cloud.
func (c *Cloud) resource(scope string) (string, bool) {
	for word := range strings.FieldsSeq(scope) {
		resource, ok := strings.CutSuffix(word, "/.default")
		if !ok {
			continue
		}
		known := []string{c.environment.resource, "https://storage.azure.com", "https://management.azure.com",
			"499b84ac-1321-427f-aa17-267ca6975798"} // Azure DevOps
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
func (c *Cloud) prove(r *http.Request, seen *Request, app App, tenant string) (method string, refused *answer) {
	no := func(status int, kind string, code int, text string) (string, *answer) {
		a := c.refusal(r, status, kind, code, text)
		return "", &a
	}
	secret, assertion := seen.Form.Get("client_secret"), seen.Form.Get("client_assertion")
	switch {
	case assertion == "" && secret == "":
		return no(http.StatusUnauthorized, "invalid_client", 7000218,
			"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case assertion != "" && seen.Form.Get("client_assertion_type") != assertionBearer:
		return no(http.StatusBadRequest, "invalid_request", 900144,
			"The request body must contain the following parameter: 'client_assertion_type'.")
	case assertion != "":
		code, text := c.judge(assertion, app, "https://"+seen.Host+seen.Path)
		if code != 0 {
			return no(http.StatusUnauthorized, "invalid_client", code, text)
		}
		return "2", nil
	case app.Secret == "" || secret != app.Secret:
		return no(http.StatusUnauthorized, "invalid_client", 7000215, fmt.Sprintf("Invalid client secret provided. Ensure the "+
			"secret being sent in the request is the client secret value, not the client secret ID, for a secret added to "+
			"app '%s'.", app.ID))
	case app.SecretExpired:
		return no(http.StatusUnauthorized, "invalid_client", 7000222, fmt.Sprintf("The provided client secret keys for app "+
			"'%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or "+
			"consider using certificate credentials for added security: https://aka.ms/certCreds.", app.ID))
	}
	return "1", nil
}

// judge checks an assertion, and returns the code and text of what is wrong with it.
func (c *Cloud) judge(assertion string, app App, endpoint string) (code int, text string) {
	t, err := parseToken(assertion)
	if err != nil {
		return 50027, "JWT token is invalid or malformed: " + err.Error() + "."
	}
	now := c.config.Now()
	if expires := t.time("exp"); now.After(expires.Add(clockSkew)) || t.time("nbf").After(now.Add(clockSkew)) {
		return 700024, fmt.Sprintf("Client assertion is not within its valid time range. Current time: %s, assertion valid "+
			"from %s, expiry time of assertion %s. Review the documentation at "+
			"https://learn.microsoft.com/entra/identity-platform/certificate-credentials.",
			now.UTC().Format(time.RFC3339), t.time("nbf").UTC().Format(time.RFC3339), expires.UTC().Format(time.RFC3339))
	}
	if t.text("iss") == app.ID {
		return judgeCertificate(t, app, endpoint)
	}
	return judgeFederated(t, app)
}

// judgeCertificate checks an assertion that the application has signed itself, see
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
func judgeCertificate(t token, app App, endpoint string) (code int, text string) {
	unknown := "The certificate with identifier used to sign the client assertion is not registered on application."
	if app.Certificate == nil {
		return 700027, unknown
	}
	sum1, sum256 := sha1.Sum(app.Certificate.Raw), sha256.Sum256(app.Certificate.Raw)
	encode := base64.RawURLEncoding.EncodeToString
	x5t, _ := t.header["x5t"].(string)
	if x5t256, _ := t.header["x5t#S256"].(string); strings.TrimRight(x5t, "=") != encode(sum1[:]) && x5t256 != encode(sum256[:]) {
		return 700027, unknown
	}
	key, ok := app.Certificate.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok || t.verify(key) != nil:
		return 700027, "The key used to sign the client assertion does not match: Invalid signature."
	case t.text("sub") != app.ID:
		return 700021, "Client assertion application identifier doesn't match 'client_id' parameter."
	case t.text("aud") != endpoint:
		return 700023, fmt.Sprintf("Client assertion audience claim does not match Realm issuer: '%s'.", t.text("aud"))
	case t.text("jti") == "":
		return 50027, "JWT token is invalid or malformed: it has no jti."
	}
	return 0, ""
}

// judgeFederated checks an assertion that somebody else has signed, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
func judgeFederated(t token, app App) (code int, text string) {
	const see = " Check your federated identity credential Subject, Audience and Issuer against the presented assertion. " +
		"https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
	const no = "No matching federated identity record found for presented assertion "
	code, text = 700211, no+"issuer '"+t.text("iss")+"'."+see
	for _, trust := range app.Trust {
		switch {
		case !trust.issued(t.text("iss")):
		case t.text("sub") == "" || trust.Subject != "" && trust.Subject != t.text("sub"):
			code, text = 700213, no+"subject '"+t.text("sub")+"'."+see
		case t.text("aud") != cmp.Or(trust.Audience, tokenExchange):
			code, text = 700212, no+"audience '"+t.text("aud")+"'."+see
		case trust.Key != nil && t.verify(trust.Key) != nil:
			code, text = 50013, "Assertion failed signature validation."
		default:
			return 0, ""
		}
	}
	return code, text
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

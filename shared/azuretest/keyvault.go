package azuretest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What Key Vault says is that of https://learn.microsoft.com/rest/api/keyvault/secrets,
// of the recordings of Azure/azure-sdk-for-js (sdk/keyvault/keyvault-secrets/recordings)
// and of what people saw of it: each error names where.

// VaultConfig is how a vault is set up.
type VaultConfig struct {
	// Tenant is whose tokens it takes; Config.Tenant if empty.
	Tenant string
	// Suffix follows its name in its host, Resource is the audience of the tokens; if
	// empty, those of the cloud.
	Suffix, Resource string
	// Permissions are those that everybody has: "get" and "list" if nil.
	Permissions []string
	// AccessPolicies says that permissions are by access policy and not by role.
	AccessPolicies bool
	// EmptyPages puts an empty page in front of each page of a list.
	EmptyPages bool
	// APIVersions are those that it knows; if nil, those of Key Vault.
	APIVersions []string
	// KeyPermissions are the same for keys: "get" and "sign" if nil.
	KeyPermissions []string
	// Secrets are there from the beginning, each with its versions, of which the last
	// is the current one; see also Vault.Put.
	Secrets map[string][]Secret
	// Keys are the same for keys; see also Vault.PutKey.
	Keys map[string][]Key
}

// apiVersions are those of
// https://github.com/Azure/azure-rest-api-specs/tree/main/specification/keyvault/data-plane/Secrets.
var apiVersions = []string{
	"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01",
}

var secretName = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)

// host is where the vault is.
func (v *Vault) host() string { return v.name + "." + v.settings().Suffix }

// answer is what the vault says to a request.
func (v *Vault) answer(r *http.Request, seen *Request) answer {
	said := v.decide(r, seen)
	for name, value := range map[string]string{
		"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1",
		"X-Ms-Keyvault-Region": "westeurope", "X-Ms-Keyvault-Service-Version": "1.9.2784.1",
		"X-Ms-Client-Request-Id":     cmp.Or(r.Header.Get("X-Ms-Client-Request-Id"), guid()),
		"X-Ms-Request-Id":            guid(),
		"X-Ms-Keyvault-Network-Info": "conn_type=Ipv4;addr=203.0.113.7;act_addr_fam=InterNetwork;",
		"X-Content-Type-Options":     "nosniff",
		"Strict-Transport-Security":  "max-age=31536000;includeSubDomains",
	} {
		said.header.Set(name, value)
	}
	return said
}

func (v *Vault) decide(r *http.Request, seen *Request) answer {
	caller, wrong := v.authenticate(r)
	if wrong != "" {
		return v.challenge(wrong, "")
	}
	seen.App = caller.text("appid")
	if fault := v.cloud.take(service, seen.Host, r); fault != nil {
		return v.failed(fault, r, caller)
	}
	version := seen.Query.Get("api-version")
	known := v.settings().APIVersions
	if known == nil {
		known = apiVersions
	}
	switch {
	case version == "":
		return problem(http.StatusBadRequest, "BadParameter", "api-version must be specified", "")
	case !slices.Contains(known, version):
		// github.com/Azure/azure-sdk-for-python/issues/28595
		return problem(http.StatusBadRequest, "BadParameter", fmt.Sprintf("The specified version (%s) is not "+
			"recognized. Consider using the latest supported version (%s).", version, known[len(known)-1]), "")
	case strings.HasPrefix(r.URL.Path, "/keys/"):
		return v.key(r, caller)
	case r.Method != http.MethodGet:
		return problem(http.StatusMethodNotAllowed, "MethodNotAllowed", "this fake knows GET only", "")
	case seen.Query.Has("outContentType"):
		return problem(http.StatusNotImplemented, "NotImplemented", "outContentType is not supported by this fake", "")
	}
	return v.find(r, seen, caller)
}

// place is what a path is of.
type place struct {
	kind, name, version string
	list                bool
}

func placeOf(path string) (p place, ok bool) {
	parts := append(strings.Split(strings.Trim(path, "/"), "/"), "", "")
	p = place{kind: parts[0], name: parts[1], version: parts[2]}
	p.list = p.name == "" || p.version == "versions"
	switch {
	case len(parts) > 5:
		return p, false
	case p.kind == "deletedsecrets":
		return p, p.name != "" && p.version == ""
	}
	return p, p.kind == "secrets"
}

// find answers by the path.
func (v *Vault) find(r *http.Request, seen *Request, caller token) answer {
	p, ok := placeOf(r.URL.Path)
	if !ok {
		return answer{http.StatusNotFound, http.Header{}, nil}
	}
	need, lack := "get", RBAC
	if p.list {
		need = "list"
	}
	if v.settings().AccessPolicies {
		lack = Policy
	}
	switch allowed := v.settings().Permissions; {
	case allowed != nil && !slices.Contains(allowed, need):
		return v.forbidden(lack, wish{"secret", p.name, need}, caller)
	case p.name != "" && !secretName.MatchString(p.name):
		return badName(p.name)
	case p.kind == "deletedsecrets":
		return v.deleted(p.name)
	case p.list:
		return v.list(seen, p.name)
	}
	return v.get(p.name, p.version)
}

func badName(name string) answer {
	// github.com/aspnet/MicrosoftConfigurationBuilders/issues/22
	return problem(http.StatusBadRequest, "BadParameter", "The request URI contains an invalid name: "+name, "")
}

// problem is an error of Key Vault.
func problem(status int, code, message, inner string) answer {
	body := map[string]any{"code": code, "message": message}
	if inner != "" {
		body["innererror"] = map[string]string{"code": inner}
	}
	return reply(status, map[string]any{"error": body})
}

// challenge refuses a request without a good token, and says where to get one.
func (v *Vault) challenge(message, more string) answer {
	said := problem(http.StatusUnauthorized, "Unauthorized", message, "")
	said.header.Set("Www-Authenticate", fmt.Sprintf(`Bearer authorization="https://%s/%s", resource="%s"%s`,
		v.cloud.environment.login, v.settings().Tenant, v.settings().Resource, more))
	return said
}

// authenticate returns the token of a request, or what is wrong with it.
func (v *Vault) authenticate(r *http.Request) (caller token, wrong string) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || text == "" {
		return token{}, "AKV10000: Request is missing a Bearer or PoP token."
	}
	caller, err := parseToken(text)
	if err != nil {
		return token{}, "AKV10005: Bearer token is malformed: " + err.Error()
	}
	now := v.cloud.config.Now()
	issuer := v.cloud.environment.issuer + v.settings().Tenant + "/"
	switch {
	case caller.verify(&tokenKey().PublicKey) != nil:
		// github.com/vcsjones/AzureSignTool/issues/330
		return token{}, "AKV10046: Unable to resolve the key used for signature validation."
	case caller.text("aud") != v.settings().Resource:
		// github.com/Azure/go-autorest/issues/525
		return token{}, fmt.Sprintf("AKV10022: Invalid audience. Expected %s, found: %s.",
			v.settings().Resource, caller.text("aud"))
	case caller.text("iss") != issuer:
		// github.com/Azure/azure-sdk-for-js/issues/6221
		return token{}, "AKV10032: Invalid issuer. Expected one of " + issuer + ", found " + caller.text("iss") + "."
	case now.After(caller.time("exp")) || now.Before(caller.time("nbf")):
		// github.com/Azure/azure-sdk-for-python/issues/12368
		return token{}, "Error validating token: IDX10223"
	}
	return caller, ""
}

// failed answers with a fault.
func (v *Vault) failed(fault *Fault, r *http.Request, caller token) answer {
	w := wishOf(r)
	switch fault.Kind {
	case Custom:
		return fault.custom()
	case Unauthorized:
		return v.challenge("AKV10046: Unable to resolve the key used for signature validation.", "")
	case Claims: // https://learn.microsoft.com/entra/identity-platform/claims-challenge
		claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`))
		return v.challenge("The token does not have the claims.", `, error="insufficient_claims", claims="`+claims+`"`)
	case NotFound:
		return notFound(w.noun, w.name)
	case Disabled:
		return disabled(w.noun, w.need)
	case BadName:
		return badName(w.name)
	case Throttled:
		return throttled(fault)
	}
	return v.forbidden(fault.Kind, w, caller)
}

// wish is what a request wants, and the permission for it.
type wish struct{ noun, name, need string }

func wishOf(r *http.Request) wish {
	collection, name, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case collection == "keys" && strings.HasSuffix(name, "/sign"):
		return wish{"key", strings.TrimSuffix(name, "/sign"), "sign"}
	case collection == "keys":
		return wish{"key", name, "get"}
	case name == "":
		return wish{"secret", "", "list"}
	}
	return wish{"secret", name, "get"}
}

func notFound(noun, name string) answer {
	// github.com/Azure/azure-sdk-for-js/issues/25489, and its recordings for keys.
	return problem(http.StatusNotFound, capital(noun)+"NotFound", fmt.Sprintf("A %s with (name/id) %s was not found "+
		"in this key vault. If you recently deleted this %s you may be able to recover it using the correct recovery "+
		"command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
		noun, name, noun), "")
}

func disabled(noun, operation string) answer {
	// github.com/Azure/azure-sdk-for-java/issues/17991, and azure-sdk-for-python/issues/45342 for keys
	message := "Operation " + operation + " is not allowed on a disabled " + noun + "."
	return problem(http.StatusForbidden, "Forbidden", message, capital(noun)+"Disabled")
}

func capital(noun string) string { return strings.ToUpper(noun[:1]) + noun[1:] }

func throttled(fault *Fault) answer {
	// github.com/vcsjones/AzureSignTool/issues/219: there, without Retry-After.
	said := problem(http.StatusTooManyRequests, "Throttled", "Request was not processed because too many requests "+
		"were received. Reason: VaultRequestTypeLimitReached", "")
	if after := fault.retryAfter(); after != "" {
		said.header.Set("Retry-After", after)
	}
	return said
}

// forbidden refuses a caller whom the vault knows.
func (v *Vault) forbidden(kind Kind, w wish, caller token) answer {
	who := fmt.Sprintf("appid=%s;oid=%s;iss=%s", caller.text("appid"), caller.text("oid"), caller.text("iss"))
	where := v.name + ";location=westeurope"
	inner, message := "", ""
	switch kind {
	case RBAC: // github.com/piyushsachdeva/Terraform_AKS/issues/2
		inner, message = "ForbiddenByRbac", byRole(who, v.name, w)+"Vault: "+where+"\r\n"
	case Policy: // github.com/turbot/steampipe-plugin-azure/issues/127
		inner, message = "AccessDenied", fmt.Sprintf("The user, group or application '%s' does not have %ss %s "+
			"permission on key vault '%s'. For help resolving this issue, please see "+
			"https://go.microsoft.com/fwlink/?linkid=2125287", who, w.noun, w.need, where)
	case OnBehalf: // github.com/SparebankenVest/azure-key-vault-to-kubernetes/issues/232
		inner, message = "ForbiddenByPolicy", fmt.Sprintf("The policy requires the caller '%s' to use on-behalf-of "+
			"(OBO) flow. For more information on OBO, please see https://go.microsoft.com/fwlink/?linkid=2152310", who)
	case Firewall: // github.com/hashicorp/terraform-provider-azurerm/issues/20742
		inner, message = "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service."+
			"\r\nClient address: 203.0.113.7\r\nCaller: "+who+"\r\nVault: "+where
	case PrivateLink: // github.com/microsoft/multimodal-ai/issues/171
		inner, message = "ForbiddenByConnection", "Public network access is disabled and request is not from a "+
			"trusted service nor via an approved private link.\r\nCaller: "+who+"\r\nVault: "+where
	}
	return problem(http.StatusForbidden, "Forbidden", message, inner)
}

func byRole(who, vault string, w wish) string {
	action, resource := "secrets/getSecret/action", "/secrets/"+w.name
	switch {
	case w.noun == "key" && w.need == "sign":
		action, resource = "keys/sign/action", "/keys/"+w.name
	case w.noun == "key":
		action, resource = "keys/read", "/keys/"+w.name
	case w.need == "list":
		action, resource = "secrets/readMetadata/action", ""
	}
	return "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role " +
		"definitions were changed recently, please observe propagation time.\r\nCaller: " + who +
		"\r\nAction: 'Microsoft.KeyVault/vaults/" + action + "'\r\nResource: '/subscriptions/" +
		objectOf("subscription") + "/resourcegroups/contoso/providers/microsoft.keyvault/vaults/" + vault + resource +
		"'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\n"
}

// sortedNames are the names of the secrets, as lists have them.
func (v *Vault) sortedNames() []string { return slices.Sorted(maps.Keys(v.secrets)) }

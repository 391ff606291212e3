package containertest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ACR is what Azure Container Registry does with tokens,
// https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md: a token of Entra is exchanged for a refresh token
// of the registry, and that for access tokens.
type ACR struct {
	// Tenant is whose tokens it takes; those of any tenant if empty.
	Tenant string
	// Trust is asked about each token of Entra; if nil, one that has not expired and is for Azure Resource
	// Manager or for container registries is good.
	Trust func(token string) error
	// AccessFor and RefreshFor are how long the registry's tokens live; 75 minutes and 3 hours if zero.
	AccessFor, RefreshFor time.Duration
	// AccessUses and RefreshUses are how many requests a token is good for; 0 means any number.
	AccessUses, RefreshUses int
}

// nobody is the user that stands for a refresh token.
const nobody = "00000000-0000-0000-0000-000000000000"

// EntraToken is a token as Entra makes them, which [ACR] exchanges. Nobody has signed it.
func (r *Registry) EntraToken(good time.Duration) string {
	tenant := "7f3c1c52-0a7e-4f0b-9a0e-5b1f8c1d2e3f"
	if r.config.ACR != nil && r.config.ACR.Tenant != "" {
		tenant = r.config.ACR.Tenant
	}
	now := r.config.Now()
	return sign([]byte("entra"), map[string]any{
		"aud": "https://containerregistry.azure.net", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(good).Unix(),
		"appid": "9a1b0c55-6f1e-4d7a-9d13-1f6f6c0d1a11",
	})
}

// issue answers what is asked of the authorization.
func (r *Registry) issue(w http.ResponseWriter, q *http.Request, seen Request) {
	if r.issuer == nil || r.config.ACR == nil && seen.Path != "/token" || r.config.ACR != nil && seen.Path == "/token" {
		http.NotFound(w, q)
		return
	}
	if err := q.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", err.Error())
		return
	}
	switch {
	case r.config.ACR == nil:
		r.plainToken(w, q)
	case seen.Operation == "exchange":
		r.exchange(w, q)
	default:
		r.acrToken(w, q)
	}
}

// plainToken gives an access token to who knows the password,
// https://distribution.github.io/distribution/spec/auth/oauth/.
func (r *Registry) plainToken(w http.ResponseWriter, q *http.Request) {
	user, password, _ := q.BasicAuth()
	if q.Method == http.MethodPost {
		user, password = q.PostForm.Get("username"), q.PostForm.Get("password")
	}
	if !r.isUser(user, password) {
		refuse(w, http.StatusUnauthorized, errorsOf[401][0], "incorrect username or password")
		return
	}
	token := r.issuer.access(user, parseScopes(q.Form["scope"]))
	give(w, map[string]any{"token": token, "access_token": token, "expires_in": 300})
}

// exchange gives a refresh token for a token of Entra.
func (r *Registry) exchange(w http.ResponseWriter, q *http.Request) {
	form := q.PostForm
	switch grant := form.Get("grant_type"); {
	case q.Method != http.MethodPost: // https://github.com/Azure/acr/issues/166
		http.NotFound(w, q)
		return
	case grant != "access_token" && grant != "access_token_refresh_token":
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "unsupported grant_type "+grant)
		return
	case form.Get("service") != r.Host():
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "service "+form.Get("service")+" is not this registry")
		return
	}
	if problem := r.judge(form.Get("access_token"), form.Get("tenant")); problem != "" {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", problem)
		return
	}
	give(w, map[string]any{"refresh_token": r.issuer.refresh()})
}

// audiences are those of tokens that it takes.
var audiences = []string{
	"https://management.azure.com", "https://management.core.windows.net", "https://containerregistry.azure.net",
}

// judge says what is wrong with a token of Entra.
func (r *Registry) judge(token, tenant string) string {
	claims, err := claimsOf(token)
	if err != nil {
		return "the access token is none: " + err.Error()
	}
	expires, _ := claims["exp"].(float64)
	audience, _ := claims["aud"].(string)
	switch {
	case !r.config.Now().Before(time.Unix(int64(expires), 0)):
		return "the access token has expired"
	case !slices.Contains(audiences, strings.TrimSuffix(audience, "/")):
		return "the access token is for " + audience
	case r.config.ACR.Tenant != "" && claims["tid"] != r.config.ACR.Tenant:
		return "the access token is of another tenant"
	case tenant != "" && claims["tid"] != tenant:
		return "the access token is not of the tenant " + tenant
	}
	if r.config.ACR.Trust != nil {
		if err := r.config.ACR.Trust(token); err != nil {
			return err.Error()
		}
	}
	return ""
}

// acrToken gives an access token for a refresh token, or to a user with a password.
func (r *Registry) acrToken(w http.ResponseWriter, q *http.Request) {
	user, secret, _ := q.BasicAuth()
	scopes := parseScopes(q.Form["scope"])
	if q.Method == http.MethodPost {
		switch grant := q.PostForm.Get("grant_type"); {
		case grant == "refresh_token":
			user, secret = nobody, q.PostForm.Get("refresh_token")
		case grant == "password" && len(scopes) > 0: // without, see https://github.com/containerd/nerdctl/issues/737
			user, secret = q.PostForm.Get("username"), q.PostForm.Get("password")
		default:
			refuse(w, http.StatusBadRequest, "BAD_REQUEST", "unsupported grant_type "+grant)
			return
		}
	}
	if !r.isUser(user, secret) && (user != nobody || r.issuer.use(secret, "refresh_token", nil) != "") {
		refuse(w, http.StatusUnauthorized, errorsOf[401][0], errorsOf[401][1])
		return
	}
	give(w, map[string]any{"access_token": r.issuer.access(user, scopes)})
}

func give(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

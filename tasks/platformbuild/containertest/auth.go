package containertest

import (
	"fmt"
	"net/http"
	"strings"
)

// admit reports whether a request may be answered, and whose it is. If not, it has said so.
func (r *Registry) admit(w http.ResponseWriter, q *http.Request, seen Request) (user string, ok bool) {
	if seen.Operation == "token" || seen.Operation == "exchange" || r.issuer == nil && r.config.User == "" {
		return "", true
	}
	user, problem := r.identify(q, seen)
	if problem == "" {
		return user, true
	}
	r.challenge(w, q, strings.TrimSpace(problem))
	refuse(w, http.StatusUnauthorized, errorsOf[401][0], errorsOf[401][1])
	return user, false
}

// none says that there are no credentials that the registry looks at.
const none = " "

// identify says whose a request is, and what is wrong with its credentials.
func (r *Registry) identify(q *http.Request, seen Request) (user, problem string) {
	name, password, basic := q.BasicAuth()
	bearer, hasBearer := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	switch {
	case basic && r.isUser(name, password):
		return name, ""
	case basic && r.config.ACR != nil && name == nobody:
		return name, r.issuer.use(password, "refresh_token", nil)
	case hasBearer && r.issuer != nil:
		need := scopeOf(seen)
		return r.issuer.subject(bearer), r.issuer.use(bearer, "access_token", &need)
	}
	return name, none
}

func (r *Registry) isUser(name, password string) bool {
	c := r.config
	return c.User != "" && name == c.User && password == c.Password
}

// challenge says what credentials are wanted, and what was wrong with those that came,
// https://distribution.github.io/distribution/spec/auth/token/.
func (r *Registry) challenge(w http.ResponseWriter, q *http.Request, problem string) {
	if r.issuer == nil {
		if r.config.User != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="Registry Realm"`)
		}
		return
	}
	if _, _, basic := q.BasicAuth(); basic && r.config.ACR != nil { // https://github.com/Azure/acr/issues/651
		w.Header().Set("WWW-Authenticate", `Basic realm="Azure Container Registry"`)
		return
	}
	endpoint := "/token"
	if r.config.ACR != nil {
		endpoint = "/oauth2/token"
	}
	text := fmt.Sprintf(`Bearer realm="%s%s",service="%s"`, r.URL(), endpoint, r.Host())
	operation, repository := classify(q.Method, q.URL.Path)
	if need := scopeOf(Request{Operation: operation, Repository: repository}); need.Name != "" {
		text += fmt.Sprintf(`,scope="%s:%s:%s"`, need.Type, need.Name, strings.Join(need.Actions, ","))
	}
	if problem != "" {
		text += fmt.Sprintf(`,error="%s"`, problem)
	}
	w.Header().Set("WWW-Authenticate", text)
}

// scope is what a token allows, or a request needs.
type scope struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// scopeOf is what a request needs.
func scopeOf(q Request) scope {
	noun, verb, _ := strings.Cut(q.Operation, ".")
	switch {
	case q.Operation == "catalog":
		return scope{"registry", "catalog", []string{"*"}}
	case q.Repository == "":
		return scope{}
	case verb == "delete":
		return scope{"repository", q.Repository, []string{"delete"}}
	case noun == "upload" || verb == "put" || verb == "patch":
		return scope{"repository", q.Repository, []string{"pull", "push"}}
	}
	return scope{"repository", q.Repository, []string{"pull"}}
}

// parseScopes reads scopes as clients ask for them: several, in words or in parameters.
func parseScopes(values []string) (all []scope) {
	for _, value := range values {
		for word := range strings.FieldsSeq(value) {
			kind, rest, _ := strings.Cut(word, ":")
			colon := strings.LastIndex(rest, ":")
			if colon < 0 {
				continue
			}
			all = append(all, scope{kind, rest[:colon], strings.Split(rest[colon+1:], ",")})
		}
	}
	return all
}

// allows reports whether a scope covers what is needed.
func (s scope) allows(need scope) bool {
	if s.Type != need.Type || s.Name != need.Name {
		return false
	}
	for _, action := range need.Actions {
		found := false
		for _, allowed := range s.Actions {
			found = found || allowed == action || allowed == "*"
		}
		if !found {
			return false
		}
	}
	return true
}

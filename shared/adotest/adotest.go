// Package adotest is an Azure DevOps organization with one project, as an
// http.Handler: the few REST calls that tasks make, with the data of its user. What a
// call changes can be seen with [Server.Update].
//
// It is strict: it wants the job's token (as a bearer or as the password of basic
// authentication), an api-version that the call supports, the project's name or id, the
// permission for the call (see [Project]), and a body as the call wants it, and refuses
// in the words of the service otherwise. A secret's value is never sent. With
// [Server.Fail] it can fail in the ways the service and what lies before
// it do: denied, throttled, broken, a sign-in page, slow, cut in the middle.
//
// Locations, versions and bodies are those of dev.azure.com as recorded in the tests
// of Azure/azure-devops-cli-extension and described in MicrosoftDocs/vsts-rest-api-specs.
package adotest

import (
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says what a Server is.
type Config struct {
	// Organization is the first part of the path, "local" if empty.
	Organization string
	// Token is the job's token.
	Token   string
	Project Project
	// Now is the clock of the tokens that are given out, time.Now when nil.
	Now func() time.Time
}

// Server is the organization. It may be used by several goroutines.
type Server struct {
	config Config
	routes []*route
	key    keyring

	mu       sync.Mutex
	project  Project
	faults   []*planned
	requests []string
}

// New returns a Server.
func New(c Config) *Server {
	if c.Organization == "" {
		c.Organization = "local"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Server{config: c, routes: table(), project: c.Project}
}

// Update changes the project; no request is answered meanwhile.
func (s *Server) Update(change func(*Project)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.project)
}

// Requests returns the requests so far: method, space, path and query.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ours := cutPrefixFold(r.URL.Path, "/"+s.config.Organization+"/")
	if !ours {
		page(w, http.StatusNotFound, "The resource cannot be found.")
		return
	}
	found, vars := s.match(r.Method, path)
	answer := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answer(r, found, vars).write(w)
	}))
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	fault := s.fault(found.resource())
	s.mu.Unlock()
	if fault != nil {
		fault(w, r, answer)
		return
	}
	answer.ServeHTTP(w, r)
}

// answer checks what every request must have, then asks the route.
func (s *Server) answer(r *http.Request, found *route, vars map[string]string) answer {
	switch {
	case found == signIn:
		return answer{status: http.StatusOK, kind: "text/html; charset=utf-8", text: signInPage}
	case !s.authorized(r):
		return s.unauthorized(r)
	case found == unknown:
		return refuse(http.StatusNotFound, "VssResourceNotFoundException", "The resource cannot be found.")
	}
	if wrong, ok := found.checkVersion(r); !ok {
		return wrong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := vars["project"] + vars["scopeIdentifier"] // whichever the location calls it
	if ref != "" && !s.project.is(ref) {
		return refuse(http.StatusNotFound, "ProjectDoesNotExistWithNameException",
			"TF200016: The following project does not exist: "+ref+". Verify that the name of the project is "+
				"correct and that the project exists on the specified Azure DevOps Server.")
	}
	c := &call{Server: s, r: r, vars: vars, query: r.URL.Query()}
	if found.needs != "" && slices.Contains(s.project.Denied, found.needs) {
		return c.denied(found.needs)
	}
	return found.handle(c)
}

// call is a request that has passed the checks; the Server is locked.
type call struct {
	*Server
	r     *http.Request
	vars  map[string]string
	query url.Values
}

func (s *Server) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, token, ok = r.BasicAuth()
	}
	return ok && same(token, s.config.Token)
}

func same(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// unauthorized sends people to the sign-in page, and programs away. (The service sends
// some programs there, too, unless they say X-TFS-FedAuthRedirect: Suppress; for that
// there is SignIn.)
func (s *Server) unauthorized(r *http.Request) answer {
	suppressed := r.Header.Get("X-TFS-FedAuthRedirect") == "Suppress"
	if !suppressed && strings.Contains(r.Header.Get("Accept"), "text/html") {
		return answer{
			status: http.StatusFound, kind: "text/html; charset=utf-8", text: signInPage,
			header: http.Header{"Location": {"/" + s.config.Organization + "/_signin?realm=dev.azure.com"}},
		}
	}
	return answer{
		status: http.StatusUnauthorized, kind: "application/json; charset=utf-8", text: `{"count":0,"value":[]}`,
		header: http.Header{"Www-Authenticate": {
			"Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000",
			`Basic realm="https://dev.azure.com/"`, "TFS-Federated",
		}},
	}
}

// answer is what a request gets.
type answer struct {
	status int
	kind   string
	header http.Header
	text   string
	file   io.ReadCloser // instead of text
}

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	}
	w.WriteHeader(a.status)
	if a.file == nil {
		_, _ = io.WriteString(w, a.text) // the client is gone
		return
	}
	_, _ = io.Copy(w, a.file)
	_ = a.file.Close()
}

func cutPrefixFold(text, prefix string) (rest string, ok bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

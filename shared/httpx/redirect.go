package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// refusedError is a redirect that we do not follow. Trying again changes nothing.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// harmlessHeaders may follow a redirect to another host. net/http drops
// Authorization and Cookie only, keeps even those for a subdomain, and knows
// nothing of the many headers in which services take a key.
var harmlessHeaders = []string{"Accept", "Accept-Encoding", "Accept-Language", "Range", "User-Agent"}

// checkRedirect decides about following a redirect; net/http calls it.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) >= maxRedirects:
		return &refusedError{fmt.Sprintf("it was redirected %d times", maxRedirects)}
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return &refusedError{"it was redirected from https to an unprotected address, which is refused"}
	}
	// Once away, always away: another host must not choose what we ask of the
	// first one with our credentials.
	away := func(r *http.Request) bool { return r.URL.Host != first.URL.Host }
	if !away(req) && !slices.ContainsFunc(via, away) {
		return nil
	}
	if req.Body != nil && req.Body != http.NoBody {
		return &refusedError{"it was redirected to another host, which must not get the body of the request"}
	}
	for name := range req.Header {
		if !slices.Contains(harmlessHeaders, name) {
			req.Header.Del(name)
		}
	}
	return nil
}

func isRefused(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused)
}

package checkout

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Remote returns the address that dir was checked out from, without user and password,
// and the credentials that the checkout has left for it (persistCredentials), as the
// value of an Authorization header; or an empty one. They belong to that address alone.
func Remote(ctx context.Context, g *git.Git, dir string) (string, inputs.Secret, error) {
	failed := func(err error) (string, inputs.Secret, error) {
		return "", inputs.Secret{}, fmt.Errorf("reading where %s was checked out from: %w", dir, err)
	}
	p, err := locate(dir)
	if err != nil {
		return "", inputs.Secret{}, err
	}
	repo, err := g.Open(dir)
	if err != nil {
		return failed(err)
	}
	settings, err := configOf(ctx, repo, p)
	if err != nil {
		return failed(err)
	}
	origin := originOf(settings)
	if origin == "" {
		return failed(errors.New("it has no remote origin; name the repository to push to"))
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		// git@host:path, a folder: an address that nothing is sent to with a header. It is
		// the caller's to refuse; url.Parse's words would show a password.
		return withoutUser(origin), inputs.Secret{}, nil
	}
	header := persisted(settings, u)
	if password, ok := u.User.Password(); ok && header == "" && strings.HasPrefix(u.Scheme, "http") {
		header = "basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	u.User = nil
	return u.String(), inputs.NewSecret(header), nil
}

// originOf is the address of the remote origin: git takes the first that is there.
func originOf(settings []setting) string {
	for _, s := range settings {
		if s.key == "remote.origin.url" {
			return s.value
		}
	}
	return ""
}

// withoutUser cuts what may be a password from what is no address.
func withoutUser(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// persisted is the last Authorization header that is configured for an address. The agent
// writes http.<address>.extraheader (GitSourceProvider.cs), others one for the whole host;
// one for all hosts is not taken.
func persisted(settings []setting, u *url.URL) string {
	found := ""
	for _, s := range settings {
		scope, isHTTP := strings.CutPrefix(s.key, "http.")
		scope, isHeader := strings.CutSuffix(scope, ".extraheader")
		if !isHTTP || !isHeader || !covers(scope, u) {
			continue
		}
		name, value, _ := strings.Cut(s.value, ":")
		switch {
		case s.value == "": // takes back what came before
			found = ""
		case strings.EqualFold(strings.TrimSpace(name), "authorization"):
			found = strings.TrimSpace(value)
		}
	}
	return found
}

// covers reports whether an address in a configuration's key is u or a folder above.
func covers(scope string, u *url.URL) bool {
	s, err := url.Parse(scope)
	if err != nil || !strings.EqualFold(s.Scheme, u.Scheme) || !strings.EqualFold(s.Host, u.Host) || s.Host == "" {
		return false
	}
	whole, part := strings.TrimSuffix(u.EscapedPath(), "/"), strings.TrimSuffix(s.EscapedPath(), "/")
	return whole == part || strings.HasPrefix(whole, part+"/")
}

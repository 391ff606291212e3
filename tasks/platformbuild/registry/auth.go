package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// scope is what a token is for.
type scope struct {
	host, repository string
	actions          actions
}

// authorization is what a request shows.
type authorization struct {
	header string // "" for nothing
	token  bool   // given out by the registry's token server
	nobody bool   // without credentials
}

func (c *Client) known(s scope) authorization {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.allowed[s]
}

func (c *Client) remember(s scope, a authorization) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.allowed[s] = a
}

// user is who asks.
type user struct{ name, password string }

func (u user) nobody() bool { return u.name == "" && u.password == "" }

func (u user) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.name+":"+u.password))
}

func (c *Client) user(ctx context.Context, q query, fresh bool) (user, error) {
	name, password, err := c.config.Credentials(ctx, q.host, fresh)
	if err != nil {
		return user{}, &Error{
			Kind: Unauthorized, Name: q.name(), Doing: "getting credentials", Detail: c.clean(err.Error()), Err: err,
		}
	}
	c.config.add(password)
	return user{name, password}, nil
}

// add lets the secrets never be shown.
func (c Config) add(secrets ...string) {
	if c.Secrets != nil {
		c.Secrets.Add(secrets...)
	}
}

// authorize does what a challenge wants. A token is preferred: it is good for one repository and a short time.
func (c *Client) authorize(ctx context.Context, q query, all []challenge, u user) (authorization, error) {
	for _, scheme := range []string{"bearer", "basic"} {
		at := slices.IndexFunc(all, func(ch challenge) bool { return ch.scheme == scheme })
		switch {
		case at < 0:
			continue
		case scheme == "bearer":
			return c.token(ctx, q, all[at], u)
		case u.nobody():
			return authorization{nobody: true}, nil
		}
		c.config.add(strings.TrimPrefix(u.basic(), "Basic "))
		return authorization{header: u.basic()}, nil
	}
	return authorization{}, q.wrong("it wants credentials, but does not say how (Basic and Bearer are known)")
}

const maxToken = 64 << 10

// token asks the registry's token server.
func (c *Client) token(ctx context.Context, q query, ch challenge, u user) (authorization, error) {
	target, err := c.realm(q, ch.parameters["realm"], u)
	if err != nil {
		return authorization{}, err
	}
	q.doing = "getting a token from " + c.clean(target.Host)
	values := target.Query()
	if service := ch.parameters["service"]; service != "" {
		values.Set("service", service)
	}
	// What we need, not what the challenge says: the token must not be good for anything else.
	values.Set("scope", "repository:"+q.repository+":"+string(q.actions))
	target.RawQuery = values.Encode()
	ctx, cancel := context.WithTimeout(ctx, c.silence)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return authorization{}, q.wrong("the address cannot be used")
	}
	if !u.nobody() {
		req.Header.Set("Authorization", u.basic())
	}
	resp, err := c.fixed.Do(req)
	if err != nil {
		return authorization{}, c.unreachable(ctx, q, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	switch status := resp.StatusCode; {
	case status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden:
		refusal := c.refusal(q, resp)
		refusal.Kind = Unauthorized
		refusal.Hint = "check the service connection of containerRegistry: its secret may have expired"
		return authorization{}, refusal
	case status != http.StatusOK:
		return authorization{}, temporary(c.refusal(q, resp), resp.Header)
	}
	token, err := c.readToken(ctx, q, resp.Body)
	return authorization{header: "Bearer " + token, token: true, nobody: u.nobody()}, err
}

func (c *Client) readToken(ctx context.Context, q query, body io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxToken))
	if err != nil {
		return "", c.unreachable(ctx, q, err)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return "", q.wrong("the answer is no JSON")
	}
	token := answer.Token
	if token == "" {
		token = answer.AccessToken
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", q.wrong("there is no usable token in the answer")
	}
	c.config.add(token)
	return token, nil
}

// realm is the address of the token server, if the user's credentials may go there.
func (c *Client) realm(q query, text string, u user) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || target.Host == "" || target.User != nil {
		return nil, q.wrong("it names no usable address of a token server")
	}
	same := hostname(target.Host) == hostname(apiHost(q.host))
	local := isLoopback(target.Host)
	refused := "which does not belong to the registry"
	switch {
	case target.Scheme == "http" && c.scheme(q.host) == "http":
		if same || local {
			return target, nil
		}
	case target.Scheme != "https":
		refused = "which is not protected (https)"
	case same, !local && !isAddress(target.Host) && (u.nobody() || belongs(q.host, target.Host)):
		return target, nil
	}
	return nil, &Error{
		Kind: Refused, Name: q.name(), Doing: q.doing,
		Detail: "it wants the credentials to be sent to " + c.clean(target.Host) + ", " + refused,
		Hint:   "check the name of the registry in the service connection",
	}
}

// belongs reports whether a registry's credentials may be sent to a token server: to the same host, or to one of the
// same organisation's domain, as with registry.gitlab.com and gitlab.com. Below azurecr.io everybody can have a host.
func belongs(registry, server string) bool {
	registry, server = hostname(registry), hostname(server)
	if registry == "docker.io" {
		return server == "auth.docker.io"
	}
	_, parent, _ := strings.Cut(registry, ".")
	if isAzure(registry) || isAddress(registry) || !strings.Contains(parent, ".") {
		return false
	}
	return server == parent || strings.HasSuffix(server, "."+parent)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(hostname(host))
	return err == nil
}

// isAzure reports whether the registry is an Azure Container Registry by its name.
func isAzure(host string) bool {
	host = hostname(host)
	return strings.HasSuffix(host, ".azurecr.io") || strings.HasSuffix(host, ".azurecr.cn") ||
		strings.HasSuffix(host, ".azurecr.us")
}

// challenge is a way of authentication that a server offers.
type challenge struct {
	scheme     string // in lower case
	parameters map[string]string
}

// challenges reads WWW-Authenticate (RFC 9110, 11.6.1): several may stand in one line.
func challenges(h http.Header) []challenge {
	var all []challenge
	for _, line := range h.Values("Www-Authenticate") {
		for line != "" {
			var name, value string
			var isParameter bool
			name, value, isParameter, line = word(line)
			switch {
			case name == "" && !isParameter:
			case !isParameter:
				all = append(all, challenge{strings.ToLower(name), map[string]string{}})
			case len(all) > 0:
				all[len(all)-1].parameters[strings.ToLower(name)] = value
			}
		}
	}
	return all
}

// word takes a scheme or name=value from the beginning of the line.
func word(line string) (name, value string, isParameter bool, rest string) {
	line = strings.TrimLeft(line, ", \t")
	end := strings.IndexAny(line, ", \t=")
	if end < 0 {
		return line, "", false, ""
	}
	name, rest = line[:end], strings.TrimLeft(line[end:], " \t")
	if !strings.HasPrefix(rest, "=") {
		return name, "", false, rest
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, ", \t"); end < 0 {
			end = len(rest)
		}
		return name, rest[:end], true, rest[end:]
	}
	value, rest = quoted(rest[1:])
	return name, value, true, rest
}

// quoted reads up to the closing quote; a backslash takes the next character as it is.
func quoted(text string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}

package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// version is the version of the REST interface that is spoken. Newer ones change
// nothing that is used here.
const version = "2025-11-05"

// DefaultSuffix is what follows an account's name in Azure's public cloud.
const DefaultSuffix = "blob.core.windows.net"

// Credential gives tokens for the service: for the scope
// https://storage.azure.com/.default. It is asked before each request, by several
// goroutines, so it keeps a token while that is good. Its errors are shown.
type Credential interface {
	Token(ctx context.Context) (string, error)
}

// Config says where a container is, and who asks. One of SAS and Credential is
// needed.
type Config struct {
	// Account is the name of a storage account, or the address of a blob service,
	// such as https://blobs.example.org. Only this machine may be addressed without
	// https.
	Account string
	// Suffix follows an account's name; "" means DefaultSuffix.
	Suffix string
	// Container is the name of the container, which must be there.
	Container string
	// SAS is a shared access signature, with or without the address before it.
	SAS string
	// Credential gives tokens.
	Credential Credential
	// HTTP says how to reach the service. Its MaxBody does not count.
	HTTP httpx.Config
}

// asker proves who asks.
type asker struct {
	credential Credential // nil: by SAS
	ends       string     // when the SAS does, as it says itself
}

var (
	accountPattern   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerPattern = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	suffixPattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

// New returns the container of a Config. It asks nothing of the service. The error
// names everything that is wrong with the Config, without the SAS.
func New(config Config) (*Container, error) {
	base, err := config.address()
	if !containerPattern.MatchString(config.Container) || len(config.Container) < 3 || len(config.Container) > 63 {
		err = errors.Join(err, fmt.Errorf("container %.80q is not the name of a container: "+
			"3 to 63 lower-case letters, digits and single hyphens", config.Container))
	}
	sas, ends, sasErr := parseSAS(config.SAS)
	switch {
	case sasErr != nil:
		err = errors.Join(err, sasErr)
	case sas == "" && config.Credential == nil:
		err = errors.Join(err, errors.New(
			"neither a service connection nor a shared access signature is given: one is needed"))
	case sas != "" && config.Credential != nil:
		err = errors.Join(err, errors.New(
			"both a service connection and a shared access signature are given: leave one out"))
	}
	if err != nil {
		return nil, err
	}
	client := config.HTTP
	client.MaxBody = store.MaxObject
	if client.Secrets == nil {
		client.Secrets = &redact.Set{}
	}
	for part := range strings.SplitSeq(sas, "&") {
		if signature, ok := strings.CutPrefix(part, "sig="); ok {
			client.Secrets.Add(signature)
		}
	}
	return &Container{
		base: base + "/" + config.Container, query: sas, asker: asker{config.Credential, ends}, http: httpx.New(client),
		slots: make(chan struct{}, maxRequests), parts: partSize, whole: onePut, page: maxPage, random: newID,
	}, nil
}

func newID() string { return strings.ToLower(rand.Text()) }

// address returns the URL of the service, without a slash at the end.
func (c Config) address() (string, error) {
	if !strings.Contains(c.Account, "://") {
		suffix := c.Suffix
		if suffix == "" {
			suffix = DefaultSuffix
		}
		if !accountPattern.MatchString(c.Account) || !suffixPattern.MatchString(suffix) {
			return "", fmt.Errorf("storage account %.80q is neither the name of one "+
				"(3 to 24 lower-case letters and digits) nor an address such as https://name.%s",
				c.Account, DefaultSuffix)
		}
		return "https://" + c.Account + "." + suffix, nil
	}
	u, err := url.Parse(c.Account)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		// The parser's error would quote the address, in which there may be a SAS.
		return "", errors.New("the address of the storage account is not one of a blob service, " +
			"such as https://name." + DefaultSuffix)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", fmt.Errorf("storage account at %s: its address must begin with https://, "+
			"or others could read and change what goes over the network", u.Host)
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// parseSAS returns the query of a SAS, and when it ends. It may come as the portal
// shows it: with a question mark, or as the address of the container.
func parseSAS(text string) (query, ends string, err error) {
	query = strings.TrimSpace(text)
	if at := strings.IndexByte(query, '?'); at >= 0 {
		query = query[at+1:]
	}
	if query == "" && strings.TrimSpace(text) == "" {
		return "", "", nil
	}
	values, err := url.ParseQuery(query)
	unsafe := strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' || c == '"' })
	if err != nil || unsafe || values.Get("sig") == "" || values.Get("sv") == "" {
		return "", "", errors.New("the shared access signature is not one: it looks like sv=...&sig=...; " +
			"copy the SAS token again, whole and without quotes")
	}
	return query, values.Get("se"), nil
}

// request is a request about an object, or about the container if name is "".
type request struct {
	method string
	name   string
	query  string
	header http.Header
	body   []byte
}

// do makes a request. One that has a body, or wants one, waits for its turn.
func (c *Container) do(ctx context.Context, r request) (*httpx.Response, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	header := r.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Ms-Version", version)
	header.Set("X-Ms-Client-Request-Id", c.random())
	if c.asker.credential != nil {
		token, err := c.asker.credential.Token(ctx)
		if err != nil {
			return nil, &tokenError{err}
		}
		header.Set("Authorization", "Bearer "+token)
	}
	target := c.base
	if r.name != "" {
		target += "/" + r.name // of characters that need no escaping, see store.CheckName
	}
	target += "?" + strings.Trim(r.query+"&"+c.query, "&")
	return c.http.Do(ctx, httpx.Request{
		Method: r.method, URL: strings.TrimSuffix(target, "?"), Header: header, Body: r.body,
	})
}

// tokenError is a Credential's.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// isUnknownHost reports whether there is no machine of that name.
func isUnknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// Package credential hands a registry's credentials to Docker: never in a file or a variable, and always fresh. A
// private Docker configuration names our own program as the credential helper; that asks the task, which is still
// running, through a socket in a private folder.
//
// What it promises:
//   - a password goes to the host of its connection, and a token of Azure to a registry of Azure, of the same
//     cloud, and only by https;
//   - what it hands out is masked first, and is not written anywhere;
//   - the helper answers for the hosts of the connections only, and only to who has started Docker with our
//     environment;
//   - the user's own configuration is kept: its other credentials and helpers, plugins, proxies, contexts and
//     builders;
//   - errors are one line in our words, with the way out, and are an *azure.Error where the connection is to blame.
//
// It does not keep the token from a program that the build's own user runs as Docker does: Docker's plugins, for
// example.
package credential

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Source makes the credentials of one registry. It may be used by several goroutines.
type Source struct {
	host     string
	user     string
	password inputs.Secret
	exchange *exchange // instead of user and password; nil if there is none
	config   Config
}

// Config is where a source gets its answers.
type Config struct {
	HTTP  *httpx.Client
	Job   azure.Job
	Mask  func(secret string) // before anything else sees it
	Now   func() time.Time
	Debug func(string)
}

func (c *Config) mask(secrets ...string) {
	for _, secret := range secrets {
		if c.Mask != nil && secret != "" {
			c.Mask(secret)
		}
	}
}

func (c *Config) debug(format string, args ...any) {
	if c.Debug != nil {
		c.Debug(fmt.Sprintf(format, args...))
	}
}

// Of is the source for a connection of the type dockerregistry: a user and a password, or an Azure identity whose
// token is exchanged for the registry's (ACR). It asks nobody yet.
func Of(c *endpoint.Connection, config Config) (*Source, error) {
	if config.Job.Mask == nil {
		config.Job.Mask = config.Mask
	}
	if kind, _ := c.Data("registrytype"); strings.EqualFold(kind, "ACR") {
		return ofAzure(c, config)
	}
	registry, ok := c.Auth("registry")
	address := registry.Reveal()
	if !ok {
		address = c.URL
	}
	host, err := hostOf(address)
	if err != nil {
		return nil, problem(c, "the address of its registry is none: "+err.Error(),
			"correct it in the project settings; it looks like https://registry.example.com", nil)
	}
	user, hasUser := c.Auth("username")
	password, hasPassword := c.Auth("password")
	if hasUser != hasPassword { // with neither, whoever asks is anonymous
		return nil, problem(c, "it has a user name or a password, and not both", "save it again with both", nil)
	}
	return simple(host, user.Reveal(), password, config), nil
}

// simple is a source whose credentials do not change.
func simple(host, user string, password inputs.Secret, config Config) *Source {
	s := &Source{host: host, user: user, password: password, config: config}
	config.mask(password.Reveal(), basic(user, password.Reveal()))
	return s
}

// basic is what Docker and we ourselves send to registries. The agent does not know the forms of what it masks.
func basic(user, password string) string {
	if password == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// Host is the registry's host, such as contoso.azurecr.io; docker.io for Docker Hub.
func (s *Source) Host() string { return s.host }

// Get returns credentials that are good for some minutes at least; fresh leaves out what is remembered. Both are
// empty for a connection that has none.
func (s *Source) Get(ctx context.Context, fresh bool) (user, password string, err error) {
	if s.exchange == nil {
		return s.user, s.password.Reveal(), nil
	}
	token, err := s.exchange.get(ctx, fresh)
	if err != nil {
		return "", "", err
	}
	return nobody, token, nil
}

// isAnonymous reports whether there are no credentials to hand out.
func (s *Source) isAnonymous() bool { return s.exchange == nil && s.user == "" }

// problem says what is wrong with a connection.
func problem(c *endpoint.Connection, reason, fix string, err error) *azure.Error {
	return &azure.Error{Connection: c.ID, Reason: reason, Fix: fix, Err: err}
}

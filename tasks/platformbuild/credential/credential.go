// Package credential hands a registry's credentials to Docker: never in a file or a variable, and always fresh. A private Docker
// configuration names our own program as the credential helper; that asks the task, which is still running, through a
// socket in a private folder.
package credential

import (
	"context"
	"io"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
)

// Source makes the credentials of one registry.
type Source struct{}

// Config is where a source gets its answers.
type Config struct {
	HTTP  *httpx.Client
	Job   azure.Job
	Mask  func(secret string) // before anything else sees it
	Now   func() time.Time
	Debug func(string)
}

// Of is the source for a connection of the type dockerregistry: a user and a password, or an Azure identity whose token
// is exchanged for the registry's (ACR).
func Of(c *endpoint.Connection, config Config) (*Source, error) { panic("skeleton") }

// Host is the registry's host, such as contoso.azurecr.io; docker.io for Docker Hub.
func (s *Source) Host() string { panic("skeleton") }

// Get returns credentials that are good for some minutes at least; fresh leaves out what is remembered.
func (s *Source) Get(ctx context.Context, fresh bool) (user, password string, err error) {
	panic("skeleton")
}

// Docker is a private Docker configuration.
type Docker struct {
	Env []string // KEY=value for docker: DOCKER_CONFIG, BUILDX_CONFIG, PATH with our helper, the socket
}

// Serve makes a private configuration below folder from the user's own (whose other helpers, plugins, proxies and contexts stay),
// and answers our helper until close is called.
func Serve(ctx context.Context, folder string, environ []string, sources ...*Source) (d *Docker, close func(), err error) {
	panic("skeleton")
}

// Helper is our program when Docker starts it as docker-credential-guardrails; ok is false if this is not that. It belongs at the beginning of main.
func Helper(args, environ []string, stdin io.Reader, stdout io.Writer) (exit int, ok bool) {
	panic("skeleton")
}

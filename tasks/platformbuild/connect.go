package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// connect makes the registry's client, with the credentials of the service connection if there is one.
func (s *step) connect() error {
	if s.in.ContainerRegistry != "" {
		e := endpoint.New(s.env.Environ())
		c, err := e.Connection(s.in.ContainerRegistry, "containerRegistry")
		if err != nil {
			return &task.UserError{ // its words name the input
				Class: task.BadInput, Rule: "image/input", Msg: err.Error(),
				Hint: "name a service connection of the type Docker Registry that this pipeline may use",
			}
		}
		s.source, err = credential.Of(c, credential.Config{
			HTTP: s.http, Job: s.azureJob(e), Mask: s.conceal, Now: s.env.Now, Debug: s.env.Log.Debug,
		})
		var no *azure.Error
		switch {
		case errors.As(err, &no):
			return badInput("containerRegistry", fmt.Sprintf("service connection %.100q: %s", no.Connection, no.Reason),
				no.Fix)
		case err != nil:
			return badInput("containerRegistry", err.Error(), "")
		}
	}
	s.registry = registry.New(registry.Config{
		HTTP: s.http.HTTP(), Secrets: s.env.Secrets, Sleep: s.sleep,
		Credentials: func(ctx context.Context, host string, fresh bool) (user, password string, err error) {
			if s.source == nil || host != s.source.Host() {
				return "", "", nil
			}
			return s.source.Get(ctx, fresh)
		},
	})
	return nil
}

// azureJob is how this job gets tokens.
func (s *step) azureJob(e *endpoint.Env) azure.Job {
	oidc, _ := s.env.Lookup("SYSTEM_OIDCREQUESTURI")
	return azure.JobOf(e, s.http, oidc, s.conceal)
}

// target is the image to push: the repository of the input, in the registry of the connection.
func (s *step) target() (reference.Reference, error) {
	// Docker@2 writes names in lower case, too: $(Build.Repository.Name) often is not.
	name, host := strings.ToLower(strings.TrimSpace(s.in.Repository)), s.source.Host()
	if !strings.HasPrefix(name, host+"/") {
		first, _, several := strings.Cut(name, "/")
		if several && strings.ContainsAny(first, ".:") {
			return reference.Reference{}, badInput(
				"repository",
				fmt.Sprintf("it begins with another registry (%.100q) than that of containerRegistry (%.100q)", first,
					host),
				"leave the registry out, or name the connection for it",
			)
		}
		name = host + "/" + name
	}
	ref, err := reference.Parse(name)
	switch {
	case err != nil:
		return ref, badInput("repository", err.Error(), "write the image's name in lower case, such as shop/web")
	case ref.Tag != "" || ref.Digest != "":
		return ref, badInput("repository", "it has a tag or a digest", "write tags into the input tags")
	}
	return ref, nil
}

// explain turns what a registry, or the identity that asks it, says into what to do about it.
func explain(err error, doing string) error {
	var identity *azure.Error
	if errors.As(err, &identity) {
		return &task.UserError{
			Class: task.Environment, Rule: "image/connection", Err: err, Hint: identity.Fix,
			Msg: fmt.Sprintf("%s: service connection %.100q: %s", doing, identity.Connection, identity.Reason),
		}
	}
	var no *registry.Error
	if err == nil || !errors.As(err, &no) {
		return err
	}
	return &task.UserError{
		Class: task.Environment, Rule: "image/registry", Err: err, Msg: doing + ": " + no.Error(), Hint: no.Hint,
	}
}

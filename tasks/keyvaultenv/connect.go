package keyvaultenv

import (
	"errors"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/vault"
)

// connect returns the client of the vault, with the identity of the service connection.
func (s *step) connect() (*vault.Client, error) {
	config, err := s.http()
	if err != nil {
		return nil, err
	}
	e := endpoint.New(s.env.Environ())
	conn, err := e.Connection(s.in.ConnectedServiceName, "azureSubscription")
	if err != nil {
		return nil, badInput("azureSubscription", err.Error(), "name a service connection that this pipeline may use")
	}
	client := httpx.New(config)
	oidc, _ := s.env.Lookup("SYSTEM_OIDCREQUESTURI")
	credential, err := azure.New(conn, azure.JobOf(e, client, oidc, s.env.Log.SetSecret))
	if err != nil {
		return nil, connectionError(err)
	}
	got, err := vault.New(keyvault.Config{
		Name: s.in.KeyVaultName, APIVersion: s.in.APIVersion, Credential: credential, HTTP: client,
	})
	if err != nil {
		return nil, badInput("KeyVaultName", err.Error(), "write the vault's name alone, such as contoso-kv")
	}
	return got, nil
}

// http is how the agent reaches servers. What is strange about that is said once.
func (s *step) http() (httpx.Config, error) {
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	config.Secrets = s.env.Secrets
	if s.routeTold {
		return config, err
	}
	s.routeTold = true
	for _, warning := range warnings {
		s.warn("keyvault/connection", warning)
	}
	s.warnOfRoute()
	return config, err
}

// warnOfRoute names what leads this task to servers and comes from a variable of the
// pipeline, which any step before may have set.
func (s *step) warnOfRoute() {
	names, _ := s.publicVariables() // without them the audit fails
	for _, name := range names {
		switch strings.ToUpper(name) {
		case "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR":
			s.warn("keyvault/connection", "the way to the vault goes by the pipeline's variable "+name+
				"; whoever can set it sees what is sent. How to fix: configure the agent (--proxyurl, --sslcacert)")
		}
	}
}

func connectionError(err error) error {
	var e *azure.Error
	if !errors.As(err, &e) {
		return err
	}
	reason, fix, _ := strings.Cut(e.Error(), "; ")
	return &task.UserError{Class: task.Environment, Rule: "keyvault/connection", Msg: reason, Hint: fix, Err: e.Err}
}

// server is Azure DevOps, with the job's own token.
func (s *step) server() (*ado.Client, error) {
	config, err := s.http()
	if err != nil {
		return nil, err
	}
	e := endpoint.New(s.env.Environ())
	address, err := e.SystemURL()
	if err != nil {
		return nil, err
	}
	token, err := e.SystemToken()
	if err != nil {
		return nil, err
	}
	return ado.New(ado.Config{
		HTTP: httpx.New(config), Server: address, Project: s.variable("System.TeamProjectId"), Token: token,
	})
}

// jobToken is the job's own token, "" if there is none.
func (s *step) jobToken() string {
	token, err := endpoint.New(s.env.Environ()).SystemToken()
	if err != nil {
		return ""
	}
	return token.Reveal()
}

// Package azure gets tokens for Azure's services with a service connection: by
// workload identity federation, with a secret or a certificate, or as the managed
// identity of the agent's machine, in every cloud.
//
// What it promises:
//   - the identity is that of the service connection, or there is none: it never looks
//     for another one, such as a login of the Azure CLI on the agent;
//   - what it sends goes through the agent's proxy, with the agent's certificates;
//   - the job's token goes to the server that runs the job and to nobody else, also if
//     a pipeline has changed the variable with its address;
//   - a token is of the connection's tenant, whatever a service asks for;
//   - a certificate stays in memory;
//   - errors are one line, in our words, with the way out and without a secret.
package azure

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// StorageScope is the scope of a token for Azure Storage, in every cloud.
const StorageScope = "https://storage.azure.com/.default"

// patience bounds one Token, with all its attempts: where a machine has no identity,
// nobody may answer.
const patience = 90 * time.Second

// Job is what a credential needs of the job it works in.
type Job struct {
	// HTTP reaches Entra and the server.
	HTTP *httpx.Client
	// Server is the address of the organization, see endpoint.Env.SystemURL.
	Server string
	// Token is the job's own, see endpoint.Env.SystemToken. Workload identity
	// federation needs it.
	Token inputs.Secret
	// OIDC is the variable SYSTEM_OIDCREQUESTURI, as it is in the environment.
	OIDC string
	// Mask is told each token before it is used, so that it can be hidden.
	Mask func(secret string)
	// Cloud is that of a connection which names none, as those of the type dockerregistry
	// do; AzureCloud if empty.
	Cloud string
}

// JobOf returns the Job of an agent's environment. Server and Token are empty if it does
// not tell them: only some schemes need them, and say so.
func JobOf(e *endpoint.Env, client *httpx.Client, oidc string, mask func(secret string)) Job {
	job := Job{HTTP: client, OIDC: oidc, Mask: mask}
	job.Server, _ = e.SystemURL()
	job.Token, _ = e.SystemToken()
	return job
}

// Credential gets tokens. It may be used by several goroutines, and keeps a token
// while it is good. It is an azcore.TokenCredential.
type Credential struct {
	connection string
	tenant     string // that it is of; "" if it cannot be told
	source     azcore.TokenCredential
	cloud      environment
	mask       func(string)
}

// New returns the credential of a service connection. It asks nobody yet. Errors,
// also those of the methods, are *Error.
func New(c *endpoint.Connection, job Job) (*Credential, error) {
	cloud, err := cloudOf(c, cmp.Or(job.Cloud, "AzureCloud"))
	if err != nil {
		return nil, wrong(c.ID, err)
	}
	source, err := newSource(c, job, cloud)
	if err != nil {
		return nil, wrong(c.ID, err)
	}
	return &Credential{connection: c.ID, tenant: homeOf(c), source: source, cloud: cloud, mask: job.Mask}, nil
}

// ID is the id of the service connection.
func (c *Credential) ID() string { return c.connection }

// BlobSuffix is what follows the name of a storage account in the addresses of this
// cloud's Blob Storage; "" if it is not known (Azure Stack).
func (c *Credential) BlobSuffix() string { return c.cloud.blobSuffix }

// Token returns a token for a scope, such as StorageScope.
func (c *Credential) Token(ctx context.Context, scope string) (string, error) {
	token, err := c.GetToken(ctx, policy.TokenRequestOptions{
		Scopes: []string{scope}, EnableCAE: false, // nothing here could answer a claims challenge
	})
	return token.Token, err
}

// GetToken returns a token, for clients of Azure's SDK. It is of the connection's tenant:
// for another one, which a service may ask for, there is an error that is ErrTenant.
func (c *Credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := c.checkTenant(o.TenantID); err != nil {
		return azcore.AccessToken{}, err
	}
	o.TenantID = "" // the connection's own, however it is written
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen := &exchange{}
	token, err := c.source.GetToken(context.WithValue(ctx, exchangeKey{}, seen), o)
	if err != nil {
		return azcore.AccessToken{}, c.explain(ctx, err, seen)
	}
	if c.mask != nil {
		c.mask(token.Token)
	}
	return token, nil
}

// Scoped gets tokens for one scope.
type Scoped struct {
	credential *Credential
	scope      string
}

// For returns the credential for one scope.
func (c *Credential) For(scope string) Scoped { return Scoped{c, scope} }

// Token returns a token.
func (s Scoped) Token(ctx context.Context) (string, error) { return s.credential.Token(ctx, s.scope) }

// newSource returns the source of tokens that the connection's scheme asks for.
func newSource(c *endpoint.Connection, job Job, cloud environment) (azcore.TokenCredential, error) {
	switch strings.ToLower(c.Scheme) {
	case "workloadidentityfederation":
		return federated(c, job, cloud)
	case "serviceprincipal", "":
		return principal(c, job, cloud)
	case "managedserviceidentity":
		return managed(c, job)
	}
	return nil, problem("it has the scheme "+quote(c.Scheme)+", which gives no token",
		"use a connection of Azure Resource Manager with workload identity federation")
}

func options(job Job, cloud environment) azcore.ClientOptions {
	return azcore.ClientOptions{Cloud: cloud.config, Transport: transport{job.HTTP.HTTP()}}
}

func federated(c *endpoint.Connection, job Job, cloud environment) (azcore.TokenCredential, error) {
	tenant, client, err := names(c)
	if err != nil {
		return nil, err
	}
	if job.OIDC == "" {
		return nil, problem("the server gave no address for tokens of it (System.OidcRequestUri)",
			"use a server that knows workload identity federation, or a connection with a secret")
	}
	if !isOfServer(job.OIDC, job.Server) {
		return nil, problem("SYSTEM_OIDCREQUESTURI is not an address of the server that runs the job, which alone "+
			"may get the job's token", "remove the variable of this name from the pipeline")
	}
	if job.Token.Reveal() == "" {
		return nil, problem("the agent gave no token of the job",
			"add to the step  env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }")
	}
	source, err := azidentity.NewAzurePipelinesCredential(tenant, client, c.ID, job.Token.Reveal(),
		&azidentity.AzurePipelinesCredentialOptions{
			ClientOptions: options(job, cloud), DisableInstanceDiscovery: true, // the hosts are known, see environments
		})
	return source, refused(err)
}

func principal(c *endpoint.Connection, job Job, cloud environment) (azcore.TokenCredential, error) {
	tenant, client, err := names(c)
	if err != nil {
		return nil, err
	}
	if kind, _ := c.Auth("authenticationType"); strings.EqualFold(kind.Reveal(), "spnCertificate") {
		return certificate(c, job, cloud, tenant, client)
	}
	key, ok := c.Auth("servicePrincipalKey")
	if !ok {
		return nil, problem("it has no secret", "save it again with one, or convert it to workload identity federation")
	}
	source, err := azidentity.NewClientSecretCredential(tenant, client, key.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options(job, cloud), DisableInstanceDiscovery: true})
	return source, refused(err)
}

func certificate(
	c *endpoint.Connection, job Job, cloud environment, tenant, client string,
) (azcore.TokenCredential, error) {
	const fix = "save the connection again with a PEM file that holds the certificate and its key without a password"
	text, ok := c.Auth("servicePrincipalCertificate")
	if !ok {
		return nil, problem("it has no certificate", fix)
	}
	chain, key, err := azidentity.ParseCertificates([]byte(text.Reveal()), nil)
	if err != nil {
		return nil, problem("its certificate is not readable", fix)
	}
	source, err := azidentity.NewClientCertificateCredential(tenant, client, chain, key,
		&azidentity.ClientCertificateCredentialOptions{
			ClientOptions: options(job, cloud), DisableInstanceDiscovery: true,
		})
	return source, refused(err)
}

func managed(c *endpoint.Connection, job Job) (azcore.TokenCredential, error) {
	o := &azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: transport{job.HTTP.HTTP()}},
	}
	if id, ok := c.Data("msiClientId"); ok {
		o.ID = azidentity.ClientID(id)
	}
	source, err := azidentity.NewManagedIdentityCredential(o)
	if err != nil {
		return nil, errors.Join(problem("managed identities of this kind of machine are not supported",
			"use a connection with workload identity federation"), err)
	}
	return source, nil
}

// names returns who the connection's application is.
func names(c *endpoint.Connection) (tenant, client string, err error) {
	t, hasTenant := c.Auth("tenantId")
	id, hasClient := c.Auth("servicePrincipalId")
	if enabled, _ := c.Data("EnableAdfsAuthentication"); strings.EqualFold(enabled, "true") {
		t, hasTenant = inputs.NewSecret("adfs"), true
	}
	const fix = "save it again in the project settings"
	switch {
	case !hasTenant:
		return "", "", problem("it names no tenant", fix)
	case !hasClient:
		return "", "", problem("it names no application (service principal)", fix)
	}
	return t.Reveal(), id.Reveal(), nil
}

// refused turns azidentity's complaint about what it was given into ours.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(problem("its tenant, application or secret has not the right form",
		"save it again in the project settings"), err)
}

// transport is what azidentity sends requests with. It keeps what went wrong, which
// azidentity turns into text, and lets no answer fill the memory.
type transport struct{ client *http.Client }

const maxAnswer = 1 << 20

// exchange is what one call of Token has seen.
type exchange struct {
	host string // that was asked last
	err  error  // why there was no answer
}

type exchangeKey struct{}

// Do makes a request.
func (t transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req)
	if seen, ok := req.Context().Value(exchangeKey{}).(*exchange); ok {
		seen.host, seen.err = req.URL.Host, err
	}
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

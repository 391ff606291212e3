// Package keyvault speaks to an Azure Key Vault, for clients of Azure's SDK.
//
// What it promises:
//   - the token goes to the vault and to nobody else, and is one for key vaults, whatever the
//     vault says in its challenge, in links or redirects;
//   - a vault that is busy is left alone and asked again, for longer than the ten seconds in
//     which it counts requests (learn.microsoft.com, "Azure Key Vault service limits");
//   - errors are one line: what is wrong, of which object and vault, and the way out, without
//     any value.
//
// It does not know what a vault keeps: that a good answer is the one for what was asked for is
// for the caller to check.
package keyvault

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// DefaultAPIVersion is known to every cloud; what is newer adds nothing for us.
const DefaultAPIVersion = "7.4"

const (
	deadline = 3 * time.Minute
	patience = 30 * time.Second // with one request
)

// Config says which vault, and how to reach it.
type Config struct {
	Name       string // such as contoso-kv
	Suffix     string // of its address; "" for that of the connection's cloud
	Scope      string // of its tokens; "" for that of the key vaults of the connection's cloud
	APIVersion string // "" for DefaultAPIVersion
	Credential *azure.Credential
	HTTP       *httpx.Client
	// Retry is how patiently a busy vault is asked again; a zero field has a default
	// that outlasts its window.
	Retry retry.Policy
	// Deadline bounds what is done in Within; 0 is three minutes.
	Deadline time.Duration
	// Patience bounds the wait for one answer; 0 is half a minute.
	Patience time.Duration
}

// Vault is one vault. It may be used by several goroutines.
type Vault struct {
	config Config
	host   string
	source scoped
}

// Op is what somebody wants of a vault, in the words that its errors need.
type Op struct {
	Noun          string // of the object: secret or key
	Name, Version string // no name: it is about the vault; no version: the current one
	Verb, Done    string // such as read and read, or sign with and used
	Permission    string // of access policies
	Role          string // that has the permission
	Instead       string // a way without the permission, behind another one; may be empty
	Sooner        string // what makes it end sooner, behind something else; may be empty
}

var (
	// learn.microsoft.com, "Naming rules and restrictions for Azure resources", vaults.
	vaultName  = regexp.MustCompile(`^[A-Za-z](-?[0-9A-Za-z]){2,23}$`)
	suffixName = regexp.MustCompile(`^[0-9a-z-]{1,63}(\.[0-9a-z-]{1,63})+$`)
	apiVersion = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}\.[0-9]{1,2})(-preview(\.[0-9]{1,2})?)?$`)

	objectName    = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	objectVersion = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)
)

// New returns a vault. It asks nobody. Its error is an *Error, and one about the input.
func New(c Config) (*Vault, error) {
	c.Suffix = cmp.Or(c.Suffix, c.Credential.VaultSuffix())
	c.Scope = cmp.Or(c.Scope, c.Credential.VaultScope())
	c.APIVersion = cmp.Or(c.APIVersion, DefaultAPIVersion)
	c.Deadline, c.Patience = cmp.Or(c.Deadline, deadline), cmp.Or(c.Patience, patience)
	c.Retry = patient(c.Retry)
	wrong := func(reason, fix string) (*Vault, error) {
		return nil, &Error{Vault: shown(c.Name), Kind: BadName, Reason: reason, Fix: fix}
	}
	if err := Check(c.Name, c.APIVersion); err != nil {
		return nil, err
	}
	switch {
	case c.Suffix == "":
		return wrong("has no known address: the service connection does not say where its cloud has vaults",
			"save the connection again in the project settings, with the suffix of its key vaults")
	case !suffixName.MatchString(c.Suffix):
		return wrong("has an address with a suffix that is not the end of a server's name", "correct it")
	}
	return &Vault{c, strings.ToLower(c.Name) + "." + c.Suffix, scoped{c.Credential, c.Scope}}, nil
}

// Check says what is wrong with the name of a vault, or with an API version: an *Error.
func Check(name, version string) error {
	switch {
	case !vaultName.MatchString(name) || len(name) > 24:
		return &Error{
			Vault: shown(name), Kind: BadName,
			Reason: "has a name that no key vault can have (3 to 24 letters, digits and single dashes)",
			Fix:    "write the name alone, such as contoso-kv, and not its address",
		}
	case !apiVersion.MatchString(version):
		return &Error{
			Vault: shown(name), Kind: BadVersion, Reason: "knows no API version of this form",
			Fix: "write one such as " + DefaultAPIVersion,
		}
	}
	return nil
}

// URL is where the vault is.
func (v *Vault) URL() string { return "https://" + v.host }

// Credential is what the SDK's client gets its tokens from.
func (v *Vault) Credential() azcore.TokenCredential { return v.source }

// Unverified reports whether the SDK's client need not verify the resource that the vault's
// challenge names: it is held against the cloud's own then, see scoped, which is stricter, and
// right for a cloud whose resource is at another address than its vaults.
func (v *Vault) Unverified() bool { return v.source.scope != "" }

// Options are those of the SDK's client.
func (v *Vault) Options() azcore.ClientOptions {
	return azcore.ClientOptions{
		APIVersion: v.config.APIVersion,
		Transport:  newTransport(v.config.HTTP.HTTP(), v.host, v.config.Patience),
		// Not the SDK's, which gives up within the vault's window, and sleeps by itself.
		Retry:           policy.RetryOptions{MaxRetries: -1},
		PerCallPolicies: []policy.Policy{again{v}},
	}
}

// Within bounds the time for what is done with the context.
func (v *Vault) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, v.config.Deadline, errDeadline)
}

// Ask makes one request, or several of which the first one that fails ends it; with a client
// that has the vault's Options. Its error is an *Error or the context's.
func (v *Vault) Ask(ctx context.Context, op Op, do func(context.Context) error) error {
	seen := &exchange{}
	err := do(context.WithValue(ctx, exchangeKey{}, seen))
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errDeadline) {
		return cause
	}
	e := v.explain(ctx, op, err, seen)
	e.Attempts = seen.attempts
	return e
}

// Parse reads the id of an object, its address in this vault, such as
// https://contoso-kv.vault.azure.net/secrets/name/version. The version may be missing.
func (v *Vault) Parse(id, collection string) (name, version string, ok bool) {
	u, err := url.Parse(id)
	if err != nil || u.Scheme != "https" || !strings.EqualFold(u.Hostname(), v.host) {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(u.Path, "/"+collection+"/")
	if !ok {
		return "", "", false
	}
	name, version, _ = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	return name, version, objectName.MatchString(name) && (version == "" || objectVersion.MatchString(version))
}

// CheckObject refuses a name or a version that no object of a vault can have: an *Error.
func (v *Vault) CheckObject(op Op) error {
	if objectName.MatchString(op.Name) && (op.Version == "" || objectVersion.MatchString(op.Version)) {
		return nil
	}
	return v.Problem(op, BadName, "has a name or a version that no "+op.Noun+" of a key vault can have",
		"correct it: letters, digits and dashes, and 32 digits and letters from a to f")
}

// scoped is a credential for key vaults and nothing else: the vault names the resource of the
// token itself, and could otherwise ask for one that opens more than itself.
type scoped struct {
	credential azcore.TokenCredential
	scope      string // "" if it is not known
}

// GetToken returns a token.
func (s scoped) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if s.scope != "" && (len(o.Scopes) != 1 || o.Scopes[0] != s.scope) {
		return azcore.AccessToken{}, errScope
	}
	return s.credential.GetToken(ctx, o)
}

// Package vault reads secrets from an Azure Key Vault.
//
// What it promises:
//   - a value is the answer for the secret that was asked for, whole, or there is none;
//   - the token goes to the vault and to nobody else, and is one for key vaults, whatever the
//     vault says in its challenge, in links or redirects;
//   - reading what is named needs the permission Get only; List is for names;
//   - a vault that is busy is left alone and asked again, for longer than the ten seconds in
//     which it counts requests (learn.microsoft.com, "Azure Key Vault service limits");
//   - errors are one line: what is wrong, of which secret and vault, and the way out, without
//     any value.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

// DefaultAPIVersion is known to every cloud; what is newer adds nothing for readers.
const DefaultAPIVersion = "7.4"

const (
	concurrency = 8
	deadline    = 3 * time.Minute
	patience    = 30 * time.Second // with one request
	maxPages    = 4000             // of 25 names
)

// Item is what a vault says of a secret without its value. Times are zero if not set.
type Item struct {
	Name, Version      string
	Enabled            bool
	NotBefore, Expires time.Time
	ContentType        string
	Managed            bool // it belongs to a certificate
	Tags               map[string]string
}

// Secret is a secret with its value.
type Secret struct {
	Item
	Value inputs.Secret
}

// Ref names a secret; Version is "" for the current one.
type Ref struct{ Name, Version string }

// Result is the answer for one Ref: a secret or an error, which is an *Error or the context's.
type Result struct {
	Ref    Ref
	Secret Secret
	Err    error
}

// Config says which vault, and how to reach it.
type Config struct {
	Name       string // such as contoso-kv
	Suffix     string // of its address; "" for that of the connection's cloud
	APIVersion string // "" for DefaultAPIVersion
	Credential *azure.Credential
	HTTP       *httpx.Client
	// Retry is how patiently a busy vault is asked again; a zero field has a default
	// that outlasts its window.
	Retry retry.Policy
	// Deadline bounds each Get and List; 0 is three minutes.
	Deadline time.Duration
	// Patience bounds the wait for one answer; 0 is half a minute.
	Patience time.Duration
}

// Client reads one vault. It may be used by several goroutines.
type Client struct {
	config Config
	host   string
	sdk    *azsecrets.Client
}

var (
	// learn.microsoft.com, "Naming rules and restrictions for Azure resources", vaults.
	vaultName  = regexp.MustCompile(`^[A-Za-z](-?[0-9A-Za-z]){2,23}$`)
	suffixName = regexp.MustCompile(`^[0-9a-z-]{1,63}(\.[0-9a-z-]{1,63})+$`)
	apiVersion = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}\.[0-9]{1,2})(-preview(\.[0-9]{1,2})?)?$`)
)

// New returns a client. It asks nobody yet. Its error is an *Error, and one about the input.
func New(c Config) (*Client, error) {
	c.Suffix = cmp.Or(c.Suffix, c.Credential.VaultSuffix())
	c.APIVersion = cmp.Or(c.APIVersion, DefaultAPIVersion)
	c.Deadline, c.Patience = cmp.Or(c.Deadline, deadline), cmp.Or(c.Patience, patience)
	c.Retry = patient(c.Retry)
	wrong := func(kind Kind, reason, fix string) (*Client, error) {
		return nil, &Error{Vault: shown(c.Name), Kind: kind, Reason: reason, Fix: fix}
	}
	if err := Check(c.Name, c.APIVersion); err != nil {
		return nil, err
	}
	switch {
	case c.Suffix == "":
		return wrong(BadName, "has no known address: the service connection does not say where its cloud has vaults",
			"save the connection again in the project settings, with the suffix of its key vaults")
	case !suffixName.MatchString(c.Suffix):
		return wrong(BadName, "has an address with a suffix that is not the end of a server's name", "correct it")
	}
	client := &Client{config: c, host: strings.ToLower(c.Name) + "." + c.Suffix}
	if err := client.open(scoped{c.Credential, c.Credential.VaultScope()}); err != nil {
		return wrong(Malformed, "cannot be asked", "report this")
	}
	return client, nil
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

// open makes the SDK's client.
func (c *Client) open(source scoped) (err error) {
	c.sdk, err = azsecrets.NewClient("https://"+c.host, source, &azsecrets.ClientOptions{
		ClientOptions: azcore.ClientOptions{
			APIVersion: c.config.APIVersion,
			Transport:  newTransport(c.config.HTTP.HTTP(), c.host, c.config.Patience),
			// Not the SDK's, which gives up within the vault's window, and sleeps by itself.
			Retry:           policy.RetryOptions{MaxRetries: -1},
			PerCallPolicies: []policy.Policy{again{c}},
		},
		// The scope is held against the cloud's own, see scoped, which is stricter, and
		// right for a cloud whose resource is at another address than its vaults.
		DisableChallengeResourceVerification: source.scope != "",
	})
	return err
}

// Get reads the secrets that are named, and answers in their order. It needs the permission Get only.
//
// The first one is read alone: it gets the token for all of them, and if the vault itself
// cannot be read, nothing else is tried, and all have the same error.
func (c *Client) Get(ctx context.Context, refs []Ref) []Result {
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.Deadline, errDeadline)
	defer cancel()
	results := make([]Result, len(refs))
	first := map[Ref]int{} // where a secret is asked for first
	var work []int
	for i, ref := range refs {
		results[i].Ref = ref
		key := Ref{strings.ToLower(ref.Name), strings.ToLower(ref.Version)}
		if _, again := first[key]; !again {
			first[key] = i
			work = append(work, i)
		}
	}
	if len(work) > 0 {
		c.getAll(ctx, results, work)
	}
	for i, ref := range refs {
		same := results[first[Ref{strings.ToLower(ref.Name), strings.ToLower(ref.Version)}]]
		results[i].Secret, results[i].Err = same.Secret, same.Err
	}
	return results
}

func (c *Client) getAll(ctx context.Context, results []Result, work []int) {
	c.fill(ctx, &results[work[0]])
	var e *Error
	if err := results[work[0]].Err; err != nil && (!errors.As(err, &e) || e.ofVault()) {
		for _, i := range work {
			results[i].Err = err
		}
		return
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(concurrency, len(work)-1) {
		workers.Go(func() {
			for i := range next {
				c.fill(ctx, &results[i])
			}
		})
	}
	for _, i := range work[1:] {
		next <- i
	}
	close(next)
	workers.Wait()
}

// fill reads one secret.
func (c *Client) fill(ctx context.Context, r *Result) {
	if !secretName.MatchString(r.Ref.Name) || r.Ref.Version != "" && !secretVersion.MatchString(r.Ref.Version) {
		r.Err = c.problem(r.Ref, BadName, "has a name or a version that no secret of a key vault can have",
			"correct it: letters, digits and dashes, and 32 digits and letters from a to f")
		return
	}
	r.Err = c.ask(ctx, r.Ref, func(ctx context.Context) error {
		answer, err := c.sdk.GetSecret(ctx, r.Ref.Name, r.Ref.Version, nil)
		if err != nil {
			return err
		}
		r.Secret, err = c.secretOf(answer.Secret, r.Ref)
		return err
	})
}

// List names all secrets of the vault. It needs the permission List.
func (c *Client) List(ctx context.Context) ([]Item, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.Deadline, errDeadline)
	defer cancel()
	var items []Item
	pager := c.sdk.NewListSecretPropertiesPager(nil)
	for pages := 0; pager.More(); pages++ {
		if pages == maxPages {
			return nil, c.problem(Ref{}, Malformed,
				fmt.Sprintf("has a list of secrets that does not end after %d pages", pages),
				"name the secrets instead of patterns")
		}
		err := c.ask(ctx, Ref{}, func(ctx context.Context) error {
			page, err := pager.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, p := range page.Value { // none in an empty page, which need not be the last
				item, err := c.listed(p)
				if err != nil {
					return err
				}
				items = append(items, item)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

// ask makes a request. Its error is an *Error or the context's.
func (c *Client) ask(ctx context.Context, ref Ref, op func(context.Context) error) error {
	seen := &exchange{}
	err := op(context.WithValue(ctx, exchangeKey{}, seen))
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errDeadline) {
		return cause
	}
	e := c.explain(ctx, ref, err, seen)
	e.Attempts = seen.attempts
	return e
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

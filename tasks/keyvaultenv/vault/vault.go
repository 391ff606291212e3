// Package vault reads secrets from an Azure Key Vault.
//
// What it promises, besides what package keyvault does:
//   - a value is the answer for the secret that was asked for, whole, or there is none;
//   - reading what is named needs the permission Get only; List is for names.
package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
)

const (
	concurrency = 8
	maxPages    = 4000 // of 25 names
)

// Item is what a vault says of a secret without its value. Times are zero if not set.
type Item struct {
	Name, Version      string
	Enabled            bool
	NotBefore, Expires time.Time
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

// Result is the answer for one Ref: a secret or an error, which is a *keyvault.Error or the context's.
type Result struct {
	Ref    Ref
	Secret Secret
	Err    error
}

// Client reads the secrets of one vault. It may be used by several goroutines.
type Client struct {
	vault *keyvault.Vault
	sdk   *azsecrets.Client
}

// New returns a client. It asks nobody yet. Its error is a *keyvault.Error, and one about the input.
func New(c keyvault.Config) (*Client, error) {
	v, err := keyvault.New(c)
	if err != nil {
		return nil, err
	}
	sdk, err := azsecrets.NewClient(v.URL(), v.Credential(), &azsecrets.ClientOptions{
		ClientOptions: v.Options(), DisableChallengeResourceVerification: v.Unverified(),
	})
	if err != nil {
		return nil, v.Problem(keyvault.Op{}, keyvault.Malformed, "cannot be asked", "report this")
	}
	return &Client{v, sdk}, nil
}

// reading is to read a secret.
func reading(ref Ref) keyvault.Op {
	return keyvault.Op{
		Noun: "secret", Name: ref.Name, Version: ref.Version, Verb: "read", Done: "read",
		Permission: "Get", Role: "Key Vault Secrets User", Sooner: fewer,
	}
}

// listing is to list the names of all secrets.
func listing() keyvault.Op {
	return keyvault.Op{
		Noun: "secret", Verb: "list the secrets of", Done: "read", Permission: "List", Role: "Key Vault Secrets User",
		Instead: "; or name the secrets instead of patterns, which needs Get only", Sooner: fewer,
	}
}

const fewer = ", or read fewer secrets in one step"

// Get reads the secrets that are named, and answers in their order. It needs the permission Get only.
//
// The first one is read alone: it gets the token for all of them, and if the vault itself
// cannot be read, nothing else is tried, and all have the same error.
func (c *Client) Get(ctx context.Context, refs []Ref) []Result {
	ctx, cancel := c.vault.Within(ctx)
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
	var e *keyvault.Error
	if err := results[work[0]].Err; err != nil && (!errors.As(err, &e) || e.OfVault()) {
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
	op := reading(r.Ref)
	if r.Err = c.vault.CheckObject(op); r.Err != nil {
		return
	}
	r.Err = c.vault.Ask(ctx, op, func(ctx context.Context) error {
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
	ctx, cancel := c.vault.Within(ctx)
	defer cancel()
	var items []Item
	pager := c.sdk.NewListSecretPropertiesPager(nil)
	for pages := 0; pager.More(); pages++ {
		if pages == maxPages {
			return nil, c.vault.Problem(listing(), keyvault.Malformed,
				fmt.Sprintf("has a list of secrets that does not end after %d pages", pages),
				"name the secrets instead of patterns")
		}
		err := c.vault.Ask(ctx, listing(), func(ctx context.Context) error {
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

// Package vault reads secrets from an Azure Key Vault.
package vault

import (
	"context"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
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

// Client reads one vault.
type Client struct{}

// Get reads the secrets that are named, and answers in their order. It needs the permission Get only.
func (c *Client) Get(ctx context.Context, refs []Ref) []Result { return nil }

// List names all secrets of the vault. It needs the permission List.
func (c *Client) List(ctx context.Context) ([]Item, error) { return nil, nil }

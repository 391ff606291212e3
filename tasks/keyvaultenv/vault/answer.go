package vault

import (
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
)

// maxValue is more than twice what a vault keeps (25 KB, learn.microsoft.com, "About Azure
// Key Vault secrets").
const maxValue = 64 << 10

// collection is where a vault has its secrets.
const collection = "secrets"

// secretOf checks an answer: that it is whole, and for the secret that was asked for.
func (c *Client) secretOf(s azsecrets.Secret, ref Ref) (Secret, error) {
	const fix = "check what the proxy of this agent makes of requests to the vault"
	if s.Value == nil || s.Attributes == nil || s.ID == nil {
		return Secret{}, c.vault.Problem(reading(ref), keyvault.Malformed,
			"has an answer without a value, an id or attributes", fix)
	}
	name, version, ok := c.vault.Parse(string(*s.ID), collection)
	switch {
	case !ok || !strings.EqualFold(name, ref.Name) || version == "" ||
		ref.Version != "" && !strings.EqualFold(version, ref.Version):
		return Secret{}, c.vault.Problem(reading(ref), keyvault.Malformed, "has an answer that is for another secret",
			fix)
	case len(*s.Value) > maxValue:
		return Secret{}, c.vault.Problem(reading(ref), keyvault.Malformed,
			"has a value that is larger than a key vault can keep", fix)
	}
	item := itemOf(name, version, s.Attributes)
	item.Managed, item.Tags = value(s.Managed), tagsOf(s.Tags)
	return Secret{Item: item, Value: inputs.NewSecret(*s.Value)}, nil
}

// listed checks an item of a list.
func (c *Client) listed(p *azsecrets.SecretProperties) (Item, error) {
	if p != nil && p.ID != nil && p.Attributes != nil {
		if name, version, ok := c.vault.Parse(string(*p.ID), collection); ok {
			item := itemOf(name, version, p.Attributes)
			item.Managed, item.Tags = value(p.Managed), tagsOf(p.Tags)
			return item, nil
		}
	}
	return Item{}, c.vault.Problem(listing(), keyvault.Malformed, "has a list with an item that is no secret of it",
		"check what the proxy of this agent makes of requests to the vault")
}

func itemOf(name, version string, a *azsecrets.SecretAttributes) Item {
	return Item{
		Name: name, Version: version, Enabled: a.Enabled == nil || *a.Enabled,
		NotBefore: timeOf(a.NotBefore), Expires: timeOf(a.Expires),
	}
}

func timeOf(t *time.Time) time.Time { return value(t).UTC() }

func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func tagsOf(tags map[string]*string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, text := range tags {
		all[name] = value(text)
	}
	return all
}

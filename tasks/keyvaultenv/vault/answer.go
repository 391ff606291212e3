package vault

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// maxValue is more than twice what a vault keeps (25 KB, learn.microsoft.com, "About Azure
// Key Vault secrets").
const maxValue = 64 << 10

var (
	secretName    = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	secretVersion = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)
)

// secretOf checks an answer: that it is whole, and for the secret that was asked for.
func (c *Client) secretOf(s azsecrets.Secret, ref Ref) (Secret, error) {
	const fix = "check what the proxy of this agent makes of requests to the vault"
	if s.Value == nil || s.Attributes == nil || s.ID == nil {
		return Secret{}, c.problem(ref, Malformed, "has an answer without a value, an id or attributes", fix)
	}
	name, version, ok := c.parse(string(*s.ID))
	switch {
	case !ok || !strings.EqualFold(name, ref.Name) || version == "" ||
		ref.Version != "" && !strings.EqualFold(version, ref.Version):
		return Secret{}, c.problem(ref, Malformed, "has an answer that is for another secret", fix)
	case len(*s.Value) > maxValue:
		return Secret{}, c.problem(ref, Malformed, "has a value that is larger than a key vault can keep", fix)
	}
	item := itemOf(name, version, s.Attributes)
	item.ContentType, item.Managed, item.Tags = value(s.ContentType), value(s.Managed), tagsOf(s.Tags)
	return Secret{Item: item, Value: inputs.NewSecret(*s.Value)}, nil
}

// listed checks an item of a list.
func (c *Client) listed(p *azsecrets.SecretProperties) (Item, error) {
	if p != nil && p.ID != nil && p.Attributes != nil {
		if name, version, ok := c.parse(string(*p.ID)); ok {
			item := itemOf(name, version, p.Attributes)
			item.ContentType, item.Managed, item.Tags = value(p.ContentType), value(p.Managed), tagsOf(p.Tags)
			return item, nil
		}
	}
	return Item{}, c.problem(Ref{}, Malformed, "has a list with an item that is no secret of it",
		"check what the proxy of this agent makes of requests to the vault")
}

// parse reads the id of a secret: its address in this vault.
func (c *Client) parse(id string) (name, version string, ok bool) {
	u, err := url.Parse(id)
	if err != nil || u.Scheme != "https" || !strings.EqualFold(u.Hostname(), c.host) {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(u.Path, "/secrets/")
	if !ok {
		return "", "", false
	}
	name, version, _ = strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	return name, version, secretName.MatchString(name) && (version == "" || secretVersion.MatchString(version))
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

package main

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// document is the configuration as it is written, see the package's comment.
type document struct {
	Environment, Tenant      string
	Latency                  beside.Duration
	ProxyUser, ProxyPassword string
	DevOps                   string
	Identities               []string
	Clients                  []client
	Vaults                   map[string]vault
	Faults                   []faultEntry
}

type client struct {
	ID, Secret, Certificate string
	SecretExpired           bool
	Trust                   []struct{ Issuer, Subject, Audience string }
	Tenants                 []string
}

type vault struct {
	Tenant, Suffix, Resource   string
	Permissions, APIVersions   []string
	AccessPolicies, EmptyPages bool
	Secrets                    map[string]versions
	Keys                       map[string]string
}

type secret struct {
	Value, File          *string
	Version, ContentType string
	Enabled              *bool
	NotBefore, Expires   instant
	Managed, Deleted     bool
	Tags                 map[string]string
}

type faultEntry struct {
	Kind, Vault, Host, Method, Path string
	After, Times, Status            int
	Wait                            beside.Duration
	Header                          map[string]string
	Body                            string
}

// versions are those of a secret: a list, or one alone; a text is a value.
type versions []secret

// UnmarshalJSON reads any of the three.
func (v *versions) UnmarshalJSON(data []byte) error {
	var several []json.RawMessage
	if json.Unmarshal(data, &several) != nil {
		several = []json.RawMessage{data}
	}
	*v = nil
	for _, one := range several {
		var s secret
		if err := json.Unmarshal(one, &s.Value); err != nil {
			s = secret{}
			if err := beside.Strictly(one, &s); err != nil {
				return err
			}
		}
		*v = append(*v, s)
	}
	if len(*v) == 0 {
		return errors.New("a secret has at least one version")
	}
	return nil
}

// instant is a time, or a duration from now.
type instant struct {
	at    time.Time
	since time.Duration
	set   bool
}

// UnmarshalText reads either, or a date.
func (i *instant) UnmarshalText(text []byte) (err error) {
	i.set = true
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if i.at, err = time.Parse(layout, string(text)); err == nil {
			return nil
		}
	}
	if i.since, err = time.ParseDuration(string(text)); err != nil {
		return fmt.Errorf("%q is no time: want 2026-01-02, 2026-01-02T03:04:05Z or 24h", text)
	}
	return nil
}

func (i instant) from(now func() time.Time) time.Time {
	if i.set && i.at.IsZero() {
		return now().Add(i.since)
	}
	return i.at
}

// fault is a fault, and the vault that it is of, if it names one.
type fault struct {
	azuretest.Fault
	vault string
}

// readConfig reads a configuration.
func readConfig(name string, now func() time.Time) (azuretest.Config, []fault, error) {
	var d document
	if err := beside.ReadConfig(name, &d); err != nil {
		return azuretest.Config{}, nil, err
	}
	config, faults, err := d.convert(filepath.Dir(name), now)
	if err != nil {
		return azuretest.Config{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	return config, faults, nil
}

func (d document) convert(dir string, now func() time.Time) (c azuretest.Config, faults []fault, err error) {
	c = azuretest.Config{
		Environment: d.Environment, Tenant: d.Tenant, Latency: d.Latency.Duration, Identities: d.Identities,
		ProxyUser: d.ProxyUser, ProxyPassword: d.ProxyPassword, Vaults: map[string]azuretest.VaultConfig{},
	}
	if d.DevOps != "" {
		if c.DevOps, err = forward(d.DevOps); err != nil {
			return c, nil, err
		}
	}
	for i, written := range d.Clients {
		app, err := written.convert(dir)
		if err != nil {
			return c, nil, fmt.Errorf("client %d: %w", i+1, err)
		}
		c.Apps = append(c.Apps, app)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Vaults)) {
		if c.Vaults[name], err = d.Vaults[name].convert(name, dir, now); err != nil {
			return c, nil, fmt.Errorf("vault %q: %w", name, err)
		}
	}
	for i, written := range d.Faults {
		f, err := written.convert(d.Vaults)
		if err != nil {
			return c, nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
		faults = append(faults, f)
	}
	return c, faults, nil
}

// forward hands requests to a server on this machine.
func forward(address string) (http.Handler, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
		return nil, fmt.Errorf("devOps %q is no http address on this machine", address)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}, nil
}

func (c client) convert(dir string) (azuretest.App, error) {
	app := azuretest.App{ID: c.ID, Secret: c.Secret, SecretExpired: c.SecretExpired, Tenants: c.Tenants}
	if c.ID == "" {
		return app, errors.New("it has no id")
	}
	for _, t := range c.Trust {
		app.Trust = append(app.Trust, azuretest.Trust{Issuer: t.Issuer, Subject: t.Subject, Audience: t.Audience})
	}
	if c.Certificate == "" {
		return app, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, c.Certificate))
	if err != nil {
		return app, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			app.Certificate, err = x509.ParseCertificate(block.Bytes)
			return app, err
		}
	}
	return app, fmt.Errorf("%s holds no certificate in PEM", c.Certificate)
}

var (
	vaultName     = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z-]{1,22}[0-9A-Za-z]$`)
	secretName    = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	secretVersion = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func (v vault) convert(name, dir string, now func() time.Time) (azuretest.VaultConfig, error) {
	config := azuretest.VaultConfig{
		Tenant: v.Tenant, Suffix: v.Suffix, Resource: v.Resource, Permissions: v.Permissions,
		AccessPolicies: v.AccessPolicies, EmptyPages: v.EmptyPages, APIVersions: v.APIVersions,
		Secrets: map[string][]azuretest.Secret{},
	}
	if !vaultName.MatchString(name) {
		return config, errors.New("a vault cannot have this name")
	}
	for _, permission := range v.Permissions {
		if permission != "get" && permission != "list" {
			return config, fmt.Errorf("there is no permission %q here", permission)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Secrets)) {
		if !secretName.MatchString(name) {
			return config, fmt.Errorf("a secret cannot have the name %q", name)
		}
		for _, written := range v.Secrets[name] {
			s, err := written.convert(dir, now)
			if err != nil {
				return config, fmt.Errorf("secret %s: %w", name, err)
			}
			config.Secrets[name] = append(config.Secrets[name], s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Keys)) {
		if !secretName.MatchString(name) {
			return config, fmt.Errorf("a key cannot have the name %q", name)
		}
		private, err := readKey(filepath.Join(dir, v.Keys[name]))
		if err != nil {
			return config, fmt.Errorf("key %s: %w", name, err)
		}
		if config.Keys == nil {
			config.Keys = map[string][]azuretest.Key{}
		}
		config.Keys[name] = []azuretest.Key{{Private: private}}
	}
	return config, nil
}

// readKey reads a private key in PEM (PKCS #8).
func readKey(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s holds no private key in PEM (PKCS #8)", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key, nil
	case *rsa.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("%s holds a %T, which no vault has", file, key)
}

func (s secret) convert(dir string, now func() time.Time) (azuretest.Secret, error) {
	converted := azuretest.Secret{
		Version: s.Version, ContentType: s.ContentType, Disabled: s.Enabled != nil && !*s.Enabled, Managed: s.Managed,
		NotBefore: s.NotBefore.from(now), Expires: s.Expires.from(now), Deleted: s.Deleted, Tags: s.Tags,
	}
	if s.Version != "" && !secretVersion.MatchString(s.Version) {
		return converted, errors.New("a version is 32 hexadecimal digits in lower case")
	}
	if (s.Value == nil) == (s.File == nil) {
		return converted, errors.New("it needs a value or a file, and not both")
	}
	if s.Value != nil {
		converted.Value = *s.Value
		return converted, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, *s.File))
	converted.Value = string(data)
	return converted, err
}

func (f faultEntry) convert(vaults map[string]vault) (fault, error) {
	converted := fault{azuretest.Fault{
		Kind: azuretest.Kind(f.Kind), Host: f.Host, Method: f.Method, Path: f.Path, After: f.After, Times: f.Times,
		Wait: f.Wait.Duration, Status: f.Status, Body: f.Body,
	}, f.Vault}
	if _, ok := vaults[f.Vault]; f.Vault != "" && (!ok || f.Host != "") {
		return converted, fmt.Errorf("there is no vault %q, or it names a host, too", cmp.Or(f.Vault, f.Host))
	}
	for name, value := range f.Header {
		if converted.Header == nil {
			converted.Header = http.Header{}
		}
		converted.Header.Set(name, value)
	}
	return converted, converted.Check()
}

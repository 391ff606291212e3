// Package mapping reads which secrets of a vault a step wants, and under which names.
//
// A line of the input "secrets" is
//
//	ENV_NAME=secret-name[@version][#json.path][|decode][?]
//
// and an item of SecretsFilter the name of a secret, name/version, or a pattern (api-*).
package mapping

// Decode is what is done to a value before it is used.
type Decode string

// The decodings.
const (
	None    Decode = "none"
	Base64  Decode = "base64"
	PFX2PEM Decode = "pfx2pem"
)

// Want is one secret that a step wants.
type Want struct {
	// Names are the variables it becomes, at least one: one that the step has chosen, or the
	// secret's own name and its UPPER_SNAKE form.
	Names    []string
	Secret   string // name in the vault
	Version  string // "" for the current one
	Path     string // of a value inside a JSON secret, dotted; "" for all of it
	Decode   Decode // "" for the step's own
	Optional bool   // may be missing
	Origin   string // how messages call it: `secrets, line 2` or `SecretsFilter "api-*"`
}

// Plan is what to ask of a vault.
type Plan struct {
	Wants    []Want
	Patterns []string // to be held against the vault's list of names; "*" is all
}

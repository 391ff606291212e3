// Package policy writes the admission policies by which a cluster takes images from the approved registries only: for
// Gatekeeper, for Kubernetes itself (ValidatingAdmissionPolicy), for Kyverno and for Azure Policy.
//
// All of them compare the beginning of an image's name, as it is written, with places that end in a slash or another
// character that ends a name: "prodacr.azurecr.io" alone is also how prodacr.azurecr.io.evil.com begins.
//
// The files are fixed texts with few values in them, all of which are checked or quoted here.
package policy

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// Rules is what a cluster is to admit.
type Rules struct {
	Places     []string // registries, or registries with a path
	Namespaces []string // exempt, such as kube-system
	Digest     bool     // images must be pinned by digest
	Key        string   // PEM of the public key that must have signed; "" for none. Only Kyverno can check that.
	Enforce    bool     // deny, else warn and audit only
}

// File is a file to write.
type File struct {
	Name string // such as gatekeeper/template.yaml
	Text []byte
}

// Kinds of policy that can be written.
var Kinds = []string{"gatekeeper", "validatingadmissionpolicy", "kyverno", "azurepolicy"}

//go:embed files
var texts embed.FS

// name is what the objects are called.
const name = "guardrails-allowed-registries"

// Write makes the files of a kind.
func Write(kind string, r Rules) ([]File, error) {
	v, err := r.check()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "gatekeeper":
		return v.files(
			"gatekeeper/template.yaml", "gatekeeper-template.yaml",
			"gatekeeper/constraint.yaml", "gatekeeper-constraint.yaml",
			"gatekeeper/expansion.yaml", "gatekeeper-expansion.yaml"), nil
	case "validatingadmissionpolicy":
		return v.files(
			"validatingadmissionpolicy/policy.yaml", "admission-policy.yaml",
			"validatingadmissionpolicy/parameters.yaml", "admission-parameters.yaml",
			"validatingadmissionpolicy/binding.yaml", "admission-binding.yaml"), nil
	case "kyverno":
		return []File{{"kyverno/policy.yaml", []byte(v.kyverno())}}, nil
	case "azurepolicy":
		files := v.files("azurepolicy/README.md", "azurepolicy.md")
		return append(files, File{"azurepolicy/parameters.json", v.azurePolicy()}), nil
	}
	return nil, fmt.Errorf("there is no policy of the kind %.60q: write one of %s", kind, strings.Join(Kinds, ", "))
}

// values are rules that have been checked.
type values struct {
	prefixes   []string // of images: contoso.azurecr.io/, or contoso.azurecr.io/app/ and ...app: and ...app@
	places     []string // with a slash at the end
	namespaces []string
	key        string
	digest     bool
	enforce    bool
}

// namespaceForm is a label of DNS (RFC 1123).
var namespaceForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (r Rules) check() (values, error) {
	v := values{digest: r.Digest, enforce: r.Enforce, namespaces: []string{}}
	var problems []error
	for _, text := range r.Places {
		place, err := reference.Place(text)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if !slices.Contains(v.places, place) {
			v.places = append(v.places, place)
			v.prefixes = append(v.prefixes, prefixesOf(place)...)
		}
	}
	if len(r.Places) == 0 {
		problems = append(problems, errors.New("no registry is approved: name one, such as contoso.azurecr.io"))
	}
	for _, ns := range r.Namespaces {
		if !namespaceForm.MatchString(ns) {
			problems = append(problems, fmt.Errorf(
				"%.80q is no namespace: write names in full, of a-z, 0-9 and -, such as kube-system", ns))
		} else if !slices.Contains(v.namespaces, ns) {
			v.namespaces = append(v.namespaces, ns)
		}
	}
	if r.Key != "" {
		var err error
		if v.key, err = publicKey(r.Key); err != nil {
			problems = append(problems, err)
		}
	}
	return v, errors.Join(problems...)
}

// prefixesOf are what the images of a place begin with. With a path, it may be a repository itself.
func prefixesOf(place string) []string {
	whole := strings.TrimSuffix(place, "/")
	if !strings.Contains(whole, "/") {
		return []string{place}
	}
	return []string{place, whole + ":", whole + "@"}
}

// publicKey returns a key in the one form in which it is written; whatever else the text holds is left out.
func publicKey(text string) (string, error) {
	const fix = "give the PEM text that begins with -----BEGIN PUBLIC KEY-----"
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return "", errors.New("the signing key is no public key in PEM: " + fix)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return "", errors.New("the signing key is no public key: " + fix)
	}
	switch key.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey:
	default:
		return "", errors.New("the signing key is neither EC nor RSA, which are what Key Vault has: give another one")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("the signing key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

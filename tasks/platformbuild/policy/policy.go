// Package policy writes the admission policies by which a cluster takes images from the approved registries only.
package policy

// Rules is what a cluster is to admit.
type Rules struct {
	Places     []string // registries, or registries with a path
	Namespaces []string // exempt, such as kube-system
	Digest     bool     // images must be pinned by digest
	Key        string   // PEM of the public key that must have signed; "" for none
	Enforce    bool     // deny, else warn and audit only
}

// File is a file to write.
type File struct {
	Name string // such as gatekeeper/template.yaml
	Text []byte
}

// Kinds of policy that can be written.
var Kinds = []string{"gatekeeper", "validatingadmissionpolicy", "kyverno", "azurepolicy"}

// Write makes the files of a kind.
func Write(kind string, r Rules) ([]File, error) { panic("skeleton") }

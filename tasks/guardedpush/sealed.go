package guardedpush

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/document"
)

// sealed returns the values of a file that are encrypted and meant to be public: those of a
// Bitnami SealedSecret, and what SOPS writes. They look like secrets.
func sealed(name string, data []byte) map[string]bool {
	found := map[string]bool{}
	if !document.Is(name) {
		return found
	}
	file, err := document.Parse(name, data)
	if err != nil {
		return found
	}
	for _, doc := range file.Docs {
		addSOPS(doc, found)
		if text(doc, "kind") == "SealedSecret" {
			for _, value := range document.Fields(field(field(doc, "spec"), "encryptedData")) {
				if v := document.Resolve(value.Value); v.Kind == yaml.ScalarNode {
					found[v.Value] = true
				}
			}
		}
	}
	return found
}

// addSOPS adds ENC[AES256_GCM,data:...], wherever it stands.
func addSOPS(n *yaml.Node, found map[string]bool) {
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "ENC[AES256_GCM,data:") &&
		strings.HasSuffix(n.Value, "]") {
		found[n.Value] = true
	}
	for _, child := range n.Content {
		addSOPS(child, found)
	}
}

func field(n *yaml.Node, name string) *yaml.Node {
	for _, f := range document.Fields(n) {
		if f.Key.Value == name {
			return f.Value
		}
	}
	return nil
}

func text(n *yaml.Node, name string) string {
	if f := field(n, name); f != nil {
		return f.Value
	}
	return ""
}

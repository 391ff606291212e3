package lockfile

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// sriSizes are the hashes of Subresource Integrity, as npm writes them, that are
// good enough to tell a file by. SHA-1 is what registries had before 2017: it
// cannot be forged after the fact, only prepared by the one who published.
var sriSizes = map[string]int{"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}

// sri returns the hashes in an integrity such as "sha512-<base64> sha1-<base64>",
// without options. What npm would ignore, and what is not in the one form that
// npm's cache names its files by, is left out.
func sri(integrity string) []string {
	var hashes []string
	for _, field := range strings.Fields(integrity) {
		field, _, _ = strings.Cut(field, "?")
		algorithm, text, _ := strings.Cut(field, "-")
		sum, err := base64.StdEncoding.Strict().DecodeString(text)
		if size, ok := sriSizes[algorithm]; ok && err == nil && len(sum) == size {
			hashes = append(hashes, field)
		}
	}
	return hashes
}

// sriFromHex is a hash in hexadecimal as an sri; nil if it is none.
func sriFromHex(algorithm, text string) []string {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sriSizes[algorithm] {
		return nil
	}
	return []string{algorithm + "-" + base64.StdEncoding.EncodeToString(sum)}
}

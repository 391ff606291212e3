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
	for field := range strings.FieldsSeq(integrity) {
		field, _, _ = strings.Cut(field, "?")
		algorithm, text, _ := strings.Cut(field, "-")
		if size, ok := sriSizes[algorithm]; ok && sizeOfBase64(text) == size {
			hashes = append(hashes, field)
		}
	}
	return hashes
}

var strictBase64 = base64.StdEncoding.Strict()

// sizeOfBase64 is how many bytes a hash has; -1 if it is none.
func sizeOfBase64(text string) int {
	var source, sum [128]byte
	if len(text) > len(source) {
		return -1
	}
	size, err := strictBase64.Decode(sum[:], source[:copy(source[:], text)])
	if err != nil {
		return -1
	}
	return size
}

// sriFromHex is a hash in hexadecimal as an sri; nil if it is none.
func sriFromHex(algorithm, text string) []string {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sriSizes[algorithm] {
		return nil
	}
	return []string{algorithm + "-" + base64.StdEncoding.EncodeToString(sum)}
}

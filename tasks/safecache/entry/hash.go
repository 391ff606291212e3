package entry

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"io/fs"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// hasher returns the hash of some contents by an algorithm other than SHA-256.
type hasher func(algorithm crypto.Hash) []byte

func bytesHash(data []byte) hasher {
	return func(algorithm crypto.Hash) []byte {
		if algorithm == crypto.SHA512 {
			sum := sha512.Sum512(data) // what npm's lock files have: on the stack
			return sum[:]
		}
		h := algorithm.New()
		h.Write(data)
		return h.Sum(nil)
	}
}

// unmetError is a claim that a file does not fit.
type unmetError struct{ reason string }

func (e *unmetError) Error() string { return e.reason }

// checkClaim holds contents against a claim's hash.
func checkClaim(c claim.Claim, sum [sha256.Size]byte, other hasher) error {
	if c.Hash == 0 {
		return nil
	}
	if !c.Hash.Available() {
		return &unmetError{fmt.Sprintf("the lock file has a hash of a kind (%d) that this program does not have", c.Hash)}
	}
	got := sum[:]
	if c.Hash != crypto.SHA256 {
		got = other(c.Hash)
	}
	if !bytes.Equal(got, c.Sum) {
		return &unmetError{fmt.Sprintf("its %v begins with %.6x, and the lock file says %.6x", c.Hash, got, c.Sum)}
	}
	return nil
}

// hashFile reads a file once, for its SHA-256 and its claim's hash.
func hashFile(tree fs.FS, name string, c claim.Claim) ([sha256.Size]byte, hasher, error) {
	file, err := tree.Open(name)
	if err != nil {
		return [sha256.Size]byte{}, nil, err
	}
	defer file.Close() // only read from
	sum, other, _, err := hashReader(file, c)
	return sum, other, err
}

func hashReader(r io.Reader, c claim.Claim) (sum [sha256.Size]byte, other hasher, n int64, err error) {
	sha := sha256.New()
	var to io.Writer = sha
	if c.Hash != 0 && c.Hash != crypto.SHA256 && c.Hash.Available() {
		second := c.Hash.New()
		to = io.MultiWriter(sha, second)
		other = func(crypto.Hash) []byte { return second.Sum(nil) }
	}
	memory := frameMemory.Get().(*[]byte)
	defer frameMemory.Put(memory)
	// 256 KiB stays in a processor's cache between the two hashes.
	n, err = io.CopyBuffer(to, struct{ io.Reader }{r}, (*memory)[:256<<10])
	sha.Sum(sum[:0])
	return sum, other, n, err
}

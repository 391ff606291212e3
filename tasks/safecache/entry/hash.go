package entry

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	gohash "hash"
	"io"
	"io/fs"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// hasher returns the hash of some contents.
type hasher func(algorithm crypto.Hash) []byte

// bytesHash hashes what is in memory, when it is asked.
func bytesHash(data []byte) hasher {
	return func(algorithm crypto.Hash) []byte {
		switch algorithm {
		case crypto.SHA256:
			sum := sha256.Sum256(data)
			return sum[:]
		case crypto.SHA512:
			sum := sha512.Sum512(data)
			return sum[:]
		}
		h := algorithm.New()
		h.Write(data)
		return h.Sum(nil)
	}
}

// sums hash what is read piece by piece, by several algorithms at once.
type sums map[crypto.Hash]gohash.Hash

// newSums leaves out algorithms that this program does not have: see checkClaim.
func newSums(algorithms ...crypto.Hash) sums {
	s := sums{}
	for _, a := range algorithms {
		if a != 0 && a.Available() {
			s[a] = a.New()
		}
	}
	return s
}

func (s sums) Write(data []byte) (int, error) {
	for _, h := range s {
		h.Write(data) // a hash does not fail
	}
	return len(data), nil
}

func (s sums) get(algorithm crypto.Hash) []byte { return s[algorithm].Sum(nil) }

// copyFrom hashes all that r has, and returns how much that is.
func (s sums) copyFrom(r io.Reader) (int64, error) {
	memory := frameMemory.Get().(*[]byte)
	defer frameMemory.Put(memory)
	// 256 KiB stay in a processor's cache between two hashes. The struct hides every
	// other method of r, as io.Copy would prefer those to the buffer.
	return io.CopyBuffer(s, struct{ io.Reader }{r}, (*memory)[:256<<10])
}

// hashFile reads a file once, for several hashes.
func hashFile(tree fs.FS, name string, algorithms ...crypto.Hash) (hasher, error) {
	file, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read from
	s := newSums(algorithms...)
	_, err = s.copyFrom(file)
	return s.get, err
}

// unmetError is a claim that a file does not fit.
type unmetError struct{ reason string }

func (e *unmetError) Error() string { return e.reason }

// checkClaim holds contents against a claim's hash.
func checkClaim(c claim.Claim, hash hasher) error {
	if c.Hash == 0 {
		return nil
	}
	if !c.Hash.Available() {
		return &unmetError{fmt.Sprintf("the lock file has a hash of a kind that this program does not have (%d)",
			c.Hash)}
	}
	if got := hash(c.Hash); !bytes.Equal(got, c.Sum) {
		return &unmetError{fmt.Sprintf("its %v begins with %.6x, and the lock file says %.6x", c.Hash, got, c.Sum)}
	}
	return nil
}

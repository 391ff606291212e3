package leak

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
)

const (
	// rounds makes guessing weak passwords from their fingerprints slow: some ten
	// milliseconds a guess.
	rounds = 50_000
	// mostPrints bounds what that costs us.
	mostPrints = 1000
)

// fingerprints computes fingerprints, each once.
type fingerprints struct {
	key    []byte
	rounds int

	mu     sync.Mutex
	values map[string]string
}

func newFingerprints(key []byte) *fingerprints {
	return &fingerprints{key: key, rounds: rounds, values: make(map[string]string)}
}

// of returns the fingerprint of value: equal values have equal ones. It is "" beyond
// the first mostPrints values.
func (f *fingerprints) of(value string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if print, ok := f.values[value]; ok {
		return print
	}
	if len(f.values) >= mostPrints {
		return ""
	}
	sum, err := pbkdf2.Key(sha256.New, value, f.key, f.rounds, 8)
	if err != nil { // cannot be: the length is fine
		return ""
	}
	print := hex.EncodeToString(sum)
	f.values[value] = print
	return print
}

// shownFrom is the length from which the first two characters do not tell much.
const shownFrom = 8

// preview returns what a person who knows the secret recognizes it by.
func preview(value string) string {
	shown := ""
	if len(value) >= shownFrom && printable(value[0]) && printable(value[1]) {
		shown = value[:2]
	}
	return fmt.Sprintf("%s*** (%d)", shown, len(value))
}

func printable(c byte) bool { return ' ' < c && c < 0x7f }

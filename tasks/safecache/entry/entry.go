// Package entry is the form in which SafeCache keeps download caches in a store:
// packs, which hold the contents of files, and one manifest for each entry, which
// says what the entry is and where in the packs each of its files lies.
// docs/format.md describes it in full.
//
// Promises:
//   - an entry is there completely or not at all: its packs are written first, and
//     its manifest last, create-only, so that of several savers exactly one wins;
//   - nothing is saved that its [claim.Claim] does not fit ([FileError]), nor a file
//     without a claim;
//   - nothing that a store holds is believed: what is restored has the hashes that
//     the manifest and today's claims give it, and the manifest is of the key and
//     scope that were asked for, not expired, and signed where it must be. Anything
//     else is a [RejectedError], and the folder to restore to stays as it was;
//   - packs are shared between entries of one tier only, and never because an object
//     of the right name is there.
//
// It does not decide who may read or write which scope.
package entry

import (
	"errors"
	"fmt"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// Repository is the entries in a store.
type Repository struct {
	Store store.Store
	// Local keeps copies of packs in front of Store. It may be nil.
	Local store.Store
	// Keys are those that the trusted tier's manifests must be signed with, by one
	// of them. Without Keys, signatures are not looked at.
	Keys []seal.Key
	// Signer signs what is saved; nil leaves it unsigned.
	Signer *seal.Signer
	Now    func() time.Time
	// MaxAge is how old an entry may be, whatever it says itself; 0 for any age.
	MaxAge time.Duration
	// Limits bound what an entry may hold; those of archive.DefaultLimits if zero.
	Limits archive.Limits
	// Note is told of what is strange but harmless, in one line. It may be nil.
	Note func(text string)
}

func (r Repository) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(fmt.Sprintf(format, args...))
	}
}

func (r Repository) limits() archive.Limits {
	if r.Limits == (archive.Limits{}) {
		return archive.DefaultLimits()
	}
	return r.Limits
}

// Entry is an entry that was found: its manifest was read and checked, and nothing
// of its contents.
type Entry struct {
	Name     string // of the object that holds the manifest
	Manifest Manifest
	KeyID    string // of the key in Repository.Keys that it is signed with; empty if none
	checked  bool
}

// Kind says what a rejected entry is rejected for.
type Kind string

// Kinds of rejection.
const (
	KindTampered  Kind = "tampered"  // it is not what anybody saved
	KindSignature Kind = "signature" // nobody who is trusted has signed it
	KindScope     Kind = "scope"     // it is of another pipeline, tier or branch
	KindKey       Kind = "key"       // it is of another key
	KindExpired   Kind = "expired"   // it is too old, or from the future
	KindMissing   Kind = "missing"   // a part of it is not there
	KindClaim     Kind = "claim"     // it does not fit today's lock files
	KindLimits    Kind = "limits"    // it holds more than is allowed
)

// RejectedError is an entry that must not be used.
type RejectedError struct {
	Entry  string // name of the object that is wrong; deleting it helps
	Kind   Kind
	Reason string
}

// Error says which object, and what is wrong with it.
func (e *RejectedError) Error() string { return fmt.Sprintf("%s: %s", e.Entry, e.Reason) }

func rejected(name string, kind Kind, format string, args ...any) *RejectedError {
	return &RejectedError{name, kind, fmt.Sprintf(format, args...)}
}

// ExistsError says that there is an entry for the key already.
type ExistsError struct {
	Name     string // of the object that holds its manifest
	Manifest Manifest
	// SameContent tells whether it holds the same files. If not, either what the key
	// is made from does not determine what is downloaded, or somebody tampers.
	SameContent bool
}

// Error says who saved it.
func (e *ExistsError) Error() string {
	if e.SameContent {
		return "already saved by " + e.Manifest.Producer.String()
	}
	return "already saved, with different contents, by " + e.Manifest.Producer.String()
}

// FileError is a file of a download cache that is not what the lock files say: the
// cache itself is damaged or poisoned.
type FileError struct {
	Path   string
	Reason string
}

// Error names the file and the reason.
func (e *FileError) Error() string { return fmt.Sprintf("%q: %s", e.Path, e.Reason) }

// isRejected reports whether err is a rejection, and not trouble with the store.
func isRejected(err error) bool {
	var r *RejectedError
	return errors.As(err, &r)
}

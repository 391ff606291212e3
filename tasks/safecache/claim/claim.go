// Package claim is what a lock file says about one file of a download cache.
//
// It promises nothing itself: ecosystems make claims from lock files, and the
// entry format holds every file against its claim, when it is saved and again
// when it is restored. A file without a claim is never stored.
package claim

import (
	"bytes"
	"crypto"
	_ "crypto/sha1"   // what old lock files have
	_ "crypto/sha256" // pip, Cargo
	_ "crypto/sha512" // npm, Yarn, NuGet
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Claim is a statement about a file's contents.
type Claim struct {
	// ID is the statement as the lock file words it, such as "sha512-..." or
	// "h1:...". Equal IDs mean equal contents. Empty: the lock file says only that
	// the file belongs to the cache, not what is in it.
	ID string
	// Hash is the algorithm of Sum, over the file's bytes; 0 if only Deep can tell.
	Hash crypto.Hash
	Sum  []byte
	// Deep checks what no hash of the whole file can, such as the contents of a
	// module's zip. It is asked when the file is in place in tree, beside the other
	// files of the cache; path is the file's. nil if Hash tells all. Its error is one
	// line that can be shown: what was expected and what was found.
	Deep func(tree fs.FS, path string) error
	// Maybe is true where the path does not tell whether the lock file names the file
	// (pip's cache names files by a hash of their address). Deep tells then: with
	// [ErrNotNamed], the file is one without a claim, and neither saved nor restored;
	// any other error is of a file that is named and wrong.
	Maybe bool
}

// ErrNotNamed is what the error of a Deep wraps if the file's contents show that no
// lock file names it.
var ErrNotNamed = errors.New("no lock file names it")

// Set says which files of a download cache the lock files name: the claim about
// the file with this slash-separated path below the cache folder, and false if
// the lock files do not name it. A Set can be called by several goroutines.
type Set func(path string) (Claim, bool)

// Check holds the file at path in tree against the claim. The error is one line
// that can be shown, or the file system's.
func (c Claim) Check(tree fs.FS, path string) error {
	if c.Hash != 0 {
		if !c.Hash.Available() {
			return fmt.Errorf("its hash (%v) is of a kind that this program does not have", c.Hash)
		}
		f, err := tree.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() // only read from
		sum := c.Hash.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		if got := sum.Sum(nil); !bytes.Equal(got, c.Sum) {
			return fmt.Errorf("its %v begins with %.12x, and the lock file says %.12x", c.Hash, got, c.Sum)
		}
	}
	if c.Deep != nil {
		return c.Deep(tree, path)
	}
	return nil
}

package checkout

import (
	"crypto/sha1" // the names that git gives to objects
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// pointer is what a commit holds of a file of Git LFS, in the format of its specification
// (github.com/git-lfs/git-lfs, docs/spec.md).
type pointer struct {
	data  []byte
	id    git.ID
	mode  string
	large string // the file with the content; "" if it is not here
}

// maxPointerFile is the largest file that Git LFS takes for a pointer.
const maxPointerFile = 1024

var pointerText = regexp.MustCompile(
	`^version https://git-lfs\.github\.com/spec/v1\n(?:ext-[0-9]-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n?$`)

// pointer returns what a commit would hold of a file with filter=lfs. Where it would hold
// what the index has, the ids are the same.
func (r *reader) pointer(c change) (pointer, error) {
	name := r.full(c.path)
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errRestless
	}
	if err != nil {
		return pointer{}, fmt.Errorf("reading %s: %w", show(c.path), err)
	}
	p, found, err := r.readPointer(name, info.Size())
	if err == nil && !found {
		p, err = makePointer(name, info.Size(), c)
	}
	if err != nil {
		return p, fmt.Errorf("reading %s: %w", show(c.path), err)
	}
	if p.mode = c.mode; p.mode == "" {
		p.mode = "100644"
		if info.Mode()&0o111 != 0 {
			p.mode = "100755"
		}
	}
	return p, nil
}

// readPointer reads a file that is a pointer itself, as where Git LFS is told not to
// replace them. An empty file is its own pointer.
func (r *reader) readPointer(name string, size int64) (pointer, bool, error) {
	if size > maxPointerFile {
		return pointer{}, false, nil
	}
	data, err := readSmall(name, maxPointerFile)
	if err != nil {
		return pointer{}, false, err
	}
	p := pointer{data: data, id: blobID(data)}
	oid, _, found := parsePointer(data)
	if found {
		p.large = r.stored(oid)
	}
	return p, found || len(data) == 0, nil
}

// parsePointer returns the name and the size of the content that a pointer stands for.
func parsePointer(data []byte) (oid string, size int64, ok bool) {
	found := pointerText.FindSubmatch(data)
	if found == nil {
		return "", 0, false
	}
	size, err := strconv.ParseInt(string(found[2]), 10, 64)
	return string(found[1]), size, err == nil
}

// makePointer makes the pointer of a file.
func makePointer(name string, size int64, c change) (pointer, error) {
	raw, oid, err := digest(name, size)
	if err != nil {
		return pointer{}, err
	}
	if raw == c.index.id && !c.staged {
		return pointer{id: raw}, nil // it never was a pointer, and has not changed
	}
	data := fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
	return pointer{data: data, id: blobID(data), large: name}, nil
}

// stored is where Git LFS keeps a content that it has here; "" if it has not.
func (r *reader) stored(oid string) string {
	name := filepath.Join(r.place.common, "lfs", "objects", oid[:2], oid[2:4], oid)
	if !isRegular(name) {
		return ""
	}
	return name
}

// digest reads a file once, for its names in git and in Git LFS.
func digest(name string, size int64) (raw git.ID, oid string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	blob, content := sha1.New(), sha256.New()
	fmt.Fprintf(blob, "blob %d\x00", size)
	n, err := io.Copy(io.MultiWriter(blob, content), f)
	if err == nil && n != size {
		err = errRestless
	}
	return git.ID(hex.EncodeToString(blob.Sum(nil))), hex.EncodeToString(content.Sum(nil)), err
}

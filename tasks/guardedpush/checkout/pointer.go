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
	p := pointer{mode: c.mode}
	if c.mode == deleted {
		return pointer{mode: deleted, id: none}, nil
	}
	name := r.full(c.path)
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return p, fmt.Errorf("reading %s: it was changed while it was read; let no other step run beside this one", show(c.path))
	}
	if p.mode == "" {
		p.mode = "100644"
		if info.Mode()&0o111 != 0 {
			p.mode = "100755"
		}
	}
	if info.Size() <= maxPointerFile {
		data, err := readSmall(name, maxPointerFile)
		if err != nil {
			return p, fmt.Errorf("reading %s: %w", show(c.path), err)
		}
		// An empty file is its own pointer.
		if found := pointerText.FindSubmatch(data); found != nil || len(data) == 0 {
			p.data, p.id = data, blobID(data)
			if found != nil {
				p.large = r.stored(string(found[1]))
			}
			return p, nil
		}
	}
	raw, oid, size, err := digest(name, info.Size())
	if err != nil {
		return p, fmt.Errorf("reading %s: %w", show(c.path), err)
	}
	if raw == c.index.id && !c.staged {
		p.id = raw // it never was a pointer, and has not changed
		return p, nil
	}
	p.data = fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
	p.id, p.large = blobID(p.data), name
	return p, nil
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
func digest(name string, size int64) (raw git.ID, oid string, n int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", "", 0, err
	}
	defer f.Close()
	blob, content := sha1.New(), sha256.New()
	fmt.Fprintf(blob, "blob %d\x00", size)
	if n, err = io.Copy(io.MultiWriter(blob, content), f); err != nil {
		return "", "", 0, err
	}
	if n != size {
		return "", "", 0, fmt.Errorf("its size changed while it was read; let no other step run beside this one")
	}
	return git.ID(hex.EncodeToString(blob.Sum(nil))), hex.EncodeToString(content.Sum(nil)), n, nil
}

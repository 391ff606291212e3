// Package checkout reads what the steps of a job have changed in a checkout.
//
// What it promises:
//   - nothing is written into the checkout: not to its files, its index, its objects or
//     its configuration, not even a time. git works in a repository of our own that
//     borrows the objects, with a copy of the index;
//   - nothing of the checkout runs: of its configuration only keys count that say how
//     files are written down (line ends, modes, links), see [Read];
//   - what it returns is what a commit would hold, checked by the object's name. What git
//     could only make with a program of somebody else's (a clean filter, as git-crypt has)
//     is refused: the file would be committed as it lies there, unencrypted.
//
// What would not be committed, but is on the disk, is told by [Differing].
//
// Large files (filter=lfs) become pointers; [Upload] brings their contents to the server.
package checkout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// Folder is a checkout to be looked at.
type Folder struct {
	Dir     string // the checkout's root, where .git is
	Scratch string // a folder for our own files; it is made if it is not there
	// Home is the user's, for the line ends that git was told there to write; may be empty.
	Home string
	// Want tells the files that are asked for; nil is all.
	Want func(path string) bool
	// Needed tells, for [Differing], what may not be missing in a sparse checkout either;
	// nil is none.
	Needed func(path string) bool

	strict bool // what git was told here not to see counts, see [Differing]
}

// Changes is what differs from the commit that is checked out.
type Changes struct {
	Base   git.ID // that commit
	Files  []File // those that are wanted, by path
	Others []string
	// Nested are untracked folders that are repositories of their own. git would commit
	// them as submodules that nobody can fetch, so they are left out.
	Nested []string
	// Store is where the repository says that its large files are kept; "" is beside it.
	Store string
}

// File is a changed file.
type File struct {
	// Change has Data as a commit would hold it (line ends, links and pointers as git has
	// them); a submodule has an ID instead.
	git.Change
	Before     git.ID // the file in Base; "" if it is new
	BeforeMode string
	// Large is the file on the disk whose content belongs to the pointer in Data, see
	// [Upload]; "" if the file is none of Git LFS, or the content is not here.
	Large string
}

// maxFile and maxTotal bound what is read, and so what one push can bring.
const (
	maxFile  = 64 << 20
	maxTotal = 64 << 20
)

// Read returns what differs from the checked-out commit: in the index, in the files, and
// files that are new and not ignored. Of the configuration count, from the system's, the
// user's and the repository's own file, without what they include: core.autocrlf, eol,
// fileMode, symlinks, ignoreCase, precomposeUnicode, longPaths, trustctime, checkStat and
// those of a sparse checkout. Where even the index is sparse (index.sparse), git renews the
// time of a pack when it reads that.
func Read(ctx context.Context, g *git.Git, f Folder) (Changes, error) {
	r, err := open(ctx, g, f)
	if err != nil {
		return Changes{}, err
	}
	return r.read(ctx)
}

// reader looks at one checkout.
type reader struct {
	Folder
	place place
	repo  *shadowRepo
	base  git.ID
	total int64 // bytes read
}

// open makes what looks at one checkout.
func open(ctx context.Context, g *git.Git, f Folder) (*reader, error) {
	for _, dir := range []*string{&f.Dir, &f.Scratch} {
		full, err := filepath.Abs(*dir)
		if err != nil {
			return nil, err
		}
		*dir = full
	}
	place, err := locate(f.Dir)
	if err != nil {
		return nil, err
	}
	base, err := headOf(ctx, g, f.Dir)
	if err != nil {
		return nil, err
	}
	repo, err := shadow(ctx, g, f, place, base)
	if err != nil {
		return nil, err
	}
	return &reader{Folder: f, place: place, repo: repo, base: base}, nil
}

func (r *reader) wanted(path string) bool { return r.Want == nil || r.Want(path) }

// full is a file's name on the disk.
func (r *reader) full(path string) string { return filepath.Join(r.Dir, filepath.FromSlash(path)) }

func (r *reader) read(ctx context.Context) (Changes, error) {
	found := Changes{Base: r.base}
	sorted, err := r.look(ctx)
	if err != nil {
		return found, err
	}
	found.Nested, found.Others = sorted.nested, sorted.others
	if err := r.note(ctx, sorted); err != nil {
		return found, err
	}
	if found.Files, err = r.files(ctx, sorted); err != nil || len(sorted.pointers) == 0 {
		return found, err
	}
	found.Store, err = r.store(ctx)
	return found, err
}

// look finds what has changed, and what has to be done to know what a commit would hold.
func (r *reader) look(ctx context.Context) (sorted, error) {
	list, err := r.status(ctx)
	if err != nil {
		return sorted{}, err
	}
	filters, err := r.filters(ctx, list.changed)
	if err != nil {
		return sorted{}, err
	}
	s, err := r.sort(ctx, list.changed, filters)
	s.nested = list.nested
	return s, err
}

// show is a name for an error, however odd or long it is.
func show(path string) string { return fmt.Sprintf("%.100q", path) }

// isRegular reports whether name is a file, and not a pipe that would never end.
func isRegular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

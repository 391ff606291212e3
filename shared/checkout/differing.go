package checkout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// Differing returns the paths of what is wanted and not on the disk as the checked-out
// commit has it, for who takes the files from there. Beyond what [Read] finds:
//   - what this checkout's git was told not to look at (assume-unchanged, skip-worktree,
//     .git/info/exclude and attributes) counts. What is not on the disk in a sparse
//     checkout does not, unless it is needed;
//   - the files of submodules count, and theirs in turn. Those that are not checked out
//     do not;
//   - a folder counts as a whole, by the files in it that are wanted, if it is a
//     repository of its own or a submodule at another commit than the recorded one.
func Differing(ctx context.Context, g *git.Git, f Folder) ([]string, error) {
	f.strict = true
	d := &differ{git: g, top: f}
	if err := d.checkout(ctx, f, nil); err != nil {
		return nil, err
	}
	slices.Sort(d.found)
	return d.found, nil
}

// differ looks at a checkout and its submodules.
type differ struct {
	git   *git.Git
	top   Folder
	count int // of the submodules that were looked at
	found []string
}

// parents are the submodules on the way to one that is looked at.
type parents []string

// maxParents is deeper than anybody nests submodules.
const maxParents = 10

func (p parents) path(name string) string { return path.Join(append(slices.Clone(p), name)...) }

func (d *differ) wanted(path string) bool { return d.top.Want == nil || d.top.Want(path) }

func (d *differ) checkout(ctx context.Context, f Folder, above parents) error {
	f.Want = func(string) bool { return false } // no content is to be read
	r, err := open(ctx, d.git, f)
	if err != nil {
		return err
	}
	links, err := r.unhide(ctx, above)
	if err != nil {
		return err
	}
	s, err := r.look(ctx)
	if err != nil {
		return err
	}
	for _, name := range s.others {
		if full := above.path(name); links[name] {
			d.whole(full)
		} else if d.wanted(full) {
			d.found = append(d.found, full)
		}
		delete(links, name)
	}
	for _, name := range s.nested {
		d.whole(above.path(name))
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		err := d.submodule(ctx, r, name, above)
		switch full := above.path(name); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && d.matters(full):
			return fmt.Errorf("submodule %s: %w", show(full), err)
		}
	}
	return nil
}

// submodule looks at one that is at its commit as far as git status can tell.
func (d *differ) submodule(ctx context.Context, r *reader, name string, above parents) error {
	dir := r.full(name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // out of a sparse checkout: git status tells of one that is gone
	}
	if err != nil || len(entries) == 0 {
		return err // empty: it is not checked out
	}
	if len(above) == maxParents {
		return fmt.Errorf("it is in %d others, one in the other, which is more than are looked at", maxParents)
	}
	if _, err := os.Lstat(filepath.Join(dir, ".git")); errors.Is(err, fs.ErrNotExist) {
		d.whole(above.path(name)) // git would look at nothing here
		return nil
	}
	p, err := locate(dir)
	if err != nil {
		return err
	}
	if !r.place.keeps(p, dir) {
		return errors.New("what is .git in it leads to a repository elsewhere; check it out anew (submodules: true " +
			"of the checkout step, or git submodule update --init)")
	}
	d.count++
	f := d.top
	f.Dir, f.Scratch = dir, filepath.Join(f.Scratch, "submodule-"+strconv.Itoa(d.count))
	return d.checkout(ctx, f, append(slices.Clone(above), name))
}

// keeps reports whether the repository of a submodule in dir is where git puts it: in
// that of the checkout around it, or in the submodule itself.
func (p place) keeps(sub place, dir string) bool {
	for _, at := range []string{sub.dir, sub.common} {
		if !slices.ContainsFunc([]string{p.common, dir}, func(in string) bool { return isWithin(in, at) }) {
			return false
		}
	}
	return true
}

// isWithin reports whether a folder is really in another, whatever links there are.
func isWithin(in, dir string) bool {
	in, inErr := filepath.EvalSymlinks(in)
	dir, err := filepath.EvalSymlinks(dir)
	if inErr != nil || err != nil {
		return false
	}
	_, err = safepath.Rel(in, dir)
	return err == nil
}

// whole adds a folder of which nothing is known to be as a commit has it.
func (d *differ) whole(path string) {
	if d.matters(path) {
		d.found = append(d.found, path)
	}
}

// matters reports whether a folder or a file in it is wanted. Links are not followed out
// of the checkout, and what cannot be read is nothing that could be taken.
func (d *differ) matters(path string) bool {
	if d.wanted(path) {
		return true
	}
	root, err := os.OpenRoot(d.top.Dir)
	if err != nil {
		return false
	}
	defer root.Close()
	found := false
	_ = fs.WalkDir(root.FS(), path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && d.wanted(name) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// unhide lets git look again at what it was told not to, and returns the submodules.
func (r *reader) unhide(ctx context.Context, above parents) (map[string]bool, error) {
	out, err := r.repo.RunLong(ctx, nil, "ls-files", "-v", "-s", "-z")
	if err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", r.Dir, err)
	}
	links := map[string]bool{}
	assumed, skipped := &strings.Builder{}, &strings.Builder{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry == "" {
			continue
		}
		head, name, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(head) // such as H 100644 <ID> 0
		if len(fields) != 4 || name == "" {
			return nil, errors.New("git ls-files has printed something else than expected")
		}
		if fields[1] == submodule {
			links[name] = true
		}
		if fields[0] != strings.ToUpper(fields[0]) {
			assumed.WriteString(name + "\x00")
		}
		if strings.EqualFold(fields[0], "S") && !r.leftOut(name, above) {
			skipped.WriteString(name + "\x00")
		}
	}
	if err := r.update(ctx, assumed.String(), "--no-assume-unchanged", "--stdin"); err != nil {
		return nil, err
	}
	return links, r.update(ctx, skipped.String(), "--no-skip-worktree", "--stdin")
}

// leftOut reports whether a file is not there as it need not be, in a sparse checkout.
func (r *reader) leftOut(name string, above parents) bool {
	_, err := os.Lstat(r.full(name))
	return errors.Is(err, fs.ErrNotExist) && r.repo.sparse && !(r.Needed != nil && r.Needed(above.path(name)))
}

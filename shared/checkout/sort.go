package checkout

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// sorted is the changes, by what has to be done to know what a commit would hold.
type sorted struct {
	hash     []change // git says what it would hold
	gone     []change
	pointers map[string]pointer // files of Git LFS
	staged   map[string]side    // as the index has them: nothing is to be done
	index    map[string]side    // what the index had at first
	filtered []change           // staged through a filter, which has to be seen
	others   []string
	nested   []string
}

// lfs is the filter whose work is done here; see pointer.
const lfs = "lfs"

// sort tells apart what has to be done. A file that is not wanted is never refused.
func (r *reader) sort(ctx context.Context, all []change, filters map[string]string) (sorted, error) {
	s := sorted{pointers: map[string]pointer{}, staged: map[string]side{}, index: map[string]side{}}
	dirty, err := r.dirty(ctx, filters)
	if err != nil {
		return s, err
	}
	for _, c := range all {
		filter := filters[c.path]
		var p pointer
		if filter == lfs {
			if p, err = r.pointer(c); err != nil {
				return s, err
			}
			c.unstaged = p.id != c.index.id || p.mode != c.index.mode
		} else if filter != "" && !c.untracked {
			c.unstaged = dirty[c.path]
		}
		if !c.staged && !c.unstaged {
			continue
		}
		if !r.wanted(c.path) {
			s.others = append(s.others, c.path)
			continue
		}
		if err := r.refuse(c, filter); err != nil {
			return s, err
		}
		s.add(c, filter, p)
	}
	return s, nil
}

func (s *sorted) add(c change, filter string, p pointer) {
	s.index[c.path] = c.index
	switch {
	case filter == lfs:
		s.pointers[c.path] = p
	case c.unstaged && c.mode == deleted:
		s.gone = append(s.gone, c)
	case c.unstaged:
		s.hash = append(s.hash, c)
	default:
		s.staged[c.path] = c.index
		if filter != "" {
			s.filtered = append(s.filtered, c)
		}
	}
}

// refuse says why a wanted file cannot be read as a commit would hold it.
func (r *reader) refuse(c change, filter string) error {
	if c.mode == deleted || c.mode == submodule || filter == lfs {
		return nil
	}
	if filter != "" && c.unstaged {
		return fmt.Errorf("%s goes through the filter %.40q, which is not run here: it would be committed as it lies "+
			"there, perhaps unencrypted; stage it (git add) in the step that changes it, or leave it out",
			show(c.path), filter)
	}
	info, err := os.Lstat(r.full(c.path))
	if err != nil {
		return nil // staged, and gone since; or git will say so
	}
	if info.Mode().IsRegular() {
		r.total += info.Size()
	}
	if info.Size() > maxFile && info.Mode().IsRegular() || r.total > maxTotal {
		return fmt.Errorf("%s makes it more than %d MiB in one push; leave it out, put it into .gitignore, "+
			"or keep it with Git LFS", show(c.path), maxTotal>>20)
	}
	return nil
}

// dirty tells which files with a filter differ from the index by size and times. To
// compare what they hold takes the filter. git compares anyway where a file was written
// in the same moment as the index, as all are after a quick checkout; so it is shown an
// index that is younger.
func (r *reader) dirty(ctx context.Context, filters map[string]string) (map[string]bool, error) {
	needed := false
	for _, filter := range filters {
		needed = needed || filter != lfs
	}
	if !needed {
		return nil, nil
	}
	later := r.repo.written.AddDate(1, 0, 0)
	if err := os.Chtimes(r.repo.index(), later, later); err != nil {
		return nil, err
	}
	out, err := r.repo.RunLong(ctx, nil, "diff-files", "-z", "--name-only", "--ignore-submodules=all")
	if err != nil {
		return nil, fmt.Errorf("looking for changed files in %s: %w", r.Dir, err)
	}
	found := map[string]bool{}
	for _, path := range strings.Split(string(out), "\x00") {
		found[path] = true
	}
	return found, r.repo.date()
}

// note puts what is on the disk into the index of the shadow, but no object anywhere.
func (r *reader) note(ctx context.Context, s sorted) error {
	entries := &strings.Builder{}
	for _, c := range s.gone {
		fmt.Fprintf(entries, "0 %s\t%s\x00", none, c.path)
	}
	for path, p := range s.pointers {
		fmt.Fprintf(entries, "%s %s\t%s\x00", p.mode, p.id, path)
	}
	if err := r.update(ctx, entries.String(), "--index-info"); err != nil {
		return err
	}
	names, tracked := &strings.Builder{}, &strings.Builder{}
	for _, c := range s.hash {
		names.WriteString(c.path + "\x00")
		if !c.untracked {
			tracked.WriteString(c.path + "\x00")
		}
	}
	if r.repo.sparse {
		// git status sees that a file is there although it is not meant to be;
		// git update-index would take it for deleted.
		if err := r.update(ctx, tracked.String(), "--no-skip-worktree", "--stdin"); err != nil {
			return err
		}
	}
	return r.update(ctx, names.String(), "--add", "--remove", "--replace", "--info-only", "--stdin")
}

func (r *reader) update(ctx context.Context, stdin string, args ...string) error {
	if stdin == "" {
		return nil
	}
	args = append([]string{"update-index", "-z"}, args...)
	if _, err := r.repo.Run(ctx, strings.NewReader(stdin), args...); err != nil {
		return fmt.Errorf("reading the changed files of %s: %w", r.Dir, err)
	}
	return r.repo.date()
}

// parseDiff reads what git diff-index --raw -z prints.
func parseDiff(out []byte) ([]change, error) {
	var all []change
	fields := strings.Split(string(out), "\x00")
	for ; len(fields) >= 2; fields = fields[2:] {
		f := strings.Fields(strings.TrimPrefix(fields[0], ":"))
		if len(f) != 5 || !strings.HasPrefix(fields[0], ":") || fields[1] == "" {
			return nil, fmt.Errorf("git diff-index has printed something else than expected")
		}
		c := change{path: fields[1], head: side{f[0], git.ID(f[2])}, index: side{f[1], git.ID(f[3])}}
		if c.head.mode == deleted {
			c.head = side{}
		}
		all = append(all, c)
	}
	return all, nil
}

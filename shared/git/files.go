package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/proc"
)

// Entry is a file of a commit.
type Entry struct {
	Path string // slash-separated
	Mode string // 100644, 100755, 120000 (link), 160000 (submodule)
	ID   ID
}

// maxArgs is how many bytes of paths are given to a command; Windows takes 32 kB.
const maxArgs = 16 << 10

// Files lists all files of a commit, or those with the given paths.
func (r *Repo) Files(ctx context.Context, commit ID, paths ...string) ([]Entry, error) {
	if err := checkID(commit); err != nil {
		return nil, err
	}
	args := []string{"ls-tree", "-z", "--full-tree"}
	size := 0
	for _, p := range paths {
		size += len(p) + 1
	}
	if few := len(paths) > 0 && size <= maxArgs; few {
		args = append(append(args, "--", string(commit)), paths...)
	} else {
		args = append(args, "-r", "--", string(commit))
	}
	out, err := r.run(ctx, command{args: args})
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, p := range paths {
		wanted[p] = true
	}
	var found []Entry
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		head, path, _ := strings.Cut(line, "\t")
		fields := strings.Fields(head)
		if len(fields) == 3 && fields[1] != "tree" && (len(paths) == 0 || wanted[path]) {
			found = append(found, Entry{path, fields[0], ID(fields[2])})
		}
	}
	return found, nil
}

// Differing lists the paths of what is not the same in two commits, which may be in one only.
func (r *Repo) Differing(ctx context.Context, a, b ID) ([]string, error) {
	if err := errors.Join(checkID(a), checkID(b)); err != nil {
		return nil, err
	}
	out, err := r.run(ctx, command{args: []string{
		"diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none", string(a), string(b), "--",
	}})
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// maxContents is how many bytes Contents returns.
const maxContents = 64 << 20

// Contents returns what files hold; what is not here yet is fetched at once.
func (r *Repo) Contents(ctx context.Context, ids ...ID) (map[ID][]byte, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return map[ID][]byte{}, nil
	}
	if err := r.fetchContents(ctx, ids); err != nil {
		return nil, err
	}
	found, err := r.batch(ctx, ids)
	if err == errTooBig {
		return r.bigContents(ctx, ids)
	}
	return found, err
}

// fetchContents fetches what is not here.
func (r *Repo) fetchContents(ctx context.Context, ids []ID) error {
	if !r.partial {
		return nil
	}
	var missing []ID
	for _, id := range ids {
		if !r.here[id] {
			missing = append(missing, id)
		}
	}
	// 200 names are far from the limits of a command line.
	for part := range slices.Chunk(missing, 200) {
		// As git itself does when it needs an object (promisor-remote.c), but for all at once.
		args := []string{
			"fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--filter=blob:none",
		}
		if r.git.version.atLeast(2, 29) {
			args = append(args, "--no-write-fetch-head")
		}
		args = append(args, "--", "origin")
		for _, id := range part {
			args = append(args, string(id))
		}
		c := command{args: args, config: []setting{{"fetch.negotiationAlgorithm", "noop"}}}
		if _, err := r.talk(ctx, c); err != nil {
			return err
		}
		for _, id := range part {
			r.here[id] = true
		}
	}
	return nil
}

var errTooBig = fmt.Errorf("files have more than %d MB", proc.MaxOutput>>20)

func list(ids []ID) *bytes.Reader {
	var b bytes.Buffer
	for _, id := range ids {
		b.WriteString(string(id) + "\n")
	}
	return bytes.NewReader(b.Bytes())
}

// batch reads files that together are not too big.
func (r *Repo) batch(ctx context.Context, ids []ID) (map[ID][]byte, error) {
	out, err := r.run(ctx, command{args: []string{"cat-file", "--batch"}, stdin: list(ids)})
	if err != nil && len(out) >= proc.MaxOutput && ctx.Err() == nil {
		return nil, errTooBig
	}
	if err != nil {
		return nil, err
	}
	found := map[ID][]byte{}
	for len(out) > 0 {
		o, rest, err := cutObject(out)
		if err != nil {
			return nil, err
		}
		if o.kind != "blob" {
			return nil, fmt.Errorf("the contents of a file, %s, are not there (%.20s)", o.id, o.kind)
		}
		found[o.id], out = o.data, rest
	}
	if len(found) != len(ids) {
		return nil, errBatch
	}
	return found, nil
}

// bigContents reads files in pieces.
func (r *Repo) bigContents(ctx context.Context, ids []ID) (map[ID][]byte, error) {
	sizes, err := r.sizes(ctx, ids)
	if err != nil {
		return nil, err
	}
	found, group, size := map[ID][]byte{}, []ID(nil), 0
	flush := func() error {
		part, err := r.batch(ctx, group)
		maps.Copy(found, part)
		group, size = nil, 0
		return err
	}
	for _, id := range ids {
		const room = proc.MaxOutput / 2
		if sizes[id] > room {
			if found[id], err = r.big(ctx, id); err != nil {
				return nil, err
			}
			continue
		}
		if size += sizes[id] + 100; size > room {
			if err := flush(); err != nil {
				return nil, err
			}
			size = sizes[id] + 100
		}
		group = append(group, id)
	}
	return found, flush()
}

// sizes returns how big files are, and an error if they are too big together.
func (r *Repo) sizes(ctx context.Context, ids []ID) (map[ID]int, error) {
	out, err := r.run(ctx, command{args: []string{"cat-file", "--batch-check"}, stdin: list(ids)})
	if err != nil {
		return nil, err
	}
	sizes, sum := map[ID]int{}, 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("the contents of a file, %.60s, are not there", strings.TrimSpace(line))
		}
		n, err := strconv.Atoi(fields[2])
		if err != nil || n < 0 {
			return nil, errBatch
		}
		sizes[ID(fields[0])] = n
		if sum += n; sum > maxContents {
			return nil, fmt.Errorf("the files have more than %d MB together: too much to be read", maxContents>>20)
		}
	}
	return sizes, nil
}

// big reads one file, which git writes to the disk.
func (r *Repo) big(ctx context.Context, id ID) ([]byte, error) {
	out, err := r.run(ctx, command{args: []string{"unpack-file", string(id)}})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(r.workDir, filepath.Base(strings.TrimSpace(string(out))))
	defer func() { _ = os.Remove(name) }()
	return os.ReadFile(name)
}

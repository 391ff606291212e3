package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RemoteRefs returns where refs of the remote stand. Those that are not there have no
// entry.
func (r *Repo) RemoteRefs(ctx context.Context, refs ...string) (map[string]ID, error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
	}
	out, err := r.talk(ctx, command{args: append([]string{"ls-remote", "--quiet", "--", "origin"}, refs...)})
	if err != nil {
		return nil, err
	}
	found := map[string]ID{}
	for line := range strings.Lines(string(out)) {
		id, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		// A name also finds refs that end like it.
		if ok && checkID(ID(id)) == nil && slices.Contains(refs, ref) {
			found[ref] = ID(id)
		}
	}
	return found, nil
}

// Depth says how much history to fetch; the zero value is the last commit alone.
type Depth struct {
	Since   time.Time // also all commits from then on
	Commits int       // without Since: so many of each ref; 0 is one
}

// fewCommits is the history that a server gives which cannot tell by time.
const fewCommits = 50

// Fetch fetches refs of the remote, without the contents of files where the server can do
// that, and returns where they stand. One that is not there is a RemoteError of kind NoRef.
func (r *Repo) Fetch(ctx context.Context, refs []string, d Depth) (map[string]ID, error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
	}
	if d.Since.IsZero() {
		if err := r.fetchDepth(ctx, refs, max(1, d.Commits)); err != nil {
			return nil, err
		}
		return r.fetched(ctx, refs)
	}
	// One by one: of several, a server would give the whole history of one that has no
	// commit as young as that.
	for _, ref := range refs {
		if err := r.fetchSince(ctx, ref, d.Since); err != nil {
			return nil, err
		}
	}
	return r.fetched(ctx, refs)
}

func (r *Repo) fetchSince(ctx context.Context, ref string, since time.Time) error {
	err := r.fetch(ctx, []string{ref}, "--shallow-since="+since.UTC().Format("2006-01-02T15:04:05Z"))
	var remote *RemoteError
	if !errors.As(err, &remote) {
		return err
	}
	switch {
	case remote.noneSince():
		return r.fetchDepth(ctx, []string{ref}, 1)
	case remote.noSince(), remote.Kind == Unreachable:
		// Before version 2 of the protocol a server cannot say that there is none, and hangs
		// up. If it is really gone, the next request tells.
		return r.fetchDepth(ctx, []string{ref}, fewCommits)
	}
	return err
}

// fetchDepth fetches a number of commits; all, where the server can do no less.
func (r *Repo) fetchDepth(ctx context.Context, refs []string, depth int) error {
	err := r.fetch(ctx, refs, "--depth="+strconv.Itoa(depth))
	var remote *RemoteError
	if errors.As(err, &remote) && remote.noDepth() {
		return r.fetch(ctx, refs)
	}
	return err
}

// local is what a ref of the remote is called here. The name itself could be one that the
// file system confuses with another.
func local(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return "refs/fetched/" + hex.EncodeToString(sum[:16])
}

func (r *Repo) fetch(ctx context.Context, refs []string, depth ...string) error {
	args := append([]string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--force"}, depth...)
	if r.git.version.atLeast(2, 27) {
		args = append(args, "--filter=blob:none")
	}
	if r.git.version.atLeast(2, 29) {
		args = append(args, "--no-write-fetch-head")
	}
	args = append(args, "--", "origin")
	for _, ref := range refs {
		args = append(args, "+"+ref+":"+local(ref))
	}
	said := &words{}
	if _, err := r.talk(ctx, command{args: args, stderr: said}); err != nil {
		return err
	}
	if r.git.version.atLeast(2, 27) && !strings.Contains(said.String(), "filtering not recognized by server") {
		r.partial = true
	}
	return nil
}

// fetched returns where refs of the remote stood when they were fetched.
func (r *Repo) fetched(ctx context.Context, refs []string) (map[string]ID, error) {
	found := map[string]ID{}
	for _, ref := range refs {
		// A file, usually, which takes no process to read.
		id, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(local(ref))))
		if err != nil || checkID(trimID(id)) != nil {
			if id, err = r.run(ctx, command{args: []string{"rev-parse", "--verify", local(ref)}}); err != nil {
				return nil, err
			}
		}
		found[ref] = trimID(id)
	}
	return found, nil
}

// Commit is a commit as it was read.
type Commit struct {
	ID        ID
	Parents   []ID // as far as they are named; a shallow boundary still names them
	Tree      ID
	Author    Ident
	Committer Ident
	Committed time.Time
	Message   string // empty if there is more of it than anybody reads: a megabyte
}

// Commits returns the history of rev, newest first, up to most commits and as far as it
// has been fetched. All parents are followed: a merge can have what counts on any side.
func (r *Repo) Commits(ctx context.Context, rev ID, most int) ([]Commit, error) {
	if err := checkID(rev); err != nil {
		return nil, err
	}
	list := []byte(string(rev) + "\n")
	if most != 1 {
		var err error
		if list, err = r.run(ctx, command{args: []string{
			"rev-list", "--max-count=" + strconv.Itoa(most), string(rev), "--",
		}}); err != nil {
			return nil, err
		}
	}
	return r.readCommits(ctx, strings.Fields(string(list)))
}

// object is what cat-file --batch prints.
type object struct {
	id   ID
	kind string // "missing" if it is not there
	data []byte
}

var errBatch = errors.New("git cat-file has printed what cannot be understood")

// cutObject takes the first object off what cat-file --batch has printed.
func cutObject(out []byte) (o object, rest []byte, err error) {
	line, rest, ok := bytes.Cut(out, []byte("\n"))
	if name, missing := strings.CutSuffix(string(line), " missing"); ok && missing {
		return object{id: ID(name), kind: "missing"}, rest, nil // the name as it was asked for
	}
	fields := strings.Fields(string(line))
	if !ok || len(fields) != 3 {
		return object{}, nil, errBatch
	}
	o = object{id: ID(fields[0]), kind: fields[1]}
	size, err := strconv.Atoi(fields[2])
	if err != nil || size < 0 || size >= len(rest) || rest[size] != '\n' {
		return object{}, nil, errBatch
	}
	o.data = rest[:size:size]
	return o, rest[size+1:], nil
}

// parseCommit reads a commit object. What is broken in it stays empty.
func parseCommit(id ID, data []byte) Commit {
	c := Commit{ID: id}
	head, message, _ := strings.Cut(string(data), "\n\n")
	if len(data) > maxCommit {
		message = ""
	}
	c.Message = strings.ToValidUTF8(message, "\uFFFD")
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = ID(value)
		case "parent":
			c.Parents = append(c.Parents, ID(value))
		case "author":
			c.Author, _ = parseIdent(value)
		case "committer":
			c.Committer, c.Committed = parseIdent(value)
		}
	}
	return c
}

// parseIdent reads "Name <email> seconds zone".
func parseIdent(text string) (Ident, time.Time) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	end := strings.LastIndexByte(text, '>')
	if end < 0 {
		return Ident{Name: text}, time.Time{}
	}
	name, email, _ := strings.Cut(text[:end], "<")
	who := Ident{strings.TrimSpace(name), strings.TrimSpace(email)}
	fields := strings.Fields(text[end+1:])
	if len(fields) == 0 {
		return who, time.Time{}
	}
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return who, time.Time{}
	}
	return who, time.Unix(seconds, 0).UTC()
}

package git

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/proc"
)

// maxCommit is how big a commit may be whose message is read.
const maxCommit = 1 << 20

// readCommits reads commits, in that order.
func (r *Repo) readCommits(ctx context.Context, ids []string) ([]Commit, error) {
	// Not git log: it hides the parents that a shallow boundary names.
	out, err := r.run(ctx, command{args: []string{"cat-file", "--batch"}, stdin: lines(ids)})
	if err != nil && len(out) >= proc.MaxOutput && ctx.Err() == nil {
		return r.bigCommits(ctx, ids)
	}
	if err != nil {
		return nil, err
	}
	var commits []Commit
	for len(out) > 0 {
		object, rest, err := cutObject(out)
		if err != nil {
			return nil, err
		}
		if object.kind == "missing" {
			return nil, fmt.Errorf("commit %s is not here", object.id)
		}
		if object.kind != "commit" {
			return nil, fmt.Errorf("%s is a %.20s and no commit", object.id, object.kind)
		}
		commits, out = append(commits, parseCommit(object.id, object.data)), rest
	}
	return commits, nil
}

// bigCommits reads commits that are too big together: those that are too big alone without
// their messages, and the others in pieces.
func (r *Repo) bigCommits(ctx context.Context, ids []string) ([]Commit, error) {
	out, err := r.run(ctx, command{args: []string{"cat-file", "--batch-check=%(objectsize)"}, stdin: lines(ids)})
	if err != nil {
		return nil, err
	}
	sizes := strings.Fields(string(out))
	if len(sizes) != len(ids) {
		return nil, errBatch
	}
	var commits []Commit
	first, together := 0, 0 // of those that are to be read next
	flush := func(end int) error {
		if first == end {
			return nil
		}
		part, err := r.readCommits(ctx, ids[first:end])
		commits, first, together = append(commits, part...), end, 0
		return err
	}
	for i, text := range sizes {
		size, err := strconv.Atoi(text)
		if err != nil {
			return nil, errBatch
		}
		if size > maxCommit || together+size > proc.MaxOutput/2 {
			if err := flush(i); err != nil {
				return nil, err
			}
		}
		if together += size; size > maxCommit {
			c, err := r.hugeCommit(ctx, ids[i])
			if err != nil {
				return nil, err
			}
			commits, first, together = append(commits, c), i+1, 0
		}
	}
	return commits, flush(len(ids))
}

// hugeCommit reads the beginning of a commit, which has all but the message.
func (r *Repo) hugeCommit(ctx context.Context, id string) (Commit, error) {
	out, err := r.run(ctx, command{args: []string{"cat-file", "commit", id}})
	if err != nil && (len(out) < proc.MaxOutput || ctx.Err() != nil) {
		return Commit{}, err
	}
	if len(out) <= maxCommit {
		return Commit{}, errors.Join(err, errBatch)
	}
	return parseCommit(ID(id), out), nil
}

func lines(ids []string) *strings.Reader { return strings.NewReader(strings.Join(ids, "\n") + "\n") }

package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// change is a file that git finds changed, or that has only been touched where a filter
// is needed to tell.
type change struct {
	path              string
	head, index       side
	mode              string // of what is there now; deleted, or "" if that has to be looked up
	staged, unstaged  bool   // against HEAD in the index; against the index on the disk
	untracked, nested bool
}

// side is a file as a commit or the index has it.
type side struct {
	mode string
	id   git.ID
}

// deleted is the mode of a file that is not there.
const (
	deleted   = "000000"
	submodule = "160000"
	link      = "120000"
)

// none is what git writes for no object.
const none = "0000000000000000000000000000000000000000"

// listing is what git status has found.
type listing struct {
	changed []change
	nested  []string
}

// status lets git look. It never looks into a submodule: there it would start a second
// git, with the submodule's configuration.
func (r *reader) status(ctx context.Context) (listing, error) {
	out, err := r.repo.RunLong(ctx, nil, "status", "--porcelain=v2", "-z", "--untracked-files=all", "--no-renames",
		"--ignore-submodules=dirty")
	if err != nil {
		return listing{}, fmt.Errorf("looking for changed files in %s: %w", r.Dir, err)
	}
	all, err := parseStatus(out)
	if err != nil {
		return listing{}, fmt.Errorf("looking for changed files in %s: %w", r.Dir, err)
	}
	var found listing
	for _, c := range all {
		if c.nested {
			found.nested = append(found.nested, c.path)
		} else {
			found.changed = append(found.changed, c)
		}
	}
	return found, nil
}

var errStatus = errors.New("git status has printed something else than expected")

// parseStatus reads the second format of git status, with NULs.
func parseStatus(out []byte) ([]change, error) {
	var all []change
	for _, item := range bytes.Split(out, []byte{0}) {
		if len(item) == 0 {
			continue
		}
		c, err := parseItem(string(item))
		if err != nil {
			return nil, err
		}
		if c.path != "" {
			all = append(all, c)
		}
	}
	return all, nil
}

// parseItem reads one entry; one that tells nothing has no path.
func parseItem(item string) (change, error) {
	kind, rest, _ := strings.Cut(item, " ")
	switch kind {
	case "#":
		return change{}, nil
	case "?":
		if rest == "" {
			return change{}, errStatus
		}
		path, nested := strings.CutSuffix(rest, "/")
		return change{path: path, untracked: true, unstaged: true, nested: nested}, nil
	case "u":
		if fields := strings.SplitN(rest, " ", 10); len(fields) == 10 {
			return change{}, fmt.Errorf("%s has a conflict; resolve it before this step", show(fields[9]))
		}
		return change{}, errStatus
	}
	fields := strings.SplitN(rest, " ", 8)
	if kind != "1" || len(fields) != 8 || len(fields[0]) != 2 || fields[7] == "" {
		return change{}, errStatus
	}
	return change{
		path: fields[7], mode: fields[4],
		head:   side{fields[2], git.ID(fields[5])},
		index:  side{fields[3], git.ID(fields[6])},
		staged: fields[0][0] != '.', unstaged: fields[0][1] != '.',
	}, nil
}

// filters returns the clean filters that the attributes ask for, by path.
func (r *reader) filters(ctx context.Context, all []change) (map[string]string, error) {
	names := &bytes.Buffer{}
	for _, c := range all {
		if c.mode != deleted && c.mode != submodule && c.mode != link {
			names.WriteString(c.path)
			names.WriteByte(0)
		}
	}
	if names.Len() == 0 {
		return nil, nil
	}
	out, err := r.repo.RunLong(ctx, names, "check-attr", "-z", "--stdin", "filter")
	if err != nil {
		return nil, fmt.Errorf("reading the attributes of changed files in %s: %w", r.Dir, err)
	}
	found := map[string]string{}
	fields := strings.Split(string(out), "\x00")
	for ; len(fields) >= 3; fields = fields[3:] {
		switch path, value := fields[0], fields[2]; value {
		case "unspecified", "unset", "set": // "set" names no filter
		default:
			found[path] = value
		}
	}
	return found, nil
}

package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Change is a file that a new commit changes. Data counts where ID is empty; without Mode
// the file is deleted.
type Change struct {
	Path string
	Mode string
	Data []byte
	ID   ID
}

// Ident is a person, as git writes one down.
type Ident struct{ Name, Email string }

// NewCommit is a commit to be made.
type NewCommit struct {
	Parents []ID // the files are those of the first, with Changes; none: Changes alone
	Base    ID   // the commit whose files are taken instead of those of the first parent; may be empty
	Changes []Change
	Message string
	Author  Ident // the committer, too
	When    time.Time
	// SigningKey is a file with a private key of OpenPGP (armoured) or OpenSSH, without a
	// passphrase; "" for none.
	SigningKey string
}

// Commit makes a commit. Nothing refers to it yet.
func (r *Repo) Commit(ctx context.Context, c NewCommit) (ID, error) {
	if r.here == nil {
		return "", errors.New("making a commit: the repository was opened for reading")
	}
	if err := c.check(); err != nil {
		return "", err
	}
	tree, err := r.tree(ctx, c)
	if err != nil {
		return "", err
	}
	id, err := r.commitTree(ctx, tree, c)
	if err != nil {
		return "", err
	}
	r.parents[id] = slices.Clone(c.Parents)
	return id, nil
}

var modes = []string{"100644", "100755", "120000", "160000"}

func (c NewCommit) check() error {
	for i, id := range append([]ID{c.Base}, c.Parents...) {
		if err := checkID(id); err != nil && (i > 0 || id != "") {
			return fmt.Errorf("making a commit: %w", err)
		}
	}
	for _, who := range []string{c.Author.Name, c.Author.Email} {
		if strings.TrimSpace(who) == "" || !utf8.ValidString(who) ||
			strings.ContainsFunc(who, func(r rune) bool { return r < ' ' || r == 0x7f || r == '<' || r == '>' }) {
			return fmt.Errorf("making a commit: the author's name or email, %.60q, is empty or holds what it must not",
				who)
		}
	}
	if strings.TrimSpace(c.Message) == "" || strings.ContainsRune(c.Message, 0) || !utf8.ValidString(c.Message) {
		return errors.New("making a commit: the message is empty, holds a NUL, or is not valid UTF-8")
	}
	return checkChanges(c.Changes)
}

func checkChanges(changes []Change) error {
	stays := map[string]bool{}
	for _, c := range changes {
		if err := c.check(); err != nil {
			return err
		}
		if _, seen := stays[c.Path]; seen {
			return fmt.Errorf("file %.100q is changed twice", c.Path)
		}
		stays[c.Path] = c.Mode != ""
	}
	for path, there := range stays {
		for i, c := range path {
			if there && c == '/' && stays[path[:i]] {
				return fmt.Errorf("file %.100q would be a folder, too: %.100q", path[:i], path)
			}
		}
	}
	return nil
}

func (c Change) check() error {
	if err := CheckPath(c.Path); err != nil {
		return err
	}
	if c.Mode != "" && !slices.Contains(modes, c.Mode) {
		return fmt.Errorf("file %.100q cannot be committed: it has the mode %.20q", c.Path, c.Mode)
	}
	if c.ID != "" {
		return checkID(c.ID)
	}
	if c.Mode == "160000" {
		return fmt.Errorf("submodule %.100q cannot be committed without its commit", c.Path)
	}
	return nil
}

// temporary is the path of a file in the repository that is not there.
func (r *Repo) temporary(kind string) string {
	r.ids++
	return filepath.Join(r.dir, "guardrails-"+kind+"-"+strconv.Itoa(r.ids))
}

func (r *Repo) commitTree(ctx context.Context, tree ID, c NewCommit) (ID, error) {
	if err := checkID(tree); err != nil {
		return "", err
	}
	args := []string{"commit-tree", string(tree)}
	for _, p := range c.Parents {
		args = append(args, "-p", string(p))
	}
	when := fmt.Sprintf("@%d +0000", c.When.Unix())
	command := command{stdin: strings.NewReader(c.Message), env: []string{
		"GIT_AUTHOR_NAME=" + c.Author.Name, "GIT_AUTHOR_EMAIL=" + c.Author.Email, "GIT_AUTHOR_DATE=" + when,
		"GIT_COMMITTER_NAME=" + c.Author.Name, "GIT_COMMITTER_EMAIL=" + c.Author.Email, "GIT_COMMITTER_DATE=" + when,
	}}
	if c.SigningKey != "" {
		s, err := r.signer(ctx, c.SigningKey)
		if err != nil {
			return "", err
		}
		defer s.close()
		args, command.config, command.env = append(args, s.arg), s.config, append(command.env, s.env...)
	}
	command.args = append(args, "-F", "-")
	out, err := r.run(ctx, command)
	if err != nil {
		return "", err
	}
	return trimID(out), checkID(trimID(out))
}

func trimID(out []byte) ID { return ID(bytes.TrimSpace(out)) }

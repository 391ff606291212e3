package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// shadowRepo is a repository of our own that sees what the checkout's does: its objects,
// borrowed, a copy of its index, and its files. None of what git writes goes to theirs.
type shadowRepo struct {
	*git.Repo
	dir      string
	autocrlf string    // "" is git's own default
	sparse   bool      // some of its files are not meant to be there
	written  time.Time // when the checkout's index was
}

// date dates the index back. git compares its time with those of files: it would take one
// that was changed in the moment in which the checkout's index was written, and kept its
// size, for unchanged.
func (s *shadowRepo) date() error { return os.Chtimes(s.index(), s.written, s.written) }

// Run runs a command with the checkout's line ends. In the configuration file they would
// not count: what package git says of them comes first.
func (s *shadowRepo) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return s.Repo.Run(ctx, stdin, s.withLineEnds(args)...)
}

// RunLong is Run for what prints a line for each file.
func (s *shadowRepo) RunLong(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return s.Repo.RunLong(ctx, stdin, s.withLineEnds(args)...)
}

func (s *shadowRepo) withLineEnds(args []string) []string {
	if s.autocrlf == "" {
		return args
	}
	return append([]string{"-c", "core.autocrlf=" + s.autocrlf}, args...)
}

// alternates is the file that names the objects that are borrowed.
func (s *shadowRepo) alternates() string {
	return filepath.Join(s.dir, "objects", "info", "alternates")
}

// maxIndex is more than the index of a million files.
const maxIndex = 512 << 20

func shadow(ctx context.Context, g *git.Git, f Folder, p place, base git.ID) (*shadowRepo, error) {
	if _, err := safepath.Rel(f.Dir, f.Scratch); err == nil {
		return nil, fmt.Errorf("the folder for temporary files is inside of the checkout %s; move one of them", f.Dir)
	}
	if err := os.MkdirAll(f.Scratch, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for the checkout's index: %w", err)
	}
	dir := filepath.Join(f.Scratch, "shadow.git")
	repo, err := g.Init(ctx, dir, git.Remote{})
	if err != nil {
		return nil, err
	}
	s := &shadowRepo{Repo: repo, dir: dir}
	if err := s.borrow(p, f.strict); err != nil {
		return nil, fmt.Errorf("copying the index of %s: %w", f.Dir, err)
	}
	if err := s.configure(ctx, f, p); err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", f.Dir, err)
	}
	if _, err := s.Run(ctx, nil, "update-ref", "--no-deref", "HEAD", string(base)); err != nil {
		return nil, fmt.Errorf("reading the commit that is checked out in %s: %w", f.Dir, err)
	}
	return s, nil
}

// borrow takes over what git needs to compare files with.
func (s *shadowRepo) borrow(p place, strict bool) error {
	objects, err := filepath.Abs(filepath.Join(p.common, "objects"))
	if err != nil {
		return err
	}
	if strings.ContainsAny(objects, "\n\r") {
		return errors.New("its path has a line break in it, with which git names no objects; check it out elsewhere")
	}
	if err := os.MkdirAll(filepath.Dir(s.alternates()), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(s.alternates(), []byte(filepath.ToSlash(objects)+"\n"), 0o600); err != nil {
		return err
	}
	index, err := os.Stat(filepath.Join(p.dir, "index"))
	if err != nil {
		return errors.New("it has none, so nothing is checked out there; check the repository out before this step")
	}
	s.written = index.ModTime()
	shared, err := filepath.Glob(filepath.Join(quoteGlob(p.dir), "sharedindex.*"))
	if err != nil {
		return err
	}
	for _, name := range append(shared, filepath.Join(p.dir, "index")) {
		if err := copyFile(name, filepath.Join(s.dir, filepath.Base(name))); err != nil {
			return err
		}
	}
	return errors.Join(s.date(), s.rules(p, strict))
}

// rules copies what says which files are ignored, and how they are written down. What
// this checkout alone is told does not count in a strict one.
func (s *shadowRepo) rules(p place, strict bool) error {
	if err := os.MkdirAll(filepath.Join(s.dir, "info"), 0o700); err != nil {
		return err
	}
	files := []string{filepath.Join(p.dir, "info", "sparse-checkout")}
	if !strict {
		files = append(files, filepath.Join(p.common, "info", "attributes"), filepath.Join(p.common, "info", "exclude"))
	}
	for _, from := range files {
		err := copyFile(from, filepath.Join(s.dir, "info", filepath.Base(from)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// quoteGlob takes the meaning from what filepath.Glob would take for a pattern.
func quoteGlob(dir string) string {
	if filepath.Separator == '\\' {
		return strings.ReplaceAll(dir, "[", "[[]") // there is no other way on Windows
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// copyFile copies a regular file.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", filepath.Base(from))
	case info.Size() > maxIndex:
		return fmt.Errorf("%s has more than %d MiB", filepath.Base(from), maxIndex>>20)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, maxIndex))
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// index is the copy of the checkout's index.
func (s *shadowRepo) index() string { return filepath.Join(s.dir, "index") }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/command"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
)

// verifyCommand builds the commit in a clone elsewhere, with an empty build cache, and compares the
// package with that of this folder, or with a given one.
func verifyCommand(ctx context.Context, w world, o options) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	git := command.Runner{Dir: root, Env: w.environ}
	at, err := sourceAt(ctx, git)
	if err = errors.Join(err, at.clean()); err != nil {
		return fmt.Errorf("cannot verify: %w", err)
	}
	first := o.against
	if first == "" {
		first = filepath.Join(root, "build/out/verify/here.vsix")
		if err := vsixCommand(ctx, w, o.in(root, first)); err != nil {
			return err
		}
	}
	elsewhere, err := os.MkdirTemp("", "guardrails-verify-*")
	if err != nil {
		return fmt.Errorf("making a second folder: %w", err)
	}
	defer os.RemoveAll(elsewhere)
	clone := filepath.Join(elsewhere, "clone")
	if err := cloneCommit(ctx, git, at.commit, clone); err != nil {
		return err
	}
	again := w
	again.stdout = io.Discard // the second package does not stay
	if !o.warm {
		again.environ = append(again.environ[:len(again.environ):len(again.environ)],
			"GOCACHE="+filepath.Join(elsewhere, "cache"))
	}
	second := filepath.Join(elsewhere, "again.vsix")
	if err := vsixCommand(ctx, again, o.in(clone, second)); err != nil {
		return fmt.Errorf("building commit %s again: %w", at.commit, err)
	}
	return compare(w, at.commit, first, second)
}

// in returns the options for the same package of another folder.
func (o options) in(root, out string) options {
	return options{root: root, targets: o.targets, quality: o.quality, out: out}
}

// cloneCommit makes a clone with nothing in it but the commit.
func cloneCommit(ctx context.Context, git command.Runner, commit, dir string) error {
	_, err := git.Output(ctx, "git", "clone", "--quiet", "--shared", "--no-checkout", "--", git.Dir, dir)
	if err != nil {
		return fmt.Errorf("cloning the repository: %w", err)
	}
	there := command.Runner{Dir: dir, Env: git.Env}
	if _, err := there.Output(ctx, "git", "checkout", "--quiet", "--detach", commit); err != nil {
		return fmt.Errorf("checking out %s: %w", commit, err)
	}
	return nil
}

func compare(w world, commit, first, second string) error {
	differences, err := vsix.Diff(first, second)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return fmt.Errorf("commit %s does not build to %s:\n  %s", commit, first, strings.Join(differences, "\n  "))
	}
	fmt.Fprintf(w.stdout, "%s is what commit %s builds to, byte for byte\n", first, commit)
	return nil
}

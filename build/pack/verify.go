package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/sbom"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
)

// verifyCommand builds the commit in a clone elsewhere, with an empty build cache, and compares every byte: with a
// given package or release folder, or else with the release of this commit, or else with a build of this folder.
func verifyCommand(ctx context.Context, w world, o options) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	commit, err := committed(ctx, w, root)
	if err != nil {
		return fmt.Errorf("cannot verify: %w", err)
	}
	first := o.against
	if first == "" {
		if first, err = releaseOf(w, root, commit); err != nil {
			return err
		}
	}
	if first == "" {
		first = filepath.Join(root, "build/out/verify/here.vsix")
		if err := vsixCommand(ctx, w, o.in(root, first)); err != nil {
			return err
		}
	} else if !o.chosen {
		o.quality = releaseQuality
	}
	info, err := os.Stat(first)
	if err != nil {
		return fmt.Errorf("cannot verify: %w", err)
	}
	return inClone(ctx, w, root, commit, func(clone string) error {
		scratch := filepath.Dir(clone)
		again := w.signingFrom(root)
		again.stdout = io.Discard // what is built there does not stay
		if !o.warm {
			again.environ = append(slices.Clone(again.environ), "GOCACHE="+filepath.Join(scratch, "cache"))
		}
		compare := compareFile
		if info.IsDir() {
			compare = compareFolder
		}
		differences, err := compare(ctx, again, first, o.in(clone, filepath.Join(scratch, "again.vsix")))
		if err != nil {
			return fmt.Errorf("building commit %s again, and comparing: %w", commit, err)
		}
		if len(differences) > 0 {
			return fmt.Errorf("commit %s does not build to %s:\n  %s", commit, first, strings.Join(differences, "\n  "))
		}
		fmt.Fprintf(w.stdout, "%s is what commit %s builds to, byte for byte\n", first, commit)
		return nil
	})
}

// in returns the options for the same package of another folder.
func (o options) in(root, out string) options {
	return options{root: root, targets: o.targets, quality: o.quality, out: out}
}

// releaseOf returns the folder of the release of a commit; "" if there is none, which it says. A folder that
// does not say what it was built from is an error: it must not pass as no release.
func releaseOf(w world, root, commit string) (string, error) {
	dir := filepath.Join(root, filepath.FromSlash(releaseFolder))
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(w.stdout, "there is no %s; comparing a build of this folder with one of a clone\n", releaseFolder)
		return "", nil
	}
	lists, err := filepath.Glob(filepath.Join(dir, "*"+listSuffix))
	if err != nil || len(lists) != 1 {
		return "", fmt.Errorf("%s has %d lists of components (*%s) and must have one; make the release again, "+
			"or remove the folder", dir, len(lists), listSuffix)
	}
	data, err := os.ReadFile(lists[0])
	if err != nil {
		return "", fmt.Errorf("reading what was released: %w", err)
	}
	of, err := sbom.Commit(data)
	if err != nil {
		return "", fmt.Errorf("%s does not say which commit was released (%w); make the release again, "+
			"or remove the folder", lists[0], err)
	}
	if of != commit {
		fmt.Fprintf(w.stdout, "%s is of commit %s, not of this one; "+
			"comparing a build of this folder with one of a clone\n", releaseFolder, of)
		return "", nil
	}
	return dir, nil
}

// compareFile builds the package and says how it differs from the file first.
func compareFile(ctx context.Context, w world, first string, o options) ([]string, error) {
	if err := vsixCommand(ctx, w, o); err != nil {
		return nil, err
	}
	return vsix.Diff(first, o.out)
}

// compareFolder builds a release and says how it differs from the files of the folder first.
func compareFolder(ctx context.Context, w world, first string, o options) ([]string, error) {
	files, err := rebuild(ctx, w, o)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(first)
	if err != nil {
		return nil, err
	}
	var differences []string
	missing := maps.Clone(files)
	for _, entry := range entries {
		name := entry.Name()
		delete(missing, name)
		want, ok := files[name]
		if !ok || !entry.Type().IsRegular() {
			differences = append(differences, name+" is no file of this release")
			continue
		}
		more, err := compareReleased(filepath.Join(first, name), want, o.out)
		if err != nil {
			return nil, err
		}
		differences = append(differences, more...)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		differences = append(differences, name+" is missing")
	}
	return differences, nil
}

// compareReleased compares one file of a release; the parts of a package are compared by way of the file scratch.
func compareReleased(path string, want []byte, scratch string) ([]string, error) {
	got, err := os.ReadFile(path)
	if err != nil || bytes.Equal(got, want) {
		return nil, err
	}
	name := filepath.Base(path)
	if filepath.Ext(name) != ".vsix" {
		return []string{name + " differs"}, nil
	}
	if err := save(scratch, want); err != nil {
		return nil, err
	}
	lines, err := vsix.Diff(path, scratch)
	if err != nil {
		return []string{fmt.Sprintf("%s differs: %v", name, err)}, nil
	}
	for i := range lines {
		lines[i] = name + ": " + lines[i]
	}
	return lines, nil
}

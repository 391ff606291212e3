// Package fingerprint turns everything that decides about an image into one hash, so that what is there already need
// not be built again.
//
// It promises that two builds with the same hash have the same inputs: fields are told apart by their lengths, nothing
// is left out but what .dockerignore leaves out, and what cannot be hashed (a pipe, an image that is not pinned, a file
// that changes meanwhile) is an error. It may tell apart what makes the same image: a file that nothing copies counts.
package fingerprint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Inputs are what an image is made of.
type Inputs struct {
	Context    string            // folder
	Dockerfile string            // path
	Named      map[string]string // further contexts: folder, or docker-image:// and an image by digest
	Bases      map[string]string // image as the Dockerfile names it -> digest
	Args       map[string]string
	Target     string
	Platforms  []string          // their order counts
	Settings   map[string]string // whatever else decides: labels, annotations, frontend, ...
}

const (
	prefix        = "in-"
	maxDockerfile = 1 << 20
)

// Of is "in-" and 64 hex digits: a tag. Files that .dockerignore leaves out don't count, nor do times and owners; of
// modes only the executable bit does, and on Windows, where files have none, not even that.
func Of(ctx context.Context, in Inputs) (string, error) {
	text, err := dockerfile(in.Dockerfile)
	if err != nil {
		return "", err
	}
	r := record{
		Dockerfile: string(text), Target: in.Target, Platforms: in.Platforms, Bases: in.Bases, Args: in.Args,
		Settings: in.Settings, Images: map[string]string{}, Trees: map[string][]entry{},
	}
	if r.Trees[""], err = tree(ctx, in.Context, in.Dockerfile+dockerignore); err != nil {
		return "", fmt.Errorf("build context: %w", err)
	}
	for name, place := range in.Named {
		if name == "" {
			return "", errors.New("a build context has no name")
		}
		if image, ok := strings.CutPrefix(place, "docker-image://"); ok {
			if r.Images[name] = image; !pinned.MatchString(image) {
				err = fmt.Errorf("the image %s is not pinned: write it with its digest (@sha256)", show(image))
			}
		} else {
			r.Trees[name], err = tree(ctx, place, "")
		}
		if err != nil {
			return "", fmt.Errorf("build context %s: %w", show(name), err)
		}
	}
	sum := sha256.New()
	r.encode(sum)
	return prefix + hex.EncodeToString(sum.Sum(nil)), nil
}

var pinned = regexp.MustCompile(`^[^@]+@sha256:[0-9a-f]{64}$`)

func dockerfile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the Dockerfile %s cannot be read", show(path))
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxDockerfile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Dockerfile %s cannot be read", show(path))
	case len(text) > maxDockerfile:
		return nil, fmt.Errorf("the Dockerfile %s has more than 1 MB", show(path))
	}
	return text, nil
}

// tree is what a folder holds. Ignore names a file of patterns that goes before the folder's own; it need not be there.
func tree(ctx context.Context, folder, ignore string) ([]entry, error) {
	if folder == "-" || strings.Contains(folder, "://") || strings.HasPrefix(folder, "git@") {
		return nil, fmt.Errorf("%s is no folder of this machine: check it out in an earlier step", show(folder))
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", show(folder))
	}
	root, err := os.OpenRoot(folder) // links cannot lead out of it, not even when they are changed meanwhile
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be opened", show(folder))
	}
	defer func() { _ = root.Close() }() // it was only read
	skip, err := ignored(folder, ignore)
	if err != nil {
		return nil, err
	}
	all, err := walk(ctx, root, skip)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// show quotes a name for an error.
func show(name string) string {
	const most = 120
	if runes := []rune(name); len(runes) > most {
		name = "..." + string(runes[len(runes)-most:])
	}
	return redact.Defuse(strconv.QuoteToGraphic(name))
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/sbom"
	"github.com/guardrails-ci/guardrails/build/pack/stage"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

const (
	releaseFolder = "build/out/release"
	sumsFile      = "SHA256SUMS"
	listSuffix    = ".cdx.json"
)

// releaseCommand writes all files of a release, into a folder that has nothing else in it. They are built in a
// clone, from the commit alone.
func releaseCommand(ctx context.Context, w world, o options) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	commit, err := committed(ctx, w, root)
	if err != nil {
		return fmt.Errorf("cannot release: %w", err)
	}
	var files map[string][]byte
	err = inClone(ctx, w, root, commit, func(clone string) (err error) {
		files, err = rebuild(ctx, w.signingFrom(root), options{
			root: clone, targets: o.targets, quality: o.quality, cache: filepath.Join(root, cacheFolder),
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot release: %w", err)
	}
	return replaceFolder(w, filepath.Join(root, filepath.FromSlash(releaseFolder)), files)
}

// rebuild makes all files of a release from a folder.
func rebuild(ctx context.Context, w world, o options) (map[string][]byte, error) {
	j, err := open(ctx, w, o)
	if err != nil {
		return nil, err
	}
	defer j.close()
	if err := j.compiler.CheckToolchain(ctx); err != nil {
		return nil, err
	}
	staged := filepath.Join(j.work, "stage")
	programs, err := j.stagePacked(ctx, staged, o.quality)
	if err != nil {
		return nil, err
	}
	return j.releaseFiles(staged, programs)
}

// signingFrom returns a world in which SIGN_CMD, if it is a relative path, is one from root, and not from the clone.
func (w world) signingFrom(root string) world {
	signer := environment(w.environ, signCommand)
	if strings.ContainsAny(signer, `/\`) && !filepath.IsAbs(signer) {
		w.environ = append(slices.Clone(w.environ), signCommand+"="+filepath.Join(root, signer))
	}
	return w
}

// releaseFiles makes the package, one for each task, the list of components and the checksums.
func (j *job) releaseFiles(staged string, programs []shipped) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, task := range j.tasks {
		one, err := j.manifest.ForTask(task.Name)
		if err != nil {
			return nil, err
		}
		if files[one.FileName()], err = j.pack(staged, one); err != nil {
			return nil, err
		}
	}
	return files, j.packageFiles(files, staged, programs)
}

// packageFiles adds the package, the list of components in its programs, and the checksums of all files.
func (j *job) packageFiles(files map[string][]byte, staged string, programs []shipped) error {
	var err error
	name := j.manifest.FileName()
	if files[name], err = j.pack(staged, j.manifest); err != nil {
		return err
	}
	list := strings.TrimSuffix(name, ".vsix") + listSuffix
	if files[list], err = j.components(programs); err != nil {
		return err
	}
	files[sumsFile] = checksums(files)
	return nil
}

func (j *job) components(programs []shipped) ([]byte, error) {
	list := make([]sbom.Program, len(programs))
	for i, p := range programs {
		list[i] = sbom.Program{
			Task: p.task, Platform: p.Target.String(),
			File: p.Target.Program(strings.ToLower(p.task)), Data: p.Data,
		}
	}
	var out bytes.Buffer
	err := sbom.Write(&out, sbom.Product{
		Publisher: j.manifest.Publisher, Name: j.manifest.ID, Version: j.release.Version, Commit: j.release.Commit,
	}, list)
	return out.Bytes(), err
}

// checksums is read by `sha256sum -c`.
func checksums(files map[string][]byte) []byte {
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return out.Bytes()
}

// replaceFolder makes the folder dir anew, with the files, so that it is never half made.
func replaceFolder(w world, dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "work-*")
	if err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	defer os.RemoveAll(fresh)
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	for name, data := range files {
		if err := save(filepath.Join(fresh, name), data); err != nil {
			return err
		}
	}
	if err := stage.Replace(dir, fresh); err != nil {
		return err
	}
	tell(w, dir, files)
	return nil
}

func tell(w world, dir string, files map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(w.stdout, "%s %s\n", filepath.Join(dir, name), vsix.MB(int64(len(files[name]))))
	}
}

func save(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	return safepath.WriteFile(path, data, 0o644)
}

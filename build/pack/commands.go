package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/sbom"
	"github.com/guardrails-ci/guardrails/build/pack/stage"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// stageCommand stages the tasks: with a plain program for this machine, or as users get them.
func stageCommand(ctx context.Context, w world, o options) error {
	j, err := open(ctx, w, o.root, cmp.Or(o.targets, "host"))
	if err != nil {
		return err
	}
	defer j.close()
	dir := cmp.Or(o.out, j.path(extension.StageFolder))
	if o.targets != "" {
		_, err = j.stagePacked(ctx, dir, o.quality)
	} else {
		err = j.stage(dir, func(task *stage.Task) (map[string][]byte, error) {
			programs, err := j.build(ctx, task, "")
			if err != nil {
				return nil, err
			}
			return task.Plain(j.release, programs[0])
		})
	}
	if err != nil {
		return err
	}
	for _, task := range j.tasks {
		fmt.Fprintf(w.stdout, "%s %s\n", filepath.Join(dir, filepath.FromSlash(task.Folder())), j.release.Version)
	}
	return nil
}

// vsixCommand writes the extension's package.
func vsixCommand(ctx context.Context, w world, o options) error {
	j, err := open(ctx, w, o.root, o.targets)
	if err != nil {
		return err
	}
	defer j.close()
	staged := filepath.Join(j.work, "stage")
	if _, err := j.stagePacked(ctx, staged, o.quality); err != nil {
		return err
	}
	data, err := j.pack(staged, j.manifest)
	if err != nil {
		return err
	}
	out := cmp.Or(o.out, j.path("build/out/"+j.manifest.FileName()))
	if err := save(out, data); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s %s\n", out, vsix.MB(int64(len(data))))
	return nil
}

// releaseCommand writes all files of a release, into a folder that has nothing else in it.
func releaseCommand(ctx context.Context, w world, o options) error {
	j, err := open(ctx, w, o.root, o.targets)
	if err != nil {
		return err
	}
	defer j.close()
	if err := j.source.clean(); err != nil {
		return fmt.Errorf("refusing to release: %w", err)
	}
	if err := j.compiler.CheckToolchain(ctx); err != nil {
		return fmt.Errorf("refusing to release: %w", err)
	}
	staged := filepath.Join(j.work, "stage")
	programs, err := j.stagePacked(ctx, staged, o.quality)
	if err != nil {
		return err
	}
	files, err := j.releaseFiles(staged, programs)
	if err != nil {
		return err
	}
	dir := j.path("build/out/release")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the last release: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := save(path, files[name]); err != nil {
			return err
		}
		fmt.Fprintf(w.stdout, "%s %s\n", path, vsix.MB(int64(len(files[name]))))
	}
	return nil
}

// releaseFiles makes the package, one for each task, the list of components and the checksums.
func (j *job) releaseFiles(staged string, programs []shipped) (map[string][]byte, error) {
	files := map[string][]byte{}
	var err error
	if files[j.manifest.FileName()], err = j.pack(staged, j.manifest); err != nil {
		return nil, err
	}
	for _, task := range j.tasks {
		one, err := j.manifest.ForTask(task.Name)
		if err != nil {
			return nil, err
		}
		if files[one.FileName()], err = j.pack(staged, one); err != nil {
			return nil, err
		}
	}
	list := make([]sbom.Program, len(programs))
	for i, p := range programs {
		list[i] = sbom.Program{
			Task: p.task, Platform: p.Target.String(),
			File: p.Target.Program(strings.ToLower(p.task)), Data: p.Data,
		}
	}
	var components bytes.Buffer
	err = sbom.Write(&components, sbom.Product{
		Publisher: j.manifest.Publisher, Name: j.manifest.ID, Version: j.release.Version, Commit: j.release.Commit,
	}, list)
	if err != nil {
		return nil, err
	}
	files[strings.TrimSuffix(j.manifest.FileName(), ".vsix")+".cdx.json"] = components.Bytes()
	files["SHA256SUMS"] = checksums(files)
	return files, nil
}

// checksums is read by `sha256sum -c`.
func checksums(files map[string][]byte) []byte {
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return out.Bytes()
}

func save(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	return safepath.WriteFile(path, data, 0o644)
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/stage"
	"github.com/guardrails-ci/guardrails/build/pack/vsix"
)

// stageCommand stages the tasks: with a plain program for this machine, or as users get them.
func stageCommand(ctx context.Context, w world, o options) error {
	packed := o.targets != ""
	o.targets = cmp.Or(o.targets, "host")
	j, err := open(ctx, w, o)
	if err != nil {
		return err
	}
	defer j.close()
	dir := cmp.Or(o.out, j.path(extension.StageFolder))
	if packed {
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

// vsixCommand writes the extension's package, with its list of components and checksums beside it; to a place of
// the caller's own, the package alone.
func vsixCommand(ctx context.Context, w world, o options) error {
	j, err := open(ctx, w, o)
	if err != nil {
		return err
	}
	defer j.close()
	staged := filepath.Join(j.work, "stage")
	programs, err := j.stagePacked(ctx, staged, o.quality)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if err := j.packageFiles(files, staged, programs); err != nil {
		return err
	}
	if o.out != "" {
		data := files[j.manifest.FileName()]
		if err := save(o.out, data); err != nil {
			return err
		}
		fmt.Fprintf(w.stdout, "%s %s\n", o.out, vsix.MB(int64(len(data))))
		return nil
	}
	dir := j.path("build/out")
	for name, data := range files {
		if err := save(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	tell(w, dir, files)
	return nil
}

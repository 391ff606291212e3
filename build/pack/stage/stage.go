// Package stage makes a task's folder as the agent gets it:
//
//	<Task>/<Task>V<major>/
//	    task.json  icon.png      the task's own, with the version stamped in
//	    pre.js main.js post.js   one line each, for the stages task.json declares
//	    launch.js unpack.js      build/launcher's
//	    bin/manifest.json        which program is for which platform, with its SHA-256
//	    bin/<processor>.br       the programs; or one plain program, for development
package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/fold"
	"github.com/guardrails-ci/guardrails/build/pack/solid"
	"github.com/guardrails-ci/guardrails/build/pack/targets"
)

// iconSize is the width and height the agent's editor shows.
const iconSize = 32

// Task is what the sources say about a task.
type Task struct {
	Name string
	// Program is the file name of its program, without ".exe".
	Program string
	// Package is the Go package of its program, relative to the repository's root.
	Package string
	source  string
	json    taskFile
}

// Release is what is stamped into a task's folder.
type Release struct {
	// Version is the extension's, and Minor and Patch are those of the task; its Major is its own.
	Version      string
	Minor, Patch int
	Commit       string
}

// Program is a compiled program.
type Program struct {
	Target targets.Target
	Data   []byte
}

// Read reads and checks the sources of the task called name: tasks/<name in lower case>.
func Read(root, name string) (*Task, error) {
	program := strings.ToLower(name)
	t := &Task{
		Name: name, Program: program, Package: "./tasks/" + program + "/cmd",
		source: filepath.Join(root, "tasks", program),
	}
	path := filepath.Join(t.source, "task.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("task %s has no %s; write it, or take %s out of vss-extension.json", name, path, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading task %s: %w", name, err)
	}
	if t.json, err = parseTask(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.json.Name != name {
		return nil, fmt.Errorf("%s names the task %q; vss-extension.json calls it %q", path, t.json.Name, name)
	}
	if err := CheckIcon(filepath.Join(t.source, "icon.png"), iconSize, iconSize); err != nil {
		return nil, fmt.Errorf("the icon of task %s: %w", name, err)
	}
	if info, err := os.Stat(filepath.Join(root, t.Package)); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("task %s has no program: make the package %s", name, t.Package)
	}
	return t, nil
}

// CheckIcon checks that path is a square PNG with a side of least to most pixels.
func CheckIcon(path string, least, most int) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("there must be a PNG picture of %dx%d: %w", least, least, err)
	}
	defer f.Close()
	config, err := png.DecodeConfig(f)
	if err != nil {
		return fmt.Errorf("%s is not a PNG picture: %w", path, err)
	}
	if config.Width != config.Height || config.Width < least || config.Width > most {
		return fmt.Errorf("%s is %dx%d pixels; make it %dx%d", path, config.Width, config.Height, least, least)
	}
	return nil
}

// Folder returns the task's folder in the package, such as "SafeCache/SafeCacheV1".
func (t *Task) Folder() string {
	return fmt.Sprintf("%s/%sV%d", t.Name, t.Name, t.json.Version.Major)
}

// Plain returns the files of bin for one program as it is: quick to make, for this machine only.
func (t *Task) Plain(r Release, p Program) (map[string][]byte, error) {
	file := p.Target.Program(t.Program)
	entry := describe(file, p.Data)
	manifest, err := t.manifest(r, map[string]platform{p.Target.Node: entry})
	return map[string][]byte{"manifest.json": manifest, file: p.Data}, err
}

// Packer compresses programs into one archive, as solid.Packer does.
type Packer func(programs ...[]byte) (solid.Archive, error)

// Packed returns the files of bin for programs, in one archive for each processor.
func (t *Task) Packed(r Release, programs []Program, pack Packer) (map[string][]byte, error) {
	groups := map[string][]Program{}
	for _, p := range programs {
		groups[p.Target.GOARCH] = append(groups[p.Target.GOARCH], p)
	}
	archives, err := packAll(groups, pack)
	if err != nil {
		return nil, fmt.Errorf("packing task %s: %w", t.Name, err)
	}
	files, platforms := map[string][]byte{}, map[string]platform{}
	for arch, group := range groups {
		name := arch + ".br"
		files[name] = archives[arch].Data
		for i, p := range group {
			entry := describe(p.Target.Program(t.Program), p.Data)
			entry.Archive, entry.Offset, entry.Fold = name, &archives[arch].Offsets[i], archives[arch].Folds[i]
			platforms[p.Target.Node] = entry
		}
	}
	files["manifest.json"], err = t.manifest(r, platforms)
	return files, err
}

// packAll makes the archives at the same time: at the highest quality each takes a minute or two.
func packAll(groups map[string][]Program, pack Packer) (map[string]solid.Archive, error) {
	type result struct {
		arch    string
		archive solid.Archive
		err     error
	}
	results := make(chan result)
	for arch, group := range groups {
		go func() {
			var programs [][]byte
			for _, p := range group {
				programs = append(programs, p.Data)
			}
			archive, err := pack(programs...)
			results <- result{arch, archive, err}
		}()
	}
	archives := map[string]solid.Archive{}
	var failed error
	for range groups {
		r := <-results
		archives[r.arch] = r.archive
		failed = errors.Join(failed, r.err)
	}
	return archives, failed
}

// manifest is bin/manifest.json, which the launcher reads.
type manifest struct {
	Schema    int                 `json:"schema"`
	Task      string              `json:"task"`
	Version   string              `json:"version"`
	Commit    string              `json:"commit"`
	Platforms map[string]platform `json:"platforms"`
}

// platform is a program; without Archive and Offset it is a file beside the manifest.
type platform struct {
	File    string    `json:"file"`
	Size    int       `json:"size"`
	SHA256  string    `json:"sha256"`
	Archive string    `json:"archive,omitempty"`
	Offset  *int64    `json:"offset,omitempty"`
	Fold    *fold.Map `json:"fold,omitempty"`
}

func describe(file string, program []byte) platform {
	sum := sha256.Sum256(program)
	return platform{File: file, Size: len(program), SHA256: hex.EncodeToString(sum[:])}
}

func (t *Task) manifest(r Release, platforms map[string]platform) ([]byte, error) {
	data, err := json.MarshalIndent(manifest{1, t.Name, r.Version, r.Commit, platforms}, "", "  ")
	return append(data, '\n'), err
}

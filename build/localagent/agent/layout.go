package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// layout is the folders of a job, named as an agent names them.
type layout struct {
	root string // ours alone; holds temp, and the work folder unless one was given
	work string // _work
	// systemTemp is what the job gets as the machine's temporary folder. It is
	// no part of the work folder: what a job leaves there stays for ever.
	systemTemp string
	temp       string // _work/_temp
	tools      string // _work/_tool
	tasks      string // _work/_tasks
	workspace  string // _work/1
	sources    string // _work/1/s
	origin     string // where the sources come from, for people
	artifacts  string // _work/1/a
	binaries   string // _work/1/b
	results    string // _work/1/TestResults
}

// newLayout makes the folders. As on a self-hosted agent, tools and binaries of
// a work folder that was used before are kept; everything else is made new.
func newLayout(work, sources string) (*layout, error) {
	root, err := os.MkdirTemp("", "localagent-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the job: %w", err)
	}
	// Tools report paths without links (/private/var for /var on macOS).
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, fmt.Errorf("making a folder for the job: %w", err)
	}
	l := &layout{root: root, work: filepath.Join(root, "_work"), systemTemp: filepath.Join(root, "tmp")}
	if work != "" {
		if l.work, err = makeWork(work); err != nil {
			return nil, errors.Join(fmt.Errorf("using work folder %s: %w", work, err), os.RemoveAll(root))
		}
	}
	l.name()
	if err := l.prepare(sources); err != nil {
		return nil, errors.Join(err, removeAll(root))
	}
	return l, nil
}

func makeWork(work string) (string, error) {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", cause(err)
	}
	abs, err := filepath.Abs(work)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

func (l *layout) name() {
	l.temp, l.tools = filepath.Join(l.work, "_temp"), filepath.Join(l.work, "_tool")
	l.tasks, l.workspace = filepath.Join(l.work, "_tasks"), filepath.Join(l.work, "1")
	l.sources, l.artifacts = filepath.Join(l.workspace, "s"), filepath.Join(l.workspace, "a")
	l.binaries, l.results = filepath.Join(l.workspace, "b"), filepath.Join(l.workspace, "TestResults")
}

func (l *layout) prepare(sources string) error {
	fresh := []string{l.temp, l.artifacts, l.results}
	if sources != "" {
		fresh = append(fresh, l.sources)
	}
	for _, dir := range fresh {
		if err := removeAll(dir); err != nil {
			return fmt.Errorf("cleaning %s: %w", dir, cause(err))
		}
	}
	for _, dir := range append(fresh, l.systemTemp, l.tools, l.tasks, l.sources, l.binaries) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the job's folders: %w", err)
		}
	}
	if sources == "" {
		l.origin = "empty (give --sources DIR to copy some)"
		if entries, err := os.ReadDir(l.sources); err == nil && len(entries) > 0 {
			l.origin = "as an earlier run left them (give --sources DIR to copy others)"
		}
		return nil
	}
	l.origin = sources + " (copied)"
	if err := copyTree(sources, l.sources, l.work); err != nil {
		return fmt.Errorf("copying the sources %s: %w", sources, err)
	}
	return nil
}

// copyTree copies the sources as they are, links as links, so that a job cannot
// harm the folder they came from. It skips what is neither file, folder nor link,
// and the folder apart: the work folder may lie within the sources, and would be
// copied into itself.
func copyTree(from, to, apart string) error {
	own, err := os.Stat(apart)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			if info, err := entry.Info(); err == nil && os.SameFile(info, own) {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case entry.Type().IsRegular():
			return copyFile(name, target)
		default:
			return nil
		}
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

// removeAll is os.RemoveAll for trees with read-only folders too, such as Go's
// module cache.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(name, 0o700)
		}
		return err
	})
	return os.RemoveAll(dir)
}

// clean removes what must not stay: the job's temporary files and, unless it is
// to be kept, everything that is ours.
func (l *layout) clean(keep bool) error {
	if keep {
		return nil
	}
	return errors.Join(removeAll(l.temp), removeAll(l.root))
}

package cachekey

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing/fstest"
)

// memory is a file system of any operating system: absolute names in that
// system's form, and their contents.
type memory struct {
	fs fstest.MapFS
}

func newMemory(files map[string]string) memory {
	m := memory{fstest.MapFS{}}
	for name, content := range files {
		m.fs[inside(name)] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

// inside turns "C:\w\a" and "/w/a" into names of an fs.FS.
func inside(name string) string {
	return path.Clean(strings.TrimLeft(strings.ReplaceAll(name, `\`, "/"), "/"))
}

func (m memory) ReadDir(dir string) ([]fs.DirEntry, error) {
	entries, err := m.fs.ReadDir(inside(dir))
	slices.Reverse(entries) // the order must not matter
	return entries, err
}
func (m memory) Stat(name string) (fs.FileInfo, error)   { return m.fs.Stat(inside(name)) }
func (m memory) Open(name string) (io.ReadCloser, error) { return m.fs.Open(inside(name)) }
func unix(files map[string]string) Place                 { return place(linux, "/w/1", files) }
func place(os system, workspace string, files map[string]string) Place {
	return Place{
		OS: string(os), Workspace: workspace, WorkingDir: os.child(workspace, "s"), Files: newMemory(files),
	}
}

package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are what is measured, and what is put into images.
type programs struct {
	bare   string // our program
	packed string // the script that the agent starts; "" if the package has none
	node   string
	server string // a static program for linux/amd64
	self   string // this program
	layers []*layer
}

const server = `package main

import "net/http"

func main() { _ = http.ListenAndServe(":8080", http.NotFoundHandler()) }
`

// build makes them.
func build(o options) (p programs, err error) {
	p = programs{bare: filepath.Join(o.work, "platformbuild"), server: filepath.Join(o.work, "server"), node: o.node}
	source := filepath.Join(o.work, "server.go")
	if err := os.WriteFile(source, []byte(server), 0o644); err != nil {
		return p, err
	}
	err = errors.Join(compile(nil, p.bare, "./tasks/platformbuild/cmd"),
		compile([]string{"GOOS=linux", "GOARCH=amd64"}, p.server, source))
	if err != nil {
		return p, err
	}
	if p.packed, err = unpack(o.pkg, filepath.Join(o.work, "packed")); err != nil {
		return p, err
	}
	if p.self, err = os.Executable(); err != nil {
		return p, err
	}
	p.layers, err = makeLayers(o.work, p.server)
	return p, err
}

func compile(env []string, output, source string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, source)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", source, err, out)
	}
	return nil
}

// unpack takes PlatformBuild's folder out of the package as the agent would: 0644. It returns
// the script of its stage; "" if the package does not have the task.
func unpack(pkg, dir string) (script string, err error) {
	archive, err := zip.OpenReader(pkg)
	if errors.Is(err, os.ErrNotExist) || pkg == "" {
		fmt.Fprintln(os.Stderr, "The packed task is not measured: there is no package (make bench makes one).")
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer archive.Close()
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for _, f := range archive.File {
		name, ok := strings.CutPrefix(f.Name, "PlatformBuild/PlatformBuildV1/")
		if !ok || !filepath.IsLocal(name) {
			continue
		}
		target := filepath.Join(dir, name)
		if err := unpackFile(f, target); err != nil {
			return "", err
		}
		if name == "main.js" {
			script = target
		}
	}
	if script == "" {
		fmt.Fprintln(os.Stderr, "The packed task is not measured: the package does not have it.")
	}
	return script, nil
}

func unpackFile(f *zip.File, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	data, err := f.Open()
	if err != nil {
		return err
	}
	defer data.Close()
	content, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	return os.WriteFile(target, content, 0o644)
}

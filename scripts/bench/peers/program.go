package peers

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Executable is the name of a program's file.
func Executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// Compile makes a program as releases have it, from source, a package as the module in a
// folder knows it. More is said by variables of the environment.
func Compile(in, program, source string, variables ...string) error {
	cmd := exec.Command("go", "build", "-C", in, "-trimpath", "-ldflags=-s -w", "-o", program, source)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), variables...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", source, err, out)
	}
	return nil
}

// Unpack takes a task's folder out of a package as the agent would, 0644, into a new
// folder in place of dir. It returns the script of the task's main stage. If there is no
// package, or no such task in it, the error is [fs.ErrNotExist].
func Unpack(pkg, task, dir string) (script string, err error) {
	archive, err := zip.OpenReader(pkg)
	if err != nil {
		return "", fmt.Errorf("%s: %w (make demo builds it)", pkg, err)
	}
	defer archive.Close()
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for _, f := range archive.File {
		name, ok := strings.CutPrefix(f.Name, task+"/"+task+"V1/")
		if !ok || !filepath.IsLocal(name) {
			continue
		}
		if err := unpackFile(f, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	script = filepath.Join(dir, "main.js")
	if _, err := os.Stat(script); err != nil {
		return "", fmt.Errorf("%s has no %s: %w", pkg, task, fs.ErrNotExist)
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

//go:build unix

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const foldNames = false

// group is the process group that the program leads.
type group struct{ pid int }

func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &group{cmd.Process.Pid}, nil
}

// An error means that the group is gone, which is what we want.
func (g *group) interrupt() { _ = syscall.Kill(-g.pid, syscall.SIGINT) }
func (g *group) kill()      { _ = syscall.Kill(-g.pid, syscall.SIGKILL) }
func (g *group) release()   {}

func signalName(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal().String()
	}
	return ""
}

// checkArgs has nothing to say: on Unix an argument arrives as it was sent.
func checkArgs(string, []string) error { return nil }

// lookPath finds name in the PATH of env. Relative entries, the empty one
// included, mean the current directory, which is full of other people's files.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("starting %s: the program must be a bare name or an absolute path", baseName(name))
		}
		return name, nil
	}
	if name == "" {
		return "", errors.New("no program is named")
	}
	search := lookup(env, "PATH", false)
	if search == "" {
		return "", fmt.Errorf("finding %s: the environment it is given has no PATH", name)
	}
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s was not found on PATH: %w", name, fs.ErrNotExist)
}

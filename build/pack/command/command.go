// Package command runs the programs a build needs (go, git, a signing tool): no shell, their
// output kept, their complaint in the error. It is the one place of the packer that starts
// processes.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Runner says where and with which environment programs run.
type Runner struct {
	Dir string
	Env []string
}

// Output runs name with args and returns what it printed on standard output. The error of a
// program that ends badly is an *exec.ExitError, wrapped, with what it printed on standard error.
func (r Runner) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = r.Dir, r.Env
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not on PATH; install it: %w", name, err)
	}
	line := strings.Join(append([]string{name}, args...), " ")
	if said := strings.TrimSpace(stderr.String()); said != "" {
		return nil, fmt.Errorf("%s: %w\n%s", line, err, said)
	}
	return nil, fmt.Errorf("%s: %w", line, err)
}

package command

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, err := Runner{Dir: dir, Env: []string{"GOPRIVATE=here", "GOCACHE=" + dir, "HOME=" + dir}}.
		Output(t.Context(), "go", "env", "GOPRIVATE")
	if err != nil {
		t.Fatalf("Output(go env GOPRIVATE): %v", err)
	}
	if want := "here\n"; string(got) != want {
		t.Errorf("Output(go env GOPRIVATE) with GOPRIVATE=here = %q, want %q", got, want)
	}
}

func TestOutputErrors(t *testing.T) {
	t.Parallel()
	_, err := Runner{Dir: t.TempDir()}.Output(t.Context(), "go", "no-such-command")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("Output(go no-such-command): got %v, want an exit error with what go said", err)
	}
	_, err = Runner{Dir: t.TempDir()}.Output(t.Context(), "guardrails-no-such-program")
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "is not on PATH; install it") {
		t.Errorf("Output(guardrails-no-such-program): got %v, want ErrNotFound with the fix", err)
	}
}

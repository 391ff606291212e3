//go:build unix

package task_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// TestMain makes the test program a task program when it is asked to be one, so
// that Main can be tested as a process: with real signals and pipes.
func TestMain(m *testing.M) {
	if os.Getenv("INPUT_NAME") != "" {
		task.Main(task.Task[in]{Name: "Sample", Main: sample})
	}
	os.Exit(m.Run())
}

func sample(ctx context.Context, env *task.Env, in in) error {
	switch in.Name {
	case "wait":
		env.Log.Print("waiting")
		<-ctx.Done()
		return ctx.Err()
	case "stubborn":
		env.Log.Print("waiting")
		select {}
	case "children":
		env.Log.Print("waiting")
		// A shell with a child of its own: the whole group must end.
		return proc.Run(ctx, proc.Cmd{
			Name: "sh", Args: []string{"-c", "sleep 300 & echo grandchild $!; wait"},
			Env: proc.Only(env.Environ(), "PATH"), Stdout: os.Stdout, Stderr: os.Stdout,
		})
	case "environment":
		env.Log.Print(strings.Join(os.Environ(), "\n"))
		debug, _ := env.Lookup("GODEBUG")
		env.Log.Print("given GODEBUG=" + debug)
		score, _ := os.ReadFile("/proc/self/oom_score_adj")
		env.Log.Print("oom " + string(score))
	case "goroutine":
		go func() { panic("in a goroutine") }()
		select {}
	}
	return nil
}

type program struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

func start(t *testing.T, name string, extra ...string) program {
	t.Helper()
	cmd := exec.Command(os.Args[0], "main")
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "INPUT_NAME=" + name, "GUARDRAILS_LAUNCHER=1", "AGENT_TEMPDIRECTORY=" + t.TempDir(),
	}, extra...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return program{cmd, stdin, bufio.NewReader(stdout)}
}

// until reads the log up to a line that holds text.
func (p program) until(t *testing.T, text string) string {
	t.Helper()
	var seen bytes.Buffer
	for {
		line, err := p.out.ReadString('\n')
		seen.WriteString(line)
		if strings.Contains(line, text) {
			return line
		}
		if err != nil {
			t.Fatalf("the log ended without %q:\n%s", text, seen.String())
		}
	}
}

func (p program) rest(t *testing.T) (string, int) {
	t.Helper()
	rest, err := io.ReadAll(p.out)
	if err != nil {
		t.Fatal(err)
	}
	err = p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(rest), p.cmd.ProcessState.ExitCode()
}

// The program ends by itself, however it waits: by the time that Main gives it, which is less than the agent's.
func TestSignalsCancel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"wait", "stubborn", "children"} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				p := start(t, name)
				p.until(t, "waiting")
				grandchild := ""
				if name == "children" {
					grandchild = strings.TrimSpace(strings.TrimPrefix(p.until(t, "grandchild "), "grandchild "))
				}
				if err := p.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				log, exit := p.rest(t)
				if exit != 0 || !strings.Contains(log, "type=error;code=task/cancelled;]cancelled: the agent stopped this step") ||
					!strings.HasSuffix(log, "##vso[task.complete result=Failed;]\n") {
					t.Errorf("exit %d, want 0 and a cancelled result; log:\n%s", exit, log)
				}
				if grandchild != "" && alive(t, grandchild) {
					t.Errorf("the grandchild %s is still alive", grandchild)
				}
			})
		}
	}
}

// alive reports whether the process runs; a zombie that nobody has waited for
// does not.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	state, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("ps (procps) is needed to look for processes left behind")
	}
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func TestEndOfLauncherEndsTheTask(t *testing.T) {
	t.Parallel()
	p := start(t, "wait")
	p.until(t, "waiting")
	if err := p.stdin.Close(); err != nil { // as when node is killed
		t.Fatal(err)
	}
	log, _ := p.rest(t)
	if !strings.Contains(log, "the agent's node process ended") {
		t.Errorf("the log does not say why it stopped:\n%s", log)
	}
}

func TestProcessForgetsItsSecretsAndVolunteersForOOM(t *testing.T) {
	t.Parallel()
	p := start(t, "environment", "SECRET_X=value-one", "ENDPOINT_AUTH_PARAMETER_A_B=value-two", "VSTS_TASKVARIABLE_X=value-three",
		"SECUREFILE_TICKET_X=value-four", "SYSTEM_ACCESSTOKEN=value-five", "PLAIN_VARIABLE=kept",
		`VSTS_PUBLIC_VARIABLES=["Identity.Endpoint"]`, "IDENTITY_ENDPOINT=http://value-six", "IMDS_ENDPOINT=http://machine",
		"GUARDRAILS_ENV_GODEBUG=value-7")
	log, exit := p.rest(t)
	if exit != 0 || !strings.Contains(log, "PLAIN_VARIABLE=kept") {
		t.Fatalf("exit %d, log:\n%s", exit, log)
	}
	if !strings.Contains(log, "IMDS_ENDPOINT=http://machine") || !strings.Contains(log, "given GODEBUG=value-7") {
		t.Errorf("what the machine says of its identity is gone, or what the step is given:\n%s", log)
	}
	for _, name := range []string{"SECRET_X", "ENDPOINT_AUTH", "VSTS_TASKVARIABLE", "SECUREFILE", "SYSTEM_ACCESSTOKEN", "INPUT_NAME", "value-", "GUARDRAILS_ENV"} {
		if strings.Contains(strings.Replace(log, "given GODEBUG=value-7", "", 1), name) {
			t.Errorf("%s is still in the process's environment:\n%s", name, log)
		}
	}
	if _, err := os.Stat("/proc/self/oom_score_adj"); err == nil && !strings.Contains(log, "oom 1000") {
		t.Errorf("the program did not raise its OOM score:\n%s", log)
	}
}

// The harness cannot catch a panic of a goroutine; the exit status tells the
// launcher, which reports it.
func TestPanicInAGoroutineIsNoSuccess(t *testing.T) {
	t.Parallel()
	log, exit := start(t, "goroutine").rest(t)
	if exit != 2 || strings.Contains(log, "task.complete") {
		t.Errorf("exit %d, want 2; log:\n%s", exit, log)
	}
}

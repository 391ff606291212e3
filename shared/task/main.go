package task

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a stopped stage may take: the agent sends SIGTERM 7.5 s
// after SIGINT, and we need the rest to report (ProcessInvoker.cs).
const stopGrace = 5 * time.Second

var (
	errCancelled    = errors.New("the agent stopped this step (the job was cancelled, or a time limit was reached)")
	errLauncherGone = errors.New("the agent's node process ended while the task was running")
)

// Main is the whole main function of a task's program. It does not return.
func Main[In any](t Task[In]) {
	environ := os.Environ()
	hideEnvironment(environ)
	volunteerForOOM()
	stop, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(errCancelled)
	}()
	if os.Getenv("GUARDRAILS_LAUNCHER") == "1" {
		go watchLauncher(os.Stdin, cancel)
	}
	os.Exit(Exec(World{
		Args: os.Args[1:], Environ: environ, Stdout: os.Stdout, Now: time.Now, Stop: stop, Grace: stopGrace,
	}, t))
}

// watchLauncher notices that node was killed: the launcher never writes to our
// standard input, and its end is the only sign that works everywhere. Nobody
// reads our output then, so the program ends on its own shortly after.
func watchLauncher(stdin io.Reader, cancel context.CancelCauseFunc) {
	_, _ = io.Copy(io.Discard, stdin)
	cancel(errLauncherGone)
	time.Sleep(stopGrace)
	os.Exit(exitNoOutput)
}

// hideEnvironment removes what is secret from the process's own environment, so
// that no library and no child started by one sees it. (Linux still shows the
// first environment to the same user in /proc/self/environ.)
func hideEnvironment(environ []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{
			"INPUT_", "SECRET_", "ENDPOINT_AUTH_", "SECUREFILE_", "VSTS_TASKVARIABLE_", "SYSTEM_ACCESSTOKEN",
		} {
			if strings.HasPrefix(strings.ToUpper(name), prefix) {
				_ = os.Unsetenv(name)
			}
		}
	}
}

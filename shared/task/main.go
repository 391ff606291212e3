package task

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
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
	if t.Helper != nil {
		if exit, ok := t.Helper(os.Args, os.Environ(), os.Stdin, os.Stdout); ok {
			os.Exit(exit)
		}
	}
	environ := restored(os.Environ())
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

// kept begins the names under which the launcher hands over variables that would steer
// this program before its first line (see launch.js).
const kept = "GUARDRAILS_ENV_"

// restored is the environment with the names that the agent gave.
func restored(environ []string) []string {
	for i, entry := range environ {
		environ[i] = strings.TrimPrefix(entry, kept)
	}
	return environ
}

// private begins the names of what the agent entrusts to a task alone.
var private = []string{
	"INPUT_", "SECRET_", "ENDPOINT_AUTH_", "SECUREFILE_", "VSTS_TASKVARIABLE_", "SYSTEM_ACCESSTOKEN", kept,
}

// steering begins the names by which Azure's SDK finds another identity, or another
// server for one. The agent's machine may have them; a variable of the job, which any
// step can set, must not.
var steering = []string{"AZURE_", "IDENTITY_", "IMDS_", "MSI_", "MSAL_"}

// hideEnvironment removes what is secret from the process's own environment, so
// that no library and no child started by one sees it, and what would lead a library
// astray. (Linux still shows the first environment to the same user in
// /proc/self/environ.)
func hideEnvironment(environ []string) {
	lookup := lookupIn(environ)
	list, _ := lookup("VSTS_PUBLIC_VARIABLES")
	var public []string
	_ = json.Unmarshal([]byte(list), &public) // none outside an agent
	for i, name := range public {
		public[i] = envName(name)
	}
	begins := func(name string, prefixes []string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if begins(upper, private) || begins(upper, steering) && slices.Contains(public, upper) {
			_ = os.Unsetenv(name)
		}
	}
}

// Command localagent runs the steps of an Azure Pipelines file on this machine
// the way the Azure Pipelines agent does. It takes the tasks from a packed
// extension or from a folder, so that a task is tried in seconds, without an
// organisation, exactly as users will get it.
//
//	go run ./build/localagent run --tasks build/out/stage pipeline.yml
//
// Run it with "help" for the flags and the exit status.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/agent"
)

// Exit status for what is not a job's result.
const exitUsage = 2

func main() {
	signals := make(chan os.Signal, 2)
	listen(signals)
	os.Exit(world{
		args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		terminal: isTerminal(os.Stdout), signals: signals, folders: watched(), alone: true,
	}.run())
}

// world is what the program sees of the outside.
type world struct {
	args, environ  []string
	stdout, stderr io.Writer
	terminal       bool
	signals        <-chan os.Signal
	// folders are those that are shared with other programs.
	folders []string
	// alone: nothing else runs in this process.
	alone bool
}

// run does what the arguments say and returns the exit status.
func (w world) run() int {
	command, rest := "help", w.args
	if len(rest) > 0 {
		command, rest = rest[0], rest[1:]
	}
	switch command {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(w.stdout, usage)
		return 0
	case "run":
		s, err := parse(rest, w.environ)
		if errors.Is(err, errHelp) {
			fmt.Fprint(w.stdout, usage)
			return 0
		}
		if err != nil {
			return w.refuse(err)
		}
		return w.runJob(s)
	default:
		return w.refuse(fmt.Errorf("unknown command %q: want run or help", command))
	}
}

// refuse reports why nothing was run.
func (w world) refuse(err error) int {
	fmt.Fprintf(w.stderr, "localagent: %v\n", err)
	return exitUsage
}

func (w world) runJob(s *settings) int {
	options, err := s.options()
	if err != nil {
		return w.refuse(err)
	}
	if options.Tasks != nil {
		defer options.Tasks.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	abort := make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	go w.watch(cancel, abort, done)
	if s.cancelAfter > 0 {
		defer time.AfterFunc(s.cancelAfter, cancel).Stop()
	}
	options.Stdout, options.Abort = w.stdout, abort
	options.Color = w.terminal && !s.noColor
	options.Watch, options.Adopt = w.folders, w.alone
	result, err := agent.Run(ctx, options)
	if result == nil {
		return w.refuse(err)
	}
	status := result.ExitStatus
	if err != nil {
		fmt.Fprintf(w.stderr, "localagent: %v\n", err)
	}
	if err := s.writeResult(result); err != nil {
		fmt.Fprintf(w.stderr, "localagent: %v\n", err)
		status = max(status, 1)
	}
	return status
}

// watch cancels the job at the first signal, as a user of the web page would,
// and ends everything at the second.
func (w world) watch(cancel func(), abort chan<- struct{}, done <-chan struct{}) {
	for _, act := range []func(){
		func() {
			fmt.Fprintln(w.stderr, "localagent: cancelling the job; once more to end everything at once")
			cancel()
		},
		func() { close(abort) },
	} {
		select {
		case <-w.signals:
			act()
		case <-done:
			return
		}
	}
}

// watched lists the folders where programs leave things behind. Names that are
// empty or no folder do no harm.
func watched() []string {
	folders := []string{os.TempDir()}
	if runtime.GOOS != "windows" {
		folders = append(folders, "/tmp", "/var/tmp")
	}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, home)
	}
	if here, err := os.Getwd(); err == nil {
		folders = append(folders, here)
	}
	return folders
}

// isTerminal reports whether f is a terminal rather than a file or a pipe.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

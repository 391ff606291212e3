// Package beside is what the commands in scripts/services have in common: each runs a
// program, and beside it, for as long, a service on this machine that the program finds
// by its environment.
//
// Such a command ends with the status of its program, or with 128 and the number of the
// signal that has ended it; with 127 if it could not be started, 2 if the arguments or
// the configuration are wrong. What has gone wrong is said on stderr. SIGTERM and SIGHUP
// are passed on; SIGINT is, too, where there is no terminal, which sends it to both. So
// the command outlives its program, and can take away what it has made.
package beside

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
)

// Exit statuses besides those of the program. Between the last one and 256 are the
// signals.
const (
	ExitUsage      = 2
	ExitNotStarted = 127
	exitSignal     = 128
)

// Main is the whole main of a command: run does everything, and returns the status to
// end with.
func Main(name string, run func(World) (status int, err error)) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, caught...)
	w := World{os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr, signals, isTerminal(os.Stdin)}
	os.Exit(w.Command(name, run))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// World is what a command sees of the outside.
type World struct {
	Args, Environ  []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Signals        <-chan os.Signal // those that are to be passed on
	Terminal       bool             // Stdin is one
}

// Command runs a command in this world and returns its status.
func (w World) Command(name string, run func(World) (status int, err error)) int {
	status, err := run(w)
	if err != nil {
		fmt.Fprintf(w.Stderr, "%s: %v\n", name, err)
	}
	return status
}

// Lookup returns a variable of the environment, "" if there is none.
func (w World) Lookup(name string) string {
	for _, variable := range slices.Backward(w.Environ) { // of two the last one counts
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// Parse reads the flags, and returns the program with its arguments.
func Parse(flags *flag.FlagSet, args []string, usage string) (program []string, err error) {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("%w; %s", err, usage)
	}
	if program = flags.Args(); len(program) == 0 {
		return nil, errors.New("there is no program to run; " + usage)
	}
	return program, nil
}

// Without returns an environment without the variables that have the name of one of
// others, in capitals or not.
func Without(environ, others []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.ContainsFunc(others, func(other string) bool {
			otherName, _, _ := strings.Cut(other, "=")
			return strings.EqualFold(name, otherName)
		})
	})
}

// Program runs the program to its end. It tells whether there was a signal.
func (w World) Program(program, environ []string) (status int, signalled bool, err error) {
	child := exec.Command(program[0], program[1:]...)
	child.Env = environ
	child.Stdin, child.Stdout, child.Stderr = w.Stdin, w.Stdout, w.Stderr
	if err := child.Start(); err != nil {
		return ExitNotStarted, false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for {
		select {
		case received := <-w.Signals:
			signalled = true
			if passes(received, w.Terminal) {
				_ = child.Process.Signal(received) // it may have ended
			}
		case err := <-ended:
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				return statusOf(exit.ProcessState), signalled, nil
			}
			if err != nil {
				return 1, signalled, err
			}
			return 0, signalled, nil
		}
	}
}

//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// listen passes on what asks the job to end. A terminal that is closed asks, too,
// unless the program was started to outlive it (nohup).
//
// A reader of our output that went away must not end us in the middle of a job.
// SIGPIPE is caught for that and not ignored: programs that we start would
// inherit it as ignored, and those of an agent do not.
func listen(signals chan<- os.Signal) {
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

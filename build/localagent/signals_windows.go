package main

import (
	"os"
	"os/signal"
	"syscall"
)

// listen passes on what asks the job to end; closing the console counts as
// SIGTERM.
func listen(signals chan<- os.Signal) { signal.Notify(signals, os.Interrupt, syscall.SIGTERM) }

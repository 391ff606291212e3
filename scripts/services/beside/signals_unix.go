//go:build unix

package beside

import (
	"os"
	"syscall"
)

// caught are the signals that must not end us before the program.
var caught = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// passes reports whether a signal goes on to the program. A terminal sends SIGINT
// to the program itself.
func passes(received os.Signal, terminal bool) bool { return received != os.Interrupt || !terminal }

// statusOf is the status as a shell has it.
func statusOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return state.ExitCode()
}

package beside

import "os"

// caught are the signals that must not end us before the program.
var caught = []os.Signal{os.Interrupt}

// passes reports whether a signal goes on to the program, which gets them from the
// console here.
func passes(os.Signal, bool) bool { return false }

func statusOf(state *os.ProcessState) int { return state.ExitCode() }

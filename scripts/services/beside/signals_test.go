//go:build unix

package beside

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, sent := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		signals := make(chan os.Signal, 1)
		reader, writer := io.Pipe()
		status := make(chan int)
		go func() {
			w := World{Args: []string{os.Args[0], "wait"}, Environ: os.Environ(), Stdout: writer, Stderr: writer, Signals: signals}
			got := w.Command("test", test)
			_ = writer.Close()
			status <- got
		}()
		ready := make([]byte, len("ready\n"))
		if _, err := io.ReadFull(reader, ready); err != nil {
			t.Fatal(err)
		}
		signals <- sent
		rest, err := io.ReadAll(reader)
		if got := <-status; got != 7 || err != nil || strings.TrimSpace(string(rest)) != sent.String() {
			t.Errorf("%s: the program got %q, %v, and ended with %d, want it and 7", sent, rest, err, got)
		}
	}
	if passes(os.Interrupt, true) || !passes(syscall.SIGTERM, true) {
		t.Error("on a terminal, SIGTERM is to be passed on, and SIGINT is not")
	}
}

func TestKilled(t *testing.T) {
	t.Parallel()
	w := World{Args: []string{os.Args[0], "die"}, Environ: os.Environ(), Stdout: io.Discard, Stderr: io.Discard}
	if got := w.Command("test", test); got != 128+9 {
		t.Errorf("a program that is killed: status %d, want 137", got)
	}
}

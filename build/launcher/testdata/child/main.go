// Command child is the program that the launcher's tests start in place of a task's program.
// What it does is said by the environment variable CHILD_DO; CHILD_FILE and CHILD_CODE belong to some of the acts.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	acts := map[string]func(){
		"":        describe,
		"exit":    func() { os.Exit(code()) },
		"panic":   func() { panic("something the author did not expect") },
		"kill":    func() { die(os.Kill) },
		"term":    func() { die(syscall.SIGTERM) },
		"partial": func() { fmt.Print("##vso[task.setvariable variable=x]half a li"); die(os.Kill) },
		"wait":    wait,
		"deaf":    deaf,
	}
	act, ok := acts[os.Getenv("CHILD_DO")]
	if !ok {
		fmt.Fprintf(os.Stderr, "child: CHILD_DO=%q is not an act\n", os.Getenv("CHILD_DO"))
		os.Exit(99)
	}
	act()
}

// describe prints as one line of JSON how the program was started.
func describe() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"args": os.Args[1:], "self": self,
		"launcher": os.Getenv("GUARDRAILS_LAUNCHER"), "input": os.Getenv("INPUT_KEY"),
		"godebug": os.Getenv("GODEBUG"), "kept": os.Getenv("GUARDRAILS_ENV_GODEBUG"),
	})
}

// wait says "ready" and then what ends it: a signal, or the end of standard input, which means that the launcher died.
// The latter is also written to CHILD_FILE, as nobody may be reading any more.
func wait() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	fmt.Println("ready")
	select {
	case got := <-signals:
		fmt.Printf("got %s\n", got)
	case err := <-ended:
		if err := os.WriteFile(os.Getenv("CHILD_FILE"), []byte(fmt.Sprint("end of input ", err)), 0o600); err != nil {
			panic(err)
		}
	}
	os.Exit(code())
}

// deaf closes its standard input and goes on until a signal comes. Nothing else tells it that the launcher has gone, so
// it gives up after a minute: a failed test must not leave it for ever.
func deaf() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt)
	_ = os.Stdin.Close()
	fmt.Println("ready")
	select {
	case <-signals:
	case <-time.After(time.Minute):
		os.Exit(98)
	}
}

func code() int {
	n, err := strconv.Atoi(os.Getenv("CHILD_CODE"))
	if err != nil {
		return 0
	}
	return n
}

// die ends the program by a signal and waits for it to arrive. With an empty select Go's search for deadlocks could be
// faster than the signal, and end the program with exit code 2.
func die(sig os.Signal) {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(sig)
	}
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
	os.Exit(98)
}

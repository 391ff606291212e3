package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// workerArg makes this program start and measure one other. What that one and all that it
// starts take is counted, and nothing of the servers, which are in this process. A process
// that is started counts the memory of the one that started it as its own until then, so
// that one must be small.
const workerArg = "one-run"

// job is one run of a program.
type job struct {
	Args []string
	Dir  string
	Env  []string
	Out  string // file for what it prints
}

// outcome is what a run took.
type outcome struct {
	Wall, CPU time.Duration
	Peak      float64 // MB, of the largest process
}

// run runs a job in a worker.
func run(j job) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.Command(self, workerArg)
	cmd.Stdin = bytes.NewReader(text)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		said, _ := os.ReadFile(j.Out)
		return outcome{}, fmt.Errorf("%s: %w: %s", strings.Join(j.Args, " "), err, said)
	}
	var o outcome
	return o, json.Unmarshal(answer, &o)
}

// worker is the other process: a job on its standard input, an outcome on its output.
func worker(in io.Reader, answer io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	out, err := os.Create(j.Out)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(j.Args[0], j.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.Dir, j.Env, out, out
	if err := adopt(); err != nil {
		return err
	}
	started := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	o := outcome{Wall: time.Since(started)}
	user, system, peak, err := used(cmd.ProcessState)
	o.CPU, o.Peak = user+system, peak
	if err != nil {
		return err
	}
	return json.NewEncoder(answer).Encode(o)
}

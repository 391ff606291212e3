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

// workerArg makes this program start and measure one other. A process that is started
// counts the memory of the one that started it as its own until then, so that one must be
// small.
const workerArg = "one-run"

// job is one run of a program.
type job struct {
	Args     []string
	Dir      string
	Env      []string
	Out      string // file for what it prints
	Statuses []int  // that it may exit with: findings are no failure
}

// outcome is what a run took.
type outcome struct {
	Wall, User, CPU time.Duration
	Peak            float64 // MB, of the largest process
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
		return outcome{}, fmt.Errorf("%s: %w", strings.Join(j.Args, " "), err)
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
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.Dir, j.Env, out, os.Stderr
	started := time.Now()
	err = cmd.Run()
	o := outcome{Wall: time.Since(started)}
	state := cmd.ProcessState
	if state == nil {
		return err
	}
	for _, status := range j.Statuses {
		if state.ExitCode() == status {
			err = nil
		}
	}
	o.User, o.CPU, o.Peak = state.UserTime(), state.UserTime()+state.SystemTime(), peak(state)
	if err == nil {
		err = json.NewEncoder(answer).Encode(o)
	}
	return err
}

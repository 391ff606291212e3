package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// workerArg makes this program start and measure one other. What that one and all that it
// starts take is counted, and nothing of the registry, which is in this process.
const workerArg = "one-run"

// job is one run of a program.
type job struct {
	Args []string
	Dir  string
	Env  []string
	Out  string // file for what it prints
	Fail bool   // it is expected to fail
}

// outcome is what a run took.
type outcome struct {
	Wall, CPU      time.Duration
	Failed         bool
	Started        time.Time
	sent, received int64 // bytes, by the registry
	requests       int
}

// run runs a job in a worker, and returns what it printed, too.
func run(j job) (outcome, string, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, "", err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return outcome{}, "", err
	}
	cmd := exec.Command(self, workerArg)
	cmd.Stdin = bytes.NewReader(text)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	said, _ := os.ReadFile(j.Out) // there is none if it did not start
	if err != nil {
		return outcome{}, "", fmt.Errorf("%s: %w: %s", strings.Join(j.Args, " "), err, said)
	}
	var o outcome
	if err := json.Unmarshal(answer, &o); err != nil {
		return outcome{}, "", err
	}
	if o.Failed && !j.Fail {
		return o, string(said), fmt.Errorf("%s has failed: %s", strings.Join(j.Args, " "), said)
	}
	return o, string(said), nil
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
	if err := cmd.Start(); err != nil {
		return err
	}
	failed := cmd.Wait() != nil
	o := outcome{Wall: time.Since(started), Failed: failed, Started: started}
	if o.CPU, err = used(cmd.ProcessState); err != nil {
		return err
	}
	return json.NewEncoder(answer).Encode(o)
}

// tick is the unit of times in /proc (USER_HZ, see proc_pid_stat(5)).
const tick = 10 * time.Millisecond

// spent is the CPU time of the processes that have an entry in their environment, and of
// those that they have waited for: of daemons, which the folder they write into tells apart.
func spent(entry string) (sum time.Duration) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is good
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !strings.Contains("\x00"+string(environ), "\x00"+entry+"\x00") {
			continue // it has ended, or is none
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		if err != nil {
			continue
		}
		// The name, in brackets, may have spaces in it. Behind it are the fields from the third on.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(field, 10, 64) // the kernel writes numbers
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// load is the machine's, as uptime tells it.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // not on other systems
	word, _, _ := strings.Cut(string(text), " ")
	return word
}

package peers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// workerArg makes this program start and measure one other. What that one and all that it
// starts take is counted, and nothing of the servers, which are in this process. A process
// that is started counts the memory of the one that started it as its own until then, so
// that one must be small.
const workerArg = "one-run"

// Job is one run of a program.
type Job struct {
	Args     []string
	Dir      string
	Env      []string
	Out      string // file for what it prints
	Err      string // file for what it prints on stderr; "" is Out
	Statuses []int  // that it may end with besides 0
}

// Outcome is what a run took, with everything that it started.
type Outcome struct {
	Started         time.Time
	Wall, User, CPU time.Duration // CPU is User and the system's
	Peak            float64       // MB (10^6 bytes), of the largest process; 0 on Windows, which does not tell
	Status          int
}

// Run runs a job in a process of its own, of this program, which has [Main]. It returns
// what is in the job's file, too. A run that ends with any other status is an error.
func Run(j Job) (o Outcome, said string, err error) {
	self, err := os.Executable()
	if err != nil {
		return o, "", err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return o, "", err
	}
	cmd := exec.Command(self, workerArg)
	cmd.Stdin = bytes.NewReader(text)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	out, _ := os.ReadFile(j.Out) // there is none if it did not start
	if err == nil {
		err = json.Unmarshal(answer, &o)
	}
	if err == nil && o.Status != 0 && !slices.Contains(j.Statuses, o.Status) {
		err = fmt.Errorf("exit status %d", o.Status)
	}
	if err != nil {
		errs, _ := os.ReadFile(cmp.Or(j.Err, j.Out))
		return o, string(out), fmt.Errorf("%s: %w: %s", strings.Join(j.Args, " "), err, errs)
	}
	return o, string(out), nil
}

// worker is the other process: a job on its standard input, an outcome on its output.
func worker(in io.Reader, answer io.Writer) error {
	var j Job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	out, err := os.Create(j.Out)
	if err != nil {
		return err
	}
	defer out.Close()
	errs := out
	if j.Err != "" {
		if errs, err = os.Create(j.Err); err != nil {
			return err
		}
		defer errs.Close()
	}
	cmd := exec.Command(j.Args[0], j.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.Dir, j.Env, out, errs
	if err := adopt(); err != nil {
		return err
	}
	o := Outcome{Started: time.Now()}
	err = cmd.Run()
	o.Wall = time.Since(o.Started)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	o.Status = cmd.ProcessState.ExitCode()
	var system time.Duration
	if o.User, system, o.Peak, err = used(cmd.ProcessState); err != nil {
		return err
	}
	o.CPU = o.User + system
	return json.NewEncoder(answer).Encode(o)
}

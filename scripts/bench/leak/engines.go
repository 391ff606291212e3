package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/rs/zerolog"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"
	"github.com/zricethezav/gitleaks/v8/sources"
)

// plainWords are what a post-mortem's people grep old logs for in the first hour.
const plainWords = `passwords?|passwd|secrets?|connection ?strings?|api[_-]?keys?|tokens?`

// hit is a line that an engine points at.
type hit struct {
	Line int    `json:"line"`
	Rule string `json:"rule"`
}

// outcome is what a run of an engine came to.
type outcome struct {
	Hits  []hit         `json:"hits"`
	Inner time.Duration `json:"inner"` // CPU time of the scan alone; 0 if it cannot be told
	CPU   time.Duration `json:"-"`     // CPU time of the process
}

// scanner looks for secrets in a text.
type scanner func(r io.Reader) ([]hit, error)

// engine looks for secrets, in a process of its own.
type engine struct {
	name    string
	prepare func() (scanner, error)
	args    []string // instead: grep's
}

var engines = []engine{
	{"guardrails, known secrets", ours(true, leak.Binary), nil},
	{"guardrails, rules", ours(false, leak.Log), nil},
	{"guardrails, both", ours(true, leak.Log), nil},
	{"grep -E", nil, []string{"-nE"}},
	{"grep -Ei", nil, []string{"-niE"}},
	{"gitleaks", gitleaks, nil},
}

// run measures an engine. Our own and gitleaks run in this program, started again.
// From memory, the text is read before the clock starts.
func (e engine) run(file string, fromMemory bool) (outcome, error) {
	var out bytes.Buffer
	var o outcome
	cmd := exec.Command("grep", append(slices.Clone(e.args), plainWords, file)...)
	if e.prepare != nil {
		self, err := os.Executable()
		if err != nil {
			return o, err
		}
		cmd = exec.Command(self, "-scan", e.name, "-memory="+strconv.FormatBool(fromMemory), file)
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	if cmd.ProcessState != nil {
		o.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err != nil && (e.prepare != nil || cmd.ProcessState.ExitCode() != 1) { // grep says 1 for nothing found
		return o, fmt.Errorf("%s: %w", e.name, err)
	}
	if e.prepare != nil {
		return o, json.Unmarshal(out.Bytes(), &o)
	}
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		number, _, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		line, err := strconv.Atoi(string(number))
		if err != nil {
			return o, fmt.Errorf("grep: %w", err)
		}
		o.Hits = append(o.Hits, hit{line, "grep"})
	}
	return o, lines.Err()
}

// newEngine is our engine, with the known secrets or without.
func newEngine(withKnown bool) (*leak.Engine, error) {
	options := leak.Options{Key: []byte("bench"), Most: 1 << 20}
	if withKnown {
		for i, v := range knownSecrets() {
			options.Known = append(options.Known, leak.Known{Name: fmt.Sprintf("secret %d", i),
				Value: inputs.NewSecret(v)})
		}
	}
	return leak.New(options)
}

// ours is our engine. The known-secret pass alone is what it does with binary files.
func ours(withKnown bool, text leak.Text) func() (scanner, error) {
	return func() (scanner, error) {
		e, err := newEngine(withKnown)
		return func(r io.Reader) (hits []hit, err error) {
			found, err := e.Scan(context.Background(), r, "log", text)
			for _, f := range found {
				hits = append(hits, hit{f.Place.Line, f.Rule})
			}
			return hits, err
		}, err
	}
}

// gitleaks does what "gitleaks stdin" does.
func gitleaks() (scanner, error) {
	logging.Logger = zerolog.Nop()
	detector, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, err
	}
	detector.IgnoreGitleaksAllow = true // a line of a log must not silence it
	return func(r io.Reader) (hits []hit, err error) {
		found, err := detector.DetectSource(context.Background(), &sources.File{Content: r})
		for _, f := range found {
			hits = append(hits, hit{f.StartLine, f.RuleID})
		}
		return hits, err
	}, nil
}

// scanHere is the side of the process that run starts: it scans a file and says what
// it has found.
func scanHere(name, file string, fromMemory bool, out io.Writer) error {
	at := slices.IndexFunc(engines, func(e engine) bool { return e.name == name })
	if at < 0 {
		return fmt.Errorf("there is no engine %q", name)
	}
	scan, err := engines[at].prepare()
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if fromMemory {
		data, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		r = bytes.NewReader(data)
		runtime.GC()
	}
	var o outcome
	before := cpu()
	o.Hits, err = scan(r)
	o.Inner = cpu() - before
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// cpu is the time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

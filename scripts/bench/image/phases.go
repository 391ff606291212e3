package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// call is one start of docker.
type call struct {
	Args       []string
	Start, End time.Time
}

// watched is docker, and writes down when it was started and when it ended. It takes some
// milliseconds itself.
func watched(args []string) int {
	signal.Ignore(os.Interrupt) // the real one gets it, too
	self, err := os.Executable()
	real, failed := os.ReadFile(filepath.Join(filepath.Dir(self), "real"))
	log, cannot := os.OpenFile(filepath.Join(filepath.Dir(self), "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err := errors.Join(err, failed, cannot); err != nil {
		fmt.Fprintln(os.Stderr, "docker:", err)
		return 1
	}
	cmd := exec.Command(string(real), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	c := call{Args: args, Start: time.Now()}
	_ = cmd.Run() // its status tells
	c.End = time.Now()
	if err := json.NewEncoder(log).Encode(c); err != nil {
		fmt.Fprintln(os.Stderr, "docker:", err)
	}
	return cmd.ProcessState.ExitCode()
}

// watch puts our docker in front of the real one, for one run.
func (l *lab) watch(j job) (job, error) {
	dir := l.path("watch")
	program, err := os.ReadFile(l.tools.self)
	if err != nil {
		return j, err
	}
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "real"), []byte(l.docker()), 0o644),
		os.WriteFile(filepath.Join(dir, "docker"), program, 0o755))
	j.Env = slices.Clone(j.Env)
	for i, entry := range j.Env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			j.Env[i] = "PATH=" + dir + string(filepath.ListSeparator) + path
		}
	}
	if j.Args[0] == l.docker() {
		j.Args = append([]string{filepath.Join(dir, "docker")}, j.Args[1:]...)
	}
	return j, err
}

// phases are times in milliseconds by what they are for, of several runs.
type phases struct {
	names []string
	times map[string][]float64
}

func (p *phases) note(name string, d time.Duration) {
	if !slices.Contains(p.names, name) {
		p.names = append(p.names, name)
	}
	p.times[name] = append(p.times[name], d.Seconds()*1000)
}

// theBuild is the phase that a build cannot be without.
const theBuild = "docker buildx build"

// dissect prints where the time of the first of two contenders goes, in runs of their own,
// and how long its build itself takes compared with the other's.
func dissect(l *lab, rounds int, ours, other contender) error {
	all := []contender{ours, other}
	found := make([]phases, len(all))
	for round := range rounds + 1 {
		for i, c := range all {
			if round == 0 { // warms up
				found[i] = phases{times: map[string][]float64{}}
				if _, err := l.once(c, rounds+1); err != nil {
					return err
				}
				continue
			}
			if err := l.dissect(&found[i], c, rounds+1+round); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	fmt.Printf("\n%s: where the time goes; medians of %d rounds, in brackets least and most; load %s\n\n"+
		"| | wall |\n|---|---|\n", ours.name, rounds, load())
	for _, name := range found[0].names {
		fmt.Printf("| %s | %s ms |\n", name, spread(found[0].times[name], "%.0f"))
	}
	mine, theirs := found[0].times[theBuild], found[1].times[theBuild]
	fmt.Printf("| the last row but two, of: %s | %s ms |\n| ratio of the two | %s |\n", other.name,
		spread(theirs, "%.0f"), spread(peers.Ratios(mine, theirs), "%.2f"))
	return nil
}

// dissect makes one run, and notes its phases.
func (l *lab) dissect(p *phases, c contender, round int) error {
	if err := errors.Join(l.fresh(), l.before(c)); err != nil {
		return err
	}
	j, err := l.watch(c.job(round))
	if err != nil {
		return err
	}
	o, said, err := peers.Run(j)
	if err == nil && c.check != nil {
		err = c.check(round, said)
	}
	if err != nil {
		return err
	}
	calls, err := l.calls()
	if err != nil {
		return err
	}
	last := o.Started
	slices.SortFunc(calls, func(a, b call) int { return a.Start.Compare(b.Start) })
	for _, call := range calls {
		if gap := call.Start.Sub(last); gap > 0 { // not at the same time as another
			p.note("before "+call.name(), gap)
		}
		p.note(call.name(), call.End.Sub(call.Start))
		if call.End.After(last) {
			last = call.End
		}
	}
	p.note("after", o.Started.Add(o.Wall).Sub(last))
	p.note("all", o.Wall)
	return nil
}

func (l *lab) before(c contender) error {
	if c.before == nil {
		return nil
	}
	return c.before()
}

// calls are those that were written down.
func (l *lab) calls() (all []call, err error) {
	f, err := os.Open(l.path("watch/calls"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var c call
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
}

// name is what a call is for.
func (c call) name() string {
	for _, arg := range c.Args {
		if strings.HasPrefix(arg, "--call") {
			return "docker buildx build --call check"
		}
	}
	return "docker " + strings.Join(c.Args[:min(2, len(c.Args))], " ")
}

//go:build unix

package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// waitFor waits until something has been printed so many times.
func waitFor(t *testing.T, out *output, times int, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for strings.Count(out.String(), text) < times {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("nothing says %q, but\n%s", text, out.String())
		}
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		program []string
		ready   int // so many programs hold
		sent    os.Signal
		status  int // 0: any, because the program may have ended before
		stdout  string
	}{
		"program": {[]string{"hold"}, 1, syscall.SIGTERM, 7, "terminated"},
		"run":     {[]string{"queue", "7"}, 1, syscall.SIGHUP, 0, `"first commit"): canceled`},
		"both":    {[]string{"queue and hold", "7"}, 2, os.Interrupt, 7, `"first commit"): canceled`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signals := make(chan os.Signal, 1)
			var stdout, stderr output
			w := beside.World{
				Args:   append([]string{"-config", with(t, `}]`, "hold"), os.Args[0]}, tc.program...),
				Stdout: &stdout, Stderr: &stderr, Signals: signals,
				Environ: []string{"PATH=" + os.Getenv("PATH"), "TEST=" + os.Args[0]},
			}
			status := make(chan int)
			go func() { status <- w.Command("devops", do) }()
			waitFor(t, &stdout, tc.ready, "ready\n")
			signals <- tc.sent
			if got := <-status; tc.status != 0 && got != tc.status || !strings.Contains(stdout.String(), tc.stdout) {
				t.Errorf("devops %q, sent %s = %d, %s%s\nwant %d and %q",
					tc.program, tc.sent, got, stdout.String(), stderr.String(), tc.status, tc.stdout)
			}
		})
	}
}

// A run is cancelled while it is made, and while it waits.
func TestCancelledByREST(t *testing.T) {
	t.Parallel()
	c, err := readConfig(with(t, `}]`, "hold"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout output
	o, err := open(c, beside.World{Stdout: &stdout, Environ: []string{"PATH=" + os.Getenv("PATH"), "TEST=" + os.Args[0]}}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go o.work(ctx)
	for range 2 {
		if _, err := o.byHand("7"); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, &stdout, 1, "ready")
	for _, id := range []int{102, 101} {
		o.onServer(id, func(r *adotest.Run) { r.Status = "cancelling" })
	}
	o.idle(ctx)
	for _, want := range []string{"run 101 of 7: manual completed canceled", "run 102 of 7: manual completed canceled"} {
		if !strings.Contains(o.state(), want) {
			t.Errorf("the state is\n%s without %q", o.state(), want)
		}
	}
	if strings.Count(stdout.String(), "ready") != 1 {
		t.Errorf("the runs print\n%s, want the second one not to be made", stdout.String())
	}
}

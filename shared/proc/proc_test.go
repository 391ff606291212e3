package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// helperArg makes this test binary a program to run: the programs of a system
// differ, this one is everywhere.
const helperArg = "-be-a-program"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == helperArg {
		os.Exit(program(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

func program(what string, args []string) int {
	switch what {
	case "print":
		fmt.Print(args[0])
		fmt.Fprint(os.Stderr, args[1])
	case "exit":
		code, _ := strconv.Atoi(args[0])
		return code
	case "environ":
		env := os.Environ()
		slices.Sort(env)
		fmt.Print(strings.Join(env, "\n"))
	case "args":
		fmt.Printf("%q", args)
	case "dir":
		dir, _ := os.Getwd()
		fmt.Print(dir)
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "forever": // prints "ready", ends on the first interrupt
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		fmt.Println("ready")
		<-interrupted
		fmt.Println("cleaned up")
		return 3
	case "stubborn": // ignores interrupts
		signal.Ignore(os.Interrupt)
		fmt.Println("ready")
		time.Sleep(time.Hour) // not select {}: the runtime would end the program, and nobody had to kill it
	case "flood":
		line := bytes.Repeat([]byte("x"), 1<<16)
		for {
			if _, err := os.Stdout.Write(line); err != nil {
				return 0
			}
		}
	case "family":
		return family(args[0], args[1])
	}
	return 0
}

// self returns the Cmd that makes this binary do what.
func self(t testing.TB, what string, args ...string) Cmd {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Cmd{Name: name, Args: append([]string{helperArg, what}, args...), Env: Only(os.Environ(), "SYSTEMROOT")}
}

func TestRunFiltersOutput(t *testing.T) {
	t.Parallel()
	c := self(t, "print", "out hunter2\r##vso[a.b]", "err hunter2 ##[x]\n")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr, c.Secrets = &out, &errs, new(redact.Set)
	c.Secrets.Add("hunter2")
	if err := Run(context.Background(), c); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if got, want := out.String(), "out ***\n**vso[a.b]\n"; got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
	if got, want := errs.String(), "err *** **[x]\n"; got != want {
		t.Errorf("stderr = %q, want %q", got, want)
	}
}

func TestRunSharesAWriter(t *testing.T) {
	t.Parallel()
	// Each stream ends in the middle of a line; together they would be a command.
	c := self(t, "print", "##", "vso[a.b]")
	var out bytes.Buffer // not safe for two goroutines: the race detector would say so
	c.Stdout, c.Stderr = &out, &out
	if err := Run(context.Background(), c); err != nil {
		t.Fatalf("Run: %v", err)
	}
	if got := out.String(); got != "##\nvso[a.b]\n" && got != "vso[a.b]\n##\n" {
		t.Errorf("both streams in one writer: got %q, want two lines", got)
	}
}

func TestRunGivesWhatIsNamed(t *testing.T) {
	t.Parallel()
	c := self(t, "environ")
	c.Env = append(c.Env, "A=1", "B=x y")
	got, err := Output(context.Background(), c)
	if err != nil {
		t.Fatalf("Output: %v", err)
	}
	want := slices.Sorted(slices.Values(c.Env))
	if diff := cmp.Diff(strings.Join(want, "\n"), string(got)); diff != "" {
		t.Errorf("the program's environment (-want +got):\n%s", diff)
	}

	args := []string{"", "a b", `"quoted" \"`, "*", "$HOME", "%PATH%", ";&|", "é"}
	got, err = Output(context.Background(), self(t, "args", args...))
	if want := fmt.Sprintf("%q", args); err != nil || string(got) != want {
		t.Errorf("the program's arguments = %s, %v, want %s", got, err, want)
	}

	c = self(t, "dir")
	c.Dir = t.TempDir()
	got, err = Output(context.Background(), c)
	want1, _ := filepath.EvalSymlinks(c.Dir)
	if got1, _ := filepath.EvalSymlinks(string(got)); err != nil || got1 != want1 {
		t.Errorf("the program's directory = %s, %v, want %s", got, err, c.Dir)
	}
}

func TestRunInput(t *testing.T) {
	t.Parallel()
	c := self(t, "cat")
	c.Stdin = strings.NewReader("hunter2 ##vso[a.b]\r\n")
	got, err := Output(context.Background(), c)
	if want := "hunter2 ##vso[a.b]\r\n"; err != nil || string(got) != want {
		t.Errorf("Output = %q, %v, want the bytes as they are: %q", got, err, want)
	}

	// A reader that blocks for ever must not keep Run: the program ends at once.
	silent, keep := io.Pipe()
	defer keep.Close()
	c = self(t, "exit", "0")
	c.Stdin = silent
	if err := Run(context.Background(), c); err != nil {
		t.Errorf("Run with an input that says nothing: %v", err)
	}

	// No input is an empty one.
	if got, err := Output(context.Background(), self(t, "cat")); err != nil || len(got) > 0 {
		t.Errorf("Output without input = %q, %v, want nothing", got, err)
	}
}

func TestExitError(t *testing.T) {
	t.Parallel()
	c := self(t, "exit", "42", "hunter2")
	err := Run(context.Background(), c)
	name := baseName(c.Name)
	var exit *ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("Run = %v, want an *ExitError", err)
	}
	if diff := cmp.Diff(ExitError{Name: name, Code: 42}, *exit); diff != "" {
		t.Errorf("ExitError (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), name+" ended with exit code 42"; got != want {
		t.Errorf("error text = %q, want %q, without any argument", got, want)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	good := self(t, "exit", "0")
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		change func(*Cmd)
		want   string
	}{
		"no environment":       {func(c *Cmd) { c.Env = nil }, "no environment"},
		"an input":             {func(c *Cmd) { c.Env = []string{"INPUT_X=hunter2"} }, "INPUT_X"},
		"a secret, lower case": {func(c *Cmd) { c.Env = []string{"secret_x=hunter2"} }, "secret_x"},
		"NUL in an argument":   {func(c *Cmd) { c.Args = []string{"hunter2\x00"} }, "argument 1"},
		"no name":              {func(c *Cmd) { c.Name = "" }, "no program"},
		"relative name":        {func(c *Cmd) { c.Name = "./prog" }, "absolute path"},
		"relative with folder": {func(c *Cmd) { c.Name = "bin/prog" }, "absolute path"},
		"no PATH":              {func(c *Cmd) { c.Name, c.Env = "prog", []string{} }, "no PATH"},
		"not on PATH":          {func(c *Cmd) { c.Name, c.Env = "prog", []string{"PATH=" + dir} }, "not found on PATH"},
		"missing":              {func(c *Cmd) { c.Name = filepath.Join(dir, "prog") }, "prog"},
		"missing folder":       {func(c *Cmd) { c.Dir = filepath.Join(dir, "nowhere") }, "nowhere"},
		"stdout for Output":    {func(c *Cmd) { c.Stdout = io.Discard }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			tc.change(&c)
			if name == "stdout for Output" {
				if _, err := Output(context.Background(), c); err == nil {
					t.Error("Output with Stdout set: no error")
				}
				return
			}
			err := Run(context.Background(), c)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Run = %v, want an error with %q and no value", err, tc.want)
			}
		})
	}
}

func TestProgramIsNotTakenFromTheCurrentDirectory(t *testing.T) {
	t.Parallel()
	// The package's folder is the current directory; "." and "" on PATH mean it.
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	name := "planted-program"
	if err := os.WriteFile(filepath.Join(wd, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Skipf("cannot plant a program: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(filepath.Join(wd, name)) })
	sep := string(filepath.ListSeparator)
	for _, path := range []string{".", "." + sep + "..", sep, "x" + sep + sep + "y"} {
		c := Cmd{Name: name, Env: []string{"PATH=" + path}}
		if err := Run(context.Background(), c); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Run(%q) with PATH=%q = %v, want not found", name, path, err)
		}
	}
}

// readyWriter closes ready when the program has printed "ready".
type readyWriter struct {
	bytes.Buffer
	ready chan struct{}
}

func (w *readyWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("ready")) {
		close(w.ready)
	}
	return w.Buffer.Write(p)
}

var errCancelled = errors.New("the job was cancelled")

// runAndCancel cancels c when it is ready.
func runAndCancel(t *testing.T, c Cmd) (output string, err error) {
	t.Helper()
	out := &readyWriter{ready: make(chan struct{})}
	c.Stdout = out
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = Run(ctx, c)
	}()
	select {
	case <-out.ready:
	case <-done:
		t.Fatalf("Run ended before the program was ready: %v", err)
	}
	cancel(errCancelled)
	<-done
	return out.String(), err
}

func TestCancelLetsTheProgramCleanUp(t *testing.T) {
	t.Parallel()
	c := self(t, "forever")
	c.Grace = time.Minute // not needed: the test would time out
	out, err := runAndCancel(t, c)
	if !errors.Is(err, errCancelled) {
		t.Errorf("Run = %v, want %v", err, errCancelled)
	}
	if want := "ready\ncleaned up\n"; out != want {
		t.Errorf("output = %q, want %q", out, want)
	}
}

func TestCancelKillsAfterGrace(t *testing.T) {
	t.Parallel()
	c := self(t, "stubborn")
	c.Grace = 10 * time.Millisecond
	if _, err := runAndCancel(t, c); !errors.Is(err, errCancelled) {
		t.Errorf("Run = %v, want %v", err, errCancelled)
	}
}

func TestCancelledBeforeStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, Cmd{Name: "does not matter"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want %v", err, context.Canceled)
	}
}

func TestOutputIsCapped(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]int{0: MaxOutput, 1 << 10: 1 << 10} {
		c := self(t, "flood")
		c.Most = most
		got, err := Output(context.Background(), c)
		if !errors.Is(err, errTooMuch) || len(got) != want {
			t.Errorf("Output of a program that never stops printing, Most %d = %d bytes, %v, want %d bytes, %v",
				most, len(got), err, want, errTooMuch)
		}
	}
}

func TestBrokenDestination(t *testing.T) {
	t.Parallel()
	c := self(t, "print", strings.Repeat("x\n", 50<<10), "") // more than a pipe holds
	c.Stdout = brokenWriter{}
	if err := Run(context.Background(), c); !errors.Is(err, errBroken) {
		t.Errorf("Run with a broken destination = %v, want %v and no hanging program", err, errBroken)
	}
}

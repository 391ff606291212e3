package beside

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// In a process of its own this test is the program that is run: what it does is said
// by its first argument.
func TestMain(m *testing.M) {
	if os.Getenv("BESIDE") == "" {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "status":
		var status int
		_, _ = fmt.Sscan(os.Args[2], &status)
		os.Exit(status)
	case "copy":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "wait":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals)
		fmt.Println("ready")
		fmt.Println(<-signals)
		os.Exit(7)
	case "die":
		process, _ := os.FindProcess(os.Getpid())
		_ = process.Kill()
		time.Sleep(time.Hour) // not select {}: the runtime ends a program in which nothing can run any more
	}
}

// test is a command: only its program counts.
func test(w World) (status int, err error) {
	program, err := Parse(flag.NewFlagSet("test", flag.ContinueOnError), w.Args, "usage: test PROGRAM")
	if err != nil {
		return ExitUsage, err
	}
	status, _, err = w.Program(program, append(w.Environ, "BESIDE=1"))
	return status, err
}

func TestCommand(t *testing.T) {
	t.Parallel()
	us := os.Args[0]
	for name, tc := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		"status":          {[]string{us, "status", "42"}, 42, "", ""},
		"well":            {[]string{"--", us, "copy"}, 0, "input", ""},
		"not started":     {[]string{filepath.Join(t.TempDir(), "none")}, 127, "", "test: "},
		"no program":      {nil, 2, "", "test: there is no program to run; usage: test PROGRAM\n"},
		"unknown flag":    {[]string{"-x", us}, 2, "", "-x; usage: test PROGRAM\n"},
		"program's flags": {[]string{us, "copy", "-x"}, 0, "input", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			w := World{Args: tc.args, Environ: os.Environ(), Stdin: strings.NewReader("input"), Stdout: &stdout, Stderr: &stderr}
			status := w.Command("test", test)
			if status != tc.status || stdout.String() != tc.stdout || !strings.Contains(stderr.String(), tc.stderr) ||
				(tc.stderr == "") != (stderr.String() == "") {
				t.Errorf("test %q = %d, %q, %q; want %d, %q, %q",
					tc.args, status, stdout.String(), stderr.String(), tc.status, tc.stdout, tc.stderr)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	environ := []string{"https_proxy=http://evil.example", "KEPT=1", "Path=a", "KEPT_TOO=HTTPS_PROXY=b", "KEPT=2"}
	got := Without(environ, []string{"HTTPS_PROXY=x", "PATH=b"})
	if diff := cmp.Diff([]string{"KEPT=1", "KEPT_TOO=HTTPS_PROXY=b", "KEPT=2"}, got); diff != "" {
		t.Errorf("Without (-want +got):\n%s", diff)
	}
	if len(slices.Compact(environ)) != 5 || environ[0] != "https_proxy=http://evil.example" {
		t.Errorf("Without has changed what it was given: %q", environ)
	}
	w := World{Environ: environ}
	if a, b := w.Lookup("KEPT"), w.Lookup("PATH"); a != "2" || b != "" {
		t.Errorf("Lookup(KEPT), Lookup(PATH) = %q, %q; want 2 and none", a, b)
	}
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "c.json")
	for text, want := range map[string]string{
		`{"wait": "1.5s"}`:  "",
		``:                  "EOF",
		`{} {}`:             "more after the end",
		`{"weight": "1s"}`:  `unknown field "weight"`,
		`{"wait": 1.5}`:     "cannot unmarshal",
		`{"wait": "1.5"}`:   "missing unit",
		`{"wait": "1.5s"}}`: "more after the end",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got struct{ Wait Duration }
		err := ReadConfig(file, &got)
		switch {
		case want == "" && (err != nil || got.Wait.Duration != 1500*time.Millisecond):
			t.Errorf("ReadConfig(%s) = %v, %v; want 1.5s", text, got.Wait, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), file+": ") || !strings.Contains(err.Error(), want)):
			t.Errorf("ReadConfig(%s): %v, want the file and %q", text, err, want)
		}
	}
	if err := ReadConfig(file+"x", nil); err == nil {
		t.Error("ReadConfig of a file that is not there: no error")
	}
}

func TestServeAndAsk(t *testing.T) {
	t.Parallel()
	address, stop, err := Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/well" {
			http.Error(w, "it is "+r.URL.Path, http.StatusConflict)
			return
		}
		_, _ = io.WriteString(w, "well\n")
	}))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) (string, error) {
		request, err := http.NewRequest(http.MethodPost, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return Ask(request)
	}
	if got, err := ask("/well"); got != "well\n" || err != nil {
		t.Errorf("Ask(/well) = %q, %v", got, err)
	}
	if got, err := ask("/bad"); got != "" || err == nil || err.Error() != "it is /bad" {
		t.Errorf("Ask(/bad) = %q, %v; want the text as the error", got, err)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if got, err := ask("/well"); err == nil {
		t.Errorf("Ask when it has stopped = %q, no error", got)
	}
}

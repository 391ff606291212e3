package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
)

// In a process of its own this test is the program that is run, and the trigger of
// pipelines: what it does is said by its first argument.
func TestMain(m *testing.M) {
	if os.Getenv("DEVOPS_URL") == "" {
		os.Exit(m.Run())
	}
	if err := act(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func act(what string, args []string) error {
	switch what {
	case "push": // FILE TEXT MESSAGE
		dir, err := os.MkdirTemp("", "clone-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := git("", "clone", "-q", os.Getenv("DEVOPS_REPO"), dir); err != nil {
			return err
		}
		return commit(dir, args[0], args[1], args[2])
	case "again": // MESSAGE
		return commit(os.Getenv("SOURCES"), "counter", os.Getenv("BUILD_ID"), args[0])
	case "queue", "state", "wait":
		return command(append([]string{what}, args...)...)
	case "both": // two of the above: PIPELINE
		if err := command("queue", args[0]); err != nil {
			return err
		}
		return command("wait")
	case "token":
		return start("git", []string{"-C", os.Getenv("SOURCES"), "config", "--local", "--list"})
	case "rest": // METHOD PATH BODY
		return rest(args[0], args[1], args[2])
	case "alert": // FORMAT BODY
		response, err := http.Post(os.Getenv("DEVOPS_HOOKS")+args[0], "application/json", strings.NewReader(args[1]))
		if err != nil {
			return err
		}
		fmt.Println(response.Status)
	case "env":
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
		fmt.Println(args)
	case "status":
		var status int
		_, _ = fmt.Sscan(args[0], &status)
		os.Exit(status)
	case "hold":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals)
		fmt.Println("ready")
		fmt.Println(<-signals)
		os.Exit(7)
	case "queue and hold": // PIPELINE
		if err := command("queue", args[0]); err != nil {
			return err
		}
		return act("hold", nil)
	}
	return nil
}

func command(args ...string) error {
	status := beside.World{Args: args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stdout}.Command("devops", do)
	if status != 0 {
		return fmt.Errorf("devops %q: status %d", args, status)
	}
	return nil
}

func git(dir string, args ...string) error {
	return start("git", append([]string{"-C", cmp.Or(dir, "."), "-c", "include.path=" + os.Getenv("DEVOPS_GITCONFIG")}, args...))
}

func start(program string, args []string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	return cmd.Run()
}

func commit(dir, name, text, message string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{{"add", name}, {"commit", "-qm", message}, {"push", "-q", "origin", "HEAD:refs/heads/main"}} {
		if err := git(dir, args...); err != nil {
			return err
		}
	}
	return nil
}

func rest(method, path, body string) error {
	request, err := http.NewRequest(method, os.Getenv("DEVOPS_URL")+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth("", os.Getenv("DEVOPS_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	fmt.Printf("%s %s\n", response.Status, text)
	return err
}

// output is written by several at once.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write writes.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// result is what a run has done.
type result struct {
	status         int
	stdout, stderr string
}

// ids are the commits in a text; no test knows them.
var ids = regexp.MustCompile(`\b[0-9a-f]{7}\b`)

func devops(t *testing.T, signals chan os.Signal, args ...string) result {
	t.Helper()
	var stdout, stderr output
	w := beside.World{
		Args: args, Stdout: &stdout, Stderr: &stderr, Signals: signals,
		Environ: []string{
			"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "HOME=" + t.TempDir(), "KEPT=1",
			"DEVOPS_OLD=1", "TMPDIR=" + t.TempDir(), "TEST=" + os.Args[0],
		},
	}
	status := w.Command("devops", do)
	return result{status, ids.ReplaceAllString(stdout.String(), "<commit>"), stderr.String()}
}

// with writes a configuration of one repository and one pipeline.
func with(t *testing.T, more string, trigger ...string) string {
	t.Helper()
	text, err := json.Marshal(append([]string{"$TEST"}, trigger...))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, t.TempDir(), "c.json", `{"maxRuns": 4, "repositories": [{"name": "app", "files": {"README.md": "hello\n"}}],
	  "pipelines": [{"id": 7, "name": "badge", "repository": "app", "trigger": `+string(text)+more+`}`)
}

package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// jsTask is a task made for a test: the JavaScript of the stages it has, and
// other fields of its task.json.
type jsTask struct {
	pre, main, post string
	fields          map[string]any
}

// printEnv is a stage that prints some variables of its environment as JSON.
const printEnv = `console.log(JSON.stringify(Object.fromEntries(Object.entries(process.env).sort())))`

// makeTasks writes the tasks and opens them as a bundle.
func makeTasks(t *testing.T, tasks map[string]jsTask) *bundle.Bundle {
	t.Helper()
	dir := t.TempDir()
	for name, task := range tasks {
		sum := sha256.Sum256([]byte(name))
		fields := map[string]any{
			"id":   guidOf(sum),
			"name": name, "friendlyName": "Test " + name, "description": "A task for a test", "author": "test",
			"helpMarkDown": "none", "version": map[string]int{"Major": 1, "Minor": 2, "Patch": 3},
		}
		for stage, code := range map[string]string{"prejobexecution": task.pre, "execution": task.main, "postjobexecution": task.post} {
			if code == "" {
				continue
			}
			target := map[string]string{"target": stage + ".js"}
			fields[stage] = map[string]any{"Node24": target, "Node20_1": target}
			writeFile(t, filepath.Join(dir, name, stage+".js"), code)
		}
		maps.Copy(fields, task.fields)
		data, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name, "task.json"), string(data))
	}
	b, err := bundle.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func guidOf(sum [32]byte) string {
	h := fmt.Sprintf("%x", sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lab is a job to run in a test.
type lab struct {
	Options
	ctx context.Context
	out strings.Builder
}

// newLab prepares a job with waits so short that nobody notices them, and a
// clean environment.
func newLab(t *testing.T, pipeline string) *lab {
	t.Helper()
	l := &lab{ctx: t.Context()}
	parsed, err := workflow.Parse("p.yml", []byte(pipeline))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	l.Options = Options{
		Pipeline: parsed, File: "p.yml", Stdout: &l.out, Now: time.Now,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "FROM_WORKER=yes"},
		Timing: Timing{
			Interrupt: 300 * time.Millisecond, Terminate: 300 * time.Millisecond, Drain: 300 * time.Millisecond,
			Minute: 300 * time.Millisecond, Retry: time.Millisecond, Queue: time.Millisecond, Linger: 2 * time.Second,
		},
	}
	return l
}

// run runs the job; it must be able to start.
func (l *lab) run(t *testing.T) *Result {
	t.Helper()
	result, err := Run(l.ctx, l.Options)
	if err != nil {
		t.Fatalf("Run: %v\n%s", err, l.out.String())
	}
	return result
}

// log joins the log of the steps that show the display name.
func log(r *Result, display string) string {
	var all strings.Builder
	for _, s := range r.Steps {
		if s.DisplayName == display {
			all.WriteString(strings.Join(s.Log, "\n") + "\n")
		}
	}
	return all.String()
}

// environ finds the environment that a printEnv stage printed.
func environ(t *testing.T, r *Result, display string) map[string]string {
	t.Helper()
	for _, line := range strings.Split(log(r, display), "\n") {
		if strings.HasPrefix(line, `{"`) {
			env := map[string]string{}
			if err := json.Unmarshal([]byte(line), &env); err != nil {
				t.Fatalf("environment of %s: %v in %s", display, err, line)
			}
			return env
		}
	}
	t.Fatalf("%s printed no environment:\n%s", display, log(r, display))
	return nil
}

// outcomes lists the steps with their results, in the order they ran.
func outcomes(r *Result) []string {
	var all []string
	for _, s := range r.Steps {
		all = append(all, s.DisplayName+": "+string(s.Result))
	}
	return all
}

func issues(s *Step) []string {
	var all []string
	for _, i := range s.Issues {
		all = append(all, i.Type+": "+i.Message)
	}
	return all
}

// problems lists what the checks found.
func problems(r *Result) []string {
	var all []string
	for _, c := range r.Checks {
		for _, p := range c.Problems {
			all = append(all, c.Name+": "+p)
		}
	}
	return all
}

func wantClean(t *testing.T, r *Result) {
	t.Helper()
	if found := problems(r); len(found) > 0 {
		t.Errorf("checks after the job: got %q, want none", found)
	}
}

// missing returns the first of want that does not follow in got, in this order.
func missing(got string, want ...string) string {
	for _, w := range want {
		i := strings.Index(got, w)
		if i < 0 {
			return w
		}
		got = got[i+len(w):]
	}
	return ""
}

func has(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}

package keyvaultenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// dying runs the main stage in this process, and ends it as kill -9 would once the stage
// has printed a text.
func dying(text string) int {
	return task.Exec(task.World{
		Args: []string{"main"}, Environ: os.Environ(), Stdout: killer{text}, Stop: context.Background(), Grace: time.Second, Now: time.Now,
	}, Task)
}

type killer struct{ text string }

func (k killer) Write(p []byte) (int, error) {
	n, err := os.Stdout.Write(p)
	if strings.Contains(string(p), k.text) {
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(time.Hour)
	}
	return n, err
}

// TestKilled: wherever the main stage is killed, nothing is set until all is, and the post
// stage removes what is left.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"file", "variables"} {
		for i, at := range []string{
			"variable=guardrails.sealed", "Fetching 2 secrets", "##vso[task.setsecret]correct-horse-9", "Masked: ", "Plain variables: ",
			"variable=guardrails.file;", "Wrote 2 secrets",
		} {
			if to == "variables" && (strings.Contains(at, "file") || strings.Contains(at, "Wrote")) {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d", to, i), func(t *testing.T) {
				t.Parallel()
				j := two(t).inputs("exportTo", to)
				j.killedMain(at)
				j.nothingSet()
				j.logged("Test", "Autumn 2025/\x1b[1mreset\n")
				if strings.Contains(at, "Masked") || strings.Contains(at, "sealed") || strings.Contains(at, "Fetching") || strings.Contains(at, "setsecret") {
					j.run("post") // what it knows of depends on how far main came
				} else {
					j.expect("post", "Failed", "the secret db-password of the vault contoso-kv stands in log of Build / Test")
				}
				j.hidden("Autumn", "correct-horse")
				if left := j.theirs(); len(left) > 0 {
					t.Errorf("files are left: %q", left)
				}
			})
		}
	}
}

// killedMain runs the main stage in a process of its own, which ends at a text.
func (j *job) killedMain(text string) {
	j.t.Helper()
	self, err := os.Executable()
	j.must(err)
	cmd := exec.CommandContext(j.t.Context(), self, "dying", text)
	cmd.Env = []string{"KEYVAULTENV_CHILD=1"}
	for name, value := range j.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	j.log = string(out)
	if err == nil || !strings.Contains(j.log, text) || strings.Contains(j.log, "task.complete") {
		j.t.Fatalf("main was to be killed at %q: %v\n%s", text, err, j.log)
	}
	j.obey()
}

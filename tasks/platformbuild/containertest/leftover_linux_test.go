package containertest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// leftovers are mounts, processes, control groups and files of a folder of daemons.
func leftovers(t *testing.T, dir string) (found []string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, dir) {
			found = append(found, "mount "+line)
		}
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if command, err := os.ReadFile(file); err == nil && strings.Contains(string(command), dir) {
			found = append(found, "process "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
		groups, err := filepath.Glob(pattern + filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, groups...)
	}
	if _, err := os.Stat(dir); err == nil {
		found = append(found, dir)
	}
	return found
}

// busy starts daemons, and a container that does not end.
func busy(t *testing.T) *Daemons {
	t.Helper()
	r := NewRegistry(t)
	d := Start(t, Settings{Engine: true, BuildKit: true, Registries: []*Registry{r}})
	from := base(t, r, "base", "amd64", "arm64")
	docker(t, d, "run", "--detach", from, "sleep", "1000")
	docker(t, d, "buildx", "build", "--builder", d.Builder,
		contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nRUN echo made >/made\n"}))
	return d
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	d := busy(t)
	if len(leftovers(t, d.Dir)) < 3 {
		t.Errorf("while they run, leftovers(%s) = %q, want mounts, processes and the folder", d.Dir, leftovers(t, d.Dir))
	}
	d.Close()
	if diff := cmp.Diff([]string(nil), leftovers(t, d.Dir)); diff != "" {
		t.Errorf("after Close (-want +got):\n%s", diff)
	}
}

// Killed is run by TestNothingRunsAfterAKill alone.
func TestKilled(t *testing.T) {
	if os.Getenv("GUARDRAILS_KILLED") == "" {
		t.Skip("it waits to be killed by TestNothingRunsAfterAKill")
	}
	d := busy(t)
	if _, err := os.Stdout.WriteString("folder=" + d.Dir + "\n"); err != nil {
		t.Fatal(err)
	}
	<-t.Context().Done()
	select {}
}

func TestNothingRunsAfterAKill(t *testing.T) {
	t.Parallel()
	Start(t, Settings{}).Close() // or daemons cannot run here
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestKilled$", "-test.v")
	cmd.Env = append(os.Environ(), "GUARDRAILS_KILLED=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir, all := "", ""
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		_, dir, _ = strings.Cut(lines.Text(), "folder=")
		all += lines.Text() + "\n"
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it says that it was killed
	if dir == "" {
		t.Fatalf("the daemons did not start:\n%s", all)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		running := strings.Contains(strings.Join(leftovers(t, dir), "\n"), "process")
		if !running {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("10 seconds after the kill there is still %q", leftovers(t, dir))
		}
	}
	// Whoever starts daemons next removes the rest, once nobody can be starting these.
	if err := os.Chtimes(filepath.Join(dir, "lock"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	sweep()
	if diff := cmp.Diff([]string(nil), leftovers(t, dir)); diff != "" {
		t.Errorf("after sweep (-want +got):\n%s", diff)
	}
}

func TestLacking(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bound string
		want  []string
	}{
		"all":      {"000001ffffffffff", nil},
		"but one":  {"000001fffeffffff", []string{"CAP_SYS_RESOURCE"}},
		"the ends": {"000000fffffffffe", []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}},
		"nonsense": {"x", nil},
	} {
		status := "Name:\tsh\nCapEff:\t0000000000000000\nCapBnd:\t" + tc.bound + "\nCapAmb:\t0000000000000000\n"
		if diff := cmp.Diff(tc.want, lacking(status)); diff != "" {
			t.Errorf("%s: lacking(%q) (-want +got):\n%s", name, status, diff)
		}
	}
}

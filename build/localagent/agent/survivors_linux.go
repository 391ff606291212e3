package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const canFindSurvivors = true

// survivors lists the processes of a job that still run: those that inherited
// VSTS_PROCESS_LOOKUP_ID with the value id, as the agent looks for orphans
// (JobExtension.cs, FinalizeJob). Ended processes have no environment left, so
// one that only waits to be reaped is not listed.
func survivors(id string) []survivor {
	want := []byte(lookupVariable + "=" + id)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []survivor
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !hasEntry(environ, want) {
			continue // gone, or not ours to look at and so not of this job
		}
		found = append(found, survivor{pid: pid, name: processName(pid)})
	}
	return found
}

func hasEntry(environ, want []byte) bool {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(entry, want) {
			return true
		}
	}
	return false
}

func processName(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}

func (s survivor) kill() { _ = syscall.Kill(s.pid, syscall.SIGKILL) }

// adjustOOMScore makes the kernel prefer a step's process over us when memory
// runs out, as ProcessInvoker.cs does.
func adjustOOMScore(pid int, env []string) {
	score := "500"
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, "PIPELINE_JOB_OOMSCOREADJ="); ok {
			if n, err := strconv.Atoi(v); err == nil && n >= -1000 && n <= 1000 {
				score = v
			}
		}
	}
	// Raising it is always allowed; where it is not, nothing is lost.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(score), 0)
}

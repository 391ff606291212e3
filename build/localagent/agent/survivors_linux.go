package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const canFindSurvivors = true

// survivors lists the processes of a job that still run: those that inherited
// VSTS_PROCESS_LOOKUP_ID with the value id, as the agent looks for orphans
// (JobExtension.cs, FinalizeJob), and with an adoption all that descend from us since,
// whatever they did to their environment. Ended processes that only wait to be
// reaped are not listed.
func survivors(id string, adopted *adoption) []survivor {
	want := []byte(lookupVariable + "=" + id)
	var found []survivor
	parents := processes()
	for pid := range parents {
		// An environment that cannot be read is empty: the process is gone, or
		// somebody else's.
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if !hasEntry(environ, want) && !(adopted != nil && descends(parents, pid, adopted.before)) {
			continue
		}
		found = append(found, survivor{pid: pid, name: processName(pid), step: stepOf(environ)})
	}
	slices.SortFunc(found, func(a, b survivor) int { return cmp.Compare(a.pid, b.pid) })
	return found
}

// processes returns all that run, with their parents.
func processes() map[int]int {
	parents := map[int]int{}
	for _, pid := range processIDs() {
		if state, parent, ok := processStat(pid); ok && state != "Z" && state != "X" {
			parents[pid] = parent
		}
	}
	return parents
}

func processIDs() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// processStat reads the state and the parent from behind the name, which may
// hold anything.
func processStat(pid int) (state string, parent int, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}

// descends reports whether a process descends from us, but not through one of
// those left out.
func descends(parents map[int]int, pid int, leftOut map[int]bool) bool {
	self := os.Getpid()
	for range len(parents) {
		if leftOut[pid] {
			return false
		}
		if pid = parents[pid]; pid == 0 || pid == self {
			break
		}
	}
	return pid == self
}

// stepOf reads the id of the step that a process was started by.
func stepOf(environ []byte) string {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if id, ok := bytes.CutPrefix(entry, []byte("SYSTEM_TASKINSTANCEID=")); ok {
			return string(id)
		}
	}
	return ""
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

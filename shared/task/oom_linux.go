package task

import "os"

// volunteerForOOM makes the kernel choose this process, and not the agent's
// node, when a container runs out of memory: the agent's containerHandlerInvoker
// exits 0 when node is killed, and the step would be green. Raising one's own
// score needs no privilege; where it fails there is nothing better to do.
func volunteerForOOM() {
	if f, err := os.OpenFile("/proc/self/oom_score_adj", os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("1000")
		_ = f.Close()
	}
}

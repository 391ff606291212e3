package agent

import "time"

// survivor is a process of a job that outlived it.
type survivor struct {
	pid  int
	name string
}

// lingering returns the processes of a job that are still there after wait.
// Most children of a program that was ended are gone a moment after it.
func lingering(id string, wait time.Duration) []survivor {
	const pause = 20 * time.Millisecond
	for deadline := time.Now().Add(wait); ; time.Sleep(pause) {
		if all := survivors(id); len(all) == 0 || !time.Now().Before(deadline) {
			return all
		}
	}
}

package agent

import "time"

// survivor is a process of a job that outlived it.
type survivor struct {
	pid  int
	name string
	step string // id of the step that started it, if known
}

// lingering returns the processes that find still finds after wait.
// Most children of a program that was ended are gone a moment after it. One look
// that finds nothing is not enough: a process in the middle of its exec has no
// environment to be known by.
func lingering(find func() []survivor, wait time.Duration) []survivor {
	const pause = 20 * time.Millisecond
	deadline := time.Now().Add(wait)
	for nothing := 0; nothing < 2; time.Sleep(pause) {
		all := find()
		if len(all) == 0 {
			nothing++
			continue
		}
		nothing = 0
		if !time.Now().Before(deadline) {
			return all
		}
	}
	return nil
}

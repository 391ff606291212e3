package agent

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// adoption makes us the parent of all descendants that lose theirs, so that they
// are known even when they left the session and dropped their environment. It
// also does what a parent must: an ended process that nobody waits for would
// count as running for those who look.
type adoption struct {
	mu      sync.Mutex
	own     map[int]bool // started by us, and waited for elsewhere
	before  map[int]bool // descendants that we had before: a wrapper's, say
	signals chan os.Signal
	done    chan struct{}
}

// adopt returns nil where the system does not let us.
func adopt() *adoption {
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		return nil
	}
	a := &adoption{
		own: map[int]bool{}, before: descendants(), signals: make(chan os.Signal, 1), done: make(chan struct{}),
	}
	signal.Notify(a.signals, syscall.SIGCHLD)
	go func() {
		for {
			select {
			case <-a.signals:
				a.reap()
			case <-a.done:
				return
			}
		}
	}()
	return a
}

// descendants are the processes that descend from us.
func descendants() map[int]bool {
	found := map[int]bool{}
	parents := processes()
	for pid := range parents {
		found[pid] = descends(parents, pid, nil)
	}
	return found
}

// release ends the reaping. Processes are still adopted: the program ends soon.
func (a *adoption) release() {
	if a != nil {
		signal.Stop(a.signals)
		close(a.done)
	}
}

// reap waits for the ended processes that were adopted.
func (a *adoption) reap() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, pid := range zombies() {
		if !a.own[pid] {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // nothing is wanted but its end
		}
	}
}

// zombies lists our children that ended.
func zombies() []int {
	var ended []int
	self := os.Getpid()
	for _, pid := range processIDs() {
		if state, parent, ok := processStat(pid); ok && parent == self && state == "Z" {
			ended = append(ended, pid)
		}
	}
	return ended
}

// start starts a program of our own.
func (a *adoption) start(cmd *exec.Cmd) error {
	if a == nil {
		return cmd.Start()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	a.own[cmd.Process.Pid] = true
	return nil
}

// ended is called when a program of our own was waited for.
func (a *adoption) ended(pid int) {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.own, pid)
	}
}

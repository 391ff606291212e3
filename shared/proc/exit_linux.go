package proc

import "golang.org/x/sys/unix"

// awaitExit returns when the program has ended, and leaves it a zombie.
func (g *group) awaitExit() {
	for {
		err := unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

package proc

import (
	"syscall"
	"unsafe"
)

// awaitExit returns when the program has ended, and leaves it a zombie. x/sys has
// no waitid for macOS; the numbers are those of <sys/wait.h>, which the os package
// uses in the same way.
func (g *group) awaitExit() {
	const (
		pPID    = 1
		wExited = 0x4
		wNoWait = 0x20
	)
	var info [128]byte // siginfo_t, 104 bytes
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(g.pid),
			uintptr(unsafe.Pointer(&info)), wExited|wNoWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

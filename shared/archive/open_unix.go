//go:build !windows

package archive

import "syscall"

const nonblock = syscall.O_NONBLOCK

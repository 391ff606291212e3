//go:build !windows

package workspace

import "syscall"

const only = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

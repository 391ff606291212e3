package safepath

import "golang.org/x/sys/unix"

// moveNew renames from to to, which must not exist. Some file systems cannot, and
// some containers forbid the call.
func moveNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch err {
	case unix.ENOSYS, unix.EINVAL, unix.EPERM, unix.EOPNOTSUPP:
		return linkNew(from, to)
	}
	return err
}

package safepath

import "golang.org/x/sys/unix"

// moveNew renames from to to, which must not exist. Some file systems cannot.
func moveNew(from, to string) error {
	err := unix.RenamexNp(from, to, unix.RENAME_EXCL)
	switch err {
	case unix.ENOSYS, unix.EINVAL, unix.ENOTSUP:
		return linkNew(from, to)
	}
	return err
}

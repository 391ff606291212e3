package safepath

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func createPrivate(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	access, err := ownerOnly()
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, access, windows.CREATE_NEW,
		// Without it, a symbolic link that points to nothing would be followed.
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(handle), path)
	if err := keepsAccessLists(handle); err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return nil, err
	}
	return f, nil
}

// ownerOnly is the descriptor of a file of this process's user, who alone may do
// anything with it. It is protected (P), so that the folder's entries are not
// inherited. Elevated processes make files of the group Administrators otherwise.
func ownerOnly() (*windows.SecurityAttributes, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("asking for the user: %w", err)
	}
	sid := user.User.Sid.String()
	descriptor, err := windows.SecurityDescriptorFromString("O:" + sid + "D:P(A;;FA;;;" + sid + ")")
	if err != nil {
		return nil, fmt.Errorf("making an access list for %s: %w", sid, err)
	}
	return &windows.SecurityAttributes{
		Length:             uint32(unsafe.Sizeof(windows.SecurityAttributes{})),
		SecurityDescriptor: descriptor,
	}, nil
}

func keepsAccessLists(file windows.Handle) error {
	var flags uint32
	if err := windows.GetVolumeInformationByHandle(file, nil, 0, nil, nil, &flags, nil, 0); err != nil {
		return fmt.Errorf("asking its file system for access lists: %w", err)
	}
	if flags&windows.FILE_PERSISTENT_ACLS == 0 {
		return errShared
	}
	return nil
}

// moveNew renames from to to, which must not exist: MoveFileEx replaces nothing
// unless it is told to. It takes the access list along.
func moveNew(from, to string) error {
	source, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	target, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return patiently(func() error { return windows.MoveFileEx(source, target, windows.MOVEFILE_WRITE_THROUGH) })
}

package safepath

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// One entry, for the user, and nothing inherited from a folder that is open to all.
func TestPrivateFilesAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.env")
	if err := WritePrivate(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := descriptor.DACL()
	if err != nil || list.AceCount != 1 {
		t.Fatalf("%s has the access list %v (%v), want one entry", path, descriptor, err)
	}
	control, _, err := descriptor.Control()
	if err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		t.Errorf("%s inherits: %v (%v)", path, descriptor, err)
	}
	if text := descriptor.String(); !strings.Contains(text, user.User.Sid.String()) {
		t.Errorf("%s: %s does not name the user %s", path, text, user.User.Sid)
	}
}

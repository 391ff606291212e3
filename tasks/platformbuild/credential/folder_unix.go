//go:build !windows

package credential

import "os"

const (
	exe          = ""
	homeVariable = "HOME"
)

// A socket's path has room for about 100 bytes (sockaddr_un), so there are other places for it.
var (
	tempVariables = []string{"TMPDIR"}
	tempFolders   = []string{"/tmp"}
)

func sameName(a, b string) bool { return a == b }

func link(program, name string) error { return os.Symlink(program, name) }

func linkFolder(folder, name string) error { return os.Symlink(folder, name) }

package credential

import (
	"errors"
	"os"
	"strings"
)

const (
	exe          = ".exe"
	homeVariable = "USERPROFILE"
)

// A socket's path has room for about 100 bytes (sockaddr_un), so there are other places for it.
var (
	tempVariables = []string{"TEMP", "TMP"}
	tempFolders   []string
)

func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// link gives a program a second name: who may make symbolic links is few.
func link(program, name string) error { return os.Link(program, name) }

// linkFolder copies where it may not link. Contexts are small.
func linkFolder(folder, name string) error {
	if os.Symlink(folder, name) == nil {
		return nil
	}
	if err := os.CopyFS(name, os.DirFS(folder)); err != nil {
		return errors.Join(errors.New("neither a link to nor a copy of the folder can be made"), err)
	}
	return nil
}

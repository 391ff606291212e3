package installed

import (
	"io/fs"
	"regexp"
	"strings"
)

// goRelease is a release of Go, as its file VERSION begins: "go1.26.8", "go1.27rc1".
var goRelease = regexp.MustCompile(`^go([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:(rc|beta|alpha)([0-9]+))?(?:[-+ \n\r].*)?$`)

// GoStdlib tells from its file VERSION which release of Go is installed at goroot. It is
// two packages, as in OSV: the standard library and the toolchain.
func GoStdlib(goroot fs.FS, dir string) Tree {
	t := Tree{Kind: GoToolchain, Path: dir, Ecosystem: "Go"}
	data, err := disk{goroot, dir}.small("VERSION", maxNote)
	if err != nil {
		t.unread("VERSION", "it %v: which release of Go this is cannot be told", err)
		return t
	}
	first, _, _ := strings.Cut(string(data), "\n")
	match := goRelease.FindStringSubmatch(strings.TrimSpace(first))
	if match == nil {
		t.unread("VERSION", "which release of Go this is cannot be told: it names none")
		return t
	}
	version := match[1] + "." + match[2] + "." + match[3]
	if match[3] == "" {
		version += "0"
	}
	if match[4] != "" {
		version += "-" + match[4] + "." + match[5]
	}
	for _, name := range goItself {
		t.Packages = append(t.Packages, Package{Name: name, Version: version, Path: dir})
	}
	return t
}

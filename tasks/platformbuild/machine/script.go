package machine

import (
	"bytes"
	"strings"
)

// shebangSize is how much of a file the kernel looks at (BINPRM_BUF_SIZE).
const shebangSize = 256

// sniffScript reads the first line as fs/binfmt_script.c does.
func sniffScript(head []byte) Program {
	p := Program{Format: Script}
	buffer := head[:min(len(head), shebangSize)]
	buffer, _, _ = bytes.Cut(buffer, []byte{0}) // which ends it
	text, _, ended := bytes.Cut(buffer, []byte("\n"))
	line := strings.Trim(string(text[2:]), " \t")
	name, _, more := cutSpace(line)
	switch {
	case line == "":
		p.Broken = "its #! line names no interpreter"
		return p
	case !ended && !more && len(text) == shebangSize:
		p.Broken = "the name of its interpreter is too long"
		return p
	case strings.HasSuffix(line, "\r"):
		p.Broken = `its #! line ends with a carriage return, as Windows editors write it`
		name = strings.TrimSuffix(name, "\r")
		line = strings.TrimSuffix(line, "\r")
	}
	p.Shebang = words(line)
	if len(p.Shebang) == 0 || p.Shebang[0] != name {
		p.Shebang, p.Broken = nil, "its #! line names no interpreter"
	}
	return p
}

func cutSpace(line string) (before, after string, found bool) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, "", false
	}
	return line[:i], strings.TrimLeft(line[i:], " \t"), true
}

func words(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
}

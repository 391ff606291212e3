package content

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// maxWords is how many words of a command line are looked for in the image.
const maxWords = 256

// others looks at every word that may name a program, whatever starts it: nobody names one of another
// machine but to start it. Nothing else about such a word is an error.
func (c *check) others(argv []string) error {
	if c.emulated {
		return nil
	}
	c.settled = true
	defer c.mildly()()
	names := c.mentioned(argv[1:])
	for _, name := range names[:min(len(names), maxWords)] {
		at, err := c.locate(name)
		var missing *missingError
		if errors.As(err, &missing) {
			continue
		}
		var f rootfs.File
		if err == nil {
			f, err = c.files.Find(c.ctx, at)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c.unread(name, err)
		}
		if p, foreign := c.foreign(f); foreign && c.starts(f) && !c.known(f.Path) {
			c.add(p)
		}
	}
	if len(names) > maxWords {
		c.unlooked("the end of the command line", "it is too long")
	}
	return nil
}

// starts reports whether a file is a program for a processor, which a kernel would start.
func (c *check) starts(f rootfs.File) bool {
	p := f.Program
	native := p.Format == machine.ELF || p.Format == machine.MachO || p.Format == machine.PE
	return native && f.Mode.IsRegular() && (c.windows || f.Mode&0o111 != 0) &&
		p.Broken == "" && !p.Library && !p.Managed && len(p.Platforms) > 0
}

// mentioned are the words, also those of a shell's lines, that may name programs. Those that name data
// are left out: to find out that a file is not there costs reading the whole image.
func (c *check) mentioned(words []string) []string {
	between := special + " \t"
	if c.windows {
		between = "\"'&|<>()^;, \t\r\n"
	}
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] && len(names) <= maxWords && c.mayBeProgram(name) {
			names = append(names, name)
		}
		seen[name] = true
	}
	for _, word := range words {
		if !c.byName { // no shell
			add(word)
		}
		for name := range strings.FieldsFuncSeq(word, func(r rune) bool { return strings.ContainsRune(between, r) }) {
			add(name)
		}
	}
	return names
}

// homes of data, and the ends of its names.
var (
	dataFolders = []string{"/etc/", "/dev/", "/proc/", "/sys/", "/run/", "/var/log/", "/var/run/"}
	dataEnds    = []string{
		".yaml", ".yml", ".json", ".conf", ".cfg", ".cnf", ".ini", ".toml", ".xml", ".properties", ".env", ".sock",
		".pid", ".log", ".jar", ".war", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".pem", ".crt", ".key", ".sql",
	}
)

func (c *check) mayBeProgram(name string) bool {
	switch {
	case isOption(name), strings.Contains(name, "://"), slices.Contains(dataEnds, strings.ToLower(path.Ext(name))):
		return false
	case c.windows:
		return strings.Contains(name, `:\`) || strings.EqualFold(path.Ext(name), ".exe")
	case path.IsAbs(name):
		return !slices.ContainsFunc(dataFolders, func(dir string) bool { return strings.HasPrefix(name, dir) })
	case strings.Contains(name, "/"):
		return !strings.Contains(name, "=")
	}
	return c.byName && !slices.Contains(builtins, name)
}

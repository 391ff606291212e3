package content

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// maxListed is how many programs of a kind are listed one by one.
const maxListed = 10

// all looks at every program of the image. One that is started by its name (in a folder of PATH), or
// that nothing else explains, must be for the image's platform. What is for another one by its own
// name, a library or a file that is not executable is worth a warning: packages bring prebuilt files
// for every platform.
func (c *check) all() error {
	c.verdict.Machines = map[string]int{}
	var wrong, odd []Problem
	err := c.files.Programs(c.ctx, func(f rootfs.File) error {
		if rest, ok := strings.CutPrefix(f.Path, "/Files/"); ok && c.windows {
			f.Path = `C:\` + strings.ReplaceAll(rest, "/", `\`)
		}
		switch f.Program.Format {
		case machine.Unknown:
			return nil
		case machine.Script:
			if f.Program.Broken != "" && c.inPath(f.Path) && !c.windows {
				odd = append(odd, Problem{
					Rule: "platform/broken", Path: f.Path, Hint: brokenHint(f.Program), Warn: true,
					Text: fmt.Sprintf("%s cannot be started: %s", shown(f.Path), f.Program.Broken),
				})
			}
			return nil
		}
		if f.Program.Broken != "" || len(f.Program.Platforms) == 0 {
			return nil // object files, kernel modules, core dumps
		}
		c.verdict.Machines[f.Program.String()]++
		p, foreign := c.foreign(f)
		switch {
		case !foreign || c.known(f.Path) || f.Program.Managed:
		case p.Warn || c.excused(f):
			p.Warn, p.Hint = true, "leave it out of the image if nothing there needs it"
			odd = append(odd, p)
		default:
			wrong = append(wrong, p)
		}
		return nil
	})
	c.list(wrong)
	c.list(odd)
	if err != nil {
		return c.unread("/", err)
	}
	return nil
}

// known reports whether there is a problem with the file already.
func (c *check) known(at string) bool {
	return slices.ContainsFunc(c.verdict.Problems, func(p Problem) bool {
		return p.Rule == "platform/machine" && p.Path == redact.Line(at)
	})
}

// list adds the first problems, and how many more there are.
func (c *check) list(problems []Problem) {
	for _, p := range problems[:min(len(problems), maxListed)] {
		c.add(p)
	}
	if more := len(problems) - maxListed; more > 0 {
		last := problems[maxListed]
		last.Text = fmt.Sprintf("%d more files like these, such as %s", more, shown(last.Path))
		c.add(last)
	}
}

// elsewhere are words that packages put into the paths of files for other platforms.
var elsewhere = regexp.MustCompile(`(?i)(^|[-_./\\+])(prebuilds?|testdata|runtimes|qemu|amd64|x86[-_]?64|x64|x86|i[36]86|386|` +
	`ia32|arm64|arm64v8|aarch64|armv?[5678]?l?|armhf|arm32|armel|ppc64(le|el)?|s390x?|riscv64|mips\w*|loong\w*|` +
	`darwin|macos\w*|osx|mac|apple|windows|win(32|64)?|freebsd|android|ios|universal)([-_./\\+0-9]|$)`)

// library is the names of libraries and of addons.
var library = regexp.MustCompile(`\.(so(\.[0-9.]+)?|dylib|dll|node|pyd|a|o|ko|efi|sys|jnilib)$`)

// excused reports whether a file for another platform is likely to be meant so.
func (c *check) excused(f rootfs.File) bool {
	switch {
	case f.Program.Library, library.MatchString(f.Path), !c.windows && f.Mode&0o111 == 0:
		return true
	case strings.HasPrefix(path.Base(f.Path), "qemu-"):
		return true
	case c.inPath(f.Path):
		return false
	case f.Program.Format == machine.PE && !c.windows, f.Program.Format == machine.WASM:
		return true // launchers of Python packages and the like: nobody takes them for programs of the image
	}
	return elsewhere.MatchString(f.Path)
}

// inPath reports whether a program is found by its name alone.
func (c *check) inPath(at string) bool {
	if c.windows {
		return false // there, PATH is in the registry's file
	}
	dir := path.Dir(at)
	return slices.ContainsFunc(c.searched(), func(d string) bool { return path.Clean(c.absolute(d)) == dir }) ||
		slices.Contains(strings.Split(defaultPath, ":"), dir)
}

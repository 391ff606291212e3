package content

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// maxScripts is how many scripts the kernel follows from one interpreter to the next (fs/exec.c).
const maxScripts = 5

// maxSteps is how many programs and scripts are looked at on the way: more are a circle.
const maxSteps = 32

// program looks at one program and at what starts it: its loader, or as a script its interpreters. It
// reports whether it is a script.
func (c *check) program(name, at string) (script bool, err error) {
	from := ""
	for hops := 0; ; hops++ {
		f, err := c.files.Find(c.ctx, at)
		if errors.Is(err, fs.ErrNotExist) && script {
			c.add(Problem{
				Rule: "platform/missing", Path: from, Hint: "install it, or name another in the script's first line",
				Text: fmt.Sprintf("%s needs the interpreter %s, which is not in the image: the runtime would say %q",
					shown(from), shown(at), cause(err)),
			})
			return script, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			says := fmt.Sprintf("exec: %q: %s", name, cause(err))
			return script, c.notFound(name, &missingError{"platform/missing", says})
		}
		if err != nil {
			return script, c.unread(at, err)
		}
		if !c.step(at, f) || !c.startable(f) {
			return script, nil
		}
		if f.Program.Format != machine.Script {
			return script, c.machine(f)
		}
		script = true
		if c.windows {
			return script, nil // a #! line means nothing there, and the name's extension says what starts it
		}
		if hops == maxScripts {
			c.add(Problem{
				Rule: "platform/broken", Path: f.Path, Hint: "let the first line of one script name a program",
				Text: fmt.Sprintf("%s is a script for a script for a script, more than the kernel follows",
					shown(f.Path)),
			})
			return script, nil
		}
		next, err := c.interpreter(f)
		if next == "" || err != nil {
			return script, err
		}
		from, at = f.Path, next
	}
}

// step adds to the chain: a path, and where it leads. It reports whether to go on.
func (c *check) step(at string, f rootfs.File) bool {
	if len(c.verdict.Chain) == maxSteps {
		c.circle = true
		c.add(Problem{
			Rule: "platform/broken", Path: f.Path, Hint: "start a program",
			Text: shown(f.Path) + " is one of many that start each other, and never lead to a program",
		})
		return false
	}
	text := shown(at)
	if f.Path != at {
		text += " -> " + shown(f.Path)
	}
	if f.Program.LoaderUnread {
		text += " (its loader's name is too far inside to be read)"
	}
	c.verdict.Chain = append(c.verdict.Chain, text)
	return true
}

// startable adds a problem for what no kernel starts.
func (c *check) startable(f rootfs.File) bool {
	at, p := shown(f.Path), f.Program
	problem := Problem{Rule: "platform/broken", Path: f.Path, Hint: "correct what ENTRYPOINT or CMD name"}
	switch {
	case f.Mode.IsDir():
		problem.Text = at + ` is a folder, no program: the runtime would say "is a directory"`
	case !f.Mode.IsRegular():
		problem.Text = at + ` is no regular file: the runtime would say "permission denied"`
	case c.windows && byExtension(f.Path):
		return false // fine: another program reads it
	case f.Mode&0o111 == 0 && !c.windows && p.Format != machine.WASM:
		problem.Rule = "platform/not-executable"
		problem.Text = at + ` is not executable: the runtime would say "permission denied"`
		problem.Hint = "give it the bit: COPY --chmod=755, or git update-index --chmod=+x if it comes from a checkout"
	case p.Broken != "":
		problem.Text = fmt.Sprintf("%s cannot be started: %s", at, p.Broken)
		problem.Hint = brokenHint(p)
	case p.Format == machine.Unknown:
		problem.Text = at + ` has neither a program's header nor a #! line: the runtime would say "exec format error"`
		problem.Hint = "let it begin with #!/bin/sh if it is a script"
	case p.Library && c.windows:
		problem.Text = at + " is a library, no program"
	default:
		return true
	}
	c.add(problem)
	return false
}

func brokenHint(p machine.Program) string {
	switch {
	case p.Format == machine.Script:
		return "save it with Unix line ends and without a byte order mark; in .gitattributes: *.sh text eol=lf"
	case strings.Contains(p.Broken, "LFS"):
		return "check out with Git LFS: lfs: true in the checkout step"
	}
	return "look at how it is built and copied"
}

// machine compares what a program is built for with what the image claims, and looks at its loader.
func (c *check) machine(f rootfs.File) error {
	if p, ok := c.foreign(f); ok {
		c.add(p)
		return nil
	}
	if f.Program.Loader == "" || f.Program.Format != machine.ELF {
		return nil
	}
	loader := c.absolute(f.Program.Loader)
	found, err := c.files.Find(c.ctx, loader)
	problem := Problem{Rule: "platform/loader", Path: f.Path, Hint: loaderHint(loader)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem.Text = fmt.Sprintf("%s needs the loader %s, which is not in the image: the runtime would say %q",
			shown(f.Path), shown(loader), "no such file or directory")
	case err != nil:
		return c.unread(loader, err)
	case !found.Mode.IsRegular() || found.Mode&0o111 == 0:
		problem.Text = fmt.Sprintf("%s needs the loader %s, which is not executable", shown(f.Path), shown(loader))
	case !found.Program.RunsOn(c.image.Platform) || found.Program.Platforms[0].Arch != f.Program.Platforms[0].Arch:
		problem.Text = fmt.Sprintf("%s is %s, but its loader %s is %s",
			shown(f.Path), c.described(f.Program), shown(loader), c.described(found.Program))
		problem.Hint = c.otherHint()
	default:
		return nil
	}
	c.add(problem)
	return nil
}

func loaderHint(loader string) string {
	switch {
	case strings.Contains(loader, "musl"):
		return "it was built with musl, as on Alpine: build it on the image it is for, or link it statically"
	case strings.Contains(loader, "ld-linux"), strings.Contains(loader, "ld64.so"), strings.Contains(loader, "ld.so"):
		return "it was built with glibc, which Alpine and scratch have not: link it statically (Go: CGO_ENABLED=0), " +
			"or use a base image that has glibc"
	}
	return "build it on the image it is for, or link it statically"
}

// otherHint does not know whether the file was copied or came with the base image.
func (c *check) otherHint() string {
	on := shown(c.image.Platform.String())
	return fmt.Sprintf("rebuild it for %s, or if it came with the base image, use one for %s and no constant "+
		"--platform in FROM", on, on)
}

// foreign is the problem with a program that is not for the image's platform.
func (c *check) foreign(f rootfs.File) (Problem, bool) {
	p, on := f.Program, c.image.Platform
	if p.RunsOn(on) {
		return Problem{}, false
	}
	problem := Problem{
		Rule: "platform/machine", Path: f.Path, Hint: c.otherHint(),
		Text: fmt.Sprintf("%s is %s, but the image claims %s",
			shown(f.Path), c.described(p), shown(on.String())),
	}
	switch {
	case sometimes(p, on):
		problem.Warn = true
		problem.Hint = "it runs only where processor and kernel have an older mode for it: build it for " +
			shown(on.String())
	case p.Format == machine.MachO:
		problem.Hint = "it was built on a Mac: " + c.otherHint()
	case p.Format == machine.PE && !c.windows:
		problem.Hint = "it was built on Windows: " + c.otherHint()
	}
	return problem, true
}

// sometimes: many arm64 processors run 32-bit programs, some kernels of amd64 have x32. Windows on
// arm64 runs programs of amd64 and 386 by emulation.
func sometimes(p machine.Program, on platform.Platform) bool {
	if len(p.Platforms) != 1 {
		return false
	}
	built := p.Platforms[0]
	if on.OS == "windows" {
		return built.OS == on.OS && on.Arch == "arm64" && (built.Arch == "amd64" || built.Arch == "386")
	}
	older := map[string]string{"arm64": "arm", "amd64": "x32"}[on.Arch]
	return p.Format == machine.ELF && built.Arch == older && (built.OS == "" || built.OS == on.OS)
}

// described is a program in words: "a linux/arm64 program". Plain ELF is said to be for the image's
// own system, if that has ELF at all.
func (c *check) described(p machine.Program) string {
	var names []string
	for _, built := range p.Platforms {
		if built.OS == "" && p.Format == machine.ELF {
			built.OS = "linux"
			if on := c.image.Platform.OS; strings.HasSuffix(on, "bsd") || on == "solaris" || on == "illumos" {
				built.OS = on
			}
		}
		names = append(names, strings.TrimPrefix(built.String(), "/"))
	}
	if len(names) == 0 {
		return "no program"
	}
	return fmt.Sprintf("a %s program", strings.Join(names, " and "))
}

// cause is the kernel's word for why a path leads nowhere.
func cause(err error) string {
	var missing *rootfs.MissingError
	if errors.As(err, &missing) {
		return missing.Reason
	}
	return "no such file or directory"
}

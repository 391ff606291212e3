package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
)

// start follows the command line of an image.
func (c *check) start(argv []string) error {
	if c.windows {
		argv = commandLine(argv)
	}
	if len(argv) > maxArgs {
		argv = argv[:maxArgs]
		c.unlooked("the end of the command line", "it is too long")
	}
	name := argv[0]
	found, err := c.locate(name)
	if err != nil {
		return c.notFound(name, err)
	}
	if err := c.follow(argv, name, found); err != nil {
		return err
	}
	return c.others(argv)
}

// maxArgs is far more than an image gives.
const maxArgs = 4096

// notFound says of a name what a runtime would.
func (c *check) notFound(name string, err error) error {
	var missing *missingError
	if !errors.As(err, &missing) {
		return c.unread(name, err)
	}
	c.add(Problem{
		Rule: missing.rule, Path: name,
		Text: fmt.Sprintf("the image starts %q, which is not there: the runtime would say: %s",
			shown(name), shown(missing.says)),
		Hint: "copy it into the image, or correct ENTRYPOINT, CMD, WORKDIR and PATH",
		// The PATH of Windows is in its registry, not in the image's config.
		Warn: c.windows && !strings.ContainsAny(name, `\/`),
	})
	return nil
}

// follow looks at the program at a path, and at those that argv makes it start.
func (c *check) follow(argv []string, name, at string) error {
	script, err := c.program(name, at)
	if err != nil {
		return err
	}
	if c.circle {
		return nil
	}
	known := base(argv[0])
	if f, err := c.files.Find(c.ctx, at); err == nil && !script {
		// A link may have any name, as the processes of buildpacks have.
		if _, wraps := wrappers[base(f.Path)]; wraps {
			known = base(f.Path)
		} else if f.Path == buildpacks {
			known = buildpacks
		}
	}
	return c.passed(known, argv[1:], script)
}

// command looks at what a shell is told to start. That it is missing may be the reader's mistake.
func (c *check) command(words []string) error {
	found, err := c.locate(words[0])
	if err == nil {
		return c.follow(words, words[0], found)
	}
	defer c.mildly()()
	return c.notFound(words[0], err)
}

// mildly turns problems into warnings, until the function that it returns is called.
func (c *check) mildly() (end func()) {
	before := c.mild
	c.mild = true
	return func() { c.mild = before }
}

// among looks for the program that a wrapper or a script starts, among the words that it is given: the
// first that is one. That the first word is none is worth a warning if it is a wrapper's.
func (c *check) among(words []string, how passing) error {
	for i, word := range words[:min(len(words), maxWords)] {
		if isOption(word) {
			continue
		}
		first := how == wrapped && i == 0
		found, err := c.locate(word)
		switch {
		case err == nil && c.isProgram(found, how):
			if how == maybe {
				defer c.mildly()()
			}
			return c.follow(words[i:], word, found)
		case err == nil && first:
			err = c.mildProgram(word, found)
		case err != nil:
			err = c.mildMissing(word, err, first)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *check) mildProgram(name, at string) error {
	defer c.mildly()()
	_, err := c.program(name, at)
	return err
}

func (c *check) mildMissing(name string, err error, tell bool) error {
	defer c.mildly()()
	var missing *missingError
	if errors.As(err, &missing) && !tell {
		return nil
	}
	return c.notFound(name, err)
}

// isOption reports whether a word is an option, or sets a variable.
func isOption(word string) bool {
	return word == "" || word[0] == '-' || strings.Contains(word, "=") && !strings.Contains(word, "/")
}

// isProgram reports whether there is something to look at: not a file of data, or a folder.
func (c *check) isProgram(at string, how passing) bool {
	f, err := c.files.Find(c.ctx, at)
	return err == nil && f.Mode.IsRegular() && f.Program.Format != machine.Unknown &&
		(how == wrapped || f.Mode&0o111 != 0)
}

// missingError is for a name that leads to no program: no error of ours, but a finding.
type missingError struct{ rule, says string }

func (e *missingError) Error() string { return e.says }

// locate is where a runtime finds the program with a name.
func (c *check) locate(name string) (string, error) {
	if c.windows {
		return c.locateWindows(name)
	}
	if strings.Contains(name, "/") {
		at := c.absolute(name)
		_, err := c.files.Find(c.ctx, at)
		if errors.Is(err, fs.ErrNotExist) {
			return "", &missingError{"platform/missing", fmt.Sprintf("exec: %q: %s", name, cause(err))}
		}
		return at, err
	}
	denied := false
	if name != "" {
		for _, dir := range c.searched() {
			at := path.Join(c.absolute(dir), name)
			f, err := c.files.Find(c.ctx, at)
			switch {
			case err == nil && f.Mode.IsRegular() && f.Mode&0o111 != 0:
				return at, nil
			case err == nil:
				denied = denied || f.Mode.IsRegular()
			case !errors.Is(err, fs.ErrNotExist):
				return "", err
			}
		}
	}
	if denied {
		return "", &missingError{"platform/not-executable", fmt.Sprintf("exec: %q: permission denied", name)}
	}
	return "", &missingError{"platform/missing", fmt.Sprintf("exec: %q: executable file not found in $PATH", name)}
}

// absolute is where a relative path leads from the working folder.
func (c *check) absolute(name string) string {
	if path.IsAbs(name) {
		return name // as it is: ".." behind a link is for the file system to work out
	}
	dir := c.image.WorkingDir
	if !path.IsAbs(dir) {
		dir = "/" + dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// defaultPath is what runtimes take if the image sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// searched are the folders of PATH.
func (c *check) searched() []string {
	value := c.env("PATH", defaultPath)
	if value == "" {
		return nil
	}
	dirs := strings.Split(value, ":")
	return dirs[:min(len(dirs), 64)]
}

// env is a variable of the image: the last one with the name, as runtimes have it.
func (c *check) env(name, otherwise string) string {
	for _, line := range slices.Backward(c.image.Env) {
		if key, value, ok := strings.Cut(line, "="); ok && (key == name || c.windows && strings.EqualFold(key, name)) {
			return value
		}
	}
	return otherwise
}

// shown is a text of the image, fit to be printed. Of a long path the end tells most.
func shown(text string) string {
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:40]) + "..." + string(runes[len(runes)-80:])
	}
	return redact.Line(text)
}

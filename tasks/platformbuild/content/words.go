package content

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// shells take a command after -c.
var shells = []string{"sh", "bash", "dash", "ash", "hush", "ksh", "mksh", "zsh", "rbash", "fish", "csh", "tcsh"}

// passing is how sure it is that one of the words is started.
type passing int

const (
	wrapped passing = iota
	maybe           // if any
)

// shellWords are a shell's arguments without its options. Of -c they are a line and the line's own
// arguments, else a script and its own. -c may come before other options, and with others in one word.
func shellWords(words []string) (rest []string, line bool) {
	for len(words) > 0 {
		word := words[0]
		if len(word) == 0 || word[0] != '-' && word[0] != '+' {
			return words, line
		}
		words = words[1:]
		taken := 0
		switch {
		case word == "--" || word == "-":
			return words, line
		case word == "--rcfile" || word == "--init-file":
			taken = 1
		case !strings.HasPrefix(word, "--"):
			line = line || word[0] == '-' && strings.Contains(word, "c")
			taken = strings.Count(word, "o") + strings.Count(word, "O") // such as pipefail
		}
		words = words[min(taken, len(words)):]
	}
	return nil, line
}

// shell looks at what a shell is told to do.
func (c *check) shell(words []string) error {
	rest, line := shellWords(words)
	switch {
	case len(rest) == 0:
		return nil
	case line:
		return c.line(rest[0], rest[1:])
	}
	return c.among(rest[1:], maybe) // of a script, which the shell reads whatever its mode is
}

// line looks at what a line of shell begins with. Its arguments matter only if it has variables.
func (c *check) line(line string, args []string) error {
	words := firstCommand(line)
	if len(words) > 0 {
		return c.command(words)
	}
	if len(c.verdict.Chain) < maxSteps {
		c.verdict.Chain = append(c.verdict.Chain, "a command line that is not looked into")
	}
	if strings.Contains(line, "$") {
		return c.among(args, maybe)
	}
	return nil
}

// special are the characters that make a shell's word more than itself.
const special = "$`\"'\\|&;<>()*?[]{}#~!\n\r"

// firstCommand is the command that a line of shell begins with, if it is as plain as "exec /app/server
// --port 80". Settings before it do not count: "set -e; cd /app && exec /app/server".
func firstCommand(line string) []string {
	moved := false
	for {
		line = strings.TrimSpace(line)
		end := strings.IndexAny(line, ";&|\n")
		part, rest := line, ""
		if end >= 0 {
			part, rest = line[:end], strings.TrimLeft(line[end:], ";&|\n ")
		}
		first, _, _ := strings.Cut(part, " ")
		if end < 0 || !slices.Contains(settings, first) || strings.ContainsAny(part, "'\"`\\(") {
			words := plainCommand(part)
			if moved && len(words) > 0 && strings.Contains(words[0], "/") && words[0][0] != '/' {
				return nil
			}
			return words
		}
		moved = moved || first == "cd"
		line = rest
	}
}

// settings are builtins after which a shell goes on.
var settings = []string{":", "cd", "echo", "export", "set", "shopt", "true", "ulimit", "umask", "unset"}

func plainCommand(line string) []string {
	words := strings.Fields(line)
	if len(words) > 2 && words[0] == "exec" && words[1] == "-a" {
		words = words[3:]
	}
	for i, word := range words {
		name, value, assigned := strings.Cut(word, "=")
		switch {
		case word == "exec":
			continue
		case assigned && !strings.ContainsAny(name, special+"/") && !strings.ContainsAny(value, special):
			continue
		case strings.ContainsAny(word, special) || slices.Contains(builtins, word):
			return nil
		}
		rest := words[i+1:]
		if end := slices.IndexFunc(rest, func(w string) bool { return strings.ContainsAny(w, special) }); end >= 0 {
			rest = rest[:end]
		}
		return append([]string{word}, rest...)
	}
	return nil
}

// builtins are words of the shell itself: what comes after them is not a program's name.
var builtins = []string{
	".", ":", "alias", "break", "case", "cd", "command", "continue", "do", "done", "echo", "elif", "else",
	"esac", "eval", "exit", "export", "false", "fi", "for", "function", "getopts", "hash", "if", "local",
	"printf", "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt", "source", "test",
	"then", "trap", "true", "type", "ulimit", "umask", "unset", "until", "wait", "while",
}

// interpreter is where the program of a script's first line is. Of `env` it is what env looks for,
// once env itself is fine.
func (c *check) interpreter(f rootfs.File) (string, error) {
	words := f.Program.Shebang
	if path.Base(words[0]) != "env" {
		return c.absolute(words[0]), nil
	}
	if _, err := c.program(words[0], c.absolute(words[0])); err != nil {
		return "", err
	}
	// The kernel hands the rest over in one piece, which only -S takes apart.
	rest := c.underEnv([]string{strings.Join(words[1:], " ")})
	if len(rest) == 0 || strings.ContainsAny(rest[0], special) {
		return "", nil
	}
	name := rest[0]
	at, err := c.locate(name)
	var missing *missingError
	if errors.As(err, &missing) {
		problem := Problem{
			Rule: "platform/missing", Path: f.Path,
			Text: fmt.Sprintf("%s needs %q, which is not in the image's PATH", shown(f.Path), shown(name)),
			Hint: "install it, or name another interpreter in the script's first line",
		}
		if strings.Contains(name, " ") {
			problem.Hint = "env takes the rest of the line for one name: write #!/usr/bin/env -S"
		}
		c.add(problem)
		return "", nil
	}
	if err != nil {
		return "", c.unread(name, err)
	}
	return at, nil
}

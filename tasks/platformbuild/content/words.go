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
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}

// wrappers start the program that they are given.
var wrappers = []string{
	"catatonit", "chpst", "docker-init", "doas", "dumb-init", "env", "exec", "gosu", "ionice", "launcher", "nice",
	"nohup", "runuser", "s6-setuidgid", "setpriv", "setuidgid", "stdbuf", "strace", "su-exec", "sudo", "time",
	"timeout", "tini", "tini-static",
}

// passing is how a program starts another one.
type passing int

const (
	nothing passing = iota
	command         // the first of the words
	wrapped         // one of the words
	maybe           // one of the words, if any
)

// passed are the words among which a program is told to start another one. What a program's arguments
// mean is known of shells and wrappers only; a script mostly ends with exec "$@".
func passed(argv []string, script bool) ([]string, passing) {
	base, rest := path.Base(strings.ReplaceAll(argv[0], `\`, "/")), argv[1:]
	switch {
	case slices.Contains(shells, base):
		return passedByShell(rest)
	case slices.Contains(wrappers, base):
		return rest, wrapped
	case script:
		return rest, maybe
	}
	return nil, nothing
}

func passedByShell(words []string) ([]string, passing) {
	for i, word := range words {
		if word == "" || word[0] != '-' {
			return words[i+1:], maybe // of a script, which the shell reads whatever its mode is
		}
		if !strings.HasPrefix(word, "--") && strings.Contains(word, "c") && i+1 < len(words) {
			if words = firstCommand(words[i+1]); len(words) > 0 {
				return words, command
			}
			break
		}
	}
	return nil, nothing
}

// special are the characters that make a shell's word more than itself.
const special = "$`\"'\\|&;<>()*?[]{}#~!\n\r"

// firstCommand is the command that a line of shell begins with, if it is as plain as "exec /app/server
// --port 80".
func firstCommand(line string) []string {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "\n")
	words := strings.Fields(line)
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
	name, sure := envCommand(words[1:])
	if name == "" || !sure {
		return "", nil
	}
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

// envCommand is the name that env looks for, given the rest of a script's first line. The kernel hands
// that over in one piece, which only -S takes apart.
func envCommand(words []string) (name string, sure bool) {
	if len(words) == 0 {
		return "", false
	}
	switch first := words[0]; {
	case first == "-S" || first == "-vS" || first == "--split-string":
		words = words[1:]
	case strings.HasPrefix(first, "-S"):
		words = append([]string{first[2:]}, words[1:]...)
	case strings.HasPrefix(first, "--split-string="):
		words = append([]string{strings.TrimPrefix(first, "--split-string=")}, words[1:]...)
	default:
		return strings.Join(words, " "), first[0] != '-'
	}
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-u" || word == "-C":
			i++ // its value
		case word[0] == '-' || strings.Contains(word, "="):
		default:
			return word, !strings.ContainsAny(word, special)
		}
	}
	return "", false
}

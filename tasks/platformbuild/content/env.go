package content

import (
	"path"
	"strings"
)

// maxSplits is how many -S we take apart: more are a joke.
const maxSplits = 16

// underEnv is the command line that env is given. Its options and variables change where what comes
// after is looked for.
func (c *check) underEnv(words []string) []string {
	for splits := 0; len(words) > 0; {
		word := words[0]
		words = words[1:]
		if name, value, _ := strings.Cut(word, "="); assigns(word) && word[0] != '-' {
			c.set(name, value)
			continue
		}
		if word == "" || word[0] != '-' {
			return append([]string{word}, words...)
		}
		option, value, takes := envOption(word)
		if takes && value == "" && len(words) > 0 {
			value, words = words[0], words[1:]
		}
		if option != 'S' {
			c.applyEnv(option, value)
			continue
		}
		if splits++; splits > maxSplits {
			return nil
		}
		words = append(strings.Fields(value), words...)
	}
	return nil
}

func (c *check) applyEnv(option rune, value string) {
	switch {
	case option == 'C':
		c.image.WorkingDir = c.absolute(value)
	case option == 'u' && value == "PATH", option == 'i':
		c.set("PATH", defaultPath)
	}
}

// set changes a variable from here on, if it is one that matters.
func (c *check) set(name, value string) {
	if name == "PATH" {
		c.image.Env = append(c.image.Env[:len(c.image.Env):len(c.image.Env)], "PATH="+value)
	}
}

// envOption is the letter of an option of env, or the last one of several, with its value, if that is
// in the same word.
func envOption(word string) (letter rune, value string, takes bool) {
	if word == "-" {
		return 'i', "", false
	}
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, value, _ := strings.Cut(long, "=")
		letter = map[string]rune{
			"split-string": 'S', "chdir": 'C', "unset": 'u', "argv0": 'a', "ignore-environment": 'i',
		}[name]
		return letter, value, letter != 0 && letter != 'i'
	}
	for i, r := range word[1:] {
		if strings.ContainsRune("SCua", r) {
			return r, strings.TrimPrefix(word[i+2:], "="), true
		}
		letter = r
	}
	return letter, "", false
}

// base is the name by which a program is known, and knows what to do: the last one of its path.
func base(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if end := len(name) - len(".exe"); end > 0 && strings.EqualFold(name[end:], ".exe") {
		name = strings.ToLower(name[:end])
	}
	return name
}

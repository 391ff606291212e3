// Package export writes secrets to a file for programs that read their settings
// from one.
//
// It promises that what a reader of the format gets is the secret, byte for byte:
// a value that a format cannot hold, or that its readers would read in different
// ways, is refused and not bent. The file is made for its owner alone, replaces
// nothing, lies below Agent.TempDirectory, which the agent empties after the job,
// and is whole or absent.
//
// It cannot promise that the file stays where it was put: a step that copies it
// takes it out of reach.
package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is the layout of the file.
type Format string

// The formats.
const (
	// Dotenv is lines of NAME=value that bash's source and node's --env-file read
	// the same. A value with characters that either gives a meaning to is quoted,
	// and docker takes quotes for a part of the value.
	// Values of several lines need node 20.12 or later.
	Dotenv Format = "dotenv"
	// Docker is lines of NAME=value for docker run --env-file, which knows no quotes
	// and no values of several lines.
	Docker Format = "docker"
	// JSON is one object of strings.
	JSON Format = "json"
	// Raw is the value of one secret as it is, without a line end added.
	Raw Format = "raw"
)

// Pair is a secret under the name by which the file's readers know it.
type Pair struct{ Name, Value string }

// Render lays the pairs out. The error names each value that the format cannot
// hold, all of them at once, and never what it is.
func Render(format Format, pairs []Pair) ([]byte, error) {
	var errs []error
	for i, p := range pairs {
		if slices.ContainsFunc(pairs[:i], func(other Pair) bool { return other.Name == p.Name }) {
			errs = append(errs, fmt.Errorf("%s: two values have this name", p.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	switch format {
	case Dotenv:
		return lines(Dotenv, pairs, quote)
	case Docker:
		return docker(pairs)
	case JSON:
		return object(pairs)
	case Raw:
		if len(pairs) != 1 {
			return nil, fmt.Errorf("the format raw holds one value, and there are %d", len(pairs))
		}
		return []byte(pairs[0].Value), nil
	}
	return nil, fmt.Errorf("there is no format %q", string(format))
}

// variable is a name that a shell can assign to.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// bashOwn are the variables that bash does not let go of: an assignment is an
// error, ignored, or read back as something else (bash(1), Shell Variables).
var bashOwn = []string{
	"BASHOPTS", "BASHPID", "BASH_ARGC", "BASH_ARGV", "BASH_COMMAND", "BASH_LINENO", "BASH_SOURCE", "BASH_SUBSHELL",
	"BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "LINENO",
	"OPTIND", "PIPESTATUS", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SRANDOM", "UID", "_",
}

// Named reports whether a value can have this name in the format: a file of lines
// holds names of variables only, of letters, digits and underscores.
func Named(format Format, name string) bool {
	switch format {
	case Dotenv:
		return variable.MatchString(name) && !slices.Contains(bashOwn, name)
	case Docker:
		return variable.MatchString(name)
	case JSON:
		return utf8.ValidString(name)
	}
	return true
}

// lines makes a file of NAME=value; write returns how a value is written, or why
// it cannot be.
func lines(format Format, pairs []Pair, write func(value string) (string, error)) ([]byte, error) {
	var b strings.Builder
	var errs []error
	for _, p := range pairs {
		if !Named(format, p.Name) {
			errs = append(errs, fmt.Errorf("%q is no name for a variable in a file of the format %s", p.Name, format))
			continue
		}
		value, err := write(p.Value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: the format %s cannot hold the value: %w", p.Name, format, err))
			continue
		}
		b.WriteString(p.Name + "=" + value + "\n")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

func object(pairs []Pair) ([]byte, error) {
	var errs []error
	all := map[string]string{}
	for _, p := range pairs {
		if !Named(JSON, p.Name) || !utf8.ValidString(p.Value) {
			errs = append(errs, fmt.Errorf("%q: the format json cannot hold the value: it is not valid UTF-8", p.Name))
		}
		all[p.Name] = p.Value
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the format json: %w", err)
	}
	return append(data, '\n'), nil
}

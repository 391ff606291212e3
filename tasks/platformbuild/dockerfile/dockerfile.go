// Package dockerfile reads what we need to know of a Dockerfile before it is built: its stages, the images they start
// from, and what it wants to be given. BuildKit reads it for real.
//
// The rules are those of BuildKit's own reader, oddities included. What has no rule here is an error: a line that we
// read in another way than BuildKit would hide a base image from the hash that decides whether anything must be built.
package dockerfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	maxFile   = 1 << 20
	maxStages = 1000
)

// File is a Dockerfile.
type File struct {
	Syntax string // of "# syntax=", an image's name
	Args   []Arg  // before the first FROM
	Stages []Stage

	escape rune
}

// Arg is an ARG before the first FROM.
type Arg struct {
	Name, Default string // as written

	line       int
	hasDefault bool
}

// Stage begins with a FROM.
type Stage struct {
	Line      int    // from 1
	Name      string // in lower case
	Base      string // as written, with $ARGs
	Platform  string // of --platform, as written
	Secrets   []Mount
	SSH       []Mount
	Copies    []string // images and stages of COPY --from and RUN --mount=from, as written
	Args      []string // declared in the stage
	Downloads []string // by ADD from the network, and nobody says what they have to be

	steps     []string // keywords of its instructions, but FROM and ONBUILD
	copyLines []int    // of Copies
	runs      bool     // it has a RUN by the base image's own shell
	shell     bool     // it has chosen another one
}

// Mount is a secret or an SSH key that a RUN wants.
type Mount struct {
	Line     int
	ID       string
	Required bool
}

// Error is what is wrong in a line of the Dockerfile.
type Error struct {
	Line int // from 1
	Err  error
}

// Error is the line, and what is wrong in it.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap is what is wrong, without the line.
func (e *Error) Unwrap() error { return e.Err }

func at(line int, err error) error { return &Error{Line: line, Err: err} }

// Parse reads a Dockerfile. An error that has a place is an *Error. What it does not understand is an error: a base
// image that is missed would be missed in the hash that decides whether anything must be built.
func Parse(text []byte) (*File, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has more than %d MB", maxFile>>20)
	}
	f := &File{Syntax: syntaxOf(string(text))}
	r := newReader(string(text))
	for {
		in, err := r.next()
		if err != nil {
			return nil, at(in.line, err)
		}
		f.escape = r.escape
		if in.keyword == "" {
			break
		}
		if err := f.add(in); err != nil {
			return nil, at(in.line, err)
		}
	}
	if len(f.Stages) == 0 {
		return nil, errors.New("there is no FROM in it")
	}
	return f, nil
}

// add takes an instruction in.
func (f *File) add(in instruction) error {
	if in.keyword == "FROM" {
		return f.from(in)
	}
	if len(f.Stages) == 0 {
		if in.keyword != "ARG" {
			return fmt.Errorf("%s stands before the first FROM", in.keyword)
		}
		return f.globals(in)
	}
	stage := &f.Stages[len(f.Stages)-1]
	stage.programs(in)
	if in.keyword == "ONBUILD" {
		// It is done where a later stage starts from this one. That it is read as a part of this stage finds more
		// than needed, and nothing less.
		inner, err := in.trigger(f.escape)
		if err != nil {
			return err
		}
		in = inner
	} else {
		stage.steps = append(stage.steps, in.keyword)
	}
	return stage.add(in, f.escape)
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)

func (f *File) from(in instruction) error {
	words := blanks.Split(in.rest, -1)
	stage := Stage{Line: in.line, Base: words[0]}
	switch {
	case len(f.Stages) == maxStages:
		return fmt.Errorf("there are more than %d stages", maxStages)
	case words[0] == "" || len(words) != 1 && len(words) != 3:
		return errors.New("FROM needs an image, and may name the stage: FROM image AS name")
	case len(words) == 3:
		stage.Name = strings.ToLower(words[2])
		if !strings.EqualFold(words[1], "as") || !nameForm.MatchString(stage.Name) {
			return fmt.Errorf("FROM needs an image, and may name the stage: FROM image AS name, not %s", show(in.rest))
		}
	}
	for _, flag := range in.flags {
		value, ok := strings.CutPrefix(flag, "--platform=")
		if !ok || stage.Platform != "" {
			return fmt.Errorf("FROM has the flag --platform=..., once, and not %s", show(flag))
		}
		stage.Platform = value
	}
	f.Stages = append(f.Stages, stage)
	return nil
}

func (f *File) globals(in instruction) error {
	if len(in.flags) > 0 {
		return fmt.Errorf("ARG has no flag %s", show(in.flags[0]))
	}
	words := quotedWords(in.rest, f.escape)
	if len(words) == 0 {
		return errors.New("ARG needs a name")
	}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if name == "" {
			return errors.New("ARG needs a name")
		}
		f.Args = append(f.Args, Arg{name, value, in.line, ok})
	}
	return nil
}

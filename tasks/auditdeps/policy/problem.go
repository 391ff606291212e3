package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a policy file.
type Problem struct {
	Line      int // 0 if it is about the whole file
	Text, Fix string
}

// Error is everything that is wrong with a policy file, in order of lines.
type Error struct {
	Name     string
	Problems []Problem
}

// Error has a line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = e.Name + ": " + p.Text
		if p.Line > 0 {
			lines[i] = fmt.Sprintf("%s:%d: %s", e.Name, p.Line, p.Text)
		}
		if p.Fix != "" {
			lines[i] += ": " + p.Fix
		}
	}
	return strings.Join(lines, "\n")
}

// shown quotes a text of the file for a message.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.QuoteToASCII(text)
}

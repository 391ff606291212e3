package agent

import (
	"fmt"
	"io"
	"strings"
)

// console prints log lines as the pipeline's page or a terminal shows them.
type console struct {
	w     io.Writer
	color bool
	// nested is set when an agent reads what we print: it must not act on
	// commands that we only quote.
	nested bool
	// record keeps every line for the check that no secret was printed.
	record *strings.Builder
}

// styles are the colours of the log decorations, and whether the mark itself is
// shown too.
var styles = []struct {
	mark, code string
	keep       bool
}{
	{"##[error]", "31", true},
	{"##[warning]", "33", true},
	{"##[section]", "32", false},
	{"##[command]", "34", false},
	{"##[debug]", "35", true},
	{"##[group]", "1;36", true},
	{"##[endgroup]", "36", true},
}

// print writes one line that was masked already.
func (c *console) print(line string) {
	c.record.WriteString(line + "\n")
	if c.nested {
		line = strings.ReplaceAll(line, "##vso[", "**vso[")
	}
	if c.color {
		line = colored(line)
	}
	// There is nobody left to tell when standard output is gone.
	_, _ = fmt.Fprintln(c.w, line)
}

func colored(line string) string {
	for _, s := range styles {
		text, ok := strings.CutPrefix(line, s.mark)
		if !ok {
			continue
		}
		if s.keep {
			text = line
		}
		return "\x1b[" + s.code + "m" + text + "\x1b[0m"
	}
	return line
}

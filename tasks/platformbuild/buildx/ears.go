package buildx

import (
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// ears pass on what a build tells, and keep what its error is made of.
type ears struct {
	progress.Log
	heard map[string]bool   // steps, by digest, with a program that the kernel refused: their error is a number only
	last  map[string]string // what a step printed last; rather the last that sounds like an error
	bad   map[string]bool   // it does
	held  []string          // buildx's last words
	over  func() bool       // the build was cancelled: what is said from now on is about that
	debug func(string)      // may be nil
}

// maxHeld is more than buildx says at the end.
const maxHeld = 200

// Output is of progress.Log.
func (e *ears) Output(s progress.Step, line string) {
	if e.heard == nil {
		e.heard, e.last, e.bad = map[string]bool{}, map[string]string{}, map[string]bool{}
	}
	if strings.Contains(line, "exec format error") {
		e.heard[s.Digest] = true
	}
	// Standard output and error come mixed, in an order that says nothing.
	if bad := complaint.MatchString(line); bad || !e.bad[s.Digest] && strings.TrimSpace(line) != "" {
		e.last[s.Digest] = line // whole: a piece of a secret could not be found again
		e.bad[s.Digest] = bad
	}
	e.Log.Output(s, line)
}

// complaint matches what programs say when they fail.
var complaint = regexp.MustCompile(
	`(?i)\b(?:error|fatal|fail(?:ed|ure)?|panic|exception|cannot|denied|not found|no such)\b`)

// Step is of progress.Log.
func (e *ears) Step(s progress.Step) {
	if s.Error == "" {
		delete(e.last, s.Digest)
		delete(e.bad, s.Digest)
	}
	e.Log.Step(s)
}

// lastWords begins what buildx says at the end: a piece of the Dockerfile, and its error.
var lastWords = regexp.MustCompile(`^ERROR: |^[^ :]{1,1000}:[0-9]{1,9}$`)

// Plain is of progress.Log. It holds the last words back: the error that is made of them says most of it again.
func (e *ears) Plain(line string) {
	if e.over() {
		e.tellLess(line)
		return
	}
	if len(e.held) >= maxHeld || len(e.held) == 0 && !lastWords.MatchString(line) {
		e.Log.Plain(line)
		return
	}
	e.held = append(e.held, line)
}

// Warning is of progress.Log. Half a build has warnings of what is not there yet.
func (e *ears) Warning(w progress.Warning) {
	if !e.over() {
		e.Log.Warning(w)
	}
}

// tell tells those of buildx's last words that the error does not; the others go to debug. Nil is no error of buildx.
func (e *ears) tell(err *Error) {
	error := false
	for _, line := range e.held {
		error = error || strings.HasPrefix(line, "ERROR: ")
		if !e.over() && (err == nil || err.vague || !error && err.Kind != Step) {
			e.Log.Plain(line)
		} else {
			e.tellLess(line)
		}
	}
	e.held = nil
}

func (e *ears) tellLess(line string) {
	if e.debug != nil {
		e.debug(line)
	}
}

// quiet tells what a further try tells, without what was said before.
type quiet struct{ progress.Log }

// Warning is of progress.Log.
func (quiet) Warning(progress.Warning) {}

package progress

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what is kept and told.
const (
	maxLine     = 16 << 20 // of the stream
	maxOutput   = 16 << 10 // a line that a step prints
	maxText     = 2000     // names, errors, warnings
	maxSteps    = 20000
	maxHeld     = 16 << 20 // unfinished lines of all steps
	maxWarnings = 1000
	maxPlain    = 8 << 10
	maxPushing  = 50
	noteworthy  = 100 * time.Millisecond // the least a step takes to be told as a slow one
)

// Reader turns the bytes of a build's standard error into calls of a Log, however they are cut. It is for one
// goroutine.
type Reader struct {
	to      Log
	line    []byte // unfinished
	tooLong bool   // the rest of the line is dropped
	steps   map[string]*step
	order   []*step
	ended   []*step // with the last message; told with the next one, unless they begin anew
	held    int     // bytes of unfinished lines of steps
	plain   []string
	size    int // of plain
	sum     Summary
	seen    map[Warning]bool
}

// NewReader returns a Reader that calls to.
func NewReader(to Log) *Reader {
	return &Reader{to: to, steps: map[string]*step{}, seen: map[Warning]bool{}}
}

// Write takes the next bytes. It never fails.
func (r *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			r.hold(p)
			return n, nil
		}
		r.hold(p[:end])
		r.endLine()
		p = p[end+1:]
	}
}

func (r *Reader) hold(p []byte) {
	if r.tooLong = r.tooLong || len(r.line)+len(p) > maxLine; r.tooLong {
		r.line = nil
		return
	}
	r.line = append(r.line, p...)
}

func (r *Reader) endLine() {
	line := r.line
	if r.tooLong {
		line = fmt.Appendf(nil, "(a line of the build's progress was longer than %d MiB and is left out)", maxLine>>20)
	}
	r.line, r.tooLong = r.line[:0], false
	if cap(r.line) > maxPlain<<4 {
		r.line = nil
	}
	if m, ok := parse(line); ok {
		r.apply(m)
		return
	}
	r.takePlain(clean(ends(string(bytes.TrimRight(line, "\r")), maxOutput), maxOutput+len(" ... ")))
}

// Close ends the stream, tells the steps that are still open, and sums up.
func (r *Reader) Close() Summary {
	if len(r.line) > 0 || r.tooLong {
		r.endLine()
	}
	r.tellEnded(r.ended)
	for _, s := range r.order {
		if !s.told && (!s.Started.IsZero() || s.Error != "") {
			r.tell(s)
		}
	}
	r.sum.Error = r.lastWords()
	r.count()
	return r.sum
}

func (r *Reader) apply(m message) {
	before := r.ended
	r.ended = nil
	for _, v := range m.Vertexes {
		r.applyVertex(v)
	}
	for _, w := range m.Warnings {
		if found := w.read(); found.Text != "" && !r.seen[found] && len(r.seen) < maxWarnings {
			r.seen[found] = true // the platforms of a build each have their own
			r.sum.Warnings = append(r.sum.Warnings, found)
			r.to.Warning(found)
		}
	}
	for _, s := range m.Statuses {
		r.applyStatus(s)
	}
	for _, l := range m.Logs {
		if s := r.step(l.Vertex); s != nil {
			r.output(s, l.Data)
		}
	}
	r.tellEnded(before)
}

// tellEnded tells those of the steps that have not begun anew.
func (r *Reader) tellEnded(steps []*step) {
	for _, s := range steps {
		if !s.running && !s.told {
			r.tell(s)
		}
	}
}

func (r *Reader) tell(s *step) {
	r.flush(s)
	s.told = true
	r.to.Step(r.of(s))
}

// of is the step as it is told.
func (r *Reader) of(s *step) Step {
	s.Of = len(r.order)
	return s.Step
}

func (r *Reader) takePlain(line string) {
	r.tellEnded(r.ended)
	r.ended = nil
	if strings.TrimSpace(line) == "" && len(r.plain) == 0 {
		return
	}
	r.to.Plain(line)
	if len(r.plain) > 0 && strings.Trim(line, "-") == "" && len(line) >= 3 && r.sum.Path == "" {
		if match := place.FindStringSubmatch(r.plain[len(r.plain)-1]); match != nil {
			r.sum.Path = match[1]
			r.sum.Line, _ = strconv.Atoi(match[2])
		}
	}
	r.plain = append(r.plain, line)
	for r.size += len(line) + 1; r.size > maxPlain && len(r.plain) > 1; r.plain = r.plain[1:] {
		r.size -= len(r.plain[0]) + 1
	}
}

// place is the title of the piece of the Dockerfile that buildx shows with an error.
var place = regexp.MustCompile(`^(.{1,1000}):([0-9]{1,9})$`)

// lastWords is the last error that buildx has printed, with what follows; without one all it has printed.
func (r *Reader) lastWords() string {
	from := 0
	for i, line := range r.plain {
		if strings.HasPrefix(line, "ERROR:") {
			from = i
		}
	}
	return strings.TrimSpace(strings.Join(r.plain[min(from, len(r.plain)):], "\n"))
}

// count sums up the steps.
func (r *Reader) count() {
	var slow []Step
	for _, s := range r.order {
		if s.Real() {
			r.sum.Steps++
			if s.Cached {
				r.sum.Cached++
			}
		}
		if s.Real() && !s.Cached && s.Duration >= noteworthy {
			slow = append(slow, r.of(s))
		}
		if s.pushes() && s.Error != "" {
			r.sum.Pushing = append(r.sum.Pushing, s.Error)
		}
	}
	slices.SortStableFunc(slow, func(a, b Step) int { return int(min(max(b.Duration-a.Duration, -1), 1)) })
	r.sum.Slowest = slow[:min(len(slow), 3)]
	r.sum.Failed = r.failed()
}

// failed is the step whose error buildx ends with; without such a one the last step that failed by itself.
func (r *Reader) failed() *Step {
	var last *step
	words := strings.ReplaceAll(r.sum.Error, "\n", " ")
	for _, s := range r.order {
		switch {
		case s.Error == "" || strings.Contains(s.Error, "context canceled"):
		case strings.Contains(words, s.Error[:min(len(s.Error), 200)]):
			found := r.of(s)
			return &found
		case !strings.HasPrefix(s.Name, "importing cache"): // which the build does without
			last = s
		}
	}
	if last == nil {
		return nil
	}
	found := r.of(last)
	return &found
}

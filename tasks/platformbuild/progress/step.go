package progress

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// step is a vertex while the build runs.
type step struct {
	Step
	running bool
	told    bool
	begun   time.Time     // of the part that runs
	before  time.Duration // of the parts that have ended
	rest    []byte        // the unfinished line of its output
	shown   time.Time     // when a status was last told
}

// longest is more than a step takes: the agent's limit for a job is ten days.
const longest = 10 * 24 * time.Hour

// statusEvery is how long a step that only has numbers to tell may be silent.
const statusEvery = 10 * time.Second

// whySize is the most that is told of an error in the middle of a log. The whole of it comes at the end.
const whySize = 160

// step returns the vertex, which may be new; nil if there are too many.
func (r *Reader) step(digest string) *step {
	digest = clean(digest, maxText)
	s := r.steps[digest]
	if s == nil && len(r.order) < maxSteps {
		s = &step{Step: Step{Digest: digest, Number: len(r.order) + 1}}
		r.steps[digest], r.order = s, append(r.order, s)
	}
	return s
}

func (r *Reader) applyVertex(v vertex) {
	s := r.step(v.Digest)
	if s == nil {
		return
	}
	if v.Name != "" {
		s.Name = clean(v.Name, maxText)
	}
	s.Cached = s.Cached || v.Cached
	if v.Error != "" {
		s.Error = clean(ends(v.Error, maxText), maxText+len(" ... "))
	}
	if v.Started.IsZero() {
		return
	}
	if s.Started.IsZero() {
		s.Started = v.Started
	}
	if !s.running && !v.Started.Equal(s.begun) { // a first part, or a further one
		s.before, s.begun, s.running, s.told = s.Duration, v.Started, true, false
		s.Completed = time.Time{}
	}
	if !v.Completed.IsZero() {
		s.Completed = v.Completed
		s.Duration = min(s.before+min(max(v.Completed.Sub(s.begun), 0), longest), longest)
		s.running = false
		r.ended = append(r.ended, s)
	}
}

// applyStatus tells how far a long transfer is, now and then: a step that prints nothing else must show that it lives.
func (r *Reader) applyStatus(m status) {
	s := r.steps[m.Vertex]
	if s == nil || m.Total <= 0 || m.Current < 0 || m.Current > m.Total {
		return
	}
	since := s.shown
	if since.IsZero() {
		since = m.Started
	}
	if since.IsZero() || m.Timestamp.Sub(since) < statusEvery {
		return
	}
	s.shown = m.Timestamp
	r.flush(s)
	r.say(s, fmt.Sprintf("%s: %s of %s", clean(m.ID, 100), megabytes(m.Current), megabytes(m.Total)))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// output takes what a step prints, and tells the lines that are whole.
func (r *Reader) output(s *step, p []byte) {
	for len(p) > 0 {
		part, whole := p, false
		if end := bytes.IndexByte(p, '\n'); end >= 0 {
			part, whole = p[:end], true
			p = p[end+1:]
		} else {
			p = nil
		}
		for len(part) > 0 {
			n := min(len(part), maxOutput-len(s.rest))
			s.rest = append(s.rest, part[:n]...)
			r.held += n
			if part = part[n:]; len(s.rest) == maxOutput && (len(part) > 0 || !whole) {
				r.flush(s)
			}
		}
		switch {
		case whole && len(s.rest) == 0:
			r.say(s, "")
		case whole || r.held > maxHeld:
			r.flush(s)
		}
	}
}

// flush tells the unfinished line.
func (r *Reader) flush(s *step) {
	if len(s.rest) == 0 {
		return
	}
	line := string(s.rest)
	r.held -= len(s.rest)
	s.rest = nil
	// A progress bar paints over itself: what counts is what it left.
	line = strings.TrimRight(line, "\r")
	r.say(s, clean(line[strings.LastIndexByte(line, '\r')+1:], maxOutput))
}

func (r *Reader) say(s *step, line string) {
	s.told = s.told && s.running // it has ended before its last words
	r.to.Output(r.of(s), line)
	if s.pushes() {
		r.sum.Pushing = append(r.sum.Pushing, ends(line, maxText))
		if len(r.sum.Pushing) > maxPushing {
			r.sum.Pushing = r.sum.Pushing[1:]
		}
	}
}

// internal reports whether the step is BuildKit's own business.
func (s Step) internal() bool {
	return strings.HasPrefix(s.Name, "[internal]") || strings.HasPrefix(s.Name, "[auth]") ||
		strings.HasPrefix(s.Name, "resolving provenance")
}

// pushes reports whether the step brings the image to its registry.
func (s Step) pushes() bool {
	return strings.HasPrefix(s.Name, "exporting to ") || strings.HasPrefix(s.Name, "exporting cache") ||
		strings.HasPrefix(s.Name, "pushing ")
}

// commandFailed begins the error of a RUN, now and in the engine 20.10. The command in it is the step's name, too.
var commandFailed = regexp.MustCompile(
	`^(?:process ".*" did not complete successfully: |executor failed running \[.*\]: )`)

// why is the step's error in short: of a long one the end, where the cause is.
func (s Step) why() string {
	text := commandFailed.ReplaceAllString(s.Error, "")
	if len(text) <= whySize {
		return text
	}
	from := len(text) - whySize
	for !utf8.RuneStart(text[from]) {
		from++
	}
	text = text[from:]
	if _, rest, ok := strings.Cut(text, ": "); ok && len(rest) > whySize/4 {
		text = rest
	}
	return "... " + text
}

// cache is the place that the step reads a cache from; ok is false if it does something else.
func (s Step) cache() (place string, ok bool) {
	return strings.CutPrefix(s.Name, "importing cache manifest from ")
}

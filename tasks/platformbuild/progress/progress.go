// Package progress reads what BuildKit tells about a build (docker buildx --progress=rawjson).
//
// It takes whatever comes: lines may be cut anywhere, be huge, be no JSON, or tell of a build that goes backwards.
// Nothing of it makes a [Reader] fail, and what it keeps in memory is bounded. Times are the builder's own.
//
// What it does not do: hide secrets, or take the power out of text that would command the agent. Who prints does;
// [Printer] prints through shared/pipeline, which does both.
package progress

import "time"

// Log is where a build's progress goes, as it happens. Texts are as BuildKit sent them, but without control
// characters, and cut: untrusted.
type Log interface {
	// Step says that a step has ended; its output, if any, has been told before. A step can end more than once:
	// BuildKit exports and pushes in one.
	Step(s Step)
	// Output is what a running step prints: a whole line, without its end. Lines of several steps come mixed.
	Output(s Step, line string)
	Warning(w Warning)
	// Plain is a line that is no JSON: what buildx itself has to say, such as the last error.
	Plain(line string)
}

// Step is a vertex of the build.
type Step struct {
	Digest             string
	Number             int    // in the order in which steps become known, from 1
	Of                 int    // steps known so far
	Name               string // such as "[linux/amd64 2/3] RUN make"
	Cached             bool
	Error              string
	Started, Completed time.Time     // Completed is zero if the step was not heard of again
	Duration           time.Duration // of all its parts; never negative
}

// Warning is a finding of BuildKit's linter or frontend.
type Warning struct {
	Rule string // such as InvalidBaseImagePlatform; "" if it has no name
	Text string
	URL  string
	Path string // as BuildKit knows the Dockerfile: its base name, or its path in the context
	Line int    // from 1; 0 if unknown
}

// Summary is what a build came to.
type Summary struct {
	Steps, Cached int    // real steps: no [internal], FROM, or exporting
	Slowest       []Step // at most 3 real steps, the slowest first
	Failed        *Step  // of a build that failed: the step because of which, if it was one
	Pushing       []string
	Error         string // the last plain text: buildx's own error, of several lines perhaps
	Path          string // where in the Dockerfile the error is, if buildx says so
	Line          int
	Warnings      []Warning
}

// Real reports whether the step does something that the Dockerfile asks for, and could come from the cache.
func (s Step) Real() bool {
	match := realStep.FindStringSubmatch(s.Name)
	return match != nil && match[1] != "FROM"
}

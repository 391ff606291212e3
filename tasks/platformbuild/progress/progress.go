// Package progress reads what BuildKit tells about a build (docker buildx --progress=rawjson).
package progress

import "time"

// Log is where a build's progress goes, as it happens. Texts are as BuildKit sent them: untrusted.
type Log interface {
	Step(s Step)                   // a step has ended; its output, if any, has been printed before
	Output(step Step, text string) // whole lines
	Warning(w Warning)
	Plain(text string) // a line that is no JSON
}

// Step is a vertex of the build.
type Step struct {
	Digest             string
	Name               string // such as "[linux/amd64 2/3] RUN make"
	Cached             bool
	Error              string
	Started, Completed time.Time
}

// Warning is a finding of BuildKit's linter or frontend.
type Warning struct {
	Rule, Text, URL, Path string
	Line                  int
}

// Summary is what a build came to.
type Summary struct {
	Steps, Cached int    // real steps: no [internal], FROM, or exporting
	Slowest       []Step // at most 3
	Failed        *Step
	Pushing       []string // what vertexes of the push said, for [buildx.Classify]
	Error         string   // the last plain text
	Warnings      []Warning
}

// Reader turns the bytes of a build's standard error into calls of a Log, however they are cut.
type Reader struct{}

// NewReader is a reader.
func NewReader(to Log) *Reader { panic("skeleton") }

// Write takes the next bytes.
func (r *Reader) Write(p []byte) (int, error) { panic("skeleton") }

// Close ends the stream and sums up.
func (r *Reader) Close() Summary { panic("skeleton") }

package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// message is a line of the stream: client.SolveStatus of github.com/moby/buildkit.
type message struct {
	Vertexes []vertex  `json:"vertexes"`
	Statuses []status  `json:"statuses"`
	Logs     []logged  `json:"logs"`
	Warnings []warning `json:"warnings"`
}

type vertex struct {
	Digest    string    `json:"digest"`
	Name      string    `json:"name"`
	Started   time.Time `json:"started"`
	Completed time.Time `json:"completed"`
	Cached    bool      `json:"cached"`
	Error     string    `json:"error"`
}

type status struct {
	ID        string    `json:"id"`
	Vertex    string    `json:"vertex"`
	Current   int64     `json:"current"`
	Total     int64     `json:"total"`
	Timestamp time.Time `json:"timestamp"`
	Started   time.Time `json:"started"`
	Completed time.Time `json:"completed"`
}

type logged struct {
	Vertex string `json:"vertex"`
	Data   []byte `json:"data"`
}

type warning struct {
	Short      []byte `json:"short"`
	URL        string `json:"url"`
	SourceInfo struct {
		Filename string `json:"filename"`
	} `json:"sourceInfo"`
	Range []struct {
		Start struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"range"`
}

// parse reads a line; ok is false if it is none of BuildKit's. A field of a wrong type is left out, no more: that
// must not hide the rest of the line.
func parse(line []byte) (m message, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return message{}, false
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(line, &m); errors.As(err, &syntax) {
		return message{}, false
	}
	return m, m.Vertexes != nil || m.Statuses != nil || m.Logs != nil || m.Warnings != nil
}

// realStep matches "[linux/amd64 build 2/3] RUN make".
var realStep = regexp.MustCompile(`^\[(?:[^\]]* )?[0-9]+/[0-9]+\] ([A-Z]+)\b`)

// ruleName begins the text of a finding that has one; lineNote ends the text of one that has a place.
var (
	ruleName = regexp.MustCompile(`^([A-Z][A-Za-z0-9]{2,60}): `)
	lineNote = regexp.MustCompile(` \(line [0-9]+\)$`)
)

func (w warning) read() Warning {
	out := Warning{
		Text: clean(string(w.Short), maxText), URL: clean(w.URL, maxText), Path: clean(w.SourceInfo.Filename, maxText),
	}
	if match := ruleName.FindStringSubmatch(out.Text); match != nil {
		out.Rule, out.Text = match[1], out.Text[len(match[0]):]
	}
	out.Text = lineNote.ReplaceAllString(out.Text, "")
	if len(w.Range) > 0 {
		out.Line = max(w.Range[0].Start.Line, 0)
	}
	return out
}

// escape matches what moves a terminal's cursor or colours its text (ECMA-48: CSI and OSC sequences).
var escape = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// ends keeps the beginning and the end of a text that is too long. The end is the longer part: that is where errors
// have their cause.
func ends(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	first, last := limit/3, len(text)-(limit-limit/3)
	for first > 0 && !utf8.RuneStart(text[first]) {
		first--
	}
	for last < len(text) && !utf8.RuneStart(text[last]) {
		last++
	}
	return text[:first] + " ... " + text[last:]
}

// clean makes one line of text that shows what it holds: without escape sequences, control and formatting
// characters, and of at most limit bytes.
func clean(text string, limit int) string {
	cut := len(text) > 4*limit
	if cut {
		text = text[:4*limit]
	}
	if strings.IndexByte(text, 0x1b) >= 0 {
		text = escape.ReplaceAllString(text, "")
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= limit {
		if cut {
			text += "..."
		}
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "..."
}

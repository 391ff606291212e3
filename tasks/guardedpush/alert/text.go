package alert

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// How long texts may be, in units of UTF-16, as the receivers count. Together a card stays
// within the 28 KB of a message in Teams, whatever the letters are.
const (
	maxFact    = 200
	maxReason  = 1000
	maxAction  = 300
	maxActions = 3000 // all of them
	maxAddress = 1000 // of a link
)

// plain makes a text one line of printable characters, not longer than most. That takes
// what reverses text or hides in it, too.
func plain(text string, most int) string { return bounded(text, most, "") }

// escaped is plain for Slack: & < > are written as Slack wants them, for <!channel> and
// <https://...|here> are a mention and a link also where markup is switched off.
func escaped(text string, most int) string { return bounded(text, most, "&<>") }

var escapes = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

// bounded cuts between characters, and never within an escape. Blanks become one.
func bounded(text string, most int, escape string) string {
	const cut = "..."
	var b strings.Builder
	length, fits := 0, 0 // in units; in bytes, up to where there is room for what says that it was cut
	blank := true
	for _, r := range text {
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		}
		if !strconv.IsPrint(r) || r == utf8.RuneError || r == ' ' && blank {
			continue
		}
		blank = r == ' '
		piece := string(r)
		if strings.ContainsRune(escape, r) {
			piece = escapes[r]
		}
		if length += units(piece); length > most {
			return strings.TrimRight(b.String()[:fits], " ") + cut
		}
		b.WriteString(piece)
		if length+len(cut) <= most {
			fits = b.Len()
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// units is the length of a text as the receivers count.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// actions are the lines of what was done, as many as there is room for.
func (n news) actions() []string {
	var lines []string
	room := maxActions
	for i, action := range n.Actions {
		line := plain(action, maxAction)
		if line == "" {
			continue
		}
		if room -= units(line); room < 0 {
			return append(lines, fmt.Sprintf("... and %d more", len(n.Actions)-i))
		}
		lines = append(lines, line)
	}
	return lines
}

// webAddress returns an address that may become a link, or "". The characters that end an
// address in a format of ours are encoded.
func webAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	const marks = "-._~:/?#[]@!$&()*+,;=%"
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		if strings.IndexByte(marks, c) >= 0 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	if b.Len() > maxAddress {
		return ""
	}
	return b.String()
}

package cachekey

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// Lines is what Cache@2 logs about the segments of a key, one line each and one
// for each file that a pattern found.
func (r Resolved) Lines() []string {
	width := 0
	for _, s := range r {
		width = max(width, len(utf16.Encode([]rune(s.Source))))
	}
	var lines []string
	for _, s := range r {
		lines = append(lines, s.lines(min(width, 50))...)
	}
	return lines
}

func (s Segment) lines(width int) []string {
	head := " - " + fit(s.Source, width) + " [" + string(s.Kind)
	switch s.Kind {
	case File:
		if len(s.Matches) == 0 {
			return []string{head + "] (not found)"}
		}
		return []string{head + "] --> " + s.Matches[0].SHA256}
	case Pattern:
		lines := []string{fmt.Sprintf("%s; matches: %d]", head, len(s.Matches))}
		width := 0
		for _, m := range s.Matches {
			width = max(width, len(utf16.Encode([]rune(m.Path))))
		}
		for _, m := range s.Matches {
			lines = append(lines, "   - "+fit(m.Path, min(width, 70))+" --> "+m.SHA256)
		}
		return lines
	}
	return []string{head + "]"}
}

// fit pads or cuts text to width units.
func fit(text string, width int) string {
	units := utf16.Encode([]rune(text))
	if len(units) > width {
		return string(utf16.Decode(units[:max(0, width-3)])) + "..."
	}
	return text + strings.Repeat(" ", width-len(units))
}

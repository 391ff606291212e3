package redact

import (
	"fmt"
	"strings"
	"unicode"
)

// mostRunes is how much of somebody else's text a message shows.
const mostRunes = 200

// Line is a text of somebody else's, fit to stand in a line of ours: what cannot be printed
// is "?", it is cut after 200 characters, and no command for the agent begins in it.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > mostRunes {
		text = string(runes[:mostRunes]) + "..."
	}
	return Defuse(text)
}

// Lines lists such texts with commas, the first ten if they are many.
func Lines(texts []string) string {
	const most = 10
	var shown []string
	for _, text := range texts[:min(len(texts), most)] {
		shown = append(shown, Line(text))
	}
	list := strings.Join(shown, ", ")
	if len(texts) > most {
		list += fmt.Sprintf(" and %d more", len(texts)-most)
	}
	return list
}

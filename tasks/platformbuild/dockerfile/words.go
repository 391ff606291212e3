package dockerfile

import (
	"strings"
	"unicode"
)

// flags takes the words that begin with -- off the beginning. Quotes and escapes are taken away from them; byte by
// byte, as BuildKit does.
func flags(text string, escape rune) (found []string, rest string) {
	at := 0
	for {
		for at < len(text) && unicode.IsSpace(rune(text[at])) {
			at++
		}
		if !strings.HasPrefix(text[at:], "--") {
			return found, text[at:]
		}
		word, quoted, next := flag(text, at, byte(escape))
		at = next
		if word == "--" && at < len(text) {
			return found, text[at:]
		}
		if word != "--" && (quoted || word != "") {
			found = append(found, word)
		}
	}
}

// flag reads one word.
func flag(text string, at int, escape byte) (word string, quoted bool, next int) {
	var b strings.Builder
	var quote byte
	for ; at < len(text); at++ {
		c := text[at]
		switch {
		case quote == 0 && unicode.IsSpace(rune(c)):
			return b.String(), quoted, at
		case quote == 0 && (c == '\'' || c == '"'):
			quote, quoted = c, true
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case c == escape:
			at++
			if at == len(text) {
				return b.String(), quoted, at
			}
			c = text[at]
		}
		b.WriteRune(rune(c))
	}
	return b.String(), quoted, at
}

// quotedWords are the words of an ARG. Quotes and escapes stay, for the value is still to be filled in.
func quotedWords(text string, escape rune) (words []string) {
	var b strings.Builder
	var quote rune
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case quote == 0 && unicode.IsSpace(c):
			if b.Len() > 0 {
				words = append(words, b.String())
			}
			b.Reset()
			continue
		case c == escape && quote != '\'':
			if i++; i < len(runes) { // else there is nothing to escape
				b.WriteString(string(runes[i-1 : i+1]))
			}
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		}
		b.WriteRune(c)
	}
	if b.Len() > 0 {
		words = append(words, b.String())
	}
	return words
}

// documentWords are the words of a line as far as it can be read as shell. Quotes and escapes stay; "<< EOF" is one
// word.
func documentWords(line string) []string {
	e := expansion{text: []rune(line), escape: '\\', keep: true}
	_, words, err := e.until(0, true)
	if err != nil {
		return nil // then, to BuildKit, there is no here-document in it
	}
	return words
}

// documentEnd is the line that ends a here-document; ok is false if that cannot be one.
func documentEnd(word string) (end string, ok bool, err error) {
	e := expansion{text: []rune(word), escape: '\\', keepUnset: true}
	_, words, err := e.until(0, false)
	if err != nil || len(words) != 1 {
		return "", false, err
	}
	return words[0], true, nil
}

package render

import "strings"

// code writes value as a code span that may stand in a table's cell.
func code(value string) string {
	value = strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' }), "⏎")
	fence := "`"
	for strings.Contains(value, fence) {
		fence += "`"
	}
	if strings.HasPrefix(value, "`") || strings.HasSuffix(value, "`") {
		value = " " + value + " " // the spaces are not shown
	}
	return fence + strings.ReplaceAll(value, "|", `\|`) + fence
}

// prose makes Markdown text fit for a table's cell: one line, no cell border, no
// HTML. Markdown of its own stays: help texts are Markdown.
func prose(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n")
	var w strings.Builder
	for len(text) > 0 {
		if span := codeSpan(text); span != "" {
			w.WriteString(cell(span))
			text = text[len(span):]
			continue
		}
		// A run of back quotes that nothing closes is text; it is taken whole, or
		// its tail would be tried as an opening of its own.
		n := max(1, run(text))
		w.WriteString(cell(strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(text[:n])))
		text = text[n:]
	}
	return w.String()
}

// cell escapes what would end a table's cell. GFM takes the backslash away
// before it reads code spans, so the same escape is right inside them.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(text)
}

// run is the number of back quotes text starts with.
func run(text string) int { return len(text) - len(strings.TrimLeft(text, "`")) }

// codeSpan returns the code span that text starts with, or "".
func codeSpan(text string) string {
	n := run(text)
	if n == 0 {
		return ""
	}
	for i := n; i < len(text); {
		m := run(text[i:])
		if m == n {
			return text[:i+m]
		}
		i += max(1, m)
	}
	return ""
}

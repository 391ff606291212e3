package splice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
const block = yaml.LiteralStyle | yaml.FoldedStyle

func (a *applier) writeJSON(c *change) error {
	n := c.match.Node
	c.want, c.tag = c.edit.Value, "!!str"
	text := quoteJSON(c.want)
	if !c.edit.Text && n.Tag != "!!str" && isJSONLiteral(c.want) {
		text, c.tag = c.want, jsonTag(c.want)
	}
	if n.Value == c.want && n.Tag == c.tag {
		return nil
	}
	s, err := a.span(c)
	if err != nil {
		return err
	}
	c.cuts = []cut{{s.start, s.end, text}}
	return nil
}

func quoteJSON(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // of a string, into memory
	return strings.TrimSuffix(b.String(), "\n")
}

func (a *applier) writeYAML(c *change) error {
	n := c.match.Node
	c.want, c.tag = c.edit.Value, "!!str"
	if n.Style&block != 0 {
		return a.writeBlock(c)
	}
	text, err := a.inline(c)
	if err != nil {
		return err
	}
	if n.Value == c.want && n.ShortTag() == c.tag {
		return nil
	}
	s, err := a.span(c)
	if err != nil {
		return err
	}
	c.cuts = []cut{{s.start, s.end, s.before + text}}
	return nil
}

// inline is the new text of a scalar that is in quotes or plain. It sets what kind of
// scalar that is.
func (a *applier) inline(c *change) (string, error) {
	n := c.match.Node
	if n.Style&yaml.TaggedStyle != 0 {
		return tagged(c)
	}
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0 && isPrintable(c.want):
		return quoteSingle(c.want), nil
	case n.Style&quoted != 0:
		return quoteDouble(c.want), nil
	}
	asText := c.edit.Text || isText(n.Value)
	if !canBePlain(c.want, c.flow) || asText && !isText(c.want) || c.want == "<<" || c.want == "=" {
		// It may be plain already, where this is careful and the file is not.
		if n.Value == c.want && n.ShortTag() == c.tag {
			return c.want, nil
		}
		return quoteDouble(c.want), nil
	}
	c.tag = plainTag(c.want)
	return c.want, nil
}

// tagged is for a scalar with a tag, which says what it is, in quotes or not.
func tagged(c *change) (string, error) {
	n := c.match.Node
	c.tag = n.ShortTag()
	switch c.tag {
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		got := plainTag(c.want)
		if c.edit.Text || got != c.tag && (c.tag != "!!float" || got != "!!int") {
			return "", fmt.Errorf("it has the tag %s, and the value is none: change the tag first", c.tag)
		}
	}
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0 && isPrintable(c.want):
		return quoteSingle(c.want), nil
	case n.Style&quoted != 0 || !canBePlain(c.want, c.flow):
		return quoteDouble(c.want), nil
	}
	return c.want, nil
}

func quoteSingle(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// quoteDouble writes a text in double quotes, with everything escaped that a reader
// could take for a line break, or a person could not see.
func quoteDouble(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c <= 0xFF:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// writeBlock keeps a block scalar and how it ends. A value that it cannot hold is
// written in double quotes in its place.
func (a *applier) writeBlock(c *change) error {
	n := c.match.Node
	if n.Style&yaml.TaggedStyle != 0 {
		c.tag = n.ShortTag()
		if c.tag != "!!str" && strings.HasPrefix(c.tag, "!!") {
			return errors.New("a block scalar with such a tag is not supported: write it in one line first")
		}
	}
	text := strings.TrimRight(c.want, "\n")
	end := n.Value[len(strings.TrimRight(n.Value, "\n")):]
	if n.Value == c.want || text != "" && n.Value == text+end {
		c.want = n.Value
		return nil
	}
	s, err := a.blockSpan(c)
	if err != nil {
		return err
	}
	lines, ok := blockLines(text, n.Style&yaml.FoldedStyle != 0)
	if !ok || s.empty {
		c.cuts = []cut{{s.start, s.headEnd, quoteDouble(c.want)}}
		if !s.empty {
			c.cuts = append(c.cuts, cut{s.lineEnd, s.end, ""})
		}
		return nil
	}
	c.want = text + end
	c.cuts = []cut{{s.first, s.end, s.indented(lines)}}
	return nil
}

func (s blockSpan) indented(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteString(s.lineBreak)
		}
		if line != "" {
			b.WriteString(s.indent + line)
		}
	}
	return b.String()
}

// blockLines are the lines of a text in a block scalar.
func blockLines(text string, folded bool) ([]string, bool) {
	if text == "" || strings.ContainsAny(text[:1], " \t\n") {
		return nil, false // its indentation would be guessed wrong
	}
	lines := strings.Split(text, "\n")
	var all []string
	for i, line := range lines {
		if !isPrintable(strings.ReplaceAll(line, "\t", "")) || line != "" && strings.Trim(line, " \t") == "" ||
			folded && strings.Trim(line, " \t") != line {
			return nil, false
		}
		// One line break is read as a blank, and of several one is dropped.
		if folded && i > 0 && line != "" {
			all = append(all, "")
		}
		all = append(all, line)
	}
	return all, true
}

package dissect

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// json reads a JSON document: each string in it that has no public name. Nothing is
// encoded again, so that numbers keep their digits. An object with a mistake in it is
// read up to there, and its other lines as such.
func (f *finder) json(text string) string {
	if strings.IndexByte(`{["`, text[0]) < 0 {
		return ""
	}
	text = withoutComments(text)
	if text[0] != '{' && !json.Valid([]byte(text)) {
		return ""
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var at place
	for end := int64(0); ; {
		token, err := decoder.Token()
		if err != nil {
			return f.jsonEnd(text[end:], err == io.EOF && len(at.levels) == 0)
		}
		raw := strings.TrimLeft(text[end:decoder.InputOffset()], " \t\r\n,:")
		end = decoder.InputOffset()
		switch v := token.(type) {
		case json.Delim:
			at.delimiter(v)
			continue
		case string:
			if at.isKey() {
				at.key(v)
				continue
			}
			f.text(v, raw[1:len(raw)-1], &at)
		case json.Number:
			f.number(v.String(), &at)
		}
		at.next()
	}
}

// jsonEnd takes in what is left of a document behind the first mistake in it.
func (f *finder) jsonEnd(rest string, isWhole bool) string {
	if isWhole {
		return "json"
	}
	if len(f.parts) == 0 {
		return ""
	}
	if rest = strings.TrimLeft(rest, ", \t\r\n"); strings.IndexFunc(rest, isLineEnd) >= 0 {
		f.eachLine(rest)
	}
	return "json"
}

// text takes in a string of a JSON document.
func (f *finder) text(value, raw string, at *place) {
	if !strings.Contains(raw, `\`) {
		value = raw // the decoder replaces what is not UTF-8
	}
	f.leaf(setting{at.name(), value, raw}, at.path())
}

// longNumber is the length from which a number is a secret whatever its name is:
// longer than a time in microseconds.
const longNumber = 17

// number takes in a number of a JSON document: ports and limits are many, so that it
// takes a name, or a length that no measurement has.
func (f *finder) number(digits string, at *place) {
	switch {
	case secretKind(at.name()) != "" || len(digits) >= longNumber:
		f.leaf(setting{at.name(), digits, digits}, at.path())
	case openly(setting{name: at.name(), value: digits}):
		f.publish(digits)
	}
}

// place is where a reader of JSON stands.
type place struct{ levels []level }

type level struct {
	isArray bool
	keyed   bool // the key has been read, its value has not
	key     string
	index   int
}

func (p *place) delimiter(d json.Delim) {
	switch d {
	case '{', '[':
		p.levels = append(p.levels, level{isArray: d == '['})
	default:
		p.levels = p.levels[:len(p.levels)-1]
		p.next()
	}
}

func (p *place) isKey() bool {
	n := len(p.levels)
	return n > 0 && !p.levels[n-1].isArray && !p.levels[n-1].keyed
}

func (p *place) key(name string) {
	top := &p.levels[len(p.levels)-1]
	top.key, top.keyed = name, true
}

// next says that a value has been read.
func (p *place) next() {
	if n := len(p.levels); n > 0 {
		p.levels[n-1].keyed = false
		p.levels[n-1].index++
	}
}

// name returns the nearest key: that of an array holds for what is in it.
func (p *place) name() string {
	for i := len(p.levels) - 1; i >= max(0, len(p.levels)-maxPath); i-- {
		if !p.levels[i].isArray {
			return p.levels[i].key
		}
	}
	return ""
}

// maxPath is how many of the innermost levels a path names.
const maxPath = 16

func (p *place) path() string {
	var b strings.Builder
	b.WriteByte('$')
	levels := p.levels
	if len(levels) > maxPath {
		levels = levels[len(levels)-maxPath:]
		b.WriteString("..")
	}
	for _, l := range levels {
		if l.isArray {
			fmt.Fprintf(&b, "[%d]", l.index)
		} else {
			b.WriteString("." + l.key)
		}
	}
	return b.String()
}

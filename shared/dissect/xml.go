package dissect

import (
	"html"
	"strings"
)

// xml reads a document such as web.config, settings.xml or a publish profile: values of
// attributes and texts. Of attributes, those with a secret's name and those that hold
// the value of a setting are parts.
func (f *finder) xml(text string) string {
	if text[0] != '<' || !strings.Contains(text, ">") {
		return ""
	}
	before := len(f.parts)
	element := ""
	for rest := text; rest != ""; {
		content, tag, ok := strings.Cut(rest, "<")
		f.xmlText(element, content)
		if !ok {
			break
		}
		for _, special := range []struct{ start, end string }{{"!--", "-->"}, {"![CDATA[", "]]>"}, {"", ">"}} {
			inner, ok := strings.CutPrefix(tag, special.start)
			if !ok {
				continue
			}
			inner, rest, _ = strings.Cut(inner, special.end)
			switch special.start {
			case "":
				element = f.tag(inner)
			default:
				f.xmlText(element, inner)
			}
			break
		}
	}
	if len(f.parts) == before {
		return ""
	}
	if strings.IndexFunc(text, isLineEnd) >= 0 {
		f.eachLine(text)
	}
	return "xml"
}

// xmlText takes in what stands between tags.
func (f *finder) xmlText(element, text string) {
	if text = strings.TrimSpace(text); text != "" {
		f.leaf(setting{element, html.UnescapeString(text), text}, element)
	}
}

// tag takes in the attributes of a tag, and returns its name.
func (f *finder) tag(tag string) string {
	element, rest, _ := strings.Cut(strings.TrimSpace(tag), " ")
	key := "" // <add key="x" value="y"/>
	for {
		name, after, ok := strings.Cut(rest, "=")
		after = strings.TrimLeft(after, " \t\r\n")
		if !ok || after == "" || strings.IndexByte(`"'`, after[0]) < 0 {
			return element
		}
		raw, next, _ := strings.Cut(after[1:], after[:1])
		rest = next
		s := setting{strings.TrimSpace(name), html.UnescapeString(raw), raw}
		switch plain(s.name) {
		case "key", "name":
			key = s.value
			f.include(element, dissect(s.value, f.depth+1))
		case "value", "connectionstring":
			if key == "" {
				key = element
			}
			f.leaf(setting{key, s.value, s.raw}, key)
		default:
			f.option(s)
		}
	}
}

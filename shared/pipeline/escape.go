package pipeline

import "strings"

// property is one name=value of a command. The order given is the order printed,
// so that a command has one spelling.
type property struct{ name, value string }

// %AZP25 is decoded last by the agent, so "%" is encoded first: otherwise a
// value "%0A" would come out as a line break (CommandStringConvertor.cs).
var (
	dataEscaper     = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A")
	propertyEscaper = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B")
)

// format makes the line of a logging command, with its line end. A property with
// an empty value is left out, as the agent drops it anyway. There is no space
// after ";": the agent would read it as a part of the next name and ignore that
// property without a word - for issecret that would be a leak.
func format(name string, properties []property, data string) string {
	var b strings.Builder
	b.WriteString("##vso[")
	b.WriteString(name)
	separator := byte(' ')
	for _, p := range properties {
		if p.value == "" {
			continue
		}
		b.WriteByte(separator)
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(propertyEscaper.Replace(p.value))
		separator = ';'
	}
	if separator == ';' {
		b.WriteByte(';')
	}
	b.WriteByte(']')
	b.WriteString(dataEscaper.Replace(data))
	b.WriteByte('\n')
	return b.String()
}

func flag(name string, on bool) property {
	if on {
		return property{name, "true"}
	}
	return property{name, ""}
}

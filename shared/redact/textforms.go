package redact

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// foldLength is the length from which a secret is looked for in upper and in
// lower case too. A shorter one might be an ordinary word then.
const foldLength = 12

var (
	// agentCommand is how the agent's logging commands escape (CommandStringConvertor.cs).
	agentData     = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A")
	agentProperty = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B")

	// xmlForms differ in what they do to quotes: text nodes, attributes, Go's
	// html.EscapeString, lodash and PHP.
	xmlForms = []*strings.Replacer{
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;"),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;"),
	}

	// quoteForms are what quoting does to a value's own quotes.
	quoteForms = []*strings.Replacer{
		strings.NewReplacer(`'`, `'\''`),                                              // bash
		strings.NewReplacer(`'`, `'"'"'`),                                             // Python's shlex
		strings.NewReplacer(`'`, `''`),                                                // YAML, SQL, PowerShell
		strings.NewReplacer(`"`, `""`),                                                // CSV, cmd
		strings.NewReplacer(`'`, `\'`, `\`, `\\`),                                     // JavaScript, Python
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`"),              // bash, inside "..."
		strings.NewReplacer("`", "``", `"`, "`\"", "$", "`$"),                         // PowerShell, inside "..."
		strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t"), // taken out of quotes
	}
)

// textForms returns what programs make of value when they write it into JSON,
// XML, a shell command and the like.
func textForms(value string) []string {
	minimal, html := jsonMinimal(value), jsonGo(value)
	out := []string{
		minimal, html, jsonASCII(value, "", "%04x"), jsonASCII(value, "\"&'+<>`", "%04X"),
		jsonMinimal(minimal), jsonGo(html), strings.ReplaceAll(minimal, "/", `\/`),
		agentData.Replace(value), agentProperty.Replace(value), backslashed(value),
	}
	for _, form := range slices.Concat(xmlForms, quoteForms) {
		out = append(out, form.Replace(value))
	}
	lower, upper := strings.ToLower(value), strings.ToUpper(value)
	if len(value) >= foldLength && lower != value && upper != value {
		out = append(out, lower, upper)
	}
	return out
}

// jsonMinimal escapes what JSON demands and nothing else: JavaScript, Newtonsoft.
func jsonMinimal(value string) string {
	var b strings.Builder
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ':
			b.WriteByte(c)
		default:
			b.WriteString(controlJSON(c))
		}
	}
	return b.String()
}

func controlJSON(c byte) string {
	if at := strings.IndexByte("\b\t\n\f\r", c); at >= 0 {
		return `\` + "btnfr"[at:at+1]
	}
	return fmt.Sprintf(`\u%04x`, c)
}

// jsonGo is what encoding/json makes of value.
func jsonGo(value string) string {
	b, err := json.Marshal(value)
	if err != nil { // cannot be, for a string
		return ""
	}
	return string(b[1 : len(b)-1])
}

// jsonASCII writes \uXXXX for everything that is not ASCII, as Python does, and
// for the characters in also, as System.Text.Json does.
func jsonASCII(value, also, digits string) string {
	var b strings.Builder
	for _, c := range value {
		if c < 0x80 && !strings.ContainsRune(also, c) {
			b.WriteString(jsonMinimal(string(c)))
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\u`+digits, unit)
		}
	}
	return b.String()
}

// backslashed puts a backslash before everything that means something to a
// shell, as printf %q does.
func backslashed(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(" \t!\"#$&'()*,;<=>?@[\\]^`{|}~", value[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

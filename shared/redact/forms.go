package redact

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// wideLimit is the length from which a secret is looked for in the tier 1 forms
// only: the others would need megabytes for a form nobody prints.
const wideLimit = 16 << 10

// Forms returns the forms of secret that are worth registering with the agent
// (task.setsecret), the most likely ones first: the value without surrounding
// white space and quotes, each line of it, base64 at its three alignments
// (standard and URL alphabet), hex in both cases, and the URL escapes that the
// agent does not derive on its own. Each has at least MinLength bytes and no line
// end, because the agent masks line by line. There are few of them, because each
// slows the agent down for the rest of the job; a Set knows many more.
//
// For a secret that is TooShort, Forms returns nothing.
func Forms(secret string) []string {
	if TooShort(secret) {
		return nil
	}
	var c collector
	for _, value := range bare(secret) {
		c.add(value)
	}
	c.add(lines(secret)...)
	for _, value := range bare(secret) {
		c.add(encoded(value)...)
		c.add(urlForms(value)...)
		if strings.ContainsAny(value, "\r\n") {
			// The agent would derive it, but only from the value itself, which
			// cannot be registered.
			c.add(jsonMinimal(value))
		}
	}
	return slices.DeleteFunc(c.forms, func(form string) bool { return strings.ContainsAny(form, "\r\n") })
}

// AllForms returns everything that a Set looks for, the secret itself first: the
// [Forms], also those of several lines, and what programs make of a value when they
// write it into JSON, XML, a shell command and so on. There may be a hundred; they are
// for somebody who searches, as a scanner does, not for the agent's list.
//
// For a secret that is TooShort, AllForms returns nothing.
func AllForms(secret string) []string {
	if TooShort(secret) {
		return nil
	}
	var c collector
	c.add(secret)
	for _, value := range bare(secret) {
		c.add(value)
	}
	c.add(Forms(secret)...)
	if len(secret) > wideLimit {
		return c.forms
	}
	values := append([]string{secret}, bare(secret)...)
	for _, value := range append(values, lines(secret)...) {
		if TooShort(value) {
			continue
		}
		c.add(encoded(value)...)
		c.add(padded(value)...)
		c.add(dumped(value)...)
		c.add(urlForms(value)...)
		c.add(textForms(value)...)
	}
	return c.forms
}

// collector gathers distinct forms that are long enough, in order.
type collector struct {
	forms []string
	known map[string]bool
}

func (c *collector) add(forms ...string) {
	if c.known == nil {
		c.known = make(map[string]bool)
	}
	for _, form := range forms {
		if len(form) >= MinLength && !TooShort(form) && !c.known[form] {
			c.known[form] = true
			c.forms = append(c.forms, form)
		}
	}
}

// bare returns secret without surrounding white space, and that without the
// quotes around it: shells, YAML and the agent drop them.
func bare(secret string) []string {
	values := []string{strings.TrimSpace(secret)}
	if v := values[0]; len(v) >= 2 && v[0] == v[len(v)-1] && strings.IndexByte("\"'`", v[0]) >= 0 {
		values = append(values, v[1:len(v)-1])
	}
	return values
}

// lines returns the lines of a secret that has several, and for PEM the body as
// one line. The boundary lines of PEM are no secret, and stand around public
// certificates too.
func lines(secret string) []string {
	all := strings.FieldsFunc(secret, func(c rune) bool { return c == '\n' || c == '\r' })
	if len(all) < 2 {
		return nil
	}
	var out []string
	isPEM := false
	for _, line := range all {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "-----BEGIN ") || strings.HasPrefix(line, "-----END ") {
			isPEM = true
			continue
		}
		out = append(out, bare(line)...)
	}
	if isPEM {
		out = append(out, strings.Join(out, ""))
	}
	return out
}

// encoded returns the base64 and hex forms.
func encoded(value string) []string {
	raw := []byte(value)
	out := append(cores(raw), hex.EncodeToString(raw))
	return append(out, strings.ToUpper(out[len(out)-1]))
}

// cores returns what base64 makes of raw inside a longer text, for each of the
// three alignments, without the characters that depend on the neighbours: so
// "Basic base64(user:secret)" is found whoever the user is.
func cores(raw []byte) []string {
	var out []string
	for shift := range 3 {
		shifted := append(make([]byte, shift), raw...)
		first := (shift*8 + 5) / 6
		last := len(shifted) * 8 / 6
		if last-first < MinLength {
			continue
		}
		std := base64.StdEncoding.EncodeToString(shifted)[first:last]
		out = append(out, std, strings.NewReplacer("+", "-", "/", "_").Replace(std))
	}
	return out
}

// minTail is how long the last line of wrapped base64 has to be: a shorter one stands in
// other texts by chance.
const minTail = 6

// padded returns the base64 forms that need no place in the agent's list: the
// whole with its last characters, its lines when wrapped at 64 or 76 columns,
// and the cores of the UTF-16 that PowerShell's -EncodedCommand wants.
func padded(value string) []string {
	raw := []byte(value)
	whole := base64.StdEncoding.EncodeToString(raw)
	out := []string{
		whole, strings.TrimRight(whole, "="),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
	for _, columns := range []int{64, 76} {
		out = append(out, wrapped(value, whole, columns)...)
	}
	var wide []byte
	for _, unit := range utf16.Encode([]rune(value)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	return append(out, cores(wide)...)
}

// wrapped returns the lines of whole, the base64 of value, that are worth looking for.
// Those that hold nothing but the last boundary of PEM are not: it stands behind public
// keys and certificates too.
func wrapped(value, whole string, columns int) []string {
	if len(whole) <= columns {
		return nil
	}
	// A line end after the secret changes what follows the core only.
	core := whole[:len(value)*8/6]
	public := len(core)
	if at := strings.LastIndex(value, "-----END "); at >= 0 {
		public = at * 8 / 6
	}
	var out []string
	for start := 0; start < public; start += columns {
		line := core[start:min(start+columns, len(core))]
		if len(line) >= minTail && !isHyphens(line) {
			out = append(out, line)
		}
	}
	return out
}

// isHyphens reports whether base64 has line for hyphens and line ends alone, wherever in
// a group of four characters it begins. Rulers and the boundaries of PEM are full of them.
func isHyphens(line string) bool {
	for before := range 4 {
		end := before + len(line)
		group := (strings.Repeat("A", before) + line + "AAA")[:(end+3)/4*4]
		text, err := base64.RawStdEncoding.DecodeString(group)
		if err != nil {
			return false
		}
		text = text[(before*6+7)/8 : end*6/8] // the bytes that are in the line as a whole
		if strings.Trim(strings.TrimRight(string(text), "\r\n"), "-") == "" {
			return true
		}
	}
	return false
}

// dumped returns the hex forms whose digits are apart: AB-CD as .NET's BitConverter
// writes it, ab:cd as openssl does, ab cd, and abcd ef01 as xxd does, which may begin
// inside a pair.
func dumped(value string) []string {
	raw := []byte(value)
	out := []string{grouped(raw, 0, 2, " "), grouped(raw, 1, 2, " ")}
	for _, between := range []string{"-", ":", " "} {
		apart := grouped(raw, 0, 1, between)
		out = append(out, apart, strings.ToUpper(apart))
	}
	return out
}

// grouped returns raw in hex with between after first bytes, if that is not 0, and then
// after every group of size.
func grouped(raw []byte, first, size int, between string) string {
	var b strings.Builder
	for i := range raw {
		if i > 0 && (i-first)%size == 0 {
			b.WriteString(between)
		}
		b.WriteString(hex.EncodeToString(raw[i : i+1]))
	}
	return b.String()
}

// urlForms returns the percent escapes: form encoding, JavaScript's
// encodeURIComponent and encodeURI, Python's quote, which keeps the slash, Go's
// PathEscape and user information, .NET's EscapeDataString with lower-case digits, and
// twice-escaped text.
func urlForms(value string) []string {
	data := percent(value, "-_.~")
	component := percent(value, "-_.!~*'()")
	out := []string{data, component, url.QueryEscape(value), url.PathEscape(value),
		url.UserPassword("", value).String()[1:], percent(value, "-_.~/"), percent(value, "-_.!~*'();,/?:@&=+$#")}
	for _, form := range slices.Clone(out) {
		out = append(out, lowerDigits(form))
	}
	return append(out, percent(data, "-_.~"), percent(component, "-_.!~*'()"))
}

// percent escapes every byte of value that is not alphanumeric or in keep.
func percent(value, keep string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// lowerDigits turns %2F into %2f. The input is escaped, so that every '%' has two
// digits after it.
func lowerDigits(escaped string) string {
	b := []byte(escaped)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
)

// knownSecrets are what a run has fetched from a vault: 32 values.
func knownSecrets() []string {
	d := newDice(32)
	var out []string
	for range 4 {
		out = append(out,
			"postgresql://"+d.noun()+":"+url.QueryEscape(d.of(alnum, 12)+"$!"+d.of(alnum,
				6))+"@"+d.host()+":5432/"+d.noun(),
			"Server=tcp:"+d.host()+",1433;User ID="+d.noun()+";Password="+d.of(alnum, 9)+"#"+d.of(alnum,
				9)+";Encrypt=True;",
			"rediss://:"+d.of(alnum, 30)+"@"+d.host()+":6380/0",
			d.of(alnum, 8)+d.of("!$&'\"<>%+ ", 1)+d.of(alnum, 8)+d.of("!$&'\"<>%+ ", 1)+d.of(alnum, 6),
			d.base64(32),
			d.of(hexes, 40),
			d.of(alnum+"-_.~", 34),
			`{"user":"`+d.noun()+`","password":"`+d.of(alnum, 22)+`","port":5432}`,
		)
	}
	return out
}

// form is how a known secret can be written.
type form struct {
	name string
	of   func(d dice, v string) string
}

// forms are written with other code than the engine's, on purpose.
var forms = []form{
	{"as it is", func(_ dice, v string) string { return v }},
	{"base64", func(_ dice, v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }},
	{"base64, after 1 byte", func(_ dice, v string) string {
		return base64.StdEncoding.EncodeToString([]byte("x" + v + "yz"))
	}},
	{"base64, after 2 bytes", func(_ dice, v string) string {
		return base64.StdEncoding.EncodeToString([]byte("u:" + v + "y"))
	}},
	{"base64 of base64's alphabet for URLs", func(_ dice, v string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(v))
	}},
	{"base64 of UTF-16", func(_ dice, v string) string {
		var b []byte
		for _, c := range utf16.Encode([]rune(v)) {
			b = append(b, byte(c), byte(c>>8))
		}
		return base64.StdEncoding.EncodeToString(b)
	}},
	{"base64, wrapped at 76", func(_ dice, v string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte("a login: "+v+" and more")), 76)
	}},
	{"hex", func(_ dice, v string) string { return hex.EncodeToString([]byte(v)) }},
	{"HEX", func(_ dice, v string) string { return strings.ToUpper(hex.EncodeToString([]byte(v))) }},
	{"URL, encoded", func(_ dice, v string) string { return url.QueryEscape(v) }},
	{"URL, encoded in small letters", func(_ dice, v string) string { return lowerEscapes(url.PathEscape(v)) }},
	{"URL, encoded twice", func(_ dice, v string) string { return url.QueryEscape(url.QueryEscape(v)) }},
	{"JSON", func(_ dice, v string) string { return quote(v) }},
	{"JSON in JSON", func(_ dice, v string) string { return quote(quote(v)) }},
	{"XML", func(_ dice, v string) string {
		return "<v>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'",
			"&#39;").Replace(v) + "</v>"
	}},
	{"bash", func(_ dice, v string) string { return "'" + strings.ReplaceAll(v, "'", `'\''`) + "'" }},
	{"SQL", func(_ dice, v string) string { return "N'" + strings.ReplaceAll(v, "'", "''") + "'" }},
	{"colours around", func(_ dice, v string) string { return "\x1b[33m" + v + "\x1b[0m" }},
	{"colours inside", func(_ dice, v string) string {
		at := len(v) / 2
		return v[:at] + "\x1b[1;31m" + v[at:at+3] + "\x1b[0m" + v[at+3:]
	}},
	{"32 characters or more, cut to 24", func(_ dice, v string) string {
		if len(secretPart(v)) < 32 {
			return ""
		}
		return secretPart(v)[:24] + "..."
	}},
	{"less than 32 characters, cut to two thirds", func(_ dice, v string) string {
		part := secretPart(v)
		if len(part) >= 32 {
			return ""
		}
		return part[:len(part)*2/3] + "..."
	}},
	{"wrapped at 30", func(_ dice, v string) string { return wrap(v, 30) }},
	{"the secret part alone", func(_ dice, v string) string { return secretPart(v) }},
	{"the secret part, base64", func(d dice, v string) string {
		return base64.StdEncoding.EncodeToString([]byte(d.noun() + ":" + secretPart(v)))
	}},
}

func wrap(v string, n int) string {
	var lines []string
	for len(v) > n {
		lines, v = append(lines, v[:n]), v[n:]
	}
	return strings.Join(append(lines, v), "\n")
}

func lowerEscapes(v string) string {
	b := []byte(v)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// secretPart is what is secret of one of knownSecrets.
func secretPart(v string) string {
	if u, err := url.Parse(v); err == nil && u.User != nil {
		password, _ := u.User.Password()
		return password
	}
	for _, mark := range []struct{ begin, end string }{{"Password=", ";"}, {`"password":"`, `"`}} {
		if _, rest, ok := strings.Cut(v, mark.begin); ok {
			part, _, _ := strings.Cut(rest, mark.end)
			return part
		}
	}
	return v
}

// knownPlants are eight secrets in each form.
func knownPlants(d dice) []plant {
	var out []plant
	secrets := knownSecrets()
	for i, f := range forms {
		for j, n := 8*i, 0; n < 8; j++ {
			text := f.of(d, secrets[j%len(secrets)])
			if text == "" {
				continue // a form of other secrets
			}
			n++
			out = append(out, plant{
				Set: known, Kind: f.name, Context: fmt.Sprintf("secret %d", j%len(secrets)), Border: n == 5,
				Text: d.pick("value: ", "got ", "-> ") + text,
			})
		}
	}
	return out
}

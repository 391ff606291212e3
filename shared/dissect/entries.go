package dissect

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// netrc reads "machine h login u password p", in one line or in several
// (https://everything.curl.dev/usingcurl/netrc.html).
func (f *finder) netrc(text string) string {
	words := strings.Fields(text)
	if len(words) < 4 || words[0] != "machine" && words[0] != "default" {
		return ""
	}
	found := false
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "machine", "login", "account":
			i++
			f.publish(words[i])
		case "password":
			i++
			found = true
			f.part(Part{"password", "password", unquoted(words[i]), words[i]})
		}
	}
	if !found {
		f.public, f.listed = nil, nil
		return ""
	}
	return "netrc"
}

// pgpassFields is how many fields a line of a .pgpass file has: host, port, database,
// user, password (https://www.postgresql.org/docs/current/libpq-pgpass.html).
const pgpassFields = 5

// pgpass reads a line of a .pgpass file. A ":" or "\" in a field has a "\" before it.
func (f *finder) pgpass(text string) string {
	if strings.ContainsAny(text, " \t") || strings.Count(text, ":") < pgpassFields-1 {
		return ""
	}
	var fields []string
	start := 0
	for i := 0; i < len(text) && len(fields) < pgpassFields-1; i++ {
		switch text[i] {
		case '\\':
			i++
		case ':':
			fields = append(fields, text[start:i])
			start = i + 1
		}
	}
	if len(fields) < pgpassFields-1 || text[start:] == "" || !isPort(fields[1]) {
		return ""
	}
	f.publishHosts(fields[0])
	f.publish(fields...)
	f.part(Part{"password", "", strings.NewReplacer(`\\`, `\`, `\:`, ":").Replace(text[start:]), text[start:]})
	return unnamed
}

func isPort(field string) bool {
	return field == "*" || field != "" && strings.Trim(field, "0123456789") == ""
}

// basic takes in user:password if that is what the setting holds in base64: docker's
// "auth", npm's "_auth", what follows "Basic" in a header.
func (f *finder) basic(s setting) {
	switch lastWord(s.name) {
	case "auth", "basic", "authorization":
	default:
		return
	}
	text := strings.TrimRight(afterBasic(s.value), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(decoded) {
		return
	}
	if user, password, ok := strings.Cut(string(decoded), ":"); ok && password != "" && user != "" {
		f.publish(user)
		f.part(Part{"password", s.name, password, ""})
	}
}

func afterBasic(value string) string {
	if len(value) > len("Basic ") && strings.EqualFold(value[:len("Basic ")], "Basic ") {
		return value[len("Basic "):]
	}
	return value
}

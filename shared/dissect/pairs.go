package dissect

import (
	"slices"
	"strings"
)

// pairs reads key=value;key=value: ADO.NET, ODBC, and the connection strings of Azure
// Storage, Service Bus, Event Hubs, Cosmos DB, IoT Hub and App Configuration.
func (f *finder) pairs(text string) string {
	found := settings(text, ';')
	known := 0
	for _, p := range found {
		if p.name != "" && (secretKind(p.name) != "" || publicName(p.name)) {
			known++
		}
	}
	if known == 0 || known == 1 && len(found) == 1 && secretKind(found[0].name) == "" {
		return ""
	}
	f.options(text, found)
	return pairsFormat(found)
}

func pairsFormat(found []pair) string {
	format := "ado.net"
	for _, p := range found {
		switch plain(p.name) {
		case "accountkey", "sharedaccesskey", "sharedaccesssignature", "accountendpoint", "defaultendpointsprotocol":
			return "storage"
		case "driver", "dsn":
			format = "odbc"
		}
		if strings.HasPrefix(p.name, "Endpoint") && strings.Contains(p.value, schemeEnd) {
			return "storage"
		}
	}
	return format
}

// options takes in the settings found in text. A piece without a name behind a secret
// is the rest of it, if somebody forgot to quote.
func (f *finder) options(text string, found []pair) {
	secret := -1
	for i, p := range found {
		if p.name != "" {
			secret = -1
			if f.option(p.setting) {
				secret = i
			}
			continue
		}
		last := i+1 == len(found) || found[i+1].name != ""
		if secret >= 0 && last {
			s := found[secret]
			whole := text[s.start:p.end]
			f.part(Part{secretKind(s.name), s.name, whole, ""})
		}
	}
}

// pair is a setting with the place of its value, quotes included.
type pair struct {
	setting
	start, end int
}

// settings splits text at the separator. Values may be quoted with ' or " (quotes
// inside are doubled) or with braces (ODBC). A piece without "=" has no name.
func settings(text string, separator byte) []pair {
	var found []pair
	broken := make(map[byte]bool) // quotes that did not pair up: they are characters as any other
	for i := 0; i < len(text); {
		end := i + indexByte(text[i:], separator)
		equals := i + indexByte(text[i:end], '=')
		if equals == end {
			if piece := strings.TrimSpace(text[i:end]); piece != "" {
				found = append(found, pair{setting{"", piece, piece}, i, end})
			}
			i = end + 1
			continue
		}
		p := pair{setting: setting{name: strings.TrimSpace(text[i:equals])}, start: skipSpace(text, equals+1)}
		if p.start < len(text) && strings.IndexByte(`'"{`, text[p.start]) >= 0 && !broken[text[p.start]] {
			if next, ok := quotedValue(text, separator, &p); ok {
				found, i = append(found, p), next
				continue
			}
			broken[text[p.start]] = true
		}
		p.start, p.end = min(p.start, end), end
		p.raw = strings.TrimSpace(text[p.start:end])
		p.value = p.raw
		found, i = append(found, p), end+1
	}
	return found
}

// quotedValue reads the quoted value that starts at p.start, and returns where the
// next setting starts.
func quotedValue(text string, separator byte, p *pair) (next int, ok bool) {
	quote := text[p.start]
	if quote == '{' {
		quote = '}'
	}
	for i := p.start + 1; i < len(text); i++ {
		if text[i] != quote {
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			i++
			continue
		}
		after := skipSpace(text, i+1)
		if after < len(text) && text[after] != separator {
			return 0, false
		}
		p.raw = text[p.start+1 : i]
		p.value = strings.ReplaceAll(p.raw, string([]byte{quote, quote}), string(quote))
		p.end = i + 1
		return after + 1, true
	}
	return 0, false
}

// indexByte is strings.IndexByte with the length of s for "not there".
func indexByte(s string, c byte) int {
	if at := strings.IndexByte(s, c); at >= 0 {
		return at
	}
	return len(s)
}

func skipSpace(text string, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// redis reads "host:6380,password=...,ssl=True" as StackExchange.Redis has it.
func (f *finder) redis(text string) string {
	if !strings.Contains(text, ",") || strings.Contains(text, ";") {
		return ""
	}
	found := settings(text, ',')
	if !slices.ContainsFunc(found, func(p pair) bool { return plain(p.name) == "password" }) {
		return ""
	}
	named := slices.IndexFunc(found, func(p pair) bool { return p.name != "" })
	for _, p := range found[:named] {
		f.publishHosts(p.value)
	}
	f.options(text, found[named:])
	return "redis"
}

// libpqWords are the parameter words of libpq, as far as they are in use
// (https://www.postgresql.org/docs/current/libpq-connect.html).
var libpqWords = []string{
	"host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding",
	"connect_timeout", "client_encoding", "options", "application_name", "fallback_application_name", "keepalives",
	"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "replication", "gssencmode",
	"sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl",
	"sslsni", "requirepeer", "krbsrvname", "gsslib", "service", "target_session_attrs", "load_balance_hosts",
}

// libpq reads "host=db user=app password='it\'s'".
func (f *finder) libpq(text string) string {
	var found []setting
	for i := 0; i < len(text); {
		word := i
		for i < len(text) && isWord(text[i]) {
			i++
		}
		name := text[word:i]
		i = skipSpace(text, i)
		if i == len(text) || text[i] != '=' || !slices.Contains(libpqWords, name) {
			return ""
		}
		s := setting{name: name}
		s.value, s.raw, i = libpqValue(text, skipSpace(text, i+1))
		if i < 0 {
			return ""
		}
		found = append(found, s)
		i = skipSpace(text, i)
	}
	if len(found) < 2 {
		return ""
	}
	for _, s := range found {
		f.option(s)
	}
	return "libpq"
}

// libpqValue reads the value at text[i:], with or without quotes; next is -1 if a
// quote is not closed.
func libpqValue(text string, i int) (value, raw string, next int) {
	quoted := i < len(text) && text[i] == '\''
	if quoted {
		i++
	}
	var b strings.Builder
	for start := i; ; i++ {
		switch {
		case i >= len(text) && quoted:
			return "", "", -1
		case i >= len(text), !quoted && isSpace(text[i]):
			return b.String(), text[start:i], i
		case quoted && text[i] == '\'':
			return b.String(), text[start:i], i + 1
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
}

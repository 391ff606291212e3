package leak

import (
	"bytes"
	"strings"
)

func connectionRules() []rule {
	return []rule{
		{Rule: Rule{"leak/url-password", BasicLogin, Critical, "a URL with a password"},
			anchors: []string{"://"}, find: findURL, inPrograms: Medium},
		{Rule: Rule{"leak/connection-string", SQLPassword, Critical, "a connection string with a password"},
			anchors: []string{"password", "pwd"}, find: findConnection, inPrograms: Medium},
	}
}

// schemes says what a password in a URL opens. All others are web servers and the
// like.
var schemes = map[string]Kind{
	"postgres": DatabaseLogin, "postgresql": DatabaseLogin, "mysql": DatabaseLogin, "mysqlx": DatabaseLogin,
	"mariadb": DatabaseLogin, "mongodb": DatabaseLogin, "mongodb+srv": DatabaseLogin, "cockroachdb": DatabaseLogin,
	"clickhouse": DatabaseLogin, "cassandra": DatabaseLogin, "neo4j": DatabaseLogin, "bolt": DatabaseLogin,
	"couchdb": DatabaseLogin, "influxdb": DatabaseLogin, "oracle": DatabaseLogin, "db2": DatabaseLogin,
	"snowflake": DatabaseLogin, "jdbc": DatabaseLogin, "libsql": DatabaseLogin, "elasticsearch": DatabaseLogin,
	"mssql": SQLPassword, "sqlserver": SQLPassword,
	"redis": RedisKey, "rediss": RedisKey, "valkey": RedisKey, "valkeys": RedisKey,
	"amqp": BrokerLogin, "amqps": BrokerLogin, "mqtt": BrokerLogin, "mqtts": BrokerLogin, "nats": BrokerLogin,
	"kafka": BrokerLogin, "stomp": BrokerLogin, "pulsar": BrokerLogin,
}

var (
	schemeClass = newClass("a-zA-Z0-9+.-")
	urlEnd      = newClass(" \t\r\n\"<>`\\\x00|")
	hostClass   = newClass("a-zA-Z0-9._[:$*-")
	pathClass   = newClass("/?#")
	urlUser     = newUserClass()
)

// newUserClass is all that may stand before the colon.
func newUserClass() *class {
	var c class
	for b := range c {
		c[b] = !urlEnd[b] && bytes.IndexByte([]byte(":/@?#'"), byte(b)) < 0
	}
	return &c
}

const (
	longestUser     = 128
	longestPassword = 512
)

// findURL finds the password of scheme://user:password@host.
func findURL(text []byte, at int) (found, bool) {
	user := urlUser.run(text, at+3, longestUser)
	if user == len(text) || text[user] != ':' {
		return found{}, false
	}
	scheme := string(bytes.ToLower(text[schemeClass.runBack(text, at, 20):at]))
	kind, ours := schemes[scheme]
	if base, _, ok := strings.Cut(scheme, "+"); ok && !ours { // postgresql+psycopg2
		kind, ours = schemes[base]
	}
	f := found{from: user + 1, to: passwordEnd(text, user+1, ours), kind: kind}
	if f.to-f.from < 3 || len(scheme) < 2 {
		return found{}, false
	}
	if password := text[f.from:f.to]; isPlaceholder(password) || isPort(text[at+3:user], password) {
		return found{}, false
	}
	switch {
	case isTestPassword(text[f.from:f.to]) && isLocalURL(text, f.to+1):
		f.severity = localSeverity
	case !ours:
		f.severity = High
	}
	return f, !bytes.HasPrefix(text[f.to+1:], []byte("sha256:"))
}

// passwordEnd returns where the password ends that begins at from, at the last @ of
// the authority; 0 if it does not. In URLs of databases a raw / ? # may be part of it.
func passwordEnd(text []byte, from int, database bool) int {
	last := 0
	for i := from; i < min(len(text), from+longestPassword); i++ {
		c := text[i]
		switch {
		case c == '@' && i+1 < len(text) && hostClass[text[i+1]]:
			last = i
		case pathClass[c] && last == 0 && database:
			return rawPasswordEnd(text, i, from+longestPassword)
		case pathClass[c], endsURL(text, i),
			c == ',' && last > 0: // another host, or the next word of a list
			return last
		}
	}
	return last
}

// rawPasswordEnd goes on behind a / ? # for which there is no @ before it.
func rawPasswordEnd(text []byte, i, limit int) int {
	for ; i+1 < min(len(text), limit) && !endsURL(text, i); i++ {
		if text[i] == '@' && hostClass[text[i+1]] {
			return i
		}
	}
	return 0
}

// endsURL reports whether text[i] is no part of a URL. An apostrophe is one unless it
// is the closing quotation mark.
func endsURL(text []byte, i int) bool {
	return urlEnd[text[i]] || text[i] == '\'' && (i+1 == len(text) || !word[text[i+1]])
}

// isPort reports whether what looks like a password is the port of a URL without
// one, and the @ belongs to its path: host:5432/a@b.
func isPort(user, password []byte) bool {
	end := digits.run(password, 0, 5)
	if end == 0 || end == len(password) || end < 4 && bytes.IndexByte(user, '.') < 0 {
		return false
	}
	rest := password[end:]
	return pathClass[rest[0]] || rest[0] == ',' || rest[0] == ';' && bytes.IndexByte(rest, '=') > 0
}

// connectionKeys are keys of connection strings other than the password's.
var connectionKeys = []string{
	"server", "data source", "datasource", "addr", "address", "initial catalog", "database", "dbname",
	"user id", "userid", "uid", "user", "username", "host", "driver", "port",
}

// hasKey reports whether one of keys, in lower case, has a value in text.
func hasKey(text []byte, keys ...string) bool {
	for {
		i := bytes.IndexByte(text, '=')
		if i < 0 {
			return false
		}
		name := bytes.TrimRight(text[:i], " ")
		for _, key := range keys {
			if len(name) >= len(key) && foldedPrefix(name[len(name)-len(key):], key) {
				return true
			}
		}
		text = text[i+1:]
	}
}

// findConnection finds the password of an ADO.NET, ODBC, JDBC, libpq or
// StackExchange.Redis connection string.
func findConnection(text []byte, at int) (found, bool) {
	i := at + len("pwd")
	if text[at+1]|0x20 == 'a' {
		i = at + len("password")
	}
	i = blank.run(text, i, 2)
	if i == len(text) || text[i] != '=' {
		return found{}, false
	}
	from := blank.run(text, i+1, 2)
	before := at
	for before > 0 && blank[text[before-1]] {
		before--
	}
	first := byte('"') // the beginning of the text is like that of a quotation
	if before > 0 {
		first = text[before-1]
	}
	if word[first] && before == at {
		return found{}, false
	}
	context := lineBefore(text, at, 400)
	rest := lineAfter(text, from, 300)
	style, kind := separator(first, before < at, context, rest)
	if style == 0 {
		return found{}, false
	}
	// In 'Server=x;Password=y' the last apostrophe is not the password's.
	f := connectionValue(text, from, style, bytes.Count(context, []byte{'\''})%2 == 1)
	f.kind = kind
	value := text[f.from:f.to]
	if isTestPassword(value) && isLocalConnection(context, rest, style) {
		f.severity = localSeverity
	}
	return f, len(value) >= 3 && !isPlaceholder(value)
}

// separator tells the styles of connection strings apart by what stands before the
// password and around it; 0 if it is none.
func separator(before byte, blankBefore bool, context, rest []byte) (style byte, kind Kind) {
	switch {
	case before == ',' && isRedis(context):
		return ',', RedisKey
	case hasFolded(context, "jdbc:"), isQuery(before) && hasFolded(context, "://"):
		return jdbcStyle(before), DatabaseLogin
	case hasKey(afterFirst(rest, ';'), connectionKeys...), before == ';' && hasKey(context, connectionKeys...):
		if hasKey(context, openKeys...) || hasKey(rest, openKeys...) {
			return ';', DatabaseLogin
		}
		return ';', SQLPassword
	case blankBefore || quoteClass[before]:
		if hasKey(context, "host", "dbname") || hasKey(afterFirst(rest, ' '), "host", "dbname") {
			return ' ', DatabaseLogin
		}
	}
	return 0, ""
}

// jdbcStyle is & behind a ?, as PostgreSQL has it, and ; for SQL Server.
func jdbcStyle(before byte) byte {
	if isQuery(before) {
		return '&'
	}
	return ';'
}

func isQuery(before byte) bool { return before == '?' || before == '&' }

// openKeys stand in connection strings of PostgreSQL and MySQL, and not of SQL Server.
var openKeys = []string{"port", "sslmode", "ssl mode"}

func afterFirst(text []byte, c byte) []byte {
	_, after, _ := bytes.Cut(text, []byte{c})
	return after
}

// isRedis reports whether host:port stands before ",password=", or another of its
// options.
func isRedis(context []byte) bool {
	for i := len(context) - 1; i > 0; i-- {
		switch c := context[i]; {
		case c == ' ' || c == '"' || c == '\'':
			context = context[i+1:]
			i = 0
		case c == ':' && i+1 < len(context) && digits[context[i+1]]:
			return true
		}
	}
	return hasFolded(context, ".redis.", "ssl=", "abortconnect=", "defaultdatabase=")
}

// connectionValue returns the value at from: in quotes or braces, or to the end of
// the style's field.
func connectionValue(text []byte, from int, style byte, quoted bool) found {
	if f, ok := quotedValue(text, from); ok && !(quoted && text[from] == '\'') {
		return f
	}
	hasField := style == ';' && bytes.IndexByte(lineAfter(text, from, longestPassword), ';') >= 0
	limit := min(len(text), from+longestPassword)
	i := from
	for i < limit && text[i] != style && (hasField || !blank[text[i]]) {
		if endsQuotation(text, i, quoted, !hasField && i > from+2) {
			break
		}
		i++
	}
	for i > from && blank[text[i-1]] {
		i--
	}
	return found{from: from, to: i}
}

// endsQuotation reports whether the quotation in which a value without quotes of its
// own stands ends at text[i], or its line: escaped as \n if lines may be.
func endsQuotation(text []byte, i int, apostrophe, escapedLines bool) bool {
	switch c := text[i]; c {
	case '"':
		return true
	case '\'':
		return apostrophe
	case '\\':
		if i+1 == len(text) {
			return true
		}
		next := text[i+1]
		return next == '"' || escapedLines && (next == 'n' || next == 'r')
	default:
		return c < ' '
	}
}

// quotedValue returns the value in quotes or braces at i; doubled ones do not end it.
// Quotes may be escaped for JSON.
func quotedValue(text []byte, i int) (found, bool) {
	line := lineAfter(text, i, longestPassword)
	for opening, closing := range map[string]string{"'": "'", `"`: `"`, `\"`: `\"`, "{": "}"} {
		if !bytes.HasPrefix(line, []byte(opening)) {
			continue
		}
		for j := len(opening); j < len(line); {
			end := bytes.Index(line[j:], []byte(closing))
			if end < 0 {
				break
			}
			j += end
			if !bytes.HasPrefix(line[j+len(closing):], []byte(closing)) {
				return found{from: i + len(opening), to: i + j}, true
			}
			j += 2 * len(closing)
		}
	}
	return found{}, false
}

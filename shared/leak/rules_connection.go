package leak

import "bytes"

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
	hostClass   = newClass("a-zA-Z0-9._[:-")
)

const (
	longestUser     = 128
	longestPassword = 512
)

// findURL finds the password of scheme://user:password@host.
func findURL(text []byte, at int) (found, bool) {
	userEnd := at + 3
	for end := min(len(text), userEnd+longestUser); ; userEnd++ {
		if userEnd == end {
			return found{}, false
		}
		c := text[userEnd]
		if c == ':' {
			break
		}
		if c == '/' || c == '@' || c == '?' || c == '#' || c == '\'' || urlEnd[c] {
			return found{}, false
		}
	}
	scheme := string(bytes.ToLower(text[schemeClass.runBack(text, at, 20):at]))
	kind, ours := schemes[scheme]
	if !ours && after(scheme) != "" {
		kind, ours = schemes[after(scheme)]
	}
	from := userEnd + 1
	to, ok := passwordEnd(text, from, ours)
	password := text[from:max(to, from)]
	if !ok || len(scheme) < 2 || len(password) < 3 || isPlaceholder(password) || isPort(text, from, to) {
		return found{}, false
	}
	f := found{from: from, to: to, kind: kind}
	if !ours {
		f.severity = High
	}
	return f, !bytes.HasPrefix(text[to+1:], []byte("sha256:"))
}

// after returns what stands behind the last + or . of a scheme: "postgresql+psycopg2"
// has it in front, "git+https" behind.
func after(scheme string) string {
	for i := range len(scheme) {
		if scheme[i] == '+' || scheme[i] == '.' {
			return scheme[:i]
		}
	}
	return ""
}

// passwordEnd returns where the password ends that begins at from: at the last @ of
// the authority. In URLs of databases a raw / ? # may be part of the password.
func passwordEnd(text []byte, from int, database bool) (int, bool) {
	last, inAuthority := -1, true
	for i := from; i < min(len(text), from+longestPassword); i++ {
		switch c := text[i]; {
		case urlEnd[c]:
			return last, last > 0
		case c == '\'' && (i+1 == len(text) || !word[text[i+1]]):
			return last, last > 0
		case c == '/' || c == '?' || c == '#':
			if last > 0 || !database {
				return last, last > 0
			}
			inAuthority = false
		case c == '@' && i+1 < len(text) && (hostClass[text[i+1]] || text[i+1] == '$' || text[i+1] == '*'):
			last = i
			if !inAuthority {
				return last, true
			}
		case c == ',' && last > 0: // another host, or the next word of a list
			return last, true
		}
	}
	return last, last > 0
}

// isPort reports whether what looks like a password is the port of a URL without
// one, and the @ belongs to its path.
func isPort(text []byte, from, to int) bool {
	end := digits.run(text, from, 5)
	return end > from && end < to && (text[end] == '/' || text[end] == '?' || text[end] == ',' || text[end] == ';' || text[end] == '#')
}

// keys of connection strings other than the password's.
var connectionKeys = []string{
	"server=", "data source=", "datasource=", "addr=", "address=", "initial catalog=", "database=", "dbname=",
	"user id=", "userid=", "uid=", "user=", "username=", "host=", "driver=", "port=",
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
	style, kind := separator(first, before < at, context, lineAfter(text, from, 300))
	if style == 0 {
		return found{}, false
	}
	f := connectionValue(text, from, style)
	f.kind = kind
	value := text[f.from:f.to]
	return f, len(value) >= 3 && !isPlaceholder(value)
}

// separator tells the styles of connection strings apart by what stands before the
// password and around it; 0 if it is none.
func separator(before byte, blankBefore bool, context, rest []byte) (style byte, kind Kind) {
	switch {
	case before == ',' && isRedis(context):
		return ',', RedisKey
	case (before == '?' || before == '&') && hasFolded(context, "jdbc:", "://"):
		return '&', DatabaseLogin
	case hasFolded(context, "jdbc:"):
		return ';', DatabaseLogin
	case before == ';' && (hasFolded(context, connectionKeys...) || hasFolded(rest, connectionKeys...)),
		bytes.IndexByte(rest, ';') >= 0 && hasFolded(afterFirst(rest, ';'), connectionKeys...):
		if hasFolded(context, "port=5432", "port=3306", "sslmode=") || hasFolded(rest, "port=5432", "port=3306", "sslmode=") {
			return ';', DatabaseLogin
		}
		return ';', SQLPassword
	case (blankBefore || before == '"' || before == '\'') &&
		(hasFolded(context, "host=", "dbname=") || hasFolded(afterFirst(rest, ' '), "host=", "dbname=")):
		return ' ', DatabaseLogin
	}
	return 0, ""
}

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
func connectionValue(text []byte, from int, style byte) found {
	limit := min(len(text), from+longestPassword)
	if from < limit {
		if closing := closingOf(text[from]); closing != 0 {
			for i := from + 1; i < limit && text[i] != '\n'; i++ {
				if text[i] != closing {
					continue
				}
				if i+1 < limit && text[i+1] == closing { // doubled
					i++
					continue
				}
				return found{from: from + 1, to: i}
			}
		}
	}
	hasField := style == ';' && bytes.IndexByte(lineAfter(text, from, longestPassword), ';') >= 0
	i := from
	for ; i < limit; i++ {
		c := text[i]
		if c == style || c == '"' || c < ' ' || c == '\\' && style != ' ' {
			break
		}
		if blank[c] && !hasField || c == '\'' && (i+1 == limit || !word[text[i+1]]) {
			break
		}
	}
	for i > from && blank[text[i-1]] {
		i--
	}
	return found{from: from, to: i}
}

func closingOf(c byte) byte {
	switch c {
	case '\'', '"':
		return c
	case '{':
		return '}'
	}
	return 0
}

package leak

import (
	"bytes"
	"slices"
	"strings"
)

// localSeverity is the severity of a word such as test123 that opens a server of the
// build itself: tests write their passwords down.
const localSeverity = Medium

// ownHosts are names of the machine itself.
var ownHosts = wordSet(`localhost ip6-localhost (local) (localdb) . ::1 [::1] 0.0.0.0 host.docker.internal
		gateway.docker.internal kubernetes.docker.internal host.containers.internal host.minikube.internal`)

// serviceWords are parts of the names that containers for tests have.
var serviceWords = wordSet(`db database postgres postgresql pg mysql mariadb mssql sqlserver sql oracle mongo mongodb
		redis valkey cache rabbitmq rabbit activemq mq broker kafka nats elasticsearch elastic opensearch neo4j
		cassandra clickhouse couchdb influxdb azurite minio test tests`)

// isLocal reports whether host is the machine itself, or a container beside it: no
// server that others reach.
func isLocal(host []byte) bool {
	name := strings.ToLower(string(host))
	if ownHosts[name] || strings.HasPrefix(name, "127.") && strings.Trim(name, "0123456789.") == "" {
		return true
	}
	isService := false
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' }) {
		if strings.Contains(word, ".") || slices.Contains([]string{"prod", "production", "prd", "live"}, word) {
			return false
		}
		isService = isService || serviceWords[strings.TrimRight(word, "0123456789")]
	}
	return isService
}

var localClass = newClass("a-zA-Z0-9._()-")

// hostAt returns the name of the host that begins at i, and what comes after it.
func hostAt(text []byte, i int) (host, rest []byte) {
	if i >= len(text) {
		return nil, nil
	}
	end := localClass.run(text, i, 256)
	if text[i] == '[' {
		end = i + bytes.IndexByte(text[i:min(len(text), i+48)], ']') + 1
	}
	return text[i:end], text[end:]
}

// isLocalURL reports whether the URL whose host begins at i leads to a local server, and
// to no other.
func isLocalURL(text []byte, i int) bool {
	host, rest := hostAt(text, i)
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[digits.run(rest, 1, 5):]
	}
	return isLocal(host) && (len(rest) == 0 || rest[0] != ',' && rest[0] != '%')
}

// serverKeys are the keys of connection strings for the host.
var serverKeys = []string{"server", "data source", "datasource", "addr", "address", "host", "hostaddr"}

// isLocalConnection reports whether the connection string around a password has a local
// server. context is what stands before the password, rest what stands after it.
func isLocalConnection(context, rest []byte, style byte) bool {
	context = context[bytes.LastIndexByte(context, '"')+1:]
	rest, _, _ = bytes.Cut(rest, []byte{'"'})
	if i := bytes.LastIndex(context, []byte("://")); i >= 0 {
		return isLocalURL(context, i+len("://"))
	}
	if style == ',' {
		context = context[bytes.LastIndexAny(context, " '")+1:]
		for i := 0; i+1 < len(context); i++ {
			if context[i] == ':' && digits[context[i+1]] {
				return isLocal(context[localClass.runBack(context, i, 256):i])
			}
		}
		return false
	}
	for _, part := range [][]byte{context, rest} {
		if value, ok := valueOf(part, serverKeys...); ok {
			host, _ := hostAt(bytes.TrimPrefix(value, []byte("tcp:")), 0)
			return isLocal(host)
		}
	}
	return false
}

// valueOf returns what follows the last of keys, which are in lower case, in text.
func valueOf(text []byte, keys ...string) ([]byte, bool) {
	for end := len(text); ; {
		i := bytes.LastIndexByte(text[:end], '=')
		if i < 0 {
			return nil, false
		}
		name := bytes.TrimRight(text[:i], " ")
		for _, key := range keys {
			if len(name) >= len(key) && foldedPrefix(name[len(name)-len(key):], key) {
				return bytes.TrimLeft(text[i+1:], " '"), true
			}
		}
		end = i
	}
}

// testWords are what passwords of tests consist of, the longest first where one begins
// with another.
var testWords = strings.Fields(`password passwort passwd passwrd passphrase passw pass pwd secrets secret testing tester
		tests test root administrator admin user demo sample developer development dev localhost local dummy docker
		postgresql postgres pgsql mysql mariadb maria mongodb mongo rabbitmq rabbit redis mssql sqlserver sql server
		database db azurite kafka oracle elastic strong super very easy simple example default change changeit welcome
		letmein qwerty hunter integration build guest foobar foo bar baz abc app my your the this is not for and me it
		ci sa pg pw`)

// leet are digits and symbols that stand for letters.
var leet = strings.NewReplacer("%40", "a", "%21", "i", "@", "a", "4", "a", "0", "o", "3", "e", "1", "i", "!", "i",
	"$", "s", "5", "s", "7", "t")

// isTestPassword reports whether value is nothing but words that passwords of tests
// consist of, with a few digits and symbols: Passw0rd!, test123, my-secret-pw.
func isTestPassword(value []byte) bool {
	const longest, ends = 40, "0123456789!@#$%^&*()_+-=.?~ "
	core := strings.ToLower(strings.Trim(string(value), ends))
	if len(value) > longest || core == "" || len(value)-len(core) > 8 {
		return false
	}
	core = leet.Replace(core)
	for core != "" {
		i := slices.IndexFunc(testWords, func(w string) bool { return strings.HasPrefix(core, w) })
		if i < 0 {
			return false
		}
		core = strings.TrimLeft(core[len(testWords[i]):], ends)
	}
	return true
}

package dissect

import (
	"slices"
	"strings"
)

// secretWord makes a setting a secret of a kind.
type secretWord struct{ word, kind string }

var (
	// secretWords name a secret wherever they stand in a name, with what it is.
	secretWords = []secretWord{
		{"password", "password"}, {"passwd", "password"}, {"passphrase", "password"}, {"passcode", "password"},
		{"pwd", "password"}, {"signature", "signature"}, {"token", "token"}, {"bearer", "token"},
		{"secret", "key"}, {"credential", "key"}, {"accesskey", "key"}, {"apikey", "key"},
		{"accountkey", "key"}, {"privatekey", "key"}, {"sharedkey", "key"},
	}

	// secretNames name a secret only when they are the whole name or its last word.
	secretNames = []secretWord{
		{"pass", "password"}, {"pw", "password"}, {"pin", "password"}, {"key", "key"}, {"sig", "signature"},
		{"sas", "signature"}, {"auth", "token"}, {"authorization", "token"}, {"jwt", "token"}, {"pat", "token"},
	}

	// harmlessEnds end names of things about a secret: SharedAccessKeyName, tokenEndpoint.
	harmlessEnds = []string{
		"name", "id", "url", "uri", "endpoint", "path", "file", "type", "version", "expiry", "expires", "expiration",
		"expireson", "timeout", "length", "size", "count", "mode", "policy", "algorithm", "publickey", "partitionkey",
		"foreignkey", "sortkey", "enabled", "required",
	}

	// publicNames are settings whose values everybody may read.
	publicNames = []string{
		"server", "host", "hostname", "hostaddr", "datasource", "address", "addr", "networkaddress", "port",
		"database", "dbname", "db", "initialcatalog", "catalog", "databasename", "user", "username", "userid", "uid",
		"usr", "login", "account", "accountname", "sharedaccesskeyname", "skn", "sr",
		"entitypath", "deviceid", "moduleid",
		"endpoint", "driver", "dsn", "provider", "applicationname", "app", "appname", "engine", "region", "location",
		"environment", "env", "type", "tenant", "tenantid", "clientid", "subscriptionid", "resourceid", "appid",
		"objectid", "projectid", "clientemail", "id", "name", "cluster", "schema", "role", "warehouse", "service",
		"servicename", "sid", "endpointsuffix", "defaultendpointsprotocol", "failoverpartner", "workstationid",
		"protocol", "scheme", "vhost", "virtualhost", "registry", "principal", "email", "dbinstanceidentifier",
		"authority", "audience", "issuer", "scope", "servers", "hosts", "addresses", "endpoints", "broker", "brokers",
		"bootstrapservers", "replicaset", "authsource",
	}

	// publicEnds end names such as DB_HOST and POSTGRES_USER.
	publicEnds = []string{
		"username", "userid", "user", "hostname", "host", "port", "server", "database", "dbname", "endpoint", "region",
		"accountname", "clientid", "tenantid", "subscriptionid", "keyname", "secretname", "environment", "location",
	}
)

// documentNames are the settings of a document that everybody may read: where a
// server is, what it is, and who signs in. A document is a secret as a whole, so that
// the list is short, and a name must be in it, or its last word: DB_HOST, dbHost. A
// name that speaks of a secret is not meant: tokenHost.
var documentNames = []string{
	"host", "hostname", "server", "servername", "endpoint", "port", "hosts", "servers", "ports", "endpoints",
	"database", "databasename", "dbname", "db", "user", "username", "region", "environment", "env",
	"type", "kind", "engine", "protocol", "kty", "alg", "crv",
	"dbhost", "dbport", "dbuser", "pghost", "pgport", "pguser", "pgdatabase",
}

// addressNames are the last words of names whose value is an address.
var addressNames = []string{
	"endpoint", "endpoints", "url", "urls", "uri", "uris", "host", "hosts", "server", "registry",
}

// plain brings the spellings of a name together: "User ID", "user_id" and "UserId".
func plain(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return -1
	}, name)
}

// secretKind says what the value of a setting of this name is, "" if the name does
// not make it a secret.
func secretKind(name string) string {
	p := plain(name)
	if harmless(p) {
		return ""
	}
	for _, s := range secretWords {
		if strings.Contains(p, s.word) {
			return s.kind
		}
	}
	last := lastWord(name)
	p = strings.TrimRight(p, "0123456789")
	for _, s := range secretNames {
		// "AccountKey" and "keys" end in a secret name, "monkey" does as well: one more
		// part, which costs less than a missed key. The short ones must be a word.
		if p == s.word || last == s.word || s.word == "key" && strings.HasSuffix(strings.TrimSuffix(p, "s"), s.word) {
			return s.kind
		}
	}
	return ""
}

// harmless reports whether a plain name is of something about a secret. The secret_id
// of HashiCorp's AppRole is one itself.
func harmless(p string) bool {
	for _, word := range []string{strings.TrimRight(p, "0123456789"), strings.TrimSuffix(p, "s")} {
		if slices.ContainsFunc(harmlessEnds, func(end string) bool { return strings.HasSuffix(word, end) }) {
			return !strings.HasSuffix(p, "secretid")
		}
	}
	return false
}

// lastWord returns what stands behind the last separator of a name, plain.
func lastWord(name string) string {
	words := strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune("_-. :/", c) })
	if len(words) == 0 {
		return ""
	}
	return plain(words[len(words)-1])
}

// publicName reports whether everybody may read the value of such a setting.
func publicName(name string) bool {
	p := plain(name)
	if harmless(p) && mentionsSecret(p) {
		return true // token_type, SharedAccessKeyName
	}
	return slices.Contains(publicNames, p) || slices.Contains(publicNames, lastWord(name)) ||
		slices.ContainsFunc(publicEnds, func(end string) bool { return strings.HasSuffix(p, end) })
}

// openly reports whether everybody may read the value of a setting of a document.
func openly(s setting) bool {
	name := plain(s.name)
	if _, address, ok := cutScheme(s.value); ok {
		// Of a tokenUrl, the address is no secret; of a secretUrl, it may be.
		return !mentionsSecret(strings.ReplaceAll(name, "token", "")) && !strings.ContainsAny(address, "?#") &&
			slices.Contains(addressNames, finalWord(s.name))
	}
	return !mentionsSecret(name) && !tokenLike(s.value) &&
		(slices.Contains(documentNames, name) || slices.Contains(documentNames, finalWord(s.name)))
}

// mentionsSecret reports whether a plain name speaks of a secret, whatever it says.
func mentionsSecret(p string) bool {
	return slices.ContainsFunc(secretWords, func(s secretWord) bool { return strings.Contains(p, s.word) })
}

// finalWord is lastWord, in which a capital letter starts a word, too: dbHost.
func finalWord(name string) string {
	for i := len(name) - 1; i > 0; i-- {
		if 'A' <= name[i] && name[i] <= 'Z' && 'a' <= name[i-1] && name[i-1] <= 'z' {
			name = name[i:]
			break
		}
	}
	return lastWord(name)
}

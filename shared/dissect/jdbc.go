package dissect

import "strings"

// jdbc reads the URLs of Java's databases: properties stand behind "?", behind ";" or,
// for DB2, behind ":"; Oracle has user/password@.
func (f *finder) jdbc(text string) string {
	if len(text) < len("jdbc:") || !strings.EqualFold(text[:len("jdbc:")], "jdbc:") {
		return ""
	}
	rest := text[len("jdbc:"):]
	if strings.HasPrefix(strings.ToLower(rest), "oracle:") {
		f.oracle(rest)
		return "jdbc"
	}
	properties := ""
	// A "?" first, and a ";" belongs to a parameter.
	if at := strings.IndexAny(rest, ";?"); at >= 0 && rest[at] == ';' {
		rest, properties = rest[:at], rest[at+1:]
		if host, first, ok := cutDB2(rest); ok {
			rest, properties = host, first+";"+properties
		}
	}
	if _, location, ok := strings.Cut(rest, schemeEnd); ok {
		f.location("jdbc", location)
	}
	f.options(properties, settings(properties, ';'))
	return "jdbc"
}

// cutDB2 splits "//host:50000/db:user=u" at the colon in front of the first property.
func cutDB2(rest string) (host, properties string, ok bool) {
	at := strings.LastIndexByte(rest, ':')
	if at < 0 || !strings.Contains(rest[at:], "=") {
		return rest, "", false
	}
	return rest[:at], rest[at+1:], true
}

// oracle reads oracle:thin:user/password@//host:1521/service.
func (f *finder) oracle(rest string) {
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return
	}
	f.publishHosts(strings.Map(func(c rune) rune {
		if c == '=' {
			return ','
		}
		return c
	}, rest[at+1:]))
	user, password, ok := strings.Cut(rest[:at], "/")
	if !ok {
		return
	}
	f.publish(user[strings.LastIndexByte(user, ':')+1:])
	unquoted := password
	if len(password) >= 2 && password[0] == '"' && password[len(password)-1] == '"' {
		unquoted = password[1 : len(password)-1]
	}
	f.part(Part{"password", "", unquoted, ""})
}

package dissect

import (
	"slices"
	"strings"
)

// schemeEnd stands between the scheme of a URL and the rest.
const schemeEnd = "://"

// url reads a URL: https, postgresql, mongodb+srv, amqps, rediss and so on, with one
// host or several.
func (f *finder) url(text string) string {
	scheme, rest, ok := cutScheme(text)
	if !ok {
		return ""
	}
	f.location(scheme, rest)
	switch scheme {
	case "amqp", "amqps":
		return "amqp"
	case "redis", "rediss":
		return "redis"
	}
	return "url"
}

// cutScheme splits text behind the scheme that it starts with.
func cutScheme(text string) (scheme, rest string, ok bool) {
	at := strings.Index(text, schemeEnd)
	if at < 1 || at > 40 {
		return "", "", false
	}
	scheme = strings.ToLower(text[:at])
	for i := range len(scheme) {
		c := scheme[i]
		if !('a' <= c && c <= 'z' || i > 0 && ('0' <= c && c <= '9' || strings.IndexByte("+-.", c) >= 0)) {
			return "", "", false
		}
	}
	return scheme, text[at+len(schemeEnd):], true
}

// location takes in what follows the scheme.
func (f *finder) location(scheme, rest string) {
	users, rest := userInfo(scheme, rest)
	for _, user := range users {
		f.user(scheme, user)
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	hosts, path, _ := strings.Cut(rest, "/")
	if strings.Contains(hosts, "(") { // MySQL's address=(host=h)(password=p)
		for _, s := range settings(parentheses.Replace(hosts), ';') {
			f.option(s.setting)
		}
	} else {
		f.publishHosts(hosts)
	}
	f.path(path)
	f.parameters(query)
	f.parameters(fragment)
}

var parentheses = strings.NewReplacer("(", ";", ")", ";", ",", ";")

// isWeb reports whether paths of the scheme may well have "@" in them, and users may
// be tokens.
func isWeb(scheme string) bool {
	return slices.Contains([]string{"http", "https", "git", "ssh", "git+https", "git+ssh", "ftp", "ws", "wss"}, scheme)
}

// userInfo splits the user information off. People do not escape their passwords: a
// "/", "?", "#" or "@" in one ends the authority too early for a strict reader, while
// SQLAlchemy and others take it as it is. So there may be two readings, the longer
// one first.
func userInfo(scheme, rest string) (users []string, after string) {
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	strict := strings.LastIndexByte(authority, '@')
	loose := strings.LastIndexByte(rest[:queryStart(rest)], '@')
	if loose == strict || strings.HasPrefix(rest, "[") ||
		isWeb(scheme) && (strict >= 0 || !opensPassword(authority)) {
		loose = -1
	}
	for _, at := range []int{loose, strict} {
		if at >= 0 {
			users = append(users, rest[:at])
		}
	}
	return users, rest[max(loose, strict)+1:]
}

// opensPassword reports whether what looks like host:port has no number for a port.
func opensPassword(authority string) bool {
	_, port, ok := strings.Cut(authority, ":")
	return ok && strings.Trim(port, "0123456789") != ""
}

// queryStart returns where the parameters start: at the first "?" with key= behind
// it, because a "?" alone may belong to a password.
func queryStart(rest string) int {
	for i := 0; i < len(rest); i++ {
		if rest[i] != '?' {
			continue
		}
		key := i + 1
		for key < len(rest) && (isWord(rest[key]) || strings.IndexByte(".-$[]", rest[key]) >= 0) {
			key++
		}
		if key > i+1 && key < len(rest) && rest[key] == '=' {
			return i
		}
		i = key - 1
	}
	return len(rest)
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// tokenLength is the length from which a word in a URL may be a token.
const tokenLength = 20

// user takes in user:password, or one of them alone.
func (f *finder) user(scheme, info string) {
	name, password, _ := strings.Cut(info, ":")
	switch {
	case name == "":
	case password == "" && hasLonePassword(scheme):
		f.part(Part{"password", "", unescape(name), name})
	case isWeb(scheme) && len(name) >= tokenLength && (password == "" || password == "x-oauth-basic"):
		f.part(Part{"token", "", unescape(name), name})
		return
	case tokenLike(name):
		f.part(Part{"token", "", unescape(name), name})
	default:
		f.publish(name, unescape(name))
	}
	if password != "" {
		f.part(Part{"password", "", unescape(password), password})
	}
}

// hasLonePassword reports whether what stands alone before the host is a password and
// not a user: redis://password@host (Lettuce, Spring), nats://token@host.
func hasLonePassword(scheme string) bool {
	return strings.HasPrefix(scheme, "redis") || strings.HasPrefix(scheme, "valkey") || scheme == "nats"
}

// path takes in the path: names, and tokens as in the URL of a web hook.
func (f *finder) path(path string) {
	for segment := range strings.SplitSeq(path, "/") {
		if tokenLike(segment) {
			f.part(Part{"token", "path", unescape(segment), segment})
			continue
		}
		f.publish(segment, unescape(segment))
	}
}

// tokenLike reports whether a word is random rather than a name: long, with digits
// and letters, and not a GUID, which names things in Azure.
func tokenLike(word string) bool {
	if len(word) < tokenLength || strings.Count(word, "-") == 4 && len(word) == 36 {
		return false
	}
	if strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_%=") != "" {
		return false
	}
	digits := len(word) - len(strings.Map(notDigit, word))
	mixed := strings.ToUpper(word) != word && strings.ToLower(word) != word
	return digits >= 2 && (mixed || len(word) >= 32)
}

func notDigit(c rune) rune {
	if '0' <= c && c <= '9' {
		return -1
	}
	return c
}

// query reads parameters alone: a shared access signature without its address.
func (f *finder) query(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "SharedAccessSignature "), "?")
	if !strings.Contains(text, "&") || strings.ContainsAny(text, " \t;") || !f.parameters(text) {
		return ""
	}
	return "url"
}

// parameters takes in key=value&key=value, and reports whether there was a secret.
func (f *finder) parameters(text string) bool {
	separator := "&"
	if !strings.Contains(text, separator) {
		separator = ";"
	}
	secret := false
	for parameter := range strings.SplitSeq(text, separator) {
		key, raw, ok := strings.Cut(parameter, "=")
		if !ok || key == "" {
			continue
		}
		name := unescape(key)
		if name == "code" { // an Azure function's key
			name = "code key"
		}
		if f.option(setting{name, unescape(raw), raw}) {
			secret = true
		}
	}
	return secret
}

// unescape decodes %XX. What is not an escape stays: a password may have a raw "%".
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, low := hexDigit(text[i+1]), hexDigit(text[i+2])
			if high >= 0 && low >= 0 {
				b.WriteByte(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func hexDigit(c byte) int {
	return strings.IndexByte("0123456789abcdef", c|0x20)
}

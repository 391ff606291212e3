package mask

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// publicParameters are the endpoint authorization parameters that the agent does
// not mask (Util/MaskingUtil.cs). Every other one is secret, the client id too.
var publicParameters = []string{
	"Role", "Scope", "TenantId", "IssuedAt", "ExpiresAt", "Audience", "AuthenticationType", "AuthorizationType",
	"AccessTokenType", "AccessTokenFetchingMethod", "UseWindowsSecurity", "Unsecured",
	"OAuthAccessTokenIsSupplied", "CompleteCallbackPayload", "AcceptUntrustedCertificates",
}

// SecretParameter reports whether the agent masks the value of the endpoint
// authorization parameter name.
func SecretParameter(name string) bool {
	for _, public := range publicParameters {
		if ordinal.Equal(name, public) {
			return false
		}
	}
	return true
}

var jsonShort = map[rune]string{
	'\t': `\t`, '\n': `\n`, '\r': `\r`, '\f': `\f`, '\b': `\b`, '\\': `\\`, '"': `\"`,
}

// jsonStringEscape is Newtonsoft's JsonConvert.ToString without the quotes.
func jsonStringEscape(s string) string {
	var out strings.Builder
	for _, r := range s {
		if short, ok := jsonShort[r]; ok {
			out.WriteString(short)
		} else if r < ' ' || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// uriDataEscape is Uri.EscapeDataString: all but the unreserved characters of
// RFC 3986, upper-case hex.
func uriDataEscape(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		if 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-_.~", b) >= 0 {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, "%%%02X", b)
	}
	return out.String()
}

// backslashUnescape is what is left of a value when something reads its backslash
// escapes. The agent's encoder is closed source; SecretMaskerL0.cs shows these four.
func backslashUnescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\t`, "\t").Replace(s)
}

// urlPasswords finds the password in each //user:password@ of line. The agent's
// pattern is (?<=//[^:/?#\n]+:)(...)+(?=@); Go has no look-behind, but the classes
// leave only one way to match: the user ends at the first ":" behind "//", the
// password at the first "@" after it.
func urlPasswords(line string) []span {
	var found []span
	for from := 0; ; {
		slashes := strings.Index(line[from:], "//")
		if slashes < 0 {
			return found
		}
		from += slashes + 1 // "///user" has a second "//"
		user := line[from+1:]
		n := strings.IndexAny(user, ":/?#\n")
		if n < 1 || user[n] != ':' {
			continue
		}
		start := from + 1 + n + 1
		end := start + passwordLen(line[start:])
		if end > start && strings.HasPrefix(line[end:], "@") {
			found = append(found, span{start, end})
		}
	}
}

// passwordLen is the length of the longest password that s starts with: word
// characters, percent escapes (also with a %AZP25 percent sign), sub-delimiters, colons.
func passwordLen(s string) int {
	n := 0
	for n < len(s) {
		switch r, size := utf8.DecodeRuneInString(s[n:]); {
		case r == '%' && isHex(s[n+1:]):
			n += len("%00")
		case strings.HasPrefix(s[n:], "%AZP25") && isHex(s[n+len("%AZP25"):]):
			n += len("%AZP2500")
		case isWord(r) || strings.ContainsRune(".~-!$&'()*+,;=:", r):
			n += size
		default:
			return n
		}
	}
	return n
}

// isHex reports whether s starts with two hexadecimal digits.
func isHex(s string) bool {
	const digits = "0123456789abcdefABCDEF"
	return len(s) >= 2 && strings.IndexByte(digits, s[0]) >= 0 && strings.IndexByte(digits, s[1]) >= 0
}

// isWord is .NET's \w.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Mn, unicode.Nd, unicode.Pc)
}

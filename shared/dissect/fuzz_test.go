package dissect_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/dissect"
)

// FuzzSecret holds the promises of the package against any text: it comes to an end,
// a part stands in the text as it is or as Raw, and no part is a public word.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		"postgres://u:p%40@h:1,i:2/db?sslmode=require&password=x#token=y", "Server=h;Password='a;''b';b;c", "Driver={x};PWD={a}}b}",
		"h:1,password=a,b", `host=h password='it\'s'`, `{"a":[{"password":"x\u0041"},1.10,"Server=h;Pwd=y"]}`, "jdbc:oracle:thin:a/b@h:1:x",
		"export A_KEY=\"x\ny\" # c\nB=c", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "'\"`", "jdbc:db2://h:1/db:user=u;password=p;",
		"?sv=1&sig=%2B", "jdbc:mysql://(password=p)/x", "Bearer x", "machine a login b password c", `a:1:b:c:d\:e`, "redis://x@h", `<a b="c"><d value='e&amp;'>f</d></a>`,
		"# A_KEY=x-1\n- b: 'c''d'\n<e>\nF=12", "{ // a\n\"b\": \"c\",\n}", "Basic YTpi", "see https://u:p@h \"x://y:z@i\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := dissect.Secret(text)
		for _, p := range a.Parts {
			if p.Kind == "" || strings.TrimSpace(p.Value) == "" || p.Value == text {
				t.Errorf("Secret(%q): part %+v has no kind or value, or is the whole", text, p)
			}
			if slices.Contains(a.Public, p.Value) || slices.Contains(a.Public, p.Raw) {
				t.Errorf("Secret(%q): part %+v is a public word", text, p)
			}
			if !occurs(text, p) {
				t.Errorf("Secret(%q): part %+v is not in the text", text, p)
			}
		}
	})
}

// occurs reports whether a part stands in text, or could by a decoding: pieces of
// documents inside documents are decoded more than once.
func occurs(text string, p dissect.Part) bool {
	if strings.Contains(text, p.Value) || p.Raw != "" && strings.Contains(text, p.Raw) {
		return true
	}
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \"'=:", c) }) {
		if decoded, err := base64.RawStdEncoding.DecodeString(word); err == nil && strings.Contains(string(decoded), p.Value) {
			return true // what follows "Basic"
		}
	}
	return strings.ContainsAny(text, "\\%\"'}`\r\n&") && len(p.Value) <= len(text)
}

// TestTimeIsLinear has texts that make a careless reader look at each byte as often as
// there are bytes. A quadratic reader takes minutes for them.
func TestTimeIsLinear(t *testing.T) {
	t.Parallel()
	const n = 1 << 16
	for name, text := range map[string]string{
		"quotes never closed":       strings.Repeat("a='x;", n),
		"braces closed at the end":  strings.Repeat("password={;", n) + "}}}x",
		"doubled quotes":            "password='" + strings.Repeat("''", n),
		"arrays":                    strings.Repeat("[", n) + strings.Repeat("]", n),
		"objects":                   strings.Repeat(`{"password":"x-1","a":`, 9000) + "1" + strings.Repeat("}", 9000),
		"deep leaves":               strings.Repeat(`[`, 9000) + strings.Repeat(`"x",`, n) + "1" + strings.Repeat("]", 9000),
		"quotes around quotes":      strings.Repeat(`'`, n),
		"question marks":            "x://" + strings.Repeat("?", n) + "@",
		"question marks and words":  "x://" + strings.Repeat("?aaaa", n) + "@",
		"at signs":                  "x://" + strings.Repeat("@", n),
		"schemes":                   strings.Repeat("a://b:c@d ", n),
		"assignments":               strings.Repeat("A_KEY=\"x\n", n),
		"assignments, quotes":       strings.Repeat("A_KEY='x\nB=`\n", n) + "'",
		"lines":                     strings.Repeat("Server=h;Password=x y\n", n/4),
		"PEM":                       strings.Repeat("-----BEGIN PRIVATE KEY-----\nMIIE\nMIIF\n", n),
		"libpq":                     strings.Repeat("host=h ", n) + "'",
		"redis":                     "h,password=" + strings.Repeat("a,", n),
		"semicolons":                "password=a" + strings.Repeat(";a", n),
		"loose ends behind secrets": strings.Repeat("password=a;b;", n),
		"parentheses":               "jdbc:mysql://" + strings.Repeat("(password=x", n),
		"percent signs":             "x://u:" + strings.Repeat("%", n) + "@h",
		"URLs in parameters":        strings.Repeat("https://h?a=", n),
		"remarks":                   strings.Repeat("#;!#- - //x=1\n", n),
		"items in items":            strings.Repeat("- ", n) + "x\ny",
		"comments in a document":    "{" + strings.Repeat("/*,*/ // ,\n", n) + "}",
		"comments never closed":     "{" + strings.Repeat("/*", n),
		"quotes in a document":      "{" + strings.Repeat("\"", n) + "\\",
		"mistakes in a document":    "{\"a\":\"b-1\"" + strings.Repeat("\n{\"a\":\"b-1\"", n),
		"tags":                      strings.Repeat("<a b='c' d=", n),
		"tags never closed":         strings.Repeat("<", n) + ">",
		"comments in tags":          strings.Repeat("<!--", n) + ">",
		"attributes":                "<a " + strings.Repeat("value='x-1' ", n) + ">",
		"lines of tags":             strings.Repeat("<a value='x-1'>y-1\n", n),
		"certificates never closed": strings.Repeat("-----BEGIN CERTIFICATE-----\nMIIE\n", n),
		"netrc":                     "machine a" + strings.Repeat(" password b", n),
		"pgpass":                    strings.Repeat("h:1:d:u:p=1\n", n),
		"colons":                    strings.Repeat(":", n) + "=\n",
		"schemes without an end":    strings.Repeat("a", n) + "://",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := dissect.Secret(text) // in quadratic time it would take longer than tests may
			t.Logf("%d bytes, %d parts", len(text), len(a.Parts))
		})
	}
}

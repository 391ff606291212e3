package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// nasty has something to escape for every encoder.
const nasty = `p@s's "w0rd"/+=&<%41>` + "`$x\\!é~ñ"

const pem = "-----BEGIN PRIVATE KEY-----\n" +
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" +
	"MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n" +
	"-----END PRIVATE KEY-----\n"

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func utf16le(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(unit))
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

func wrap(s string, columns int) string {
	var b strings.Builder
	for line := range slices.Chunk([]byte(s), columns) {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func asJSON(t *testing.T, s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lowerHex lowers the two digits after each '%'.
func lowerHex(s string) string {
	parts := strings.Split(s, "%")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToLower(parts[i][:2]) + parts[i][2:]
	}
	return strings.Join(parts, "%")
}

// TestMaskingTable has the ways in which secrets were found in real logs. Each
// text is made by the encoder itself where Go has it, and none may show a part of
// the secret that the row says must be gone.
func TestMaskingTable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(nasty, 6)
	jsJSON := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(asJSON(t, nasty))
	withUser := &url.URL{Scheme: "https", Host: "h", User: url.UserPassword("u", nasty)}
	const pemMasked = "-----BEGIN PRIVATE KEY-----\n\t***\n\t***\n\t-----END PRIVATE KEY-----\n\t"
	var xmlText strings.Builder
	if err := xml.EscapeText(&xmlText, []byte(nasty)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ secret, text, want string }{
		"exact":                     {nasty, "<" + nasty + ">", "<***>"},
		"JSON, JavaScript":          {nasty, "{" + jsJSON + "}", `{"***"}`},
		"JSON, Go":                  {nasty, asJSON(t, nasty), `"***"`},
		"JSON, twice":               {nasty, asJSON(t, asJSON(t, nasty)), `"\"***\""`},
		"JSON, .NET":                {"a\"b+c'dé", `{"k":"a\u0022b\u002Bc\u0027d\u00E9"}`, `{"k":"***"}`},
		"JSON, Python":              {"a\"bé😀", `"a\"b\u00e9\ud83d\ude00"`, `"***"`},
		"JSON, PHP":                 {"a/b/c", `"a\/b\/c"`, `"***"`},
		"JSON, line ends":           {"one-1\ntwo-2", `"one-1\ntwo-2"`, `"***"`},
		"URI, upper case":           {"a/b c:d", "x=a%2Fb%20c%3Ad&", "x=***&"},
		"URI, lower case":           {"a/b c:d", "x=a%2fb%20c%3ad&", "x=***&"},
		"agent's %0A text":          {"one-1\ntwo%2", "##one-1%0Atwo%AZP252", "##***"},
		"agent's property":          {"a;b]c", "k=a%3Bb%5Dc;", "k=***;"},
		"form":                      {nasty, url.Values{"k": {nasty}}.Encode(), "k=***"},
		"form, lower case":          {nasty, lowerHex(url.QueryEscape(nasty)), "***"},
		"encodeURIComponent":        {"it's (a) *!", "it's%20(a)%20*!", "***"},
		"Go PathEscape":             {nasty, "/" + url.PathEscape(nasty) + "/", "/***/"},
		"double-encoded":            {"a/b c", "a%252Fb%2520c", "***"},
		"URL userinfo":              {nasty, withUser.String(), "https://u:***@h"},
		"URL, empty user":           {"k3y/?", "rediss://:k3y%2F%3F@host", "rediss://:***@host"},
		"base64":                    {nasty, b64(nasty), "***"},
		"base64, no padding":        {nasty, base64.RawStdEncoding.EncodeToString([]byte(nasty)), "***"},
		"base64, URL":               {nasty, base64.URLEncoding.EncodeToString([]byte(nasty)), "***"},
		"base64, URL, no padding":   {nasty, base64.RawURLEncoding.EncodeToString([]byte(nasty)), "***"},
		"base64, wrapped at 76":     {long, wrap(b64(long), 76), strings.Repeat("***\n", 4)},
		"base64, wrapped at 64":     {long, wrap(b64(long), 64), strings.Repeat("***\n", 4)},
		"hex":                       {nasty, hex.EncodeToString([]byte(nasty)), "***"},
		"hex, upper case":           {nasty, strings.ToUpper(hex.EncodeToString([]byte(nasty))), "***"},
		"UTF-16LE base64":           {nasty, b64(utf16le(nasty)), "***A=="},
		"bash":                      {"it's", `echo 'it'\''s'`, "echo '***'"},
		"Python shlex":              {"it's", `'it'"'"'s'`, "'***'"},
		"YAML, SQL, pwsh":           {"it's", "'it''s'", "'***'"},
		"CSV":                       {`a"b"c`, `"a""b""c"`, `"***"`},
		"backslashed":               {"a b$c'd", `a\ b\$c\'d`, "***"},
		"bash, double quotes":       {"a\"b$c`d", "\"a\\\"b\\$c\\`d\"", `"***"`},
		"taken out of quotes":       {`a\"b\\c`, `a"b\c`, "***"},
		"XML text":                  {"a<b>&c", "<k>a&lt;b&gt;&amp;c</k>", "<k>***</k>"},
		"XML attribute":             {`a<"b'`, `k="a&lt;&quot;b'"`, `k="***"`},
		"XML apostrophe":            {`a<"b'c`, `k="a&lt;&quot;b&apos;c"`, `k="***"`},
		"XML, Go":                   {nasty, xmlText.String(), "***"},
		"HTML, Go":                  {nasty, html.EscapeString(nasty), "***"},
		"upper case":                {"CorrectHorseBattery", "CORRECTHORSEBATTERY", "***"},
		"lower case":                {"CorrectHorseBattery", "correcthorsebattery", "***"},
		"case of a short one":       {"Password", "password PASSWORD", "password PASSWORD"},
		"trailing newline trimmed":  {"hunter2\n", "<hunter2>", "<***>"},
		"quotes stripped, single":   {"'hunter2'", "<hunter2>", "<***>"},
		"quotes stripped, double":   {"\"hunter2\"\n", "<hunter2>", "<***>"},
		"quotes stripped, backtick": {"`hunter2`", "<hunter2>", "<***>"},
		"lines of .env":             {"A=hunter2\r\nB=x\r\n\r\nC=swordfish", "A=hunter2\nB=x\nC=swordfish", "***\nB=x\n***"},
		"PEM, line by line":         {pem, strings.ReplaceAll(pem, "\n", "\n\t"), pemMasked},
		"PEM, body joined":          {pem, strings.Join(strings.Split(pem, "\n")[1:3], ""), "***"},
		"PEM, escaped line ends":    {pem, strings.ReplaceAll(pem, "\n", `\n`), "***"},
		"PEM, base64":               {pem, "x " + b64(pem) + " y", "x *** y"},
		"public boundary of PEM":    {pem, "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := new(Set).String(tc.text); got != tc.text {
				t.Fatalf("an empty Set changes %q to %q: this test shows nothing", tc.text, got)
			}
			var s Set
			s.Add(tc.secret)
			if got := s.String(tc.text); got != tc.want {
				t.Errorf("secret %q: String(%q) = %q, want %q", tc.secret, tc.text, got, tc.want)
			}
			if got := inPieces(t, &s, tc.text, 7, 1); got != tc.want {
				t.Errorf("secret %q: Writer of %q = %q, want %q", tc.secret, tc.text, got, tc.want)
			}
		})
	}
}

// TestEscapesOfPartsAndDumps has the URL escapes that keep some of what others escape,
// and hex whose digits are apart.
func TestEscapesOfPartsAndDumps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ secret, text, want string }{
		"encodeURI":                {"a/b?c d;e,f#<", "u?x=a/b?c%20d;e,f#%3C&", "u?x=***&"},
		"encodeURI, lower case":    {"a/b?c d;e,f#<", "u?x=a/b?c%20d;e,f#%3c&", "u?x=***&"},
		"Python quote":             {"a/b c:d+e", "/a/b%20c%3Ad%2Be/", "/***/"},
		"Python quote, lower case": {"a/b c:d+e", "/a/b%20c%3ad%2be/", "/***/"},
		"hex, BitConverter":        {"hunter2/x", "68-75-6E-74-65-72-32-2F-78", "***"},
		"hex, colons":              {"hunter2/x", "serial 68:75:6e:74:65:72:32:2f:78", "serial ***"},
		"hex, colons, upper case":  {"hunter2/x", "68:75:6E:74:65:72:32:2F:78", "***"},
		"hex, blanks":              {"hunter2/x", "68 75 6e 74 65 72 32 2f 78", "***"},
		"hex, blanks, upper case":  {"hunter2/x", "68 75 6E 74 65 72 32 2F 78", "***"},
		"hex, xxd":                 {"hunter2/x", "00000000: 6875 6e74 6572 322f 78  hu", "00000000: ***  hu"},
		"hex, xxd, odd place":      {"hunter2/x", "00000000: 3d68 756e 7465 7232 2f78  =h", "00000000: 3d***  =h"},
	} {
		var s Set
		s.Add(tc.secret)
		if got := s.String(tc.text); got != tc.want {
			t.Errorf("%s: secret %q: String(%q) = %q, want %q", name, tc.secret, tc.text, got, tc.want)
		}
	}
}

// TestBase64Alignments hides a secret at every place in a longer text, and checks
// what can be decoded from what is left.
func TestBase64Alignments(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add("hunter2-swordfish")
	for _, before := range []string{"", "u", "us", "use", "user:", "a longer user:"} {
		for _, after := range []string{"", "@", "@h", "@host"} {
			for name, text := range map[string]string{
				"UTF-8":  b64(before + "hunter2-swordfish" + after),
				"UTF-16": b64(utf16le(before + "hunter2-swordfish" + after)),
			} {
				got := s.String("Authorization: Basic " + text)
				left := strings.TrimRight(strings.Replace(got, Mask, "", 1), "=")
				if !strings.Contains(got, Mask) || len(left) > len("Authorization: Basic ")+2*4*(len(before)+len(after)+2)/3 {
					t.Errorf("%s base64 of %q and %q around the secret: %q becomes %q", name, before, after, text, got)
				}
			}
		}
	}
}

func TestFormsForTheAgent(t *testing.T) {
	t.Parallel()
	got := Forms("hunter2/x\n")
	if got[0] != "hunter2/x" {
		t.Errorf("Forms begins with %q, want the value itself", got[0])
	}
	for name, form := range map[string]string{
		"base64": "aHVudGVyMi94", "base64 after one byte": "h1bnRlcjIve", "base64 after two bytes": "odW50ZXIyL3",
		"hex": "68756e746572322f78", "upper-case hex": "68756E746572322F78",
		"URL": "hunter2%2Fx", "lower-case URL": "hunter2%2fx", "double URL": "hunter2%252Fx",
	} {
		if !slices.Contains(got, form) {
			t.Errorf("Forms lacks %s, %q: %q", name, form, got)
		}
	}
	uri := Forms("a b/c:d")
	for name, form := range map[string]string{
		"encodeURI": "a%20b/c:d", "quote": "a%20b/c%3Ad", "lower-case quote": "a%20b/c%3ad",
	} {
		if !slices.Contains(uri, form) {
			t.Errorf("Forms lacks %s, %q: %q", name, form, uri)
		}
	}
	// The budget is 400 registrations in a job.
	for name, tc := range map[string]struct {
		secret string
		most   int
	}{
		"letters and digits": {"correcthorse1battery2staple", 6},
		"nasty":              {nasty, 24}, // encodeURI's and Python's, too: the agent derives neither
		"PEM":                {pem, 20},
	} {
		if n := len(Forms(tc.secret)); n > tc.most {
			t.Errorf("Forms of %s: %d forms, want at most %d: %q", name, n, tc.most, Forms(tc.secret))
		}
	}
}

func TestFormsAreDistinctAndUsable(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{nasty, pem, "abcd", "hunter2", "'quoted'"} {
		forms := Forms(secret)
		sorted := slices.Compact(slices.Sorted(slices.Values(forms)))
		if len(sorted) != len(forms) {
			t.Errorf("Forms(%q) repeats itself: %q", secret, forms)
		}
		all := AllForms(secret)
		var missing []string
		for _, form := range forms {
			if !slices.Contains(all, form) {
				missing = append(missing, form)
			}
			if len(form) < MinLength || strings.ContainsAny(form, "\r\n") {
				t.Errorf("Forms(%q) has %q, which the agent cannot use", secret, form)
			}
		}
		if diff := cmp.Diff([]string(nil), missing); diff != "" {
			t.Errorf("a Set does not look for all Forms(%q):\n%s", secret, diff)
		}
	}
}

func TestHugeSecret(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("0123456789abcdef", 8<<10) // 128 KiB, the most an environment can hold
	var s Set
	s.Add(huge)
	if got := s.String("<" + huge + "|" + b64(huge) + ">"); got != "<***|***Y=>" { // 4 bits are not in a core
		t.Errorf("String with a secret of 128 KiB = %.100q..., want two masks", got)
	}
}

package leak

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

func known(name, value string) Known { return Known{name, inputs.NewSecret(value)} }

const (
	plain     = "S3cr3t!w0rd&more"
	database  = "postgresql://app:pa%2Fss%40w0rd!@contoso.postgres.database.azure.com:5432/orders"
	jsonValue = `{"clientId":"6f1c3a52-7a43-4c0e-9a3d-0c9f6f1b7e11","clientSecret":"abcD8Q9x-json!","host":"orders.internal","n":1}`
)

func TestKnownSecretsAreFoundInAllForms(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("plain", plain), known("database", database), known("json", jsonValue))
	long := "abcdefgh" + plain + "ijklmnop"
	for text, want := range map[string]string{
		"value " + plain: "plain", `"` + plain + `"`: "plain", plain: "plain",
		base64.StdEncoding.EncodeToString([]byte(plain)): "plain",
		// at each alignment, and in both alphabets
		base64.StdEncoding.EncodeToString([]byte("u:" + plain)):           "plain",
		base64.URLEncoding.EncodeToString([]byte("us:" + plain)):          "plain",
		base64.StdEncoding.EncodeToString([]byte("usr:" + plain + "x12")): "plain",
		fmt.Sprintf("%x", plain):                                          "plain",
		fmt.Sprintf("%X", plain):                                          "plain",
		url.QueryEscape(plain):                                            "plain",
		strings.ReplaceAll(plain, "&", `\u0026`):                          "plain",
		strings.ReplaceAll(plain, "&", "&amp;"):                           "plain",
		strings.ToUpper(plain):                                            "plain",
		"S3cr3t!\x1b[1;31mw0rd&\x1b[0mmore":                               "plain",
		"\x1b]8;;\x1b\\S3cr3t!w0\x1b]8;;\x1b\\rd&more":                    "plain",
		long:                         "plain",
		"password is pa/ss@w0rd! ok": "database",
		"-> pa%2Fss%40w0rd!":         "database",
		database:                     "database",
		"secret=abcD8Q9x-json!":      "json",
		base64.StdEncoding.EncodeToString([]byte("abcD8Q9x-json!")): "json",
	} {
		found := e.String(text, "x", Log)
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Known == want && f.Rule == ruleKnown && f.Severity == Critical }) {
			t.Errorf("String(%q) found %+v, want %q", text, found, want)
		}
		if name, ok := e.HoldsKnown(strings.ReplaceAll(text, "\x1b", "")); !strings.Contains(text, "\x1b") && (!ok || name != want) {
			t.Errorf("HoldsKnown(%q) = %q, %v; want %q", text, name, ok, want)
		}
	}
}

func TestPublicWordsOfKnownSecretsAreNotFound(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("database", database), known("json", jsonValue), known("env", "PORT=8080\nLOG_LEVEL=debug\nAPI_KEY=aB3dE5fG7hI9\n"))
	for _, text := range []string{
		"connecting to contoso.postgres.database.azure.com:5432 as app", "postgresql://app:***@contoso.postgres.database.azure.com:5432/orders",
		"tenant 00000000-7a43-4c0e-9a3d-0c9f6f1b7e11", "orders", "PORT=8080", "LOG_LEVEL=debug", `"n":1`,
	} {
		if found := e.String(text, "x", Log); len(found) > 0 {
			t.Errorf("String(%q) found %+v", text, found)
		}
		if name, ok := e.HoldsKnown(text); ok {
			t.Errorf("HoldsKnown(%q) = %q", text, name)
		}
	}
	if found := e.String("API_KEY is aB3dE5fG7hI9", "x", Log); len(found) != 1 || found[0].Known != "env" {
		t.Errorf("the secret line of an environment file: found %+v", found)
	}
	// A client ID is no secret, but it stands in one: it is told, not shouted.
	for _, f := range e.String("client 6f1c3a52-7a43-4c0e-9a3d-0c9f6f1b7e11", "x", Log) {
		if f.Severity != Medium {
			t.Errorf("client ID: found %+v, want severity %s", f, Medium)
		}
	}
}

func TestPiecesOfLongSecretsAreFound(t *testing.T) {
	t.Parallel()
	value := expand("{60a}")
	connection := "AccountName=contoso;AccountKey=" + expand("{86b}==") + ";EndpointSuffix=core.windows.net"
	key := connection[31 : 31+88]
	e := testEngine(t, known("long", value), known("account", connection))
	for text, want := range map[string]string{
		"truncated " + value[:40] + "...":              "long",
		"..." + value[20:]:                             "long",
		"wrapped " + value[:33] + "\n" + value[33:]:    "long",
		"cut " + key[:50]:                              "account",
		"wrapped at 80: " + key[:64] + "\n" + key[64:]: "account",
	} {
		found := e.String(text, "x", Log)
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Known == want && f.Rule == ruleKnownPiece }) {
			t.Errorf("String(%q) found %+v, want a piece of %q", text, found, want)
		}
	}
	for _, text := range []string{"DefaultEndpointsProtocol", "AccountName=contoso", "core.windows.net", value[8:20]} {
		if found := e.String(text, "x", Log); len(found) > 0 {
			t.Errorf("String(%q) found %+v", text, found)
		}
	}
}

// TestTheRestOfWrappedBase64IsNotFound: it is base64 of "5432}" here.
func TestTheRestOfWrappedBase64IsNotFound(t *testing.T) {
	t.Parallel()
	value := `{"user":"app","password":"` + expand("{19a}") + `","port":5432}`
	e := testEngine(t, known("json", value))
	whole := base64.StdEncoding.EncodeToString([]byte(value))
	for _, columns := range []int{64, 76} {
		if found := e.String(whole[columns:], "x", Log); len(found) > 0 {
			t.Errorf("%q alone: found %+v", whole[columns:], found)
		}
		if found := e.String(whole[:columns]+"\n"+whole[columns:], "x", Log); len(found) == 0 {
			t.Errorf("wrapped at %d: found nothing", columns)
		}
	}
}

// TestPiecesOfEveryAlphabet: a value that was cut to two thirds, or wrapped there, is
// found whatever it is made of; most of all base64, with its slashes.
func TestPiecesOfEveryAlphabet(t *testing.T) {
	t.Parallel()
	const each = 100
	for name, c := range map[string]struct {
		alphabet string
		missed   int // at most, of 200; twice as many of short ones
	}{
		"base64": {alphabets['b'], 8}, "letters and digits": {alphabets['a'], 8}, "hex": {alphabets['h'], 8},
		"password": {alphabets['a'] + "!#$%&*+=", 8}, "base32": {alphabets['s'], 30},
	} {
		for _, size := range []int{18, 20, 24, 31, 32, 44, 88} {
			r := rand.New(rand.NewPCG(5, uint64(size)))
			var secrets []Known
			for i := range each {
				secrets = append(secrets, known(fmt.Sprint(i), randomText(r, c.alphabet, size)))
			}
			e, cut := testEngine(t, secrets...), size*2/3
			missed := 0
			for _, s := range secrets {
				value := s.Value.Reveal()
				for _, text := range []string{value[:cut] + "...", "..." + value[size-cut:]} {
					if name, ok := e.HoldsKnown(text); !ok || name != s.Name {
						missed++
					}
				}
			}
			if size < 24 {
				c.missed *= 2
			}
			if missed > c.missed {
				t.Errorf("%s of %d characters: %d of %d pieces missed", name, size, missed, 2*each)
			}
		}
	}
}

func TestPiecesOfWordsAreNotFound(t *testing.T) {
	t.Parallel()
	for value, text := range map[string]string{
		"contoso-orders-database-2026-primary": "database-2026-primary is up", "ServiceBusConnectionString": "a ServiceBusConnector",
		"/home/vsts/work/1/s/src/Orders/Api/V2": "in /home/vsts/work/2 and /src/Orders/Api/V2", "Win32-X64-Node20-agent-pool": "Win32-X64-Node20-ltsc",
		"orders.internal.contoso.com:5432": "billing.internal.contoso.com:5432", "Aes256CbcHmacSha512KeyManager": "Aes256CbcHmacSha512Signer",
		"team-platform@contoso-dev.example": "team-platform@contoso-x",
	} {
		e := testEngine(t, known("words", value))
		if found := e.String(text, "x", Log); len(found) > 0 {
			t.Errorf("%q is known: String(%q) found %+v", value, text, found)
		}
		if found := e.String("is "+value, "x", Log); len(found) != 1 {
			t.Errorf("%q is known: found %+v in its own text", value, found)
		}
	}
}

func TestLinesOfPEMAreFoundButNotItsCertificate(t *testing.T) {
	t.Parallel()
	private, public := expand("{64b}"), expand("{63b}x")
	value := beginKeyText() + private + "\n" + expand("{60b}") + "\n" + strings.ReplaceAll(endKey, "¦", "") +
		"\n-----BEGIN CERTIFICATE-----\n" + public + "\n-----END CERTIFICATE-----\n"
	e := testEngine(t, known("cert", value))
	if found := e.String("x "+private, "x", Log); len(found) != 1 || found[0].Known != "cert" {
		t.Errorf("line of the key: found %+v", found)
	}
	if found := e.String(stamp+public, "x", Log); len(found) != 0 {
		t.Errorf("line of the certificate: found %+v", found)
	}
}

func beginKeyText() string { return strings.ReplaceAll(beginKey, "¦", "") + "\n" }

func TestShortSecretsAreWords(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("four", "ab1!"), known("six", "hunter"), known("common", "true"), known("one", "1"))
	for text, want := range map[string][]Severity{
		"x ab1! y": {Medium}, "password=hunter;": {Critical}, "hunters": nil, "xhunter": nil, "true 1 1": nil, "cab1!x": nil,
	} {
		var got []Severity
		for _, f := range e.String(text, "x", Log) {
			got = append(got, f.Severity)
		}
		if !slices.Equal(got, want) {
			t.Errorf("String(%q) has severities %v, want %v", text, got, want)
		}
	}
}

func TestKnownSecretsAreBetterThanRules(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("db", database), known("password", "pa/ss@w0rd!"))
	found := e.String("DATABASE_URL="+database, "x", Log)
	var names []string
	for _, f := range found {
		names = append(names, f.Known)
	}
	slices.Sort(names)
	if want := []string{"db", "password"}; !slices.Equal(names, want) {
		t.Errorf("found %v, want both known secrets and no rule: %+v", names, found)
	}
	if found[0].Kind != DatabaseLogin {
		t.Errorf("kind = %s, want %s: the rules know what a known secret is", found[0].Kind, DatabaseLogin)
	}
}

func TestHugeSecretsAreFound(t *testing.T) {
	t.Parallel()
	value := expand("{25000a}")
	e := testEngine(t, known("huge", value))
	if found := e.String("x"+value[:1000], "x", Log); len(found) == 0 || found[0].Known != "huge" {
		t.Errorf("found %+v", found)
	}
}

func TestKnownSecretsAreFoundInBinaries(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("plain", plain))
	for name, text := range map[string]Text{"zero byte": Config, "declared": Binary} {
		content := "\x00\x01" + plain + "\x00" + expand("gh¦p_{36a}")
		if found := e.String(content, "x", text); len(found) != 1 || found[0].Known != "plain" {
			t.Errorf("%s: found %+v, want the known secret only", name, found)
		}
	}
	// A log with a zero byte is a log.
	if found := e.String("\x00 "+expand("gh¦p_{36a}"), "x", Log); len(found) != 1 {
		t.Errorf("a log: found %+v", found)
	}
}

// TestKnownSecretsAreFoundInUTF16: with a mark, the text is decoded, and all forms are
// found; without one, the values and their parts are.
func TestKnownSecretsAreFoundInUTF16(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("plain", plain), known("database", database))
	escaped := url.QueryEscape(plain)
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		encode := func(text string) string {
			var raw []byte
			for _, unit := range utf16.Encode([]rune(text)) {
				raw = order.AppendUint16(raw, unit)
			}
			return string(raw)
		}
		for text, want := range map[string]string{
			"\x01\x02" + encode("conn="+plain+"\r\n"):      "plain",
			"\x01\x02\x03" + encode("é "+plain+";"):        "plain",
			"MZ\x00" + encode("password is pa/ss@w0rd!."):  "database",
			"MZ\x00" + encode("url ") + encode(database):   "database",
			encode("\ufeffk=" + escaped + "\r\n"):          "plain",
			encode("\ufeff😀" + escaped):                    "plain",
			encode("\ufeff")[:2] + plain:                   "plain",
			encode("\ufeff")[:2] + "\x00\xdc\xdc " + plain: "plain",
		} {
			for kind, as := range map[string]Text{"Binary": Binary, "Config": Config} {
				if as == Config && strings.HasPrefix(text, encode("\ufeff")) && strings.Contains(text, plain) {
					continue // a mark is believed there
				}
				found := e.String(text, "x", as)
				if !slices.ContainsFunc(found, func(f Finding) bool { return f.Known == want && f.Rule == ruleKnown }) {
					t.Errorf("%s endian, String(%q, %s) found %+v, want %q", name, text, kind, found, want)
				}
			}
		}
	}
}

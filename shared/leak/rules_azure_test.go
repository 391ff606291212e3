package leak

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// microsoft are the patterns that our shapes were made of; see NOTICE.md.
func microsoft(t testing.TB) map[string]*regexp.Regexp {
	t.Helper()
	text, err := os.ReadFile("testdata/security-utilities.json")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []struct{ ID, Name, Pattern string }
	if err := json.Unmarshal(text, &patterns); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]*regexp.Regexp)
	for _, p := range patterns {
		out[p.Name] = regexp.MustCompile(p.Pattern)
	}
	return out
}

// notOurs are patterns without a rule here: a test's token, and shapes that every
// hash and checksum has.
var notOurs = map[string]bool{
	"SecretScanningSampleToken": true, "Unclassified32ByteBase64String": true, "Unclassified64ByteBase64String": true,
	"AadClientAppLegacyCredentials": true, "Unclassified16ByteHexadecimalString": true,
}

// TestOurShapesAreMicrosofts holds our hand-written rules against the patterns they
// were written from: all that a pattern finds in the texts of the tests, we find; and
// every pattern finds something.
func TestOurShapesAreMicrosofts(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, templates := range finds {
		for _, template := range templates {
			texts = append(texts, expand(template))
		}
	}
	for name, re := range microsoft(t) {
		if notOurs[name] {
			continue
		}
		// A text of its own: most are one of many providers'.
		if strings.Contains(name, "CommonAnnotatedSecurityKey") && !strings.HasPrefix(name, "Unclassified") {
			signature := regexp.MustCompile(`\{12\}([A-Za-z]{8})`).FindStringSubmatch(re.String())
			if signature == nil {
				t.Fatalf("%s: no signature in %s", name, re)
			}
			texts = append(texts, expand("{52a}JQQJ¦99BA{12a}"+signature[1]+"{4a}"))
		}
	}
	e := testEngine(t)
	used := make(map[string]int)
	for _, text := range texts {
		secrets := e.String(text, "x", Log)
		for name, re := range microsoft(t) {
			if notOurs[name] {
				continue
			}
			for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
				used[name]++
				from, to := m[0], m[1]
				if i := re.SubexpIndex("refine"); i > 0 {
					from, to = m[2*i], m[2*i+1]
				}
				if !covers(secrets, text[from:to]) {
					t.Errorf("%s finds %q in %q; we find %v", name, text[from:to], text, ids(secrets))
				}
			}
		}
	}
	for name := range microsoft(t) {
		if used[name] == 0 && !notOurs[name] {
			t.Errorf("%s finds nothing in our tests", name)
		}
	}
}

// covers reports whether one of the findings is, or is in, what a pattern found: it
// may have the user of a URL with the password.
func covers(found []Finding, text string) bool {
	for _, f := range found {
		if value := f.Secret.Reveal(); strings.Contains(text, value) || strings.Contains(value, text) {
			return true
		}
	}
	return false
}

// oldPAT makes a token with its checksum of 32 bytes.
func oldPAT(seed string) string {
	token := []byte(seed)
	rest := slices.Concat(token[:2], token[3:7], token[9:22], token[23:])
	var sum [4]byte
	binary.LittleEndian.PutUint32(sum[:], crc32.ChecksumIEEE(rest)^0xE0B9692D)
	token[22], token[8], token[7], token[2] = sum[0], sum[1], sum[2], sum[3]
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(token))
}

func TestOldPATsAreCertainByTheirChecksum(t *testing.T) {
	t.Parallel()
	valid := oldPAT(expand("{32b}"))
	e := testEngine(t)
	for value, want := range map[string]Severity{valid: Critical, valid[1:] + "a": High} {
		found := e.String("pat: "+value, "x", Log)
		if len(found) != 1 || found[0].Severity != want || found[0].Kind != AzureDevOpsPAT {
			t.Errorf("String(%q) = %v, want one finding of severity %s", value, found, want)
		}
	}
}

func TestKindsSayWhatToRotate(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for template, want := range map[string]Kind{
		"postgres://a:{9a}@h/x": DatabaseLogin,
		"mssql://a:{9a}@h/x":    SQLPassword,
		"rediss://:{9a}@h:6380": RedisKey,
		"amqps://a:{9a}@h/x":    BrokerLogin,
		"https://a:{9a}@h/x":    BasicLogin,
		"AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={86b}==;":   CosmosKey,
		"AccountName=x;AccountKey={86b}==;":                                        StorageKey,
		"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKey={43b}=":           MessagingKey,
		"HostName=x.azure-devices.net;SharedAccessKey={43b}=":                      IoTKey,
		"x:6380,password={43b}=,ssl=True":                                          RedisKey,
		"Server=x;Database=y;User Id=a;Password={9a}":                              SQLPassword,
		"Host=x;Database=y;Username=a;Password={9a};SSLMode=Require":               DatabaseLogin,
		"jdbc:sqlserver://h;user=a;password={9a}":                                  DatabaseLogin,
		"host=x dbname=y password={9a}":                                            DatabaseLogin,
		"{52a}JQQJ¦99BA{12a}AAAAAZDO{4a}":                                          AzureDevOpsPAT,
		`{"auths":{"x":{"auth":"YnVpbGQ6UzNjcjN0LTl4"}}}`:                          RegistryKey,
		"https://x.blob.core.windows.net/c?sv=2024-11-04&se=2026-12-31&sig={43b}=": SASToken,
	} {
		text := expand(template)
		found := e.String(text, "x", Log)
		if len(found) != 1 || found[0].Kind != want {
			t.Errorf("String(%q) = %+v, want one finding of kind %s", text, found, want)
		}
	}
}

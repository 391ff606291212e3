package masking_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/mask"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
)

// nasty has something to escape for every encoder.
const nasty = `p@s's "w0rd"/+=&<%41>(x)` + "`$x\\!é"

const (
	pgURL  = "postgresql://app:s3cr%40t%2Fx@db.contoso.com:5432/orders?sslmode=require"
	adoNet = "Server=tcp:db.contoso.com,1433;Database=orders;User ID=app;Password='s3cr;t''x';Encrypt=True"
	amqps  = "amqps://Root:aB3%2Bc%3Dx9@ns.servicebus.windows.net"
	redis  = "cache.contoso.net:6380,password=k3y+/one==,ssl=True"
	libpq  = `host=db.contoso.com port=5432 dbname=orders user=app password='s3cr\'t x'`
	jdbc   = "jdbc:sqlserver://db.contoso.com:1433;databaseName=orders;user=app;password={s3cr;t}"
	blob   = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=aB3+/one/two==;EndpointSuffix=core.windows.net"
	object = `{"host":"db.contoso.com","user":"app","password":"s3cr\"t","pin":12345678901234567890,"list":["f1rst","s3cond"]}`
	key    = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\n-----END PRIVATE KEY-----\n"
	dotenv = "DB_HOST=db.contoso.com\nexport API_TOKEN=\"t0ken%3Bx]y%0Az\"\nOTHER_KEY='k3y-1' # mine\n"
	long   = "correct Horse/battery+staple-9876543210 correct Horse/battery+staple-9876543210"
)

// row is one form in which a secret turns up in a log.
type row struct {
	secret string
	line   string // what a program prints
	shown  string // what must not be seen of it
	safe   bool   // the agent hides it by itself: this is a check of its model
}

func rows() map[string]row {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return map[string]row{
		"exact":                    {nasty, nasty, nasty, true},
		"JSON, JavaScript":         {`a"b\c-1`, `"a\"b\\c-1"`, `b\\c-1`, true},
		"URI, upper case":          {"a/b c-1", "a%2Fb%20c-1", "b%20c", true},
		"URL with a user":          {pgURL, "x postgresql://app:s3cr%40t%2Fx@other/db", "s3cr", true},
		"URL with an empty user":   {"rediss://:k3y-one=@h.net:6380", "rediss://:k3y-one=@other", "k3y-one", false},
		"URL with a raw slash":     {"postgres://app:s3cr/t-1@h/db", "postgres://app:s3cr/t-1@other", "s3cr/t-1", false},
		"password of a URL":        {pgURL, "password is s3cr@t/x", "s3cr@t/x", false},
		"password, encoded":        {pgURL, "password is s3cr%40t%2Fx", "s3cr%40t", false},
		"password, ADO.NET":        {adoNet, "password is s3cr;t'x", "s3cr;t", false},
		"ADO.NET, keys reordered":  {adoNet, "Password='s3cr;t''x';Server=db", "s3cr;t", false},
		"password, AMQP":           {amqps, "key aB3+c=x9", "aB3+c=x9", false},
		"password, redis":          {redis, "AUTH k3y+/one==", "k3y+/one", false},
		"password, libpq":          {libpq, "PGPASSWORD=s3cr't x", "s3cr't x", false},
		"libpq, keys reordered":    {libpq, `password='s3cr\'t x' host=h`, `s3cr\'t x`, false},
		"password, JDBC":           {jdbc, "pw s3cr;t", "s3cr;t", false},
		"storage key":              {blob, "key aB3+/one/two==", "aB3+/one/two==", false},
		"storage key, hex":         {blob, hex.EncodeToString([]byte("aB3+/one/two==")), hex.EncodeToString([]byte("aB3+/one/two==")), false},
		"field of a document":      {object, "password=s3cr\"t", "s3cr\"t", false},
		"field, as it is written":  {object, `{"password":"s3cr\"t"}`, `s3cr\"t`, false},
		"item of a document":       {object, "s3cond is", "s3cond", false},
		"number of a document":     {object, "pin 12345678901234567890!", "12345678901234567890", false},
		"line of a key":            {key, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "MIIEvQ", false},
		"body of a key":            {key, "k=MIIEvQIBADANBgkqhkiG9w0BAQEFAASCMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S;", "FAASCMzE", false},
		"lines of a key, escaped":  {key, `MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S`, "MIIEvQ", false},
		"key, base64":              {key, b64(key), b64(key)[:40], false},
		"literal %3B in a line":    {dotenv, "token t0ken%3Bx]y%0Az", "t0ken%3B", false},
		"environment file":         {dotenv, "OTHER_KEY=k3y-1", "k3y-1", false},
		"password, half encoded":   {"amqp://app:s%65cr-t1@h", "key s%65cr-t1", "s%65cr", false},
		"quoted lines":             {"\"abc-1234\"\n'def-5678'", "def-5678", "def-5678", false},
		"line end trimmed":         {"hunter-2\n", "<hunter-2>", "hunter-2", false},
		"white space trimmed":      {"  hunter-2 ", "<hunter-2>", "hunter-2", false},
		"double quotes stripped":   {`"hunter-2"`, "<hunter-2>", "hunter-2", false},
		"single quotes stripped":   {"'hunter-2'", "<hunter-2>", "hunter-2", false},
		"backquotes stripped":      {"`hunter-2`", "<hunter-2>", "hunter-2", false},
		"base64":                   {long, b64(long), b64(long)[4:20], false},
		"base64 after one byte":    {long, b64("x" + long), b64("x" + long)[4:20], false},
		"base64 after two bytes":   {long, b64("xy" + long), b64("xy" + long)[4:20], false},
		"base64, URL":              {nasty, base64.URLEncoding.EncodeToString([]byte(nasty)), base64.URLEncoding.EncodeToString([]byte(nasty))[2:20], false},
		"Basic header":             {pgURL, "Basic " + b64("app:s3cr@t/x"), b64("app:s3cr@t/x")[6:14], false},
		"base64, 76 columns":       {long, b64(long)[:76], b64(long)[4:20], false},
		"base64, 64 columns":       {long, b64(long)[64:], b64(long)[70:80], false},
		"UTF-16LE base64":          {long, b64(utf16le("echo " + long)), b64(utf16le("echo " + long))[20:40], false},
		"hex":                      {long, hex.EncodeToString([]byte(long)), "636f7272", false},
		"hex, upper case":          {nasty, strings.ToUpper(hex.EncodeToString([]byte(nasty))), "7040", false},
		"URI, lower case":          {"a/b+c-1", "a%2fb%2bc-1", "b%2bc", false},
		"form":                     {nasty, url.QueryEscape(nasty), "w0rd", false},
		"encodeURIComponent":       {"it's (a/b)!", "it's%20(a%2Fb)!", "(a%2Fb)", false},
		"Go PathEscape":            {nasty, url.PathEscape(nasty), "w0rd", false},
		"double-encoded":           {"a/b c-1", "a%252Fb%2520c-1", "252Fb", false},
		"JSON, Go":                 {nasty, asJSON(nasty), "w0rd", false},
		"JSON, .NET":               {`a"b+c-1`, `a\u0022b\u002Bc-1`, "b\\u002Bc", false},
		"JSON, twice":              {`a"b\c-1`, asJSON(asJSON(`a"b\c-1`)), "c-1", false},
		"JSON, Python":             {"é-secret-1", `\u00e9-secret-1`, "secret-1", false},
		"bash":                     {"it's s3cret", `'it'\''s s3cret'`, "s3cret", false},
		"YAML, SQL, PowerShell":    {"it's s3cret", "'it''s s3cret'", "s3cret", false},
		"backslashes":              {"a$b c-1", `a\$b\ c-1`, `b\ c-1`, false},
		"XML":                      {"a<b&c-1", "a&lt;b&amp;c-1", "b&amp;c", false},
		"HTML":                     {nasty, html.EscapeString(nasty), "w0rd", false},
		"upper case":               {"CorrectHorse9", "CORRECTHORSE9", "CORRECT", false},
		"lower case":               {"CorrectHorse9", "correcthorse9", "correct", false},
		"line with a hash":         {"first-1\n#hunter-2", "#hunter-2", "hunter-2", false},
		"commented out":            {"A_KEY=k-12\n# B_KEY=hunter-2", "b is hunter-2", "hunter-2", false},
		"identity in a document":   {`{"id":"hunter-2","host":"h"}`, "id hunter-2", "hunter-2", false},
		"password of redis alone":  {"rediss://hunter-2@h.net:6380", "AUTH hunter-2", "hunter-2", false},
		"key of docker":            {`{"auths":{"r.net":{"auth":"YXBwOmh1bnRlci0y"}}}`, "login with hunter-2", "hunter-2", false},
		"password of netrc":        {"machine h.net login app password hunter-2", "PASS hunter-2", "hunter-2", false},
		"password of .pgpass":      {"h.net:5432:db:app:hunter-2", "PGPASSWORD=hunter-2", "hunter-2", false},
		"publish profile":          {`<p userName="$app" userPWD="hunter&amp;2"/>`, "pw hunter&2", "hunter&2", false},
		"appsettings with remarks": {"{ // a\n\"Db\": {\"Url\": \"amqp://u:hunter-2@h\"},\n}", "key hunter-2", "hunter-2", false},
		"key in one line":          {strings.ReplaceAll(key, "\n", " "), "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S", "MzEfYy", false},
		"SAS of a storage account": {"BlobEndpoint=https://a.net/;SharedAccessSignature=sv=2024&sig=aB%2Fc%3Dd-1", "sig=aB/c=d-1", "aB/c=d-1", false},
	}
}

// TestMaskingTable shows for each form that the agent prints it when the secret is a
// secret variable only, and hides it with the registrations of Decide.
func TestMaskingTable(t *testing.T) {
	t.Parallel()
	for name, tc := range rows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tc.line, tc.shown) {
				t.Fatalf("the row is wrong: %q does not hold %q", tc.line, tc.shown)
			}
			var alone mask.Masker
			alone.Add(tc.secret) // ##vso[task.setvariable ...;issecret=true]
			if got := alone.Mask(tc.line); strings.Contains(got, tc.shown) == tc.safe {
				t.Errorf("the agent alone masks %q as %q; does it hide %q? want %v", tc.line, got, tc.shown, tc.safe)
			}
			plan := masking.Decide([]masking.Value{{"s", tc.secret}}, nil, masking.Limits{Most: 400})
			if got := agent(t, plan.Register).Mask(tc.line); strings.Contains(got, tc.shown) {
				t.Errorf("with the registrations of Decide(%q) the agent masks %q as %q, which shows %q; registered: %q",
					tc.secret, tc.line, got, tc.shown, plan.Register)
			}
		})
	}
}

// TestBeyondMasks has what no list of literals can hide; the scan at the end of the job
// finds it.
func TestBeyondMasks(t *testing.T) {
	t.Parallel()
	const random = "q8Zt+3LxV0wN6sYbR1m/Kc9HdPf2GjTe7UaXoi4Qu5BnJvWyEr+lMkSzDhCgFpA0ZqX"
	engine, err := leak.New(leak.Options{
		Known: []leak.Known{{Name: "s", Value: inputs.NewSecret(random)}}, Key: []byte("key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"truncated":      random[:30],
		"wrapped":        random[:30] + "\n" + random[30:],
		"colours inside": random[:30] + "\x1b[0m" + random[30:],
	} {
		plan := masking.Decide([]masking.Value{{"s", random}}, nil, masking.Limits{Most: 400})
		if got := agent(t, plan.Register).Mask(line); got != line {
			t.Errorf("%s: Mask(%q) = %q: it can be hidden after all; move it to the table", name, line, got)
		}
		found, err := engine.Scan(t.Context(), strings.NewReader(line), "log", leak.Log)
		if err != nil || len(found) == 0 || found[0].Known != "s" {
			t.Errorf("%s: Scan(%q) = %v, %v, want the secret s", name, line, found, err)
		}
	}
}

// agent is the agent's masker after the task has written the registrations.
func agent(t testing.TB, register []string) *mask.Masker {
	t.Helper()
	var out bytes.Buffer
	log := pipeline.New(&out, nil)
	for _, form := range register {
		log.SetSecret(form)
	}
	m := &mask.Masker{}
	written := 0
	for line := range strings.Lines(out.String()) {
		c, ok := command.Parse(strings.TrimSuffix(line, "\n"), true)
		if !ok {
			t.Fatalf("SetSecret wrote %q, which is no command", line)
		}
		m.Add(c.Data)
		written++
	}
	if written != len(register) || !slices.Equal(m.Values(), register) {
		t.Errorf("SetSecret of %d registrations wrote %d commands, the agent has %q, want %q",
			len(register), written, m.Values(), register)
	}
	return m
}

func asJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func utf16le(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(unit))
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

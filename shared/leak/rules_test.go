package leak

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The credentials in these tests are none: {36a} stands for 36 random letters and
// digits, and so on, and ¦ for nothing, so that no literal looks like one.
var alphabets = map[byte]string{
	'a': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	'b': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
	'w': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
	'h': "0123456789abcdef",
	's': "abcdefghijklmnopqrstuvwxyz234567",
	'u': "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
	'd': "123456789",
	'l': "abcdefghijklmnopqrstuvwxyz",
}

// expand makes the text of a test of its template; the same always.
func expand(template string) string {
	seed := fnv.New64a()
	seed.Write([]byte(template))
	r := rand.New(rand.NewPCG(seed.Sum64(), 7))
	var b strings.Builder
	for rest := strings.ReplaceAll(template, "¦", ""); ; {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		spec, tail, closed := strings.Cut(after, "}")
		n, err := strconv.Atoi(spec[:max(0, len(spec)-1)])
		if !closed || err != nil {
			b.WriteByte('{')
			rest = after
			continue
		}
		b.WriteString(randomText(r, alphabets[spec[len(spec)-1]], n))
		rest = tail
	}
}

const (
	jwtHeader = "eyJ¦hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" // {"alg":"HS256","typ":"JWT"}
	stamp     = "2026-11-22T10:00:00.1234567Z "
	// A PEM block's label is cut in two, too.
	beginKey, endKey = "-----BEGIN PRIVATE¦ KEY-----", "-----END PRIVATE¦ KEY-----"
)

// finds are texts in which a rule must find something. The first of each is found by
// no other rule.
var finds = map[string][]string{
	"azure-devops-pat":            {"pat {52a}JQQJ¦99AF{12a}AAAAAZDO{4a}", `"{52a}JQQJ¦99AF{12a}AAAAAZDO{4a}"`},
	"azure-ai-key":                {"{52a}JQQJ¦99BA{12a}AAABACOG{4a}", "{52a}JQQJ¦99BA{12a}AAAoACOG{4a}", "{52a}JQQJ¦99BA{12a}AAAAACOG{4a}{2a}=="},
	"azure-app-configuration-key": {"{52a}JQQJ¦99BA{12a}AAAAAZAC{4a}"},
	"azure-event-grid-key":        {"{52a}JQQJ¦99BA{12a}AAAAAZEG{4a}", "{33b}AZ¦EGA{5b}="},
	"azure-maps-key":              {"{52a}JQQJ¦99BA{12a}AAAAAZMP{4a}"},
	"azure-communication-key":     {"{52a}JQQJ¦99BA{12a}AAAAAZCS{4a}"},
	"azure-annotated-key":         {"{52a}JQQJ¦99BA{12a}AAAAmsql{4a}", "{52a}JQQJ¦9DBA{12a}AAAAzzzz{4a}", "{52a}JQQJ¦99BA{12a}AAAAAZFR{4a}"},
	"azure-entra-client-secret":   {"{3a}8Q¦~{34a}", "secret is {3a}7Q¦~{31a}."},
	"azure-function-key":          {"{44w}Az¦Fu{5w}Q=="},
	"azure-search-key":            {"{42a}Az¦SeB{5a}"},
	"azure-relay-key":             {"{33b}+A¦RmC{5b}="},
	"azure-event-hub-key":         {"{33b}+A¦EhC{5b}="},
	"azure-service-bus-key":       {"{33b}+A¦SbC{5b}="},
	"azure-iot-key":               {"{33b}AI¦oTC{5b}="},
	"azure-storage-key":           {"{76b}+A¦St{5b}A==", "key={76b}+A¦St{5b}w==;EndpointSuffix=core.windows.net"},
	"azure-cosmos-key":            {"{76b}AC¦Db{5b}g=="},
	"azure-batch-key":             {"{76b}+A¦Ba{5b}Q=="},
	"azure-ml-key":                {"{76b}+A¦MC{5b}Q=="},
	"azure-apim-key":              {"{76b}AP¦IM{5b}Q=="},
	"azure-redis-key":             {"{33b}Az¦CaC{5b}="},
	"azure-registry-key":          {"{42b}+A¦CRC{5b}"},
	"databricks-token":            {"da¦pi{32h}", "da¦pi{32h}-2"},
	"azure-account-key": {
		"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={86b}==;EndpointSuffix=core.windows.net",
		"AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={86b}==;",
		`{"AccountKey": "{86b}=="}`, "accountkey={40b}",
	},
	"azure-shared-access-key": {
		"SharedAccessKeyName=Root;SharedAccessKey={43l}=",
		"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={43b}=",
		"HostName=x.azure-devices.net;DeviceId=d;SharedAccessKey={43b}=",
	},
	"azure-host-key":          {"POST https://x.documents.azure.com/ with {86b}==", "sb://x.servicebus.windows.net/ key {43b}="},
	"azure-app-configuration": {"Endpoint=https://x.azconfig.io;Id=ab-l0-s0:{20a};Secret={43l}="},
	"azure-sas": {
		"https://x.blob.core.windows.net/c/f?sv=2024-11-04&se=2026-12-31&sr=b&sp=r&sig={43a}%3D",
		"SharedAccessSignature sr=x&sig={20a}%2F{11a}%2B{10a}%3d&se=1", "?sv=1&sig={43b}=",
		`"?sv=1\u0026sig={43b}="`,
	},
	"azure-function-code":  {"https://x.azurewebsites.net/api/f?code={54b}==", "curl https://x/api?a=1&code={54a}%3D%3D"},
	"pfx":                  {"MIIKAgIBAzCC{400b}"},
	"azure-devops-pat-old": {"{52s}", "Token: {52s} ok", "https://build:{52s}@dev.azure.com/o/p/_git/r", `line\n{52s}\n`},
	"nuget-key":            {"oy2{43s}", "dotnet nuget push -k oy2{43s}"},

	"github-token":         {"gh¦p_{36a}", "gh¦s_{36a}", "github¦_pat_{22a}_{59a}", "https://gh¦o_{36a}@github.com/o/r", "%3Dgh¦p_{36a}"},
	"gitlab-token":         {"gl¦pat-{20w}", "gl¦ptt-{40h}"},
	"atlassian-token":      {"AT¦ATT3{180w}={8u}", "AT¦BB{28a}"},
	"npm-token":            {"np¦m_{36a}"},
	"pypi-token":           {"py¦pi-AgEIcHlwaS5vcmc{80w}"},
	"rubygems-key":         {"rubygems¦_{48h}"},
	"crates-token":         {"ci¦o{32a}"},
	"docker-token":         {"dckr¦_pat_{27w}"},
	"artifactory-token":    {"AK¦Cp{69a}"},
	"sonar-token":          {"sq¦p_{40h}"},
	"postman-key":          {"PM¦AK-{24h}-{34h}"},
	"aws-secret-key":       {"AWS_SECRET_ACCESS_KEY={40l}", "AWS_SECRET_ACCESS_KEY={40b}", `"SecretAccessKey": "{40b}"`, "aws_secret_access_key = {40b}"},
	"aws-key-id":           {"AK¦IA{16u}"},
	"google-key":           {"AI¦zaSy{33w}", "GOC¦SPX-{28w}", "ya¦29.{120w}"},
	"digitalocean-token":   {"do¦p_v1_{64h}"},
	"alibaba-key-id":       {"LT¦AI5t{20a}7"},
	"heroku-key":           {"HR¦KU-{60w}"},
	"fly-token":            {"fm¦2_{200b}"},
	"vault-token":          {"hv¦s.{90w}"},
	"terraform-token":      {"{14a}.at¦lasv1.{67w}"},
	"pulumi-token":         {"pu¦l-{40h}"},
	"doppler-token":        {"dp¦.pt.{43a}"},
	"1password-token":      {"op¦s_eyJ{300b}"},
	"planetscale-password": {"ps¦cale_pw_{43w}"},
	"supabase-key":         {"sb¦p_{40h}"},
	"dynatrace-token":      {"dt¦0c01.{24u}.{64u}"},
	"newrelic-key":         {"NR¦AK-{27a}"},
	"grafana-token":        {"gl¦sa_{32a}_{8h}"},
	"sentry-token":         {"sn¦trys_eyJ{100a}"},
	"buildkite-token":      {"bk¦ua_{40h}"},
	"circleci-token":       {"CC¦IPAT_{22a}_{40h}"},
	"slack-token":          {"xo¦xb-{12d}-{12d}-{24a}"},
	"slack-webhook":        {"https://hooks.slack¦.com/services/T{8u}/B{8u}/{24a}"},
	"teams-webhook":        {"https://x.webhook.office.com/webhookb2/{8h}@{8h}/Incoming¦Webhook/{32h}/{8h}-{4h}-{4h}-{4h}-{12h}"},
	"discord-webhook":      {"https://discord¦.com/api/webhooks/{18d}/{68w}"},
	"telegram-token":       {"{10d}:A¦A{33w}"},
	"stripe-key":           {"sk¦_live_{24a}"},
	"stripe-test-key":      {"sk¦_test_{24a}"},
	"square-token":         {"sq¦0atp-{22w}"},
	"shopify-token":        {"sh¦pat_{32h}"},
	"sendgrid-key":         {"S¦G.{22w}.{43w}"},
	"brevo-key":            {"xk¦eysib-{64h}-{16a}"},
	"openai-key":           {"sk¦-proj-{60w}", "sk¦-{20a}T3¦BlbkFJ{20a}"},
	"anthropic-key":        {"sk¦-ant-api03-{93w}"},
	"huggingface-token":    {"h¦f_{34a}"},
	"linear-key":           {"lin¦_api_{40a}"},
	"notion-token":         {"nt¦n_{46a}"},
	"figma-token":          {"fi¦gd_{40w}"},
	"age-key":              {"AGE-¦SECRET-KEY-1{58u}"},

	"private-key": {
		beginKey + "\n{64b}\n{64b}\n" + endKey,
		stamp + beginKey + "\n" + stamp + "{64b}\n" + stamp + "{64b}\n" + stamp + endKey,
		`"` + beginKey + `\n{64b}\n{64b}\n` + endKey + `\n"`,
		"KEY=" + beginKey + " {64b} {64b} " + endKey,
		"-----BEGIN RSA PRIVATE¦ KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,{32h}\r\n\r\n{64b}\r\n{64b}\r\n",
		"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-¦Lines: 1\n{64b}\nPrivate-MAC: {64h}",
		`key: "` + beginKey + "\n  {64b}\n  {20b}\n",
	},
	"private-key-base64": {"tls.key: LS0tLS1¦CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk{400b}"},
	"docker-auth":        {`{"auths":{"x.azurecr.io":{"auth":"YnVpbGQ6UzNjcjN0LTl4"}}}`, `{\"auth\": \"YnVpbGQ6UzNjcjN0LTl4\"}`},
	"npm-auth":           {"//registry.x.io/:_authToken={24a}", "//x/:_password={20b}", "_auth={20b}"},
	"basic-header":       {"Authorization: Basic YnVpbGQ6UzNjcjN0LTl4", "http.extraheader=AUTHORIZATION: basic OnMzY3IzdC05eC1wYXQ="},
	"jwt":                {jwtHeader + ".{80w}.{43w}", `"` + jwtHeader + `.eyJzdWIiOiIxIn0{40w}.{86w}"`},
	"bearer-header":      {"Authorization: Bearer {40a}7x9", "authorization: bearer {10a}4.{30w}2"},
	"url-password": {
		"DATABASE_URL=postgresql://app:{12a}@contoso.postgres.database.azure.com:5432/app?sslmode=require",
		"postgres://app:p4ss/w?rd#1@db:5432/app", "mysql://root:hunter2@10.0.0.1/x", "rediss://:{20a}%2B%3D@c.redis.cache.windows.net:6380",
		"mongodb+srv://u:{10a}@c0.mongodb.net/", "mongodb://u:{10a}@h1:27017,h2:27017/x", "amqps://u:{10a}@rabbit/vhost",
		"https://build:{51s}@dev.azure.com/o/p/_git/r", "postgresql+psycopg2://a:{8a}@h/db", `"redis://default:{16a}@h:6379/0"`,
		"jdbc:postgresql://a:{8a}@h/db", "https://x:{30l}@github.com/o/r.git", "url='postgres://u:it's-{8a}@h/x'",
	},
	"connection-string": {
		"Server=tcp:x.database.windows.net,1433;Initial Catalog=app;User ID=app;Password={12a};Encrypt=True",
		`Data Source=x;uid=sa;PWD='a;b{8a}'`, "Password={12l};Server=x;Database=y", "Driver={ODBC Driver 18};Server=x;Uid=a;Pwd={a;b}{8a}", "DSN='Driver={ODBC};Server=x;Uid=a;Pwd={a;b}}{8a}};Encrypt=yes'",
		"jdbc:sqlserver://x:1433;user=a;password={12a};encrypt=true", "jdbc:postgresql://h/db?user=a&password={12a}&ssl=true",
		"host=x port=5432 dbname=app user=app password={12l}", "x.redis.cache.windows.net:6380,password={43b}=,ssl=True",
		`"Server=x;User Id=a;Password={12l}"`, "Server=x;User Id=a;Password=correct horse {6l};", "Host=x;Username=a;Password={9a};SSL Mode=Require",
		`{"cs": "Server=x;Database=y;User Id=a;Password={12l};"}`,
	},
	"setvariable": {
		"##vso[task.setvariable variable=DB_PASSWORD;issecret=true]{10a}!7",
		"##vso[task.setvariable variable=x;issecret=true]{10a}!7",
	},
	"secure-string": {`ConvertTo-SecureString "{12l}" -AsPlainText -Force`, "ConvertTo-SecureString -String 'x{9a}' -AsPlainText -Force"},
	"command-login": {"curl -u build:{12l} https://x", "curl --user 'build:{12a}' https://x", "machine x.io login build password {12a}7", "machine x\n  login b\n  password {12a}7\n"},
	"generic-password": {
		"DB_PASSWORD={10a}7!", "password: {8a}42", `"adminPassword": "{8a}#1"`, "<password>{8a}#1</password>", "--password {8a}#1",
		`<add key="ClearTextPassword" value="{8a}#1" />`, `{"name":"DB_PASSWORD","value":"{8a}#1"}`, `PGPASSWORD='{8a}#1'`, `\"password\":\"{8a}#1\"`,
		"| ADMIN_PASSWORD | {8a}#1 | plain |", "│ db.password │ {8a}#1x7 │", "|`password`|`{8a}#1`|", "DB_PASSWORD   {8a}#1", stamp + "PGPASSWORD\t\t{8a}#1  secret\n",
	},
	"generic-secret": {
		"API_KEY={32h}", `"clientSecret": "{30a}7x8"`, "token: {20a}12", "--token {32h}", "?access_token={30a}12", "MY_SECRET = '{20b}34'",
		"| DEPLOY_TOKEN | {32h} | plain |", "| name | x |\n| CLIENT_SECRET | {30a}7x8 |\n", stamp + "API_KEY          {32h}\r\n",
	},
}

// rulesWithout returns all rules but one.
func rulesWithout(id string) *ruleSet {
	return newRuleSet(slices.DeleteFunc(slices.Clone(allRules().rules), func(r rule) bool { return r.ID == id }))
}

func testEngine(t testing.TB, known ...Known) *Engine {
	t.Helper()
	e, err := New(Options{Key: []byte("contoso"), Known: known})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	e.prints.rounds = 1 // the tests are not about how slow it is
	return e
}

func ids(found []Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Rule)
	}
	return out
}

func TestEveryRuleFindsItsSecrets(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for _, r := range Rules() {
		name := strings.TrimPrefix(r.ID, "leak/")
		if r.ID == ruleKnown || r.ID == ruleKnownPiece {
			continue // known_test.go
		}
		if len(finds[name]) == 0 {
			t.Errorf("%s has no test", r.ID)
		}
		for _, template := range finds[name] {
			text := expand(template)
			if got := ids(e.String(text, "x", Log)); !slices.Equal(got, []string{r.ID}) {
				t.Errorf("String(%q) found %v, want %s", text, got, r.ID)
			}
		}
	}
	if known := len(Rules()) - 2; len(finds) != known {
		t.Errorf("there are tests for %d rules, but %d rules", len(finds), known)
	}
}

func TestEveryRuleIsNeeded(t *testing.T) {
	t.Parallel()
	for name, templates := range finds {
		e := testEngine(t)
		e.rules = rulesWithout("leak/" + name)
		needed := false
		for _, template := range templates {
			needed = needed || len(e.String(expand(template), "x", Log)) == 0
		}
		if !needed {
			t.Errorf("without leak/%s the others find everything: it does not bite, or its tests do not show it", name)
		}
	}
}

func TestRulesAreDescribed(t *testing.T) {
	t.Parallel()
	had := map[string]bool{}
	for _, r := range Rules() {
		if !strings.HasPrefix(r.ID, "leak/") || had[r.ID] || r.Description == "" || !slices.Contains(kinds, r.Kind) ||
			!slices.Contains([]Severity{Critical, High, Medium, Low}, r.Severity) {
			t.Errorf("rule %+v is incomplete, or is there twice", r)
		}
		had[r.ID] = true
	}
}

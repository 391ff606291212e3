package leak

import (
	"strings"
	"testing"
)

// harmlessLines hold nothing: what masks, placeholders, identifiers and program text
// look like.
var harmlessLines = []string{
	// masked already
	"DATABASE_URL=postgresql://app:***@contoso.postgres.database.azure.com/app", "Server=x;User ID=app;Password=***;",
	"?sv=2024-11-04&sig=***", "Authorization: Basic ***", "AUTHORIZATION: bearer ***", "x:6380,password=***,ssl=True",
	"password: ********", "AccountKey=***;EndpointSuffix=core.windows.net", "token=ab***",
	beginKey + "\n***\n" + endKey, stamp + beginKey + "\n" + stamp + "***\n",
	// not replaced
	"postgresql://$(user):$(password)@h/db", "https://${USER}:${PASS}@host", "https://$USER:$PASS@host/x", "https://user:%PASS%@host",
	"https://{user}:{password}@host", "https://<user>:<password>@host", "Password=$(sqlPassword);Server=x;Database=y",
	"password: ${{ secrets.DB_PASSWORD }}", "password: {{ .Values.db.password }}", "PASSWORD=$PGPASSWORD12", `password = "$env:DB_PASSWORD_2"`,
	"adminPassword=@Microsoft.KeyVault(SecretUri=https://kv1.vault.azure.net/secrets/s1)", "token: #{ApiToken22}#",
	"Password=%DB_PASSWORD_1%;Server=x;Database=y",
	// placeholders
	"postgres://user:password@localhost:5432/db", "postgres://postgres:postgres@localhost/x", "mysql://root:changeme1!@h", "amqp://guest:guest@rabbit",
	"password: your_password_12", "password: xxxxxxxx", "password = \"changeme123!\"", "AKIAIOSFODNN7EXAMPLE", "password: (sensitive value)",
	"https://user:xxxxx@host/", "AccountKey=" + "Eby8vdM02xNOcqFlqUwJPLlm" + "EtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
	`"auth": "dXNlcjpwYXNzd29yZA=="`, "Authorization: Basic dXNlcjpwYXNzd29yZA==",
	"//registry.npmjs.org/:_authToken=MYTOKEN1", "_auth=not-a-token1", "//x/:_authToken=npm-token-2026",
	"secretKey: Aes256GcmSivKeyManager2", `"token": "Rsa2048WithSha256Signer"`, "api_key: Base64Url2048Encoder",
	// tables
	"| password | must have 8 characters, 2 of them digits |", "| Password | 2026-11-22 | 14 days |", "| password | Sprint-42 |", "PASSWORD   20261122", "| secret | kv-prod-2026 |", "| token | Aes256Gcm |",
	"PASSWORD   Pa55 or better", "ii  libsecret-1-0:amd64   0.20.5-3   amd64", "default-token   kubernetes.io/service-account-token   3   10d", "my-token   latest   {12h}   2 days ago",
	"  rotate-token   {40h}", "API_KEY is {12h}", "the API_KEY  {32h}", "TOKEN   v1.2.3-rc.12", "PASSWORD | sed s/x1/y2/ |", "cat token | base64 -d12 | x", "| token ||", "| token |",
	"TOKEN  |", "PASSWORD   ", "SECRET  2026-11-22T10:00:00Z", "| API_KEY | ${API_KEY_12} |", "| API_KEY | *** |", "PASSWORD   ********",
	// no password in it
	"https://github.com/o/r/blob/main/a:b@c", "git@github.com:o/r.git", "ssh://git@github.com:22/o/r", "https://host:8080/a@b", "docker://r.io/i:1.2@sha256:{64h}",
	"redis://host:6379/0?x=a@b.com", "mongodb://h1:27017,h2:27017/db?user=a@b", "jdbc:sqlserver://h:1433;databaseName=d@x", "oci://x:latest@sha256:{64h}",
	"npm http fetch GET 200 https://registry.npmjs.org/@types%2fnode 12ms", "https://a:@host/", "http://[::1]:8080/@x",
	"PublicKeyToken=b77a5c561934e089", "CancellationToken: 0x7ff812345678ab", "next_token: {40a}12", "token count: 12345678901234", "secretName: kv-prod-2026-11",
	"password: must have 8 characters, 2 of them digits", "PWD=/home/vsts/work/1/s", "OLDPWD=/tmp/x12", "pwd: C:\\agent\\_work\\1\\s", "Password expires: 2026-12-31",
	"--password-stdin 12345678", "token: response.accessToken2.value1", "secret: getSecret2(name1)", "const token = tokens[index12]", "password == other12",
	"std::token::Password12", "integrity sha512-{86b}==", "resolved https://registry.npmjs.org/x/-/x-1.2.3.tgz#{40h}", "h1:{43b}=", "go: downloading x v0.0.0-20261122-{12h}",
	"github.com/x/y v1.2.3 h1:{43b}=", "sha256:{64h}", "commit {40h}", "buildid {20w}/{20w}/{20w}/{20w}", "ETag: \"0x8D{14h}\"", "id {8h}-{4h}-{4h}-{4h}-{12h}",
	"cache key: npm | Linux | {64h}", "secret_key_base", "Basic OpenSSL", "basic training:12", "Bearer realm=\"https://login.microsoftonline.com\"", "bearer tokens are",
	"eyJ¦hbGciOiJ", "eyJ¦{40w}.{40w}.{40w}", "{51s}", "{53s}", "oy2{44s}", "{52h}", "sig={20a}", "?code=0&x=1", "exit code=1", "AIoT{8a}", "+A¦St",
	"-----BEGIN CERTIFICATE-----\n{64b}\n{64b}\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\n{64b}\n-----END PUBLIC KEY-----", beginKey + "\n" + endKey,
	"expected " + beginKey + " in the file, but it has other text in it, and no key at all whatever you may look for",
	"AccountKey=short", "SharedAccessKeyName=RootManageSharedAccessKey", "https://x.documents.azure.com/dbs/app/colls/orders", "MII¦KAgIBAzCC",
	"curl -u $USER:$PASS https://x", "curl -u build: https://x", "machine learning login page password reset", "ConvertTo-SecureString $password -AsPlainText",
	"ConvertTo-SecureString \"$env:PW\" -AsPlainText", "##vso[task.setvariable variable=PATH_TOKEN]/usr/bin", "##vso[task.setvariable variable=x;issecret=true]***",
	"github_pat_", "ghp_short", "xghp¦_{36a}", "gh¦p_{20a}", "sk_live_", "SG.x", "/home/user/.npm/_auth", "npm config set _authToken", "_auth=$(echo)",
	`"auth": {"type": "basic12"}`, "dapi-version: 12", "https://hooks.slack.com/", "AKIA", "ASIANPAINTS", "hf_model_name", "the password is wrong", "Enter password:",
	"type Password12 struct{}", "s3://bucket:name/x@1", "passwordHash=$2a$10$abcdefghijklmnopqrstuv", "token_url=https://login.x/oauth2/v2.0/token?v=12", "secret=projects/1/secrets/x/versions/2",
	"--secret id=npmrc,src=.npmrc12", "api_key: prefix-cache-key-v2-linux-2026", "token: v1.2.3-rc.12-linux-amd64", "azure-cosmos-key", "key {86b}",
}

func TestNothingIsFound(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for _, template := range harmlessLines {
		line := expand(template)
		for text, kind := range map[Text]string{Log: "Log", Config: "Config", Source: "Source"} {
			for _, f := range e.String(line, "x", text) {
				t.Errorf("String(%q, %s) found %s: %q, want nothing", line, kind, f.Rule, f.Secret.Reveal())
			}
		}
	}
	// Nothing appears where the lines meet, either.
	all := expand(strings.Join(harmlessLines, "\n"))
	if found := e.String(all, "x", Log); len(found) > 0 {
		t.Errorf("all lines: found %v, first %q", ids(found), found[0].Secret.Reveal())
	}
}

func TestNothingIsFoundInBuildLogs(t *testing.T) {
	t.Parallel()
	e := testEngine(t, manySecrets(32)...)
	found, err := e.Scan(t.Context(), strings.NewReader(string(buildLog(4<<20))), "log", Log)
	if err != nil || len(found) > 0 {
		t.Fatalf("Scan found %v, %v; want nothing", found, err)
	}
}

func TestProgramTextCountsLess(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for template, want := range map[string]Severity{
		`password := "{8a}#1"`:         Low,
		`password := {8a}#1`:           "", // an expression
		`x("postgres://a:{8a}@h/db")`:  Medium,
		`auth("gh¦p_{36a}")`:           Critical,
		`Authorization: Bearer {40a}7`: Low,
	} {
		text := expand(template)
		var got Severity
		for _, f := range e.String(text, "x", Source) {
			got = f.Severity
		}
		if got != want {
			t.Errorf("String(%q, Source) has severity %q, want %q", text, got, want)
		}
	}
}

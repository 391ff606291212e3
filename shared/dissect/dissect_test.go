package dissect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/dissect"
)

// short writes an anatomy as "format: kind name=value (raw); ...".
func short(a dissect.Anatomy) string {
	var parts []string
	for _, p := range a.Parts {
		text := strings.TrimSpace(p.Kind+" "+p.Name) + "=" + p.Value
		if p.Raw != "" {
			text += " (" + p.Raw + ")"
		}
		parts = append(parts, text)
	}
	return a.Format + ": " + strings.Join(parts, " | ")
}

type example struct {
	value  string
	want   string   // as short writes it
	public []string // these must be public; others may be, too
}

func check(t *testing.T, examples map[string]example) {
	t.Helper()
	for name, tc := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := dissect.Secret(tc.value)
			if diff := cmp.Diff(tc.want, short(got)); diff != "" {
				t.Errorf("Secret(%q) (-want +got):\n%s", tc.value, diff)
			}
			for _, word := range tc.public {
				if !slices.Contains(got.Public, word) {
					t.Errorf("Secret(%q).Public = %q, want %q among them", tc.value, got.Public, word)
				}
			}
		})
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"postgres": {"postgresql://app:s3cr3t!@db.contoso.com:5432/orders?sslmode=require", "url: password=s3cr3t!",
			[]string{"app", "db.contoso.com", "db", "contoso", "5432", "orders"}},
		"escaped":                 {"postgres://app:p%40ss%2Fw%3ard@h/db", "url: password=p@ss/w:rd (p%40ss%2Fw%3ard)", []string{"app", "h", "db"}},
		"half an escape":          {"postgres://app:100%&%4x@h/db", "url: password=100%&%4x", nil},
		"empty user":              {"rediss://:k3y=@cache.contoso.net:6380/0", "redis: password=k3y=", []string{"cache", "6380"}},
		"raw slash":               {"postgres://app:pa/ss@h/db", "url: password=pa/ss", []string{"app", "h", "db"}},
		"raw slash after digits":  {"postgres://app:12/34@h/db", "url: password=12/34", nil},
		"raw question mark":       {"postgres://app:a?b@h/db?application_name=x@y", "url: password=a?b", []string{"h", "db"}},
		"raw hash":                {"mysql://app:a#b@h/db", "url: password=a#b", nil},
		"raw at":                  {"mysql://app:a@b@h/db", "url: password=a@b", []string{"h"}},
		"raw at and slash":        {"mysql://app:a@b/c@h/db", "url: password=a@b/c | password=a", []string{"h"}},
		"raw slash in https":      {"https://app:pa/ss@h/x", "url: password=pa/ss", []string{"h"}},
		"at sign in a path":       {"https://h:8080/@scope/name@1.2", "url: ", []string{"h", "8080", "@scope"}},
		"at sign behind userinfo": {"https://u:pw1@h/@scope", "url: password=pw1", []string{"h"}},
		"colon in the password":   {"amqps://u:a:b@h", "amqp: password=a:b", []string{"u", "h"}},
		"IPv6":                    {"redis://u:pw@[fe80::1]:6379/0", "redis: password=pw", []string{"6379"}},
		"AMQP, Service Bus": {"amqps://RootManageSharedAccessKey:aB%2Bc%3D@ns.servicebus.windows.net", "amqp: password=aB+c= (aB%2Bc%3D)",
			[]string{"RootManageSharedAccessKey", "ns"}},
		"several hosts": {"mongodb+srv://app:pw-1@h1.net:27017,h2.net:27018/db?replicaSet=rs0&authSource=admin", "url: password=pw-1",
			[]string{"h1.net", "h2.net", "27018", "rs0", "admin"}},
		"token as user":          {"https://ghp_0123456789abcdefghij0123456789abcdef@github.com/o/r", "url: token=ghp_0123456789abcdefghij0123456789abcdef", []string{"github.com"}},
		"token as user, GitHub":  {"https://0123456789abcdefghij0123456789abcdef:x-oauth-basic@github.com", "url: token=0123456789abcdefghij0123456789abcdef", nil},
		"long user":              {"https://release-automation-42:pw-1@h", "url: password=pw-1", []string{"release-automation-42"}},
		"upper-case scheme":      {"HTTPS://ghp_0123456789abcdefghij0123456789abcdef@github.com", "url: token=ghp_0123456789abcdefghij0123456789abcdef", nil},
		"escaped user":           {"postgres://app%40contoso:pw-1@h", "url: password=pw-1", []string{"app@contoso", "app%40contoso"}},
		"long name in the path":  {"https://h/ThisIsTheNameOfSomething/x", "url: ", []string{"ThisIsTheNameOfSomething"}},
		"dated name in the path": {"https://h/release-2026-11-23-hotfix/x", "url: ", []string{"release-2026-11-23-hotfix"}},
		"file in the path":       {"https://h/Contoso.Orders.Api-2026.11.zip", "url: ", []string{"Contoso.Orders.Api-2026.11.zip"}},
		"semicolons":             {"https://h/?a=b;password=pw-1", "url: password password=pw-1", nil},
		"token, no user":         {"https://:pat1234@dev.azure.com/o", "url: password=pat1234", nil},
		"SAS":                    {"https://a.blob.core.windows.net/c?sv=2024-08-04&sp=r&sig=a%2Bb%3D", "url: signature sig=a+b= (a%2Bb%3D)", []string{"a"}},
		"SAS alone":              {"?sv=2024-08-04&sig=a%2Bb%3D&sp=r", "url: signature sig=a+b= (a%2Bb%3D)", nil},
		"SAS token":              {"SharedAccessSignature sr=h&sig=x%3D&se=1&skn=policy", "url: signature sig=x= (x%3D)", []string{"h", "policy"}},
		"query":                  {"https://h/x?user=u&password=pw-1&sslmode=require", "url: password password=pw-1", []string{"u"}},
		"function key":           {"https://f.azurewebsites.net/api/x?code=abc%3D%3D", "url: key code key=abc== (abc%3D%3D)", nil},
		"API key":                {"https://h/?api_key=k1&token=t1&key=k2", "url: key api_key=k1 | token token=t1 | key key=k2", nil},
		"fragment":               {"https://h/cb#access_token=t1&token_type=Bearer", "url: token access_token=t1", []string{"Bearer"}},
		"web hook":               {"https://hooks.slack.com/services/T0AB/B0CD/x8Jw92mQpLz71RtYbNc4VeKd", "url: token path=x8Jw92mQpLz71RtYbNc4VeKd", []string{"services"}},
		"GUID in the path":       {"https://h/1b9c2a3e-aaaa-4bbb-8ccc-123456789abc/x", "url: ", nil},
		"password is user":       {"amqp://guest:guest@h", "amqp: ", []string{"guest"}},
		"password is a host":     {"postgres://app:orders@orders.contoso.com/x", "url: ", nil},
		"in quotes":              {`'postgres://app:pw-1@h/db'`, "url: password=pw-1", nil},
		"inside a sentence":      {"psql postgres://app:pw-1@h/db -c x", ": password=pw-1", nil},
		"URL in a parameter":     {"https://h/?next=https%3A%2F%2Fu%3Apw-1%40i", "url: password next=pw-1", nil},
		"no scheme":              {"://u:p@h", ": ", nil},
		"just a scheme":          {"https://", "url: ", nil},
		"user only":              {"postgres://app@h/db", "url: ", []string{"app"}},
		"database is a token":    {"https://h/00112233445566778899aabbccddeeff", "url: token path=00112233445566778899aabbccddeeff", nil},
	})
}

func TestConnectionStrings(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"ADO.NET": {"Server=tcp:db.contoso.com,1433;Initial Catalog=orders;User ID=app;Password=pw-1;Encrypt=True;", "ado.net: password Password=pw-1",
			[]string{"db.contoso.com", "db", "1433", "orders", "app"}},
		"Pwd":                    {"Data Source=h;Uid=u;Pwd=pw-1", "ado.net: password Pwd=pw-1", []string{"h", "u"}},
		"single quotes":          {"Server=h;Password='a;b''c'", "ado.net: password Password=a;b'c (a;b''c)", nil},
		"double quotes":          {`Server=h;Password="a;b""c";User ID=u`, `ado.net: password Password=a;b"c (a;b""c)`, []string{"u"}},
		"quote inside":           {`Server=h;Password=a"b'c;User ID=u`, `ado.net: password Password=a"b'c`, []string{"u"}},
		"open quote":             {`Server=h;Password="abc;User ID=u`, `ado.net: password Password="abc`, []string{"u"}},
		"text behind a quote":    {`Server=h;Password='abc'd;User ID=u`, `ado.net: password Password='abc'd`, []string{"u"}},
		"equals signs":           {"Server=h;Password=a=b==;User ID=u", "ado.net: password Password=a=b==", nil},
		"spaces":                 {" Server = h ; Password =  pw-1 ;", "ado.net: password Password=pw-1", []string{"h"}},
		"raw semicolon":          {"Server=h;Password=a;b;User ID=u", "ado.net: password Password=a | password Password=a;b", []string{"u"}},
		"raw semicolons, at end": {"Server=h;Password=a;b;c", "ado.net: password Password=a | password Password=a;b;c", nil},
		"secret first":           {"Password=pw-1;Server=h", "ado.net: password Password=pw-1", []string{"h"}},
		"like redis":             {"Server=h;Password=a,password=b;Uid=u", "ado.net: password Password=a,password=b", []string{"u"}},
		"numbered names":         {"Server=h;Pass2=pw-2;SharedAccessKeyName1=n", "ado.net: password Pass2=pw-2", []string{"n"}},
		"URL with a password":    {"Endpoint=https://u:pw-1@h;Secret=k-1", "storage: password Endpoint=pw-1 | key Secret=k-1", []string{"u"}},
		"ODBC":                   {"Driver={ODBC Driver 18};Server=h;UID=u;PWD={a;b}}c}", "odbc: password PWD=a;b}c (a;b}}c)", []string{"h", "u"}},
		"one pair":               {"Password=pw-1", "dotenv: password Password=pw-1", nil},
		"storage": {"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=aB3+/x==;EndpointSuffix=core.windows.net", "storage: key AccountKey=aB3+/x==",
			[]string{"contoso", "core.windows.net", "https"}},
		"storage, SAS": {"BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=a%3D",
			"storage: signature SharedAccessSignature=sv=2024&sig=a%3D | signature sig=a= (a%3D)", []string{"a.blob.core.windows.net"}},
		"Service Bus": {"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=k1=;EntityPath=q", "storage: key SharedAccessKey=k1=",
			[]string{"ns", "Root", "q"}},
		"Cosmos":       {"AccountEndpoint=https://a.documents.azure.com:443/;AccountKey=k1==;", "storage: key AccountKey=k1==", []string{"a", "443"}},
		"IoT Hub":      {"HostName=a.azure-devices.net;DeviceId=d1;SharedAccessKey=k1=", "storage: key SharedAccessKey=k1=", []string{"a", "d1"}},
		"App Config":   {"Endpoint=https://a.azconfig.io;Id=abcd;Secret=k1=", "storage: key Secret=k1=", []string{"a.azconfig.io", "abcd"}},
		"redis":        {"a.redis.cache.windows.net:6380,password=k1=,ssl=True,abortConnect=False", "redis: password password=k1=", []string{"a", "6380"}},
		"redis, first": {"password=k1,ssl=true", "redis: password password=k1", nil},
		"redis, comma": {"h:1,password=a,b,ssl=True", "redis: password password=a | password password=a,b", nil},
		"libpq":        {"host=h port=5432 dbname=orders user=app password=pw-1", "libpq: password password=pw-1", []string{"h", "5432", "orders", "app"}},
		"libpq, quotes": {`host=h password='it\'s \\ a = b' user = app`, `libpq: password password=it's \ a = b (it\'s \\ a = b)`,
			[]string{"app"}},
		"libpq, backslash":  {`host=h password=a\ b`, `libpq: password password=a b (a\ b)`, nil},
		"libpq, semicolon":  {`host=h user=u password=a;b=c`, `libpq: password password=a;b=c`, nil},
		"libpq, open quote": {`host=h password='abc`, ": ", nil},
		"not libpq":         {"Host=h;Username=u;Password=a b=c", "ado.net: password Password=a b=c", []string{"u"}},
		"words":             {"Basic facts of life", ": ", nil},
		"header":            {"Bearer abc.def", ": token=abc.def", nil},
		"a plain secret":    {"abc=def;ghi", ": ", nil},
		"base64":            {"c2VjcmV0MQ==", ": ", nil},
		"a name alone":      {"user=bob", ": ", nil},
		"empty":             {"", ": ", nil},
		"white space":       {" \r\n", ": ", nil},
	})
}

func TestJDBC(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"postgres":            {"jdbc:postgresql://h:5432/db?user=u&password=p%26w&ssl=true", "jdbc: password password=p&w (p%26w)", []string{"h", "5432", "db", "u"}},
		"SQL Server":          {"jdbc:sqlserver://h:1433;databaseName=db;user=u;password={p;w@x};encrypt=true", "jdbc: password password=p;w@x", []string{"h", "db", "u"}},
		"MySQL":               {"jdbc:mysql://u:pw-1@h/db", "jdbc: password=pw-1", []string{"u", "h"}},
		"MySQL, keys":         {"jdbc:mysql://address=(host=h)(port=3306)(user=u)(password=pw-1)/db", "jdbc: password password=pw-1", []string{"h", "u"}},
		"Oracle":              {"jdbc:oracle:thin:scott/tiger-1@//h:1521/svc", "jdbc: password=tiger-1", []string{"scott", "h", "1521", "svc"}},
		"Oracle, SID":         {`jdbc:oracle:thin:scott/"t@g/r"@h:1521:sid`, "jdbc: password=t@g/r", []string{"scott", "sid"}},
		"Oracle, no password": {"jdbc:oracle:thin:@h:1521:sid", "jdbc: ", []string{"h"}},
		"DB2":                 {"jdbc:db2://h:50000/db:user=u;password=pw-1;", "jdbc: password password=pw-1", []string{"h", "db", "u"}},
		"H2":                  {"jdbc:h2:mem:test;USER=sa;PASSWORD=pw-1", "jdbc: password PASSWORD=pw-1", []string{"sa"}},
		"nothing":             {"jdbc:", "jdbc: ", nil},
	})
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"JSON": {`{"host":"h.net","port":5432,"user":"app","password":"pw-1","note":"a\"bé"}`,
			`json: password $.password=pw-1 | field $.note=a"bé (a\"bé)`, []string{"h.net", "5432", "app"}},
		"numbers are exact":      {`{"pin":12345678901234567890,"token":1.10e2,"n":12,"big":12345678901234567890.0}`, "json: password $.pin=12345678901234567890 | token $.token=1.10e2 | field $.big=12345678901234567890.0", nil},
		"nested":                 {`{"a":{"b":[{"secret":"x-1"},"y-1"]},"keys":["k-1","k-2"],"hosts":["h1","h2"]}`, "json: key $.a.b[0].secret=x-1 | field $.a.b[1]=y-1 | key $.keys[0]=k-1 | key $.keys[1]=k-2", []string{"h1", "h2"}},
		"connection string":      {`{"db":"Server=h;Password=p-1"}`, "json: field $.db=Server=h;Password=p-1 | password $.db Password=p-1", []string{"h"}},
		"JSON in JSON":           {`{"x":"{\"password\":\"p-1\"}"}`, `json: field $.x={"password":"p-1"} ({\"password\":\"p-1\"}) | password $.x $.password=p-1`, nil},
		"URL without a secret":   {`{"site":"https://h.net/x","u":"https://u:p-1@h.net"}`, "json: field $.site=https://h.net/x | field $.u=https://u:p-1@h.net | password $.u=p-1", []string{"h.net"}},
		"escapes":                {`{"password":"a\/b\u0026\n"}`, `json: password $.password=a/b&` + "\n" + ` (a\/b\u0026\n)`, nil},
		"not UTF-8":              {"{\"password\":\"a\xffb\"}", "json: password $.password=a\xffb", nil},
		"a string":               {`"hunter-2"`, "json: field $=hunter-2", nil},
		"empty values":           {`{"password":"","a":null,"b":true,"c":{},"d":[]}`, "json: ", nil},
		"same twice":             {`{"password":"p-1","other":{"password":"p-1"}}`, "json: password $.password=p-1", nil},
		"password is user":       {`{"username":"hunter-2","password":"hunter-2"}`, "json: ", []string{"hunter-2"}},
		"about a secret":         {`{"access_token":"t-1","token_type":"Bearer","secretName":"n"}`, "json: token $.access_token=t-1 | field $.token_type=Bearer | field $.secretName=n", nil},
		"truncated":              {`{"password":"p-1`, ": ", nil},
		"comma too much":         {`{"user":"app","password":"p-1",}`, "json: password $.password=p-1", []string{"app"}},
		"comment":                {"{\"password\":\"p-1\", // mine\n\"a\":1}", "json: password $.password=p-1", nil},
		"braces":                 {"{not JSON}", ": ", nil},
		"byte order mark":        {"\ufeff" + `{"password":"p-1"}`, "json: password $.password=p-1", nil},
		"AppRole":                {`{"role_id":"r-1","secret_id":"s-1"}`, "json: field $.role_id=r-1 | key $.secret_id=s-1", nil},
		"names":                  {`{"dbHost":"a","secretNames":["b"],"DB_PASS":"c"}`, "json: field $.secretNames[0]=b | password $.DB_PASS=c", []string{"a"}},
		"not a list of hosts":    {`{"user":"a+b,hunter-2","password":"hunter-2"}`, "json: password $.password=hunter-2", nil},
		"dotenv":                 {"# c\nDB_HOST=h.net\nexport DB_PASSWORD=\"a\\\"b\"\nTOKEN='x#y' # c\n\nOTHER=v-1\n", "dotenv: password DB_PASSWORD=a\"b (a\\\"b) | token TOKEN=x#y | field OTHER=v-1 | field OTHER=OTHER=v-1", []string{"h.net"}},
		"dotenv, CRLF":           {"A_KEY=k-1\r\nB_TOKEN=t-1\r\n", "dotenv: key A_KEY=k-1 | token B_TOKEN=t-1", nil},
		"dotenv, URL":            {"DATABASE_URL=postgres://u:p%201@h/db\nPORT=80", "dotenv: field DATABASE_URL=postgres://u:p%201@h/db | password DATABASE_URL=p 1 (p%201)", []string{"u", "80"}},
		"TOML":                   {"[\"a.b\"]\npassword = \"p-1\"", "dotenv: password password=p-1", nil},
		"dotenv, CR":             {"A_KEY=k-1\rB_TOKEN=t-1", "dotenv: key A_KEY=k-1 | token B_TOKEN=t-1", nil},
		"dotenv, names":          {"POSTGRES_DB=orders\nB_KEY=k-1", "dotenv: key B_KEY=k-1", []string{"orders"}},
		"dotenv, single quotes":  {"A_KEY='x\\'\nB_KEY='a\\nb'", "dotenv: key A_KEY=x\\ | key B_KEY=a\\nb", nil},
		"dotenv, blanks":         {"A_KEY=k-1  \nB_KEY=k-2", "dotenv: key A_KEY=k-1 | key B_KEY=k-2", nil},
		"dotenv, boundary":       {"A_KEY=k-1\n-----END X-----\nsome line", "dotenv: key A_KEY=k-1 | line=some line", nil},
		"prose":                  {"some line\nsome more\nnote: x-1", ": line line 1=some line | line line 2=some more | line line 3=note: x-1", nil},
		"dotenv, comment":        {"A_KEY=k-1 # mine\nB=c", "dotenv: key A_KEY=k-1 (k-1 # mine) | field B=c", nil},
		"dotenv, over lines":     {"A=b-1\nKEY=\"x-1\ny-1\"\nC_KEY=z-1", "dotenv: field A=b-1 | key KEY=x-1\ny-1 | line KEY line 1=x-1 | line KEY line 2=y-1 | key C_KEY=z-1", nil},
		"dotenv, open quote":     {"A_KEY=\"x-1\nB_KEY=y-1", "dotenv: key A_KEY=\"x-1 | key B_KEY=y-1", nil},
		"dotenv, one line":       {"export API_TOKEN=t-1", "dotenv: token API_TOKEN=t-1", nil},
		"properties":             {"[default]\naws_access_key_id = AKIA\naws_secret_access_key = s/1+\n", "dotenv: field=[default] | field aws_access_key_id=AKIA | key aws_secret_access_key=s/1+", nil},
		"YAML":                   {"user: app\npassword: p-1\n", "dotenv: password password=p-1", []string{"app"}},
		"npmrc":                  {"registry=https://r.net/\n//r.net/:_authToken=t-1\n", "dotenv: token //r.net/:_authToken=t-1", []string{"r.net"}},
		"a list":                 {"amqp://u:p=1@h\namqp://u:p=2@h\n", ": line line 1=amqp://u:p=1@h | password line 1=p=1 | line line 2=amqp://u:p=2@h | password line 2=p=2", []string{"h"}},
		"PEM":                    {"-----BEGIN PRIVATE KEY-----\nMIIE\nabcd==\n-----END PRIVATE KEY-----\n", "pem: line PEM=MIIE | line PEM=abcd== | key body=MIIEabcd==", nil},
		"PEM, broken":            {"---BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", ": line line 1=---BEGIN PRIVATE KEY----- | line line 2=MIIE", nil},
		"PEM, encrypted":         {"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nMIIE\r\n-----END RSA PRIVATE KEY-----", "pem: line PEM=MIIE", nil},
		"PEM, escaped":           {`-----BEGIN EC PRIVATE KEY-----\nMIIE\nabcd\n-----END EC PRIVATE KEY-----\n`, "pem: line PEM=MIIE | line PEM=abcd | key body=MIIEabcd", nil},
		"certificate is no part": {"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "pem: line PEM=MIIE", nil},
		"public key is no part":  {"-----BEGIN PUBLIC KEY-----\nMIIC\n-----END PUBLIC KEY-----", "pem: ", nil},
		"key in an environment file": {"A_PASSWORD=p-1\nKEY=\"-----BEGIN PRIVATE KEY-----\nMIIE\nabcd==\n-----END PRIVATE KEY-----\"\nB_TOKEN=t-1",
			"dotenv: line PEM=MIIE | line PEM=abcd== | key body=MIIEabcd== | password A_PASSWORD=p-1 | token B_TOKEN=t-1", nil},
		"key in a line": {`A_PASSWORD=p-1` + "\n" + `KEY="-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"`,
			"dotenv: password A_PASSWORD=p-1 | key KEY=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- (-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----) | line KEY PEM=MIIE", nil},
		"key and a word": {"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nword", "pem: line PEM=MIIE | line=word", nil},
		"two keys": {"-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----BEGIN PRIVATE KEY-----\nCCCC\nDDDD\n-----END PRIVATE KEY-----",
			"pem: line PEM=AAAA | line PEM=BBBB | line PEM=CCCC | line PEM=DDDD | key body=CCCCDDDD", nil},
		"PEM in JSON": {`{"private_key":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}`, "json: key $.private_key=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n (-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n) | line $.private_key PEM=MIIE", nil},
	})
}

func TestOpenParts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ value, want string }{
		"password is user":     {"amqp://guest:guest@h", "password="},
		"password is database": {"Server=h;Database=orders;Password=orders", "password Password="},
		"in a document":        {`{"url":"postgres://app:orders@h/orders"}`, "password $.url="},
		"as it is written":     {`{"user":"x\\ny","password":"x\ny"}`, "password $.password="},
		"a field is no secret": {`{"user":"app","x":"app"}`, ""},
		"none":                 {"amqp://u:p@h", ""},
	} {
		got := ""
		for _, p := range dissect.Secret(tc.value).Open {
			got += strings.TrimSpace(p.Kind+" "+p.Name) + "="
		}
		if got != tc.want {
			t.Errorf("%s: Secret(%q).Open has %q, want %q", name, tc.value, got, tc.want)
		}
	}
}

// TestPublicWordsHoldNoSecret: an address with a password in it is not public.
func TestPublicWordsHoldNoSecret(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"Endpoint=https://u:hunter-2@h;Secret=k-1", `{"endpoint":"https://u:hunter-2@h"}`, "HOST=https://u:hunter-2@h\nA=b",
	} {
		for _, word := range dissect.Secret(value).Public {
			if strings.Contains(word, "hunter") {
				t.Errorf("Secret(%q).Public has %q", value, word)
			}
		}
	}
}

func ExampleSecret() {
	a := dissect.Secret("Server=db.contoso.com;User ID=app;Password='a;b'")
	for _, p := range a.Parts {
		fmt.Println(p.Kind, p.Name, p.Value)
	}
	// Output: password Password a;b
}

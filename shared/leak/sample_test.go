package leak

import (
	"encoding/base64"
	"strings"
	"testing"
)

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// jwt makes a token of its parts; {43w} is a signature.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims)) + "." + expand("{43w}")
}

// TestSamplesAreNotFound: what manuals and specifications show, as it is and encoded.
func TestSamplesAreNotFound(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	john := jwt(`{"sub":"1234567890","name":"John Doe","iat":1516239022}`)
	sql := "yourStrong(!)" + "Password"
	for _, text := range []string{
		john, "Authorization: Bearer " + john, "token=" + john, `"access_token": "` + john + `"`,
		jwt(`{"sub":"1234567890","name":"John Doe","admin":true,"iat":1516239022}`),
		jwt("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"),
		"Authorization: Basic " + b64("Aladdin:open sesame"), "token: " + b64("Aladdin:open sesame"),
		"Authorization: Basic " + b64("s6BhdRkqt3:gX1fBat3bV"), "client_secret=7Fjfp0ZBr1KtDRbnfVdmIw",
		"Server=sql1;Database=x;User Id=sa;Password=" + sql + ";", "sqlserver://sa:" + sql + "@sql.contoso.com",
		"MSSQL_SA_PASSWORD: '" + sql + "'", "SA_PASSWORD=YourStrong@" + "Passw0rd", `password: "Pass@word1"`,
		"sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc",
		"password: " + b64("admin"), "password: " + b64("secret"), "token: " + b64("changeme-please"),
		"api_key: " + b64("your-api-key-here") + "\n", "password: " + b64("postgres\n"),
		`"auth": "` + b64("user:changeme") + `"`,
	} {
		for _, f := range e.String(text, "x", Log) {
			t.Errorf("String(%q) found %s: %q, want nothing", text, f.Rule, f.Secret.Reveal())
		}
	}
}

// TestRealOnesBesideSamplesAreFound: what only looks like a sample.
func TestRealOnesBesideSamplesAreFound(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for _, text := range []string{
		jwt(`{"sub":"1234567890","name":"Jane","iat":1516239022}`),
		"Authorization: Basic " + b64("Aladdin:op3n-s3same!"),
		"password: " + b64(`{"user":"a","password":"q8#Lw2!x"}`), "password: " + b64("https://u:q8#Lw2!x@example.com"),
		"password: " + b64("q8#Lw2!x-9"), "password: " + b64("[a1,b2,c3,q8]"), "password: YWRtaW41",
	} {
		if found := e.String(text, "x", Log); len(found) == 0 {
			t.Errorf("String(%q) found nothing", text)
		}
	}
}

func TestPasswordsOfLocalServersCountLess(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	random := expand("{14a}")
	for template, test := range map[string]bool{
		"postgres://app:PW@localhost:5432/x": true, "postgres://app:PW@127.0.0.1/x": true,
		"amqp://a:PW@[::1]:5672":                      true,
		"mysql://root:PW@host.docker.internal:3306/x": true, "postgres://app:PW@postgres:5432/x": true,
		"redis://:PW@db/0":              true,
		"https://a:PW@localhost:8443/x": true, "postgres://app:PW@test-db/x": true,
		"mongodb://a:PW@mongo1:27017/x?a=b":  true,
		"postgres://app:PW@db.contoso.com/x": false, "postgres://app:PW@localhost.contoso.com/x": false,
		"postgres://app:PW@127.0.0.1.nip.io/x": false, "postgres://app:PW@orders-prod-db/x": false,
		"mongodb://a:PW@localhost:1,c1.contoso.com:2/x": false, "postgres://app:PW@contoso/x": false,
		"Server=localhost;Database=x;User Id=sa;Password=PW;":                     true,
		"Server=tcp:127.0.0.1,1433;Database=x;User Id=sa;Password=PW;":            true,
		`Data Source=(localdb)\MSSQLLocalDB;User Id=sa;Password=PW`:               true,
		"User Id=sa;Password=PW;Server=mssql,1433;":                               true,
		"host=postgres port=5432 dbname=x password=PW":                            true,
		"jdbc:postgresql://localhost:5432/x?user=a&password=PW":                   true,
		"jdbc:sqlserver://sqlserver:1433;user=sa;password=PW;":                    true,
		"localhost:6379,password=PW,ssl=False":                                    true,
		`{"a":"Server=localhost;Database=x","b":"Server=c;Uid=a;Password=PW;"}`:   false,
		"Server=sql1.contoso.com;Database=x;User Id=sa;Password=PW;":              false,
		"jdbc:postgresql://db.contoso.com:5432/x?user=a&password=PW&host=locally": false,
		"cache.contoso.com:6380,password=PW,ssl=True":                             false,
	} {
		for password, isTest := range map[string]bool{
			"Passw0rd!23": true, "test123": true, "my-secret-pw1": true, "P@ssw0rd2024": true,
			random: false, "Kx81test": false,
		} {
			text := strings.ReplaceAll(template, "PW", strings.ReplaceAll(password, "@", "%40"))
			found := e.String(text, "x", Log)
			if len(found) != 1 || (found[0].Severity == Medium) != (test && isTest) {
				t.Errorf("String(%q) found %+v, want one that is Medium: %v", text, found, test && isTest)
			}
		}
	}
}

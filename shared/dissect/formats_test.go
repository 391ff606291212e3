package dissect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/dissect"
)

// TestUserAlone: what stands alone before the host is a user, unless the scheme or its
// look says otherwise.
func TestUserAlone(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"redis":             {"redis://hunter-2@h:6379/0", "redis: password=hunter-2", []string{"h", "6379"}},
		"rediss, encoded":   {"rediss://k3y%3D@h", "redis: password=k3y= (k3y%3D)", nil},
		"redis, colon":      {"redis://hunter-2:@h", "redis: password=hunter-2", nil},
		"redis, sentinel":   {"redis-sentinel://hunter-2@h1:1,h2:2#main", "url: password=hunter-2", []string{"h1", "h2"}},
		"redis, with user":  {"redis://app:hunter-2@h", "redis: password=hunter-2", []string{"app"}},
		"redis, empty user": {"redis://:hunter-2@h", "redis: password=hunter-2", nil},
		"redis, nobody":     {"redis://h:6379", "redis: ", []string{"h"}},
		"valkey":            {"valkeys://hunter-2@h", "url: password=hunter-2", nil},
		"NATS":              {"nats://hunter-2@h:4222", "url: password=hunter-2", nil},
		"postgres":          {"postgres://app-user@h/db", "url: ", []string{"app-user"}},
		"postgres, token":   {"postgres://x8Jw92mQpLz71RtYbNc4VeKd@h/db", "url: token=x8Jw92mQpLz71RtYbNc4VeKd", []string{"db"}},
		"token and a dummy": {"https://x8Jw92mQpLz71RtYbNc4VeKd:none@h", "url: token=x8Jw92mQpLz71RtYbNc4VeKd | password=none", nil},
		"https, short":      {"https://app-user@h/x", "url: ", []string{"app-user"}},
		"in JSON":           {`{"cache":"redis://hunter-2@h"}`, "json: field $.cache=redis://hunter-2@h | password $.cache=hunter-2", nil},
	})
}

// TestLeaves: a string of a document is a part, unless its name says that it is public.
func TestLeaves(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"names of things":    {`{"id":"a-1","name":"b-1","login":"c-1","role":"d-1","app":"e-1"}`, "json: field $.id=a-1 | field $.name=b-1 | field $.login=c-1 | field $.role=d-1 | field $.app=e-1", nil},
		"about a secret":     {`{"apiKeyName":"a-1","secretUrl":"b-1","tokenHost":"c-1"}`, "json: field $.apiKeyName=a-1 | field $.secretUrl=b-1 | token $.tokenHost=c-1", nil},
		"where and who":      {`{"dbHost":"a","DB_PORT":"1","userName":"b","database":"c","region":"d","kind":"e"}`, "json: ", []string{"a", "1", "b", "c", "d", "e"}},
		"URL, its name":      {`{"tokenUrl":"https://h/a","ENDPOINT":"https://i/b"}`, "json: ", []string{"https://h/a", "https://i/b", "h", "i"}},
		"URL, other names":   {`{"hook":"https://h/a","secretUrl":"https://h/b"}`, "json: field $.hook=https://h/a | field $.secretUrl=https://h/b", []string{"h"}},
		"URL, query":         {`{"url":"https://h/a?b=c"}`, "json: field $.url=https://h/a?b=c", []string{"h"}},
		"URL, user=password": {`{"url":"amqp://orders:orders@h"}`, "json: field $.url=amqp://orders:orders@h", []string{"orders"}},
		"random user":        {`{"username":"x8Jw92mQpLz71RtYbNc4VeKd"}`, "json: field $.username=x8Jw92mQpLz71RtYbNc4VeKd", nil},
		"JWK":                {`{"kty":"EC","crv":"P-256","d":"a-1","x":"b-1"}`, "json: field $.d=a-1 | field $.x=b-1", []string{"EC", "P-256"}},
		"appsettings": {"{ // mine, see \"x\"\n\"ConnectionStrings\": {\"Db\": \"Server=h;Password=p-1\", /* a */ \"B\": \"http://b // c\",},\n}",
			"json: field $.ConnectionStrings.Db=Server=h;Password=p-1 | password $.ConnectionStrings.Db Password=p-1 | field $.ConnectionStrings.B=http://b // c", []string{"h"}},
		"a mistake": {"{\"a\": \"b-1\",\nwhat: 'c-12',\n\"Password\": \"d-1\"}", "json: field $.a=b-1 | line line 1=what: 'c-12', | field what='c-12' ('c-12',) | line line 2=\"Password\": \"d-1\"}", nil},
		"docker":    {`{"auths":{"r.net":{"auth":"YXBwOmh1bnRlci0y"}}}`, "json: token $.auths.r.net.auth=YXBwOmh1bnRlci0y | password auth=hunter-2", []string{"app"}},
	})
	const open = `{"accessTokenId":"hunter-2","user":"hunter-2"}`
	if got := dissect.Secret(open).Open; len(got) != 1 || got[0].Name != "$.accessTokenId" {
		t.Errorf("Secret(%q).Open = %+v, want $.accessTokenId", open, got)
	}
}

// TestLines: no line of a text is lost for what it starts with.
func TestLines(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"remarks": {"A_KEY=k-1\n# hunter-2\n;hunter-3\n!hunter-4\n[hunter-5\n//hunter-6\n-----hunter-7\n-----END hunter-8",
			"dotenv: key A_KEY=k-1 | field=# hunter-2 | field=;hunter-3 | field=!hunter-4 | field=[hunter-5 | field=//hunter-6 | field=-----hunter-7 | field=-----END hunter-8", nil},
		"short remarks":      {"A_KEY=k-1\n# -\n[a.b]\n-----END X-----", "dotenv: key A_KEY=k-1", nil},
		"commented out":      {"A_KEY=k-1\n#B_KEY=hunter-2", "dotenv: key A_KEY=k-1 | field=#B_KEY=hunter-2 | key B_KEY=hunter-2", nil},
		"items":              {"users:\n- name: hunter-2\n- 'hunter-3'\n- u://a:b-1@h", ": line line 1=users: | line line 2=- name: hunter-2 | field name=hunter-2 | line line 3=- 'hunter-3' | line line 3=hunter-3 | line line 4=- u://a:b-1@h | line line 4=u://a:b-1@h | password line 4=b-1", nil},
		"YAML block":         {"private_key: |\n  hunter-2\nsecrets: {\npins: >-\nx: <<EOF", "dotenv: line=hunter-2", nil},
		"base64":             {"q8Zt3LxV0wN6sYbR1m5A==\nKc9HdPf2GjTe7UaXoQz4=", ": line line 1=q8Zt3LxV0wN6sYbR1m5A== | line line 2=Kc9HdPf2GjTe7UaXoQz4=", nil},
		"short values":       {"A_KEY=k-1\ntimeouts: 30\nPORT_X=80\ndb-port=80", "dotenv: key A_KEY=k-1 | field timeouts=30 | field timeouts=timeouts: 30 | field PORT_X=PORT_X=80", []string{"80"}},
		"doubled quotes":     {"A_KEY='it''s-1'\nB_KEY=k-1", "dotenv: key A_KEY=it's-1 (it''s-1) | key B_KEY=k-1", nil},
		"quotes over lines":  {"A_KEY=\"x-1\nB_KEY=\"hunter-2\"\nC=\"hunter-3", "dotenv: key A_KEY=\"x-1 | key B_KEY=hunter-2 | field C=\"hunter-3", nil},
		"behind quotes":      {"A_KEY='a-1'; # hunter-2\nB_KEY=\"b-1\",", "dotenv: key A_KEY=a-1 | field A_KEY=; # hunter-2 | key B_KEY=b-1", nil},
		"ADO.NET, lines":     {"Server=h;\nUser ID=app;\nPassword=p-12;", "dotenv: line=User ID=app; | password Password=p-12 (p-12;)", []string{"h"}},
		"tfvars":             {"db_password = \"p-1\"\nkeys = [\"k-1\", \"k-2\"]\nx = {\n}", "dotenv: password db_password=p-1 | key keys=[\"k-1\", \"k-2\"] | field keys $[0]=k-1 | field keys $[1]=k-2 | line=}", nil},
		"open certificate":   {"-----BEGIN CERTIFICATE-----\nMIIC\nA_KEY=k-1\n", "dotenv: key A_KEY=k-1 | line=MIIC", nil},
		"no certificate":     {"-----BEGIN CERTIFICATE-----\nMIIC\nA_KEY=k-1\n-----END CERTIFICATE-----", "dotenv: key A_KEY=k-1", nil},
		"behind a boundary":  {"-----BEGIN PRIVATE KEY-----hunter-2\nMIIE\nMIIF\n-----END PRIVATE KEY-----", "pem: line PEM=MIIE | line PEM=MIIF | key body=MIIEMIIF | line=hunter-2", nil},
		"headers":            {"-----BEGIN X PRIVATE KEY-----\nDEK-Info: AES,1\nComment: hunter-2\n\nMIIE\n-----END X PRIVATE KEY-----", "pem: line PEM header=Comment: hunter-2 | line PEM=MIIE", nil},
		"PEM in one line":    {"-----BEGIN PRIVATE KEY----- MIIE MIIF -----END PRIVATE KEY-----", "pem: line PEM=MIIE | line PEM=MIIF | key body=MIIEMIIF", nil},
		"boundaries in JSON": {"[\n\"-----BEGIN hunter-2\"]", "json: field $[0]=-----BEGIN hunter-2", nil},
	})
}

func TestEntries(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"netrc":               {"machine h.net login app password hunter-2", "netrc: password password=hunter-2", []string{"h.net", "app"}},
		"netrc, lines":        {"machine h.net\n  login app\n  password hunter-2\ndefault login b password \"c 1\"", "netrc: password password=hunter-2 | password password=\"c", []string{"app"}},
		"netrc, no password":  {"machine h.net login app", ": ", nil},
		"pgpass":              {`h.net:5432:orders:app:hunter\:2`, `: password=hunter:2 (hunter\:2)`, []string{"h.net", "5432", "orders", "app"}},
		"pgpass, file":        {"# mine\n*:*:*:app:hunter=2\nh:1:d:u:p-1:x", ": line line 2=*:*:*:app:hunter=2 | password line 2=hunter=2 | line line 3=h:1:d:u:p-1:x | password line 3=p-1:x", nil},
		"pgpass, equals sign": {"h:1:d:u:hunter=2-34\nh:1:d:u:hunter=3-45", ": line line 1=h:1:d:u:hunter=2-34 | password line 1=hunter=2-34 | line line 2=h:1:d:u:hunter=3-45 | password line 2=hunter=3-45", nil},
		"pgpass, no port":     {"a:b:c:d:e", ": ", nil},
		"pgpass, no password": {"a:1:c:d:", ": ", nil},
		"npmrc, _auth":        {"//r.net/:_auth=YXBwOmh1bnRlci0y\nx=y", "dotenv: token //r.net/:_auth=YXBwOmh1bnRlci0y | password //r.net/:_auth=hunter-2 | field x=y", []string{"app"}},
		"Basic":               {"Basic YXBwOmh1bnRlci0y", ": password Basic=hunter-2 | token=YXBwOmh1bnRlci0y", []string{"app"}},
		"Basic, in JSON":      {`{"Authorization":"Basic YXBwOmh1bnRlci0y"}`, "json: token $.Authorization=Basic YXBwOmh1bnRlci0y | password Authorization=hunter-2 | token $.Authorization=YXBwOmh1bnRlci0y", nil},
		"Basic, no user":      {"Basic OmFi", ": token=OmFi", nil},
		"auth, no base64":     {`{"auth":"hunter-2!"}`, "json: token $.auth=hunter-2!", nil},
	})
}

func TestXML(t *testing.T) {
	t.Parallel()
	check(t, map[string]example{
		"publish profile": {`<publishData><publishProfile publishUrl="h.net:443" msdeploySite="s" userName="$app" userPWD="hunter-2&amp;x" /></publishData>`,
			"xml: password userPWD=hunter-2&x (hunter-2&amp;x)", []string{"$app"}},
		"web.config": {`<a><!-- x > y --><add name="Db" connectionString='Server=h;Password=p-1'/><add key="A" value="b-1"/></a>`,
			"xml: field a=x > y | field Db=Server=h;Password=p-1 | password Db Password=p-1 | field A=b-1", []string{"h"}},
		"texts":  {"<s><username>app</username><password><![CDATA[p<1]]></password><x>y-1</x></s>", "xml: password password=p<1 | field x=y-1", []string{"app"}},
		"lines":  {"<s a=\"b\">\n<password>p-1</password>\n</s>", "xml: password password=p-1 | field line 1=<s a=\"b\"> | field line 2=<password>p-1</password>", nil},
		"no XML": {"<hunter-2>", ": ", nil},
	})
}

// TestNoPublicWordIsAPart, in any of the formats.
func TestNoPublicWordIsAPart(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"machine h login orders password orders", "h:1:d:orders:orders", "Basic b3JkZXJzOm9yZGVycw==", "redis://orders@orders",
		`<a userName="orders" userPWD="orders"/>`, `{"user":"orders","name":"orders","password":"orders"}`,
	} {
		a := dissect.Secret(text)
		for _, p := range a.Parts {
			if p.Value == "orders" {
				t.Errorf("Secret(%q) has the part %+v, public: %q", text, p, a.Public)
			}
		}
		if !slices.ContainsFunc(a.Open, func(p dissect.Part) bool { return strings.TrimSpace(p.Value) == "orders" }) {
			t.Errorf("Secret(%q).Open = %+v, want orders", text, a.Open)
		}
	}
}

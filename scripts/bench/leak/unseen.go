package main

import (
	"encoding/base64"
	"net/url"
)

// unseenKinds are credentials as they stand in logs and files that nobody had in mind
// who wrote the rules: other products' formats, command lines, program text. A rule
// that finds one does so on its general merits. Do not tune the rules to this list:
// what a rule has been written for moves to kinds.go.
var unseenKinds = []kind{
	{unseen, "Oracle, sqlplus", "", whole, func(d dice) string {
		return "sqlplus -s " + d.noun() + "/" + d.password("_#$") + "@//" + d.host() + ":1521/ORCLPDB1"
	}},
	{unseen, "mysql -p", "", whole, func(d dice) string {
		return "mysql -h " + d.host() + " -u " + d.noun() + " -p'" + d.password("!*-_") + "' " + d.noun()
	}},
	{unseen, "PGPASSWORD before a command", "", whole, func(d dice) string {
		return "+ PGPASSWORD=" + d.password("!*-_.") + " psql -h " + d.host() + " -U " + d.noun() + " -c 'select 1'"
	}},
	{unseen, ".pgpass", "", whole, func(d dice) string {
		return d.host() + ":5432:" + d.noun() + ":" + d.noun() + ":" + d.password("!*-_.")
	}},
	{unseen, "ClickHouse URL", "", whole, func(d dice) string {
		return "dsn: clickhouse://" + d.noun() + ":" + d.password("_-.~") + "@" + d.host() + ":9440/" + d.noun()
	}},
	{unseen, "Snowflake URL", "", whole, func(d dice) string {
		return "snowflake://" + d.noun() + ":" + url.QueryEscape(d.password("!$*")) + "@ab12345.west-europe.azure/" +
			d.noun()
	}},
	{unseen, "libpq keywords", "", whole, func(d dice) string {
		return "host=" + d.host() + " port=5432 dbname=" + d.noun() + " user=" + d.noun() + " password='" +
			d.password("!*-_") + "'"
	}},
	{unseen, "URL, password of letters only", "", whole, func(d dice) string {
		return "DATABASE_URL=postgres://" + d.noun() + ":" + d.of(lowers, 12) + "@" + d.host() + "/" + d.noun()
	}},
	{unseen, "curl -u", "", whole, func(d dice) string {
		return "curl -fsS -u " + d.noun() + ":" + d.password("!*-_.") + " https://nexus." + d.host() +
			"/repository/raw/"
	}},
	{unseen, "docker login -p", "", whole, func(d dice) string {
		return "docker login " + d.noun() + ".azurecr.io -u " + d.noun() + " -p " + d.password("!*-_.")
	}},
	{unseen, "az login -p", "", whole, func(d dice) string {
		return "az login --service-principal -u " + d.guid() + " -p " + d.password("~-_.") + " --tenant " + d.guid()
	}},
	{unseen, "sshpass", "", whole, func(d dice) string {
		return "sshpass -p '" + d.password("!*-_.") + "' scp app.tar.gz deploy@" + d.host() + ":/srv/"
	}},
	{unseen, "net use", "", whole, func(d dice) string {
		return `net use \\fs01\drop /user:CONTOSO\` + d.noun() + " " + d.password("!*-_.")
	}},
	{unseen, "kubectl --from-literal", "", whole, func(d dice) string {
		return "kubectl create secret generic " + d.noun() + " --from-literal=db-password=" + d.password("!*-_.")
	}},
	{unseen, "helm --set", "", whole, func(d dice) string {
		return "helm upgrade " + d.noun() + " ./chart --set postgresql.auth.password=" + d.password("!*-_.")
	}},
	{unseen, "Kubernetes secret, base64", "", whole, func(d dice) string {
		return "  db-password: " + base64.StdEncoding.EncodeToString([]byte(d.password("!*-_.")))
	}},
	{unseen, ".netrc", "", whole, func(d dice) string {
		return "machine git." + d.host() + " login " + d.noun() + " password " + d.password("!*-_.")
	}},
	{unseen, "XML appSettings", "", whole, func(d dice) string {
		return `    <add key="Smtp:Password" value="` + d.password("!*-_.") + `" />`
	}},
	{unseen, "XML element", "", whole, func(d dice) string {
		return "<server><id>nexus</id><username>ci</username><password>" + d.password("!*-_.") + "</password></server>"
	}},
	{unseen, "PowerShell ConvertTo-SecureString", "", whole, func(d dice) string {
		return `$p = ConvertTo-SecureString "` + d.password("!*-_.") + `" -AsPlainText -Force`
	}},
	{unseen, "C# NetworkCredential", "", whole, func(d dice) string {
		return `client.Credentials = new NetworkCredential("` + d.noun() + `", "` + d.password("!*-_.") + `");`
	}},
	{unseen, "Java system property", "", whole, func(d dice) string {
		return "java -Djavax.net.ssl.keyStorePassword=" + d.password("!*-_.") + " -jar app.jar"
	}},
	{unseen, "terraform plan", "", whole, func(d dice) string {
		return `      + administrator_login_password = "` + d.password("!*-_.") + `"`
	}},
	{unseen, "HTTP header, X-Api-Key", "", whole, func(d dice) string { return "> X-Api-Key: " + d.of(alnum, 40) }},
	{unseen, "cookie", "", whole, func(d dice) string {
		return "< Set-Cookie: session_token=" + d.of(hexes, 48) + "; HttpOnly; Secure"
	}},
	{unseen, "WireGuard key", "", whole, func(d dice) string { return "PrivateKey = " + d.base64(32) }},
	{unseen, "age key", "", whole, func(d dice) string {
		return "AGE-SECRET-KEY-1" + d.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
	}},
	{unseen, "TOTP seed", "", whole, func(d dice) string {
		return "otpauth://totp/contoso:" + d.noun() + "?secret=" + d.of(uppers+"234567", 32) + "&issuer=contoso"
	}},
	{unseen, "SMTP URL", "", whole, func(d dice) string {
		return "MAILER_DSN=smtp://" + d.noun() + ":" + url.QueryEscape(d.password("!*$")) + "@smtp." + d.host() + ":587"
	}},
	{unseen, "LDAP bind", "", whole, func(d dice) string {
		return "ldapsearch -D cn=svc,dc=contoso,dc=com -w " + d.password("!*-_.") + " -b dc=contoso,dc=com"
	}},
	{unseen, "HashiCorp Vault token", "", whole, func(d dice) string {
		return "VAULT_TOKEN: hvs." + d.of(alnum+"-_", 90)
	}},
	{unseen, "Terraform Cloud token", "", whole, func(d dice) string {
		return `credentials "app.terraform.io" { token = "` + d.of(alnum, 14) + ".atlasv1." + d.of(alnum+"-_", 67) +
			`" }`
	}},
	{unseen, "SendGrid key", "", whole, func(d dice) string {
		return "key SG." + d.of(alnum+"-_", 22) + "." + d.of(alnum+"-_", 43)
	}},
	{unseen, "Twilio", "", whole, func(d dice) string {
		return "twilio AC" + d.of(hexes, 32) + " auth " + d.of(hexes, 32)
	}},
	{unseen, "Mailgun key", "", whole, func(d dice) string { return "api:key-" + d.of(hexes, 32) }},
	{unseen, "Telegram bot token", "", whole, func(d dice) string {
		return "POST https://api.telegram.org/bot" + d.of("123456789", 10) + ":AA" + d.of(alnum+"-_", 33) +
			"/sendMessage"
	}},
	{unseen, "Discord webhook", "", whole, func(d dice) string {
		return "https://discord.com/api/webhooks/" + d.of("123456789", 18) + "/" + d.of(alnum+"-_", 68)
	}},
	{unseen, "Slack webhook", "", whole, func(d dice) string {
		return "https://hooks.slack.com/services/T" + d.of(uppers+digits, 9) + "/B" + d.of(uppers+digits, 9) + "/" +
			d.of(alnum, 24)
	}},
	{unseen, "Teams webhook", "", whole, func(d dice) string {
		return "https://contoso.webhook.office.com/webhookb2/" + d.guid() + "@" + d.guid() + "/IncomingWebhook/" +
			d.of(hexes, 32) +
			"/" + d.guid()
	}},
	{unseen, "Logic Apps URL", "", whole, func(d dice) string {
		return "https://prod-12.westeurope.logic.azure.com:443/workflows/" + d.of(hexes, 32) +
			"/triggers/manual/paths/invoke?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" +
			d.of(alnum+"-_", 43)
	}},
	{unseen, "Application Insights connection string", "", whole, func(d dice) string {
		return "InstrumentationKey=" + d.guid() +
			";IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/"
	}},
	{unseen, "Datadog key", "", whole, func(d dice) string { return "DD_API_KEY=" + d.of(hexes, 32) }},
	{unseen, "New Relic key", "", whole, func(d dice) string { return "licence NRAK-" + d.of(uppers+digits, 27) }},
	{unseen, "Grafana token", "", whole, func(d dice) string {
		return "grafana glsa_" + d.of(alnum, 32) + "_" + d.of(hexes, 8)
	}},
	{unseen, "Docker Hub token", "", whole, func(d dice) string { return "hub dckr_pat_" + d.of(alnum+"-_", 27) }},
	{unseen, "RubyGems key", "", whole, func(d dice) string {
		return ":rubygems_api_key: rubygems_" + d.of(hexes, 48)
	}},
	{unseen, "crates.io token", "", whole, func(d dice) string { return "cargo login cio" + d.of(alnum, 32) }},
	{unseen, "OpenAI key", "", whole, func(d dice) string {
		return "sk-proj-" + d.of(alnum+"-_", 74) + "T3BlbkFJ" + d.of(alnum+"-_", 74)
	}},
	{unseen, "Anthropic key", "", whole, func(d dice) string {
		return "key sk-ant-api03-" + d.of(alnum+"-_", 93) + "AA"
	}},
	{unseen, "Hugging Face token", "", whole, func(d dice) string {
		return "huggingface hf_" + d.of(lowers+uppers, 34)
	}},
	{unseen, "DigitalOcean token", "", whole, func(d dice) string { return "doctl dop_v1_" + d.of(hexes, 64) }},
	{unseen, "Shopify token", "", whole, func(d dice) string { return "shop shpat_" + d.of(hexes, 32) }},
	{unseen, "Pulumi token", "", whole, func(d dice) string { return "pulumi login pul-" + d.of(hexes, 40) }},
	{unseen, "Sentry token", "", whole, func(d dice) string {
		return "sentry-cli --auth-token sntrys_" + d.of(alnum, 80) + "_" + d.of(alnum, 43)
	}},
	{unseen, "PuTTY key", "", block, func(d dice) string {
		return "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: " + d.noun() +
			"\nPrivate-Lines: 1\n" + d.base64(33) +
			"\nPrivate-MAC: " + d.of(hexes, 64)
	}},
	{unseen, "private key, one line with \\n", "", whole, func(d dice) string {
		return `{"private_key":"-----BEGIN PRIVATE KEY-----\n` + d.base64(300) + `\n-----END PRIVATE KEY-----\n"}`
	}},
}

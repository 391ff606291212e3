package main

import (
	"encoding/base64"
	"net/url"
)

// set says what a secret is planted for. Numbers of different sets are never added.
type set string

const (
	incident set = "the post-mortem's class" // database URLs, ADO.NET, redis, SAS, personal access tokens
	tuned    set = "kinds the rules name"    // as their authors know them
	unseen   set = "kinds the rules were not tuned on"
	known    set = "known secrets"
)

// kind is a kind of secret, in the form in which it is usually written.
type kind struct {
	set     set
	name    string
	setting string // the variable that usually holds it
	shape   shape
	make    func(d dice) string
}

// shape says in which contexts a secret can stand.
type shape int

const (
	token  shape = iota // letters, digits and the like: anywhere
	text                // a connection string, a URL: not in another URL
	header              // a line of HTTP
	block               // several lines
)

// kinds are those that the rules are written for: the issue and the engine's own
// documents name them. See unseen.go for others.
var kinds = []kind{
	{incident, "PostgreSQL URL", "DATABASE_URL", text, func(d dice) string {
		return d.pick("postgres", "postgresql") + "://" + d.noun() + ":" + url.QueryEscape(d.password("!$*-_.~")) +
			"@" + d.host() +
			":5432/" + d.noun() + d.pick("", "?sslmode=require")
	}},
	{incident, "PostgreSQL URL, password not escaped", "DATABASE_URL", text, func(d dice) string {
		return "postgresql://" + d.noun() + "_app:" + d.password("!$*+=^~") + "@" + d.host() + "/" + d.noun()
	}},
	{incident, "MySQL URL", "DB_URL", text, func(d dice) string {
		return "mysql://" + d.noun() + ":" + url.QueryEscape(d.password("!$*-_")) + "@" + d.host() + ":3306/" + d.noun()
	}},
	{incident, "MongoDB URL", "MONGO_URI", text, func(d dice) string {
		return d.pick("mongodb", "mongodb+srv") + "://" + d.noun() + ":" + url.QueryEscape(d.password("!$*-_")) + "@" +
			d.host() + "/" + d.noun() + "?retryWrites=true"
	}},
	{incident, "JDBC, PostgreSQL", "SPRING_DATASOURCE_URL", text, func(d dice) string {
		return "jdbc:postgresql://" + d.host() + ":5432/" + d.noun() + "?user=" + d.noun() + "&password=" +
			url.QueryEscape(d.password("!$*-_"))
	}},
	{incident, "JDBC, SQL Server", "JDBC_URL", text, func(d dice) string {
		return "jdbc:sqlserver://" + d.host() + ":1433;database=" + d.noun() + ";user=" + d.noun() + ";password=" +
			d.password("!$*-_") + ";encrypt=true"
	}},
	{incident, "ADO.NET, Azure SQL", "ConnectionStrings__Default", text, func(d dice) string {
		return "Server=tcp:" + d.noun() + ".database.windows.net,1433;Initial Catalog=" + d.noun() + ";User ID=" +
			d.noun() +
			"-admin;" + d.pick("Password", "Pwd", "password") + "=" + d.password("!$*-_#") +
			";Encrypt=True;Connection Timeout=30;"
	}},
	{incident, "ODBC", "ODBC_DSN", text, func(d dice) string {
		return "Driver={ODBC Driver 18 for SQL Server};Server=" + d.host() + ";Uid=" + d.noun() + ";Pwd={" +
			d.password("!$*-_;") +
			"};Encrypt=yes;"
	}},
	{incident, "Redis URL", "REDIS_URL", text, func(d dice) string {
		return d.pick("redis", "rediss") + "://" + d.pick("", "default", d.noun()) + ":" +
			url.QueryEscape(d.base64(32)) + "@" +
			d.host() + ":6380/0"
	}},
	{incident, "Redis, StackExchange", "REDIS_CONNECTION", text, func(d dice) string {
		return d.noun() + ".redis.cache.windows.net:6380,password=" + d.base64(32) + ",ssl=True,abortConnect=False"
	}},
	{incident, "SAS URL", "ARTIFACT_URL", text, func(d dice) string {
		return "https://" + d.noun() + "store.blob.core.windows.net/drop/" + d.noun() + ".zip?" + d.sas()
	}},
	{incident, "SAS token", "SAS_TOKEN", text, func(d dice) string { return "?" + d.sas() }},
	{incident, "Azure DevOps PAT, old form", "AZURE_DEVOPS_EXT_PAT", token, func(d dice) string {
		return d.of(lowers+"234567", 52)
	}},
	{incident, "Azure DevOps PAT", "SYSTEM_ACCESSTOKEN", token, func(d dice) string { return d.annotated("AAAAAZDO") }},

	{tuned, "storage connection string", "AzureWebJobsStorage", text, func(d dice) string {
		return "DefaultEndpointsProtocol=https;AccountName=" + d.noun() + "store;AccountKey=" + d.base64(64) +
			";EndpointSuffix=core.windows.net"
	}},
	{tuned, "storage key, new form", "STORAGE_KEY", token, func(d dice) string {
		return d.of(alnum+"+/", 76) + "+ASt" + d.of(alnum, 5) + d.of("AQgw", 1) + "=="
	}},
	{tuned, "Service Bus connection string", "SERVICEBUS", text, func(d dice) string {
		return "Endpoint=sb://" + d.noun() +
			".servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=" +
			d.base64(32)
	}},
	{tuned, "Cosmos DB connection string", "COSMOS", text, func(d dice) string {
		return "AccountEndpoint=https://" + d.noun() + ".documents.azure.com:443/;AccountKey=" + d.base64(64) + ";"
	}},
	{tuned, "IoT Hub connection string", "IOTHUB", text, func(d dice) string {
		return "HostName=" + d.noun() + ".azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" +
			d.base64(32)
	}},
	{tuned, "AMQP URL", "RABBITMQ_URL", text, func(d dice) string {
		return d.pick("amqp", "amqps") + "://" + d.noun() + ":" + url.QueryEscape(d.password("!$*-_")) + "@" +
			d.host() + ":5671/%2f"
	}},
	{tuned, "HTTPS URL with a login", "FEED_URL", text, func(d dice) string {
		return "https://" + d.noun() + ":" + url.QueryEscape(d.password("!$*-_")) + "@pkgs." + d.host() +
			"/feed/index.json"
	}},
	{tuned, "Entra client secret", "AZURE_CLIENT_SECRET", token, func(d dice) string {
		return d.of(alnum, 3) + "8Q~" + d.of(alnum+"-_.~", 33) + d.of(alnum, 1)
	}},
	{tuned, "container registry key", "ACR_PASSWORD", token, func(d dice) string {
		return d.of(alnum+"/+", 42) + "+ACR" + d.of("ABCD", 1) + d.of(alnum, 5)
	}},
	{tuned, "function key", "FUNCTION_KEY", token, func(d dice) string {
		return d.of(alnum+"-_", 44) + "AzFu" + d.of(alnum, 5) + d.of("AQgw", 1) + "=="
	}},
	{tuned, "search key", "SEARCH_KEY", token, func(d dice) string {
		return d.of(alnum, 42) + "AzSe" + d.of("ABCD", 1) + d.of(alnum, 5)
	}},
	{tuned, "GitHub token", "GH_TOKEN", token, func(d dice) string { return d.checked("ghp_", 30) }},
	{tuned, "GitHub fine-grained token", "GITHUB_TOKEN", token, func(d dice) string {
		return "github_pat_" + d.of(alnum, 22) + "_" + d.of(alnum, 59)
	}},
	{tuned, "GitLab token", "GITLAB_TOKEN", token, func(d dice) string { return "glpat-" + d.of(alnum+"-_", 20) }},
	{tuned, "npm token", "NPM_TOKEN", token, func(d dice) string { return d.checked("npm_", 30) }},
	{tuned, "PyPI token", "TWINE_PASSWORD", token, func(d dice) string {
		return "pypi-AgEIcHlwaS5vcmc" + d.of(alnum+"-_", 150)
	}},
	{tuned, "NuGet key", "NUGET_API_KEY", token, func(d dice) string { return "oy2" + d.of(lowers+"234567", 43) }},
	{tuned, "AWS access key ID", "AWS_ACCESS_KEY_ID", token, func(d dice) string {
		return "AKIA" + d.of(uppers+"234567", 16)
	}},
	{tuned, "AWS secret key", "AWS_SECRET_ACCESS_KEY", token, func(d dice) string { return d.of(alnum+"/+", 40) }},
	{tuned, "Google API key", "GOOGLE_API_KEY", token, func(d dice) string { return "AIzaSy" + d.of(alnum+"-_", 33) }},
	{tuned, "Slack token", "SLACK_TOKEN", token, func(d dice) string {
		return "xoxb-" + d.of(digits, 12) + "-" + d.of(digits, 12) + "-" + d.of(alnum, 24)
	}},
	{tuned, "Stripe key", "STRIPE_KEY", token, func(d dice) string { return "sk_live_" + d.of(alnum, 24) }},
	{tuned, "Databricks token", "DATABRICKS_TOKEN", token, func(d dice) string { return "dapi" + d.of(hexes, 32) }},
	{tuned, "bearer header", "", header, func(d dice) string { return "Authorization: Bearer " + d.jwt() }},
	{tuned, "basic header", "", header, func(d dice) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(d.noun()+":"+d.password("!$*-_")))
	}},
	{tuned, "private key, RSA", "", block, func(d dice) string { return d.pem("RSA PRIVATE KEY", 600) }},
	{tuned, "private key, OpenSSH", "", block, func(d dice) string { return d.pem("OPENSSH PRIVATE KEY", 380) }},
	{tuned, "password, by name", "ADMIN_PASSWORD", token, func(d dice) string { return d.password("!*-_.") }},
	{tuned, "secret, by name", "CLIENT_SECRET", token, func(d dice) string {
		return d.of(alnum, 20) + d.of(digits, 2) + d.of(alnum, 10)
	}},
	{tuned, "token, by name", "DEPLOY_TOKEN", token, func(d dice) string {
		return d.of(hexes, 18) + d.of(digits, 2) + d.of(hexes, 20)
	}},
}

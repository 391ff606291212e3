package leak

const inSettings = "whoever administers the service"

// rotations has each kind.
var rotations = map[Kind]rotation{
	VaultSecret: {
		title: "Secret of the vault",
		owner: "its owner, if its tags or content type name one: az keyvault secret show --vault-name <vault>" +
			" --name <secret>" +
			" --query \"{tags:tags,contentType:contentType,updated:attributes.updated}\"",
		fresh: []string{
			"Find out what it opens, and whether that can hold a second secret next to it, so that nothing breaks",
			"Make a new one there",
		},
		revoke: []string{"Revoke the old one there, and try that it opens nothing any more"},
	},

	StorageKey: storageKeys(), SASToken: sharedAccess(), MessagingKey: messagingKeys(), CosmosKey: cosmosKeys(),
	RedisKey: redisKeys(), IoTKey: iotKeys(), AppConfigKey: appConfigKeys(), RegistryKey: registryLogin(),
	SearchKey: searchKeys(), FunctionKey: functionKeys(), APIMKey: apimKeys(), AIKey: aiKeys(), AzureKey: azureKeys(),
	EntraSecret: entraSecret(), AzureDevOpsPAT: azureDevOpsToken(),

	SQLPassword: {
		title: "Login of SQL Server or Azure SQL", owner: "the administrator of the database",
		fresh: []string{
			"A login has one password: make a second login with the same roles, so that nothing breaks while" +
				" programs move",
			"In sqlcmd, so that it stays out of the shell's history: CREATE LOGIN <login2> WITH PASSWORD = '<new" +
				" password>'",
			"In each database: CREATE USER <login2> FOR LOGIN <login2>; ALTER ROLE <role> ADD MEMBER <login2>",
			"If a short break does no harm, one login is enough: ALTER LOGIN <login> WITH PASSWORD = '<new password>'",
			"Better, in Azure SQL: a managed identity, which has no password: CREATE USER <identity> FROM EXTERNAL" +
				" PROVIDER",
		},
		revoke: []string{
			"Disable the old login: ALTER LOGIN <login> DISABLE",
			"Sessions that are open stay open: find them in sys.dm_exec_sessions and end each with KILL <session>",
		},
	},
	DatabaseLogin: {
		title: "Login of a database (PostgreSQL, MySQL, MongoDB and others)", owner: "the administrator of the" +
			" database",
		fresh: []string{
			"PostgreSQL: a role has one password, so make a second: psql \"host=<host> dbname=<database>" +
				" user=<admin>\"" +
				" -c \"CREATE ROLE <role2> LOGIN IN ROLE <role>\"",
			"Set its password where nobody sees it, not in a command: in psql, \\password <role2>",
			"MySQL 8 keeps two passwords: ALTER USER '<user>'@'<host>' IDENTIFIED BY RANDOM PASSWORD RETAIN" +
				" CURRENT PASSWORD",
			"MongoDB: db.createUser for a second user, with passwordPrompt() in place of the password",
		},
		revoke: []string{
			"PostgreSQL: psql \"host=<host> dbname=<database> user=<admin>\" -c \"ALTER ROLE <role> NOLOGIN" +
				" PASSWORD NULL\"",
			"Sessions that are open stay open: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE" +
				" usename = '<role>'",
			"MySQL: ALTER USER '<user>'@'<host>' DISCARD OLD PASSWORD; MongoDB: db.dropUser(\"<user>\")",
		},
	},
	BrokerLogin: {
		title: "Login of a message broker (AMQP, MQTT, NATS, Kafka)", owner: "the administrator of the broker",
		fresh: []string{
			"Make a second user with the same permissions; RabbitMQ: rabbitmqctl add_user <user2> (it asks for the" +
				" password)," +
				" then rabbitmqctl set_permissions",
		},
		revoke: []string{
			"Delete the old user and close its connections; RabbitMQ: rabbitmqctl delete_user <user>," +
				" then rabbitmqctl close_all_user_connections <user> rotated",
		},
	},
	DatabricksToken: {
		title: "Personal access token of Databricks", owner: "the user whose token it is; a workspace administrator",
		fresh: []string{
			"Make a new one with an end, better an OAuth service principal: databricks tokens create" +
				" --lifetime-seconds <seconds> --comment <purpose> > <file>",
		},
		revoke: []string{"Revoke the old one: databricks tokens list, then databricks tokens delete <token id>"},
	},
	GitHubToken: {
		title: "GitHub token or key", owner: "the user or the app whose token it is; an owner of the organization",
		fresh: []string{
			"See by its beginning where to go: ghp_ and github_pat_ are a user's, gho_, ghu_ and ghr_ an app's;" +
				" ghs_ ends within an hour",
			"If someone else may be using it, revoke it now and not below: it can do what its user can",
			"Make a new fine-grained one for these repositories only: github.com > Settings > Developer settings",
			"If workflows use it, too: gh secret set <name> --repo <owner>/<repository> < <file>",
		},
		revoke: []string{
			"Delete the old one in the same settings; without its user's help: curl --data @<file> " +
				"https://api.github.com/credentials/revoke, with a list named credentials in the file",
			"See what it did: gh api \"/orgs/<organization>/audit-log?phrase=hashed_token:<base64 of its SHA-256>\"",
			"A deploy key: gh repo deploy-key list --repo <owner>/<repository>, then gh repo deploy-key delete <id>",
		},
	},
	GitLabToken: {
		title: "GitLab token", owner: "the user, project or group whose token it is",
		fresh: []string{
			"Make a second one with the fewest scopes and an end (Settings > Access tokens); do not press rotate:" +
				" that ends the old one at once",
		},
		revoke: []string{
			"Revoke the old one in the same place; a runner's token: reset it, and register the runner again",
			"See what it did: Audit events of the project or group",
		},
	},
	NPMToken: {
		title: "npm token", owner: "the user whose token it is: npm token list shows its first characters",
		fresh: []string{
			"Ask first whether a token is needed: trusted publishing has none; a feed of Azure Artifacts takes" +
				" System.AccessToken",
			"Make a granular one, for these packages only, to read if that is enough: npmjs.com > Access Tokens",
		},
		revoke: []string{
			"Revoke the old one: npm token revoke <token id>",
			"Look for versions that nobody of you published: npm view <package> time",
		},
	},
	NuGetKey: {
		title: "nuget.org key", owner: "the user whose key it is",
		fresh: []string{
			"Make a second one for these packages only: nuget.org > API Keys; better trusted publishing, which has" +
				" none",
		},
		revoke: []string{
			"Delete the old one there, and look for versions of your packages that nobody of you pushed",
		},
	},
	PyPIToken: {
		title: "PyPI token", owner: "the user or project whose token it is",
		fresh: []string{
			"Make a second one for this project only: pypi.org > Account settings > API tokens; better trusted" +
				" publishing",
		},
		revoke: []string{"Remove the old one there, and look for releases that nobody of you uploaded"},
	},
	AWSKey: {
		title: "AWS access key", owner: "the IAM user's owner: aws iam get-access-key-last-used --access-key-id" +
			" <old key id>",
		fresh: []string{
			"A key of ASIA... is a session's: find the role, as its sessions and not the key are revoked below",
			"Make the user's second key: aws iam create-access-key --user-name <user> > <file>; better a role with" +
				" OIDC",
		},
		revoke: []string{
			"Switch the old one off first, and see that nothing breaks: aws iam update-access-key --user-name <user>" +
				" --access-key-id <old key id> --status Inactive",
			"Then delete it: aws iam delete-access-key --user-name <user> --access-key-id <old key id>",
			"Sessions that it started go on: IAM > Roles > <role> > Revoke sessions",
			"See what it did: aws cloudtrail lookup-events --lookup-attributes" +
				" AttributeKey=AccessKeyId,AttributeValue=<old key id>",
		},
	},
	GoogleKey: {
		title: "Google key", owner: "the owner of the project",
		fresh: []string{
			"A service account: gcloud iam service-accounts keys create <file> --iam-account <account>;" +
				" better workload identity federation",
			"An API key: gcloud services api-keys create --display-name <name>, restricted to what it is for;" +
				" an OAuth client: add a second secret in the console",
		},
		revoke: []string{
			"A service account: gcloud iam service-accounts keys disable <old key id> --iam-account <account>," +
				" then the same" +
				" with delete",
			"An API key: gcloud services api-keys delete <old key id>; an OAuth client: disable its old secret," +
				" then delete it",
		},
	},
	SlackToken: {
		title: "Slack token or webhook", owner: "the app's collaborators; a workspace administrator",
		fresh: []string{
			"A webhook: add a second one for the channel; a token: api.slack.com/apps > OAuth & Permissions >" +
				" Reinstall",
		},
		revoke: []string{"Remove the old webhook there; a token: Revoke tokens there, which ends all of the app's"},
	},
	StripeKey: {
		title: "Stripe key", owner: "an administrator of the account",
		fresh: []string{
			"Dashboard > Developers > API keys > Rotate key, and let the old one live for some hours; better a" +
				" restricted key",
		},
		revoke: []string{"Expire the old one there at once, and look at the account's payouts and request logs"},
	},
	ServiceToken: {
		title: "Token of a service", owner: inSettings,
		fresh:  []string{"Make a second token in the service's settings, with the fewest rights and an end"},
		revoke: []string{"Revoke the old one there, and look into the service's audit log"},
	},
	PrivateKey: {
		title: "Private key or certificate", owner: "whoever owns the server, account or signature that it stands for",
		fresh: []string{
			"Make a new key; never keep the old one with a new certificate. In the vault: az keyvault certificate" +
				" create" +
				" --vault-name <vault> --name <certificate> --policy @<file>",
			"SSH: ssh-keygen -t ed25519 -f <file>, and add the new public key next to the old one where it is let in",
			"An app registration: az ad app credential reset --id <app id> --append --cert @<file with the" +
				" certificate>" + quiet,
		},
		revoke: []string{
			"Have the issuer revoke the old certificate, with the reason keyCompromise",
			"Take the old public key out of authorized_keys, deploy keys and app registrations",
			"What it signed can be forged since: sign again what still matters, and tell those who check the" +
				" signatures",
		},
	},
	BearerToken: {
		title: "Bearer token", unstored: true,
		owner: "whoever issued it: iss and exp in the token tell; read it on your own machine only",
		fresh: []string{
			"It may have ended by itself (exp): then what matters is the secret that it was got with",
			"Make what needs it get a new one for each run, and do not store it",
		},
		revoke: []string{
			"Have the issuer end its sessions; Microsoft Entra: az rest --method post --url" +
				" \"https://graph.microsoft.com/v1.0/users/<user id>/revokeSignInSessions\"",
			"If it was got with a client secret, rotate that, too",
		},
	},
	BasicLogin: {
		title: "User and password of a server", owner: inSettings,
		fresh: []string{
			"Make a second account or an access token with the fewest rights there, so that nothing breaks",
		},
		revoke: []string{
			"Change the password of the old account, or delete it, and end its sessions",
			"Change it wherever the same password is used",
		},
	},
	Password: {
		title: "Password, token or key", owner: "whoever wrote the line where it stands",
		fresh: []string{
			"Find out what it opens; if it opens nothing, put its fingerprint into the baseline, with that as the" +
				" reason",
			"Make a second one there, next to it if that is possible, so that nothing breaks",
		},
		revoke: []string{"Revoke the old one there, and try that it opens nothing any more"},
	},
}

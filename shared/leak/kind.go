package leak

// Kind is what a secret gives access to, which decides how it is rotated; see Rotation.
type Kind string

// The kinds. Their values are stable: they stand in reports.
const (
	// VaultSecret is a secret of this run of which nothing else is known.
	VaultSecret Kind = "vault-secret"

	StorageKey      Kind = "azure-storage-key"       // an account key
	SASToken        Kind = "azure-sas"               // a shared access signature
	MessagingKey    Kind = "azure-messaging-key"     // Service Bus, Event Hubs, Relay, Event Grid
	CosmosKey       Kind = "azure-cosmos-key"        // Cosmos DB
	RedisKey        Kind = "redis-key"               // Azure Cache for Redis, or any Redis
	SQLPassword     Kind = "sql-password"            // ADO.NET, ODBC: SQL Server and Azure SQL
	DatabaseLogin   Kind = "database-login"          // PostgreSQL, MySQL, MongoDB and others: user and password
	BrokerLogin     Kind = "broker-login"            // AMQP, MQTT, NATS, Kafka: user and password
	IoTKey          Kind = "azure-iot-key"           // IoT Hub, device, provisioning service
	AppConfigKey    Kind = "azure-app-configuration" // App Configuration
	RegistryKey     Kind = "registry-login"          // Azure Container Registry, or any container registry
	SearchKey       Kind = "azure-search-key"        // AI Search
	FunctionKey     Kind = "azure-function-key"      // Functions
	APIMKey         Kind = "azure-apim-key"          // API Management
	AIKey           Kind = "azure-ai-key"            // AI services, OpenAI, Speech, Bing and so on
	AzureKey        Kind = "azure-key"               // another key of an Azure resource: Batch, Maps, ...
	EntraSecret     Kind = "entra-client-secret"     // a password of an app registration
	AzureDevOpsPAT  Kind = "azure-devops-pat"        // a personal access token
	DatabricksToken Kind = "databricks-token"        // a personal access token of Databricks

	GitHubToken  Kind = "github-token"
	GitLabToken  Kind = "gitlab-token"
	NPMToken     Kind = "npm-token"  // npm, and feeds that speak its protocol
	NuGetKey     Kind = "nuget-key"  // nuget.org
	PyPIToken    Kind = "pypi-token" // pypi.org
	AWSKey       Kind = "aws-key"    // access key ID, secret access key, session token
	GoogleKey    Kind = "google-key" // API key, OAuth secret, access token
	SlackToken   Kind = "slack-token"
	StripeKey    Kind = "stripe-key"
	ServiceToken Kind = "service-token" // another service's token; the rule says which

	PrivateKey  Kind = "private-key"  // PEM, PuTTY, PFX, age: TLS, SSH, signing
	BearerToken Kind = "bearer-token" // a JWT or an opaque token of an Authorization header
	BasicLogin  Kind = "basic-login"  // user and password of a web server, a Git host, a mail server
	Password    Kind = "password"     // something called password, secret, token or key
)

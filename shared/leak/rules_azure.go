package leak

import "bytes"

// The formats of Azure's keys are those of microsoft/security-utilities,
// GeneratedRegexPatterns/PreciselyClassifiedSecurityKeys.json and
// UnclassifiedPotentialSecurityKeys.json at revision
// 638ad20eb4d446319a31e9c0ed293d087b4ffa55; see NOTICE.md in this folder for its
// licence. The numbers in the comments are its own, SEC101/nnn.

var azureLast = newClass("AQgw") // the last character of base64 of 1 byte more than a multiple of 3

// key64 is a key of 64 bytes with a signature.
func key64(signature string) shape {
	return shape{pre: 76, literal: signature, min: 6, max: 6, class: base64Std, last: azureLast,
		suffix: "==", edge: base64All}
}

// key32 is a key of 32 bytes with a signature.
func key32(signature string) shape {
	return shape{pre: 33, literal: signature, min: 6, max: 6, class: base64Std, first: newClass("A-P"),
		suffix: "=", edge: base64All}
}

// annotated is a "common annotated security key": 52 characters, JQQJ99, the date, 12
// characters, the provider's signature, 4 of checksum.
func annotated(provider string) shape {
	return shape{pre: 52, literal: "JQQJ9", min: 27, max: 27, class: alnum, check: func(value []byte) bool {
		const at = 52 + len("JQQJ99") + 2 + 12
		return value[57] == '9' && 'A' <= value[59] && value[59] <= 'L' &&
			string(value[at:at+len(provider)]) == provider
	}}
}

// withTail adds the longer variant of an annotated key: 64 bytes instead of 63.
func withTail(s shape) []shape {
	long := s
	long.min, long.max, long.suffix = 29, 29, "=="
	return []shape{s, long}
}

// anyAnnotated is one of a provider without a rule of its own (SEC101/177, 198, 200, 202).
func anyAnnotated() shape {
	return shape{pre: 52, literal: "JQQJ9", min: 27, max: 27, class: alnum, check: func(value []byte) bool {
		return bytes.IndexByte([]byte("9DH"), value[57]) >= 0 && 'A' <= value[59] && value[59] <= 'L' &&
			alnum[value[76]] && !digits[value[76]] && !hasOwnRule(string(value[72:80]))
	}}
}

func hasOwnRule(provider string) bool {
	switch provider {
	case "AAAAAZDO", "AAAAAZAC", "AAAAAZEG", "AAAAAZMP", "AAAAAZCS":
		return true
	}
	return provider[:3] == "AAA" && provider[4:] == "ACOG"
}

// cognitive is the signature of the AI services: one letter says which (SEC101/205 to 245).
func cognitive() shape {
	s := annotated("")
	date := s.check
	s.check = func(value []byte) bool {
		return date(value) && string(value[72:75]) == "AAA" && string(value[76:80]) == "ACOG"
	}
	return s
}

func azureRules() []rule {
	return append([]rule{
		tokenRule("azure-devops-pat", AzureDevOpsPAT, Critical, // SEC101/201
			"a personal access token of Azure DevOps", withTail(annotated("AAAAAZDO"))...),
		tokenRule("azure-ai-key", AIKey, Critical, "a key of an Azure AI service", withTail(cognitive())...),
		tokenRule("azure-app-configuration-key", AppConfigKey, Critical, // SEC101/197
			"a key of App Configuration", withTail(annotated("AAAAAZAC"))...),
		tokenRule("azure-event-grid-key", MessagingKey, Critical, // SEC101/199
			"a key of Event Grid", annotated("AAAAAZEG"), key32("AZEG")),
		tokenRule("azure-maps-key", AzureKey, Critical, "a key of Azure Maps", // SEC101/203
			withTail(annotated("AAAAAZMP"))...),
		tokenRule("azure-communication-key", AzureKey, Critical, // SEC101/204
			"a key of Communication Services", withTail(annotated("AAAAAZCS"))...),
		tokenRule("azure-annotated-key", AzureKey, Critical, "an annotated key of an Azure service",
			withTail(anyAnnotated())...),
		{Rule: Rule{"leak/azure-entra-client-secret", EntraSecret, Critical, "a client secret of Microsoft Entra ID"},
			anchors: []string{"8Q~", "7Q~"}, exact: true, find: findEntraSecret}, // SEC101/156
		tokenRule("azure-function-key", FunctionKey, Critical, "a key of Azure Functions", shape{ // SEC101/158
			pre: 44, literal: "AzFu", min: 6, max: 6, class: wordDash, last: azureLast, suffix: "=="}),
		tokenRule("azure-search-key", SearchKey, Critical, "a key of AI Search", shape{ // SEC101/166, 167
			pre: 42, literal: "AzSe", min: 6, max: 6, class: alnum, first: newClass("A-D"),
			edge: newClass("a-zA-Z0-9+/_=-")}),
		tokenRule("azure-relay-key", MessagingKey, Critical, "a key of Azure Relay", // SEC101/173
			key32("+ARm")),
		tokenRule("azure-event-hub-key", MessagingKey, Critical, "a key of Event Hubs", // SEC101/172
			key32("+AEh")),
		tokenRule("azure-service-bus-key", MessagingKey, Critical, "a key of Service Bus", // SEC101/171
			key32("+ASb")),
		tokenRule("azure-iot-key", IoTKey, Critical, "a key of IoT Hub, a device or its provisioning",
			// SEC101/178 to 180

			key32("AIoT")),
		tokenRule("azure-storage-key", StorageKey, Critical, "a key of a storage account", // SEC101/152
			key64("+ASt")),
		tokenRule("azure-cosmos-key", CosmosKey, Critical, "a key of Cosmos DB", // SEC101/160
			key64("ACDb")),
		tokenRule("azure-batch-key", AzureKey, Critical, "a key of Batch", // SEC101/163
			key64("+ABa")),
		tokenRule("azure-ml-key", AzureKey, Critical, "a key of an ML web service", // SEC101/170
			key64("+AMC")),
		tokenRule("azure-apim-key", APIMKey, Critical, "a key of API Management", // SEC101/181 to 184
			key64("APIM")),
		tokenRule("azure-redis-key", RedisKey, Critical, "a key of Azure Cache for Redis", // SEC101/154
			key32("AzCa")),
		tokenRule("azure-registry-key", RegistryKey, Critical, "a key of Container Registry", shape{ // SEC101/176
			pre: 42, literal: "+ACR", min: 6, max: 6, class: base64Std, first: newClass("A-D"), edge: base64All}),
		tokenRule("databricks-token", DatabricksToken, Critical, "a token of Databricks", shape{ // SEC101/110
			literal: "dapi", min: 32, max: 34, class: newClass("0-9a-f-"), edge: wordDash}),
	}, oldAzureRules()...)
}

// findEntraSecret finds xxx8Q~, a client secret: 37 to 40 characters.
func findEntraSecret(text []byte, at int) (found, bool) {
	class := newEntraClass
	from := at - 3
	if from < 0 || !begins(text, from, entraEdge) || !class.all(text[from:at]) {
		return found{}, false
	}
	to := class.run(text, at+3, 35)
	if n := to - at - 3; n < 31 || n > 34 || !ends(text, to, entraEdge) {
		return found{}, false
	}
	return found{from: from, to: to}, true
}

var (
	newEntraClass = newClass("~.a-zA-Z0-9_-")
	entraEdge     = newClass("~.a-zA-Z0-9_+/-")
)

package leak

const (
	onResource = "the owner of the resource: az resource show --ids <resource id> --query tags"
	ofGroup    = " --resource-group <group>"
	quiet      = " --output none"
	toFile     = " --output tsv > <file>"
)

// keys are the commands for a resource with two keys, of which one at a time is made
// new: programs move to the second while the first still works.
type keys struct {
	title         string
	second, first string // renew that key
	value         string // writes the second into a file
}

func (k keys) rotation() rotation {
	return rotation{
		title: k.title, owner: onResource,
		fresh: []string{
			"Find out which of its two keys leaked; below that is the first and the other the second, else swap them",
			"Renew the second key, which nothing should be using: " + k.second,
			"Write it, as a key or as a connection string, as the programs expect it: " + k.value,
		},
		revoke: []string{"Renew the first key, the one that leaked; that ends it: " + k.first},
	}
}

func storageKeys() rotation {
	renew := "az storage account keys renew" + ofGroup + " --account-name <account> --key "
	r := keys{
		"Azure storage account key", renew + "key2" + quiet, renew + "key1" + quiet,
		"az storage account keys list" + ofGroup + " --account-name <account>" +
			" --query \"[?keyName=='key2'].value\"" + toFile,
	}.rotation()
	r.revoke = append([]string{
		"Every SAS that the first key has signed ends with it: issue those that are needed again, with the second key",
	}, r.revoke...)
	return r
}

func messagingKeys() rotation {
	rule := ofGroup + " --namespace-name <namespace> --name <rule>"
	renew := "az servicebus namespace authorization-rule keys renew" + rule + " --key "
	r := keys{
		"Service Bus, Event Hubs, Relay or Event Grid" +
			" key", renew + "SecondaryKey" + quiet, renew + "PrimaryKey" + quiet,
		"az servicebus namespace authorization-rule keys list" + rule + " --query secondaryConnectionString" + toFile,
	}.rotation()
	r.fresh = append([]string{
		"In what follows write az eventhubs for Event Hubs and az relay for Relay; for Event Grid it is: az" +
			" eventgrid topic" +
			" key regenerate" + ofGroup + " --name <topic> --key-name key2" + quiet,
	}, r.fresh...)
	return r
}

func cosmosKeys() rotation {
	account := ofGroup + " --name <account>"
	renew := "az cosmosdb keys regenerate" + account + " --key-kind "
	r := keys{
		"Cosmos DB key", renew + "secondary" + quiet, renew + "primary" + quiet,
		"az cosmosdb keys list" + account + " --type keys --query secondaryMasterKey" + toFile,
	}.rotation()
	r.fresh = append(r.fresh, "If a read-only key leaked, the kinds are secondaryReadonly and primaryReadonly;"+
		" renewing takes minutes to hours")
	return r
}

func redisKeys() rotation {
	cache := ofGroup + " --name <cache>"
	renew := "az redis regenerate-keys" + cache + " --key-type "
	r := keys{
		"Redis key or password", renew + "Secondary" + quiet, renew + "Primary" + quiet,
		"az redis list-keys" + cache + " --query secondaryKey" + toFile,
	}.rotation()
	r.fresh = append(r.fresh, "A Redis of your own holds several passwords for a user: in redis-cli, so that it"+
		" stays out"+
		" of the shell's history, ACL SETUSER <user> ><new password>")
	r.revoke = append(r.revoke, "In a Redis of your own: ACL SETUSER <user> <<old password>, then ACL SAVE,"+
		" then CLIENT KILL USER <user>")
	return r
}

func sharedAccess() rotation {
	return rotation{
		title: "Shared access signature (SAS)", owner: onResource,
		fresh: []string{
			"See in the SAS what signed it: skoid= is a user delegation key, si= a stored access policy, else an" +
				" account key",
			"Issue a new one for less and for a shorter time, signed by Microsoft Entra: az storage container" +
				" generate-sas" +
				" --as-user --auth-mode login --account-name <account> --name <container> --permissions <permissions>" +
				" --expiry <time> --output tsv > <file>",
		},
		revoke: []string{
			"If a user delegation key signed it: az storage account revoke-delegation-keys" + ofGroup + " --name" +
				" <account>",
			"If a stored access policy is in it: az storage container policy delete --account-name <account>" +
				" --container-name <container> --name <policy>",
			"Else only the key that signed it can end it: renew that one as a storage account key or Service Bus key," +
				" after the programs have moved to the other key",
		},
	}
}

func entraSecret() rotation {
	return rotation{
		title: "Client secret of an app registration in Microsoft Entra",
		owner: "the owners of the app: az ad app owner list --id <app id>",
		fresh: []string{
			"Ask first whether a secret is needed: workload identity federation and managed identities have none",
			"Add a new one next to the old: az ad app credential reset --id <app id> --append --display-name <name>" +
				" --query password --output tsv > <file>",
		},
		revoke: []string{
			"Find the old one by its hint and dates: az ad app credential list --id <app id>",
			"Delete it: az ad app credential delete --id <app id> --key-id <key id>",
			"Tokens that were issued with it live for up to a day: see the app's sign-ins in Entra, and take away" +
				" roles" +
				" if somebody else used it",
		},
	}
}

func azureDevOpsToken() rotation {
	return rotation{
		title: "Personal access token of Azure DevOps",
		owner: "the user whose token it is; an administrator can revoke it, too",
		fresh: []string{
			"Ask first whether a token is needed: System.AccessToken, or a service connection with workload identity" +
				" federation, has none",
			"If someone else may be using it, revoke it now and not below: it can do what its user can",
			"Make a new one with the fewest scopes and the shortest life: User settings > Personal access tokens",
		},
		revoke: []string{
			"Revoke the old one: User settings > Personal access tokens > Revoke; for somebody else's: az rest" +
				" --method post" +
				" --resource " + azureDevOps + " --url" +
				" \"https://vssps.dev.azure.com/<organization>/_apis/tokenadmin/revocations" +
				"?api-version=7.1-preview.1\" --body @<file with the authorization id>",
			"See what it did: Organization settings > Auditing, and the new service connections, tokens and keys" +
				" of its user",
		},
	}
}

func iotKeys() rotation {
	renew := "az iot hub policy renew-key --hub-name <hub> --name <policy> --renew-key "
	r := keys{
		"IoT Hub, device or provisioning key", renew + "secondary" + quiet, renew + "primary" + quiet,
		"az iot hub connection-string show --hub-name <hub> --policy-name <policy> --key-type secondary" +
			" --query connectionString" + toFile,
	}.rotation()
	r.fresh = append(r.fresh, "For a device: az iot hub device-identity renew-key --hub-name <hub> --device-id"+
		" <device>"+
		" --key-type secondary"+quiet)
	return r
}

func appConfigKeys() rotation {
	renew := "az appconfig credential regenerate" + ofGroup + " --name <store> --id "
	r := keys{
		"App Configuration access key", renew + "<id of the second>" + quiet, renew + "<id of the first>" + quiet,
		"az appconfig credential list --name <store> --query \"[?id=='<id of the second>'].connectionString\"" + toFile,
	}.rotation()
	r.fresh = append([]string{
		"See the ids, without the values: az appconfig credential list --name <store>" +
			" --query \"[].{id:id,name:name,readOnly:readOnly}\"",
	}, r.fresh...)
	return r
}

func registryLogin() rotation {
	renew := "az acr credential renew --name <registry> --password-name "
	r := keys{
		"Login of a container registry", renew + "password2" + quiet, renew + "password" + quiet,
		"az acr credential show --name <registry> --query \"passwords[1].value\"" + toFile,
	}.rotation()
	r.fresh = append(r.fresh, "Another registry: make a second access token there, one that can only pull if that"+
		" is enough")
	r.revoke = append(r.revoke,
		"Another registry: delete the old token there",
		"Compare the digests of the images that were pushed since with those that your pipelines have built")
	return r
}

func searchKeys() rotation {
	service := ofGroup + " --service-name <service>"
	renew := "az search admin-key renew" + service + " --key-kind "
	r := keys{
		"AI Search key", renew + "secondary" + quiet, renew + "primary" + quiet,
		"az search admin-key show" + service + " --query secondaryKey" + toFile,
	}.rotation()
	r.revoke = append(r.revoke,
		"If it is a query key, make another in the portal (Settings > Keys), and delete there the one that leaked")
	return r
}

func functionKeys() rotation {
	app := ofGroup + " --name <app>"
	return rotation{
		title: "Functions key", owner: onResource,
		fresh: []string{
			"Make another key, whose value the platform chooses: az functionapp keys set" + app +
				" --key-type functionKeys --key-name <new name>" + quiet,
			"Write it into a file: az functionapp keys list" + app + " --query \"functionKeys.<new name>\"" + toFile,
		},
		revoke: []string{
			"Delete the old key: az functionapp keys delete" + app + " --key-type functionKeys --key-name <old name>",
		},
	}
}

func apimKeys() rotation {
	call := func(what string) string {
		return "az rest --method post --url \"https://management.azure.com<id of the" +
			" service>/subscriptions/<subscription>/" +
			what + "?api-version=2022-08-01\""
	}
	return keys{
		"API Management subscription key", call("regenerateSecondaryKey"), call("regeneratePrimaryKey"),
		call("listSecrets") + " --query secondaryKey" + toFile,
	}.rotation()
}

func aiKeys() rotation {
	account := ofGroup + " --name <account>"
	renew := "az cognitiveservices account keys regenerate" + account + " --key-name "
	return keys{
		"Azure AI services key", renew + "key2" + quiet, renew + "key1" + quiet,
		"az cognitiveservices account keys list" + account + " --query key2" + toFile,
	}.rotation()
}

func azureKeys() rotation {
	return keys{
		"Key of an Azure resource", "portal > the resource > Keys > Regenerate, for the second",
		"portal > the resource > Keys > Regenerate, for the first", "portal > the resource > Keys > Copy",
	}.rotation()
}

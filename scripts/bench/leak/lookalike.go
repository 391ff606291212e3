package main

import "encoding/base64"

// lookalikes are lines that logs of pipelines have and that look like secrets, but
// are none: masked values, placeholders, references, hashes, ids. What an engine says
// about them is counted apart from the real lines.
var lookalikes = []func(d dice) string{
	func(d dice) string {
		return "DATABASE_URL=postgresql://" + d.noun() + ":***@" + d.host() + ":5432/" + d.noun()
	},
	func(d dice) string {
		return "Server=tcp:" + d.host() + ",1433;User ID=" + d.noun() + ";Password=***;Encrypt=True;"
	},
	func(d dice) string { return "  password: $(" + d.noun() + "-password)" },
	func(d dice) string { return "  password: ${{ variables." + d.noun() + "Password }}" },
	func(d dice) string { return "export DB_PASSWORD=${DB_PASSWORD:?not set}" },
	func(d dice) string { return `  + admin_password = (sensitive value)` },
	func(d dice) string {
		return "##[debug]Processed: ##vso[task.setvariable variable=" + d.noun() + "Token;issecret=true;]***"
	},
	func(d dice) string {
		return "##[debug]loading ENDPOINT_AUTH_PARAMETER_" + d.guid() + "_SERVICEPRINCIPALKEY"
	},
	func(d dice) string {
		return "az keyvault secret show --vault-name contoso-kv --name " + d.noun() + "-password --query value"
	},
	func(d dice) string {
		return "Reference: @Microsoft.KeyVault(SecretUri=https://contoso-kv.vault.azure.net/secrets/" + d.noun() +
			"/" + d.of(hexes, 32) + ")"
	},
	func(d dice) string { return "Step 4/9 : ARG NPM_TOKEN\n ---> " + d.of(hexes, 12) },
	func(d dice) string { return d.noun() + ": digest: sha256:" + d.of(hexes, 64) + " size: 2841" },
	func(d dice) string {
		return "Successfully tagged contoso.azurecr.io/" + d.noun() + ":" + d.of(hexes, 40)
	},
	func(d dice) string { return `"integrity": "sha512-` + d.base64(64) + `",` },
	func(d dice) string {
		return "    at Contoso.Auth.TokenCache.GetPassword(String secretName) in /src/TokenCache.cs:line 4" +
			d.of(digits, 1)
	},
	func(d dice) string {
		return "warning CS0618: 'Client.Password' is obsolete: 'Use Client.Credential' [" + d.noun() + ".csproj]"
	},
	func(d dice) string { return "  token: response.accessToken, password: this.form.value.password," },
	func(d dice) string { return "connectionString: <add your connection string here>" },
	func(d dice) string { return "POSTGRES_PASSWORD=changeme # only for the tests" },
	func(d dice) string { return "Set-Cookie: ARRAffinity=" + d.of(hexes, 64) + ";Path=/;HttpOnly" },
	func(d dice) string {
		return "x-ms-request-id: " + d.guid() + " etag: \"0x8D" + d.of("0123456789ABCDEF", 14) + "\""
	},
	func(d dice) string { return "Authorization: Bearer ***" },
	func(d dice) string {
		return "git -c http.extraheader=\"AUTHORIZATION: bearer ***\" fetch --force --tags --prune origin"
	},
	func(d dice) string {
		return "Downloading https://" + d.noun() + ".blob.core.windows.net/drop/a.zip?sv=2024-11-04&sr=b&sig=***"
	},
	func(d dice) string {
		return "secret/" + d.noun() + "-tls created; secret/" + d.noun() + "-pull-secret unchanged"
	},
	func(d dice) string {
		return "ok  \tcontoso.com/" + d.noun() + "/token\t0." + d.of(digits, 3) + "s  coverage: 8" + d.of(digits,
			1) + ".4% of statements"
	},
	func(d dice) string {
		return "thumbprint " + d.of("0123456789ABCDEF", 40) + ", public key token " + d.of(hexes, 16)
	},
	func(d dice) string { return "data:image/png;base64," + base64.StdEncoding.EncodeToString(d.bytes(150)) },
}

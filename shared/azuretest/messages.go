package azuretest

import "net/http"

// signIn is what people see who are not signed in.
const signIn = "<!DOCTYPE html>\r\n<html><head><title>Sign in to your account</title></head></html>"

// entraErrors are the errors of Entra by their code, see
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes; the
// comments name where somebody has seen one.
var entraErrors = map[int]struct {
	status     int
	kind, text string
}{
	50012:  {http.StatusUnauthorized, "invalid_client", `Authentication failed. The key used to sign the client assertion does not match.`},
	50013:  {http.StatusUnauthorized, "invalid_client", `Assertion failed signature validation.`},
	50027:  {http.StatusUnauthorized, "invalid_client", `JWT token is invalid or malformed: %v.`},
	50049:  {http.StatusBadRequest, "invalid_instance", `Unknown or invalid instance.`},
	70003:  {http.StatusBadRequest, "unsupported_grant_type", `The app requested an unsupported grant type '%s'.`},
	90002:  {http.StatusBadRequest, "invalid_request", `Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`},
	500011: {http.StatusBadRequest, "invalid_resource", `The resource principal named %s was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`},
	700016: {http.StatusBadRequest, "unauthorized_client", `Application with identifier '%s' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`},
	700021: {http.StatusUnauthorized, "invalid_client", `Client assertion application identifier doesn't match 'client_id' parameter.`},
	700023: {http.StatusUnauthorized, "invalid_client", `Client assertion audience claim does not match Realm issuer: '%s'.`},
	700024: {http.StatusUnauthorized, "invalid_client", `Client assertion is not within its valid time range. Current time: %v, assertion valid from %v, expiry time of assertion %v. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.`},
	700027: {http.StatusUnauthorized, "invalid_client", `The certificate with identifier used to sign the client assertion is not registered on application.`},
	700211: {http.StatusUnauthorized, "invalid_client", `No matching federated identity record found for presented assertion issuer '%s'. ` + checkFederation},
	700212: {http.StatusUnauthorized, "invalid_client", `No matching federated identity record found for presented assertion audience '%s'. ` + checkFederation},
	// github.com/dotnet/maui/pull/31978
	700213: {http.StatusUnauthorized, "invalid_client", `No matching federated identity record found for presented assertion subject '%s'. ` + checkFederation},
	900144: {http.StatusBadRequest, "invalid_request", `The request body must contain the following parameter: '%s'.`},
	// github.com/OfficeDev/microsoft-365-agents-toolkit/issues/8621
	7000215: {http.StatusUnauthorized, "invalid_client", `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.`},
	// github.com/MicrosoftDocs/azure-docs/issues/25959
	7000218: {http.StatusUnauthorized, "invalid_client", `The request body must contain the following parameter: 'client_assertion' or 'client_secret'.`},
	// github.com/liprec/vsts-release-aas/issues/119
	7000222: {http.StatusUnauthorized, "invalid_client", `The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`},
}

const checkFederation = `Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation`

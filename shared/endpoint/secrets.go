package endpoint

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// publicParameters are the authorization parameters that the agent does not
// mask (MaskingUtil.cs), as they stand in environment names.
var publicParameters = []string{
	"ROLE", "SCOPE", "TENANTID", "ISSUEDAT", "EXPIRESAT", "AUDIENCE", "AUTHENTICATIONTYPE", "AUTHORIZATIONTYPE",
	"ACCESSTOKENTYPE", "ACCESSTOKENFETCHINGMETHOD", "USEWINDOWSSECURITY", "UNSECURED", "OAUTHACCESSTOKENISSUPPLIED",
	"COMPLETECALLBACKPAYLOAD", "ACCEPTUNTRUSTEDCERTIFICATES",
}

// secretTaskVariable ends the name of a task variable that is secret. The agent
// does not tell a later stage which ones are, so the name has to.
const secretTaskVariable = "_SECRET"

// Secrets returns every secret value that an agent has put into environ: secret
// variables, authorization parameters of service connections (all but those the
// agent itself shows), tickets of secure files, the job's token, the passwords in
// proxy settings, and task variables whose name ends in ".secret". Values are not
// filtered by length or kind. A harness hides them before anything can print.
func Secrets(environ []string) []string {
	var found []string
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if value != "" {
			found = append(found, secretsIn(strings.ToUpper(key), value)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func secretsIn(key, value string) []string {
	switch {
	case strings.HasPrefix(key, "ENDPOINT_AUTH_PARAMETER_"):
		_, parameter, _ := strings.Cut(strings.TrimPrefix(key, "ENDPOINT_AUTH_PARAMETER_"), "_")
		return secretParameter(parameter, value)
	case strings.HasPrefix(key, "ENDPOINT_AUTH_SCHEME_"):
		return nil
	case strings.HasPrefix(key, "ENDPOINT_AUTH_"):
		return secretParameters(value)
	case strings.HasPrefix(key, "SECRET_"), strings.HasPrefix(key, "SECUREFILE_TICKET_"), key == "SYSTEM_ACCESSTOKEN",
		strings.HasPrefix(key, "VSTS_TASKVARIABLE_") && strings.HasSuffix(key, secretTaskVariable):
		return []string{value}
	case key == "AGENT_PROXYURL", key == "HTTPS_PROXY", key == "HTTP_PROXY", key == "ALL_PROXY",
		strings.HasPrefix(key, "ENDPOINT_URL_"):
		return urlSecrets(value)
	}
	return nil
}

func isPublic(parameter string) bool {
	return slices.Contains(publicParameters, envName(parameter))
}

// secretParameters returns the secret parameters of an authorization document;
// one that cannot be read is secret as a whole.
func secretParameters(document string) []string {
	var auth authorization
	if json.Unmarshal([]byte(document), &auth) != nil {
		return []string{document}
	}
	var found []string
	for key, value := range auth.Parameters {
		if s, ok := value.(string); ok && s != "" {
			found = append(found, secretParameter(key, s)...)
		}
	}
	return found
}

// secretParameter returns what is secret in a parameter. The agent masks a registry's
// host and the name of its user like all others; they stand in the names of images,
// which a task has to hand on.
func secretParameter(name, value string) []string {
	switch envName(name) {
	case "REGISTRY", "LOGINSERVER":
		return urlSecrets(value)
	case "USERNAME":
		if len(value) < userTokenLength {
			return nil
		}
	}
	if isPublic(name) {
		return nil
	}
	return []string{value}
}

// userTokenLength is what a token in the place of a user's name has at least; those of
// Docker Hub have 30 characters at most.
const userTokenLength = 32

// tokenLength is what a user name alone has at least, if it is a token.
const tokenLength = 20

func isPort(text string) bool { return strings.Trim(text, "0123456789") == "" }

// urlSecrets returns the password of an address, or the user name where it stands
// alone, as tokens do. Addresses are read as loosely as the programs do that use
// them: without a scheme, and with characters that should have been escaped. Both
// the written and the decoded form are secret.
func urlSecrets(address string) []string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	authority, _, _ := strings.Cut(address, "/")
	if user, password, ok := strings.Cut(authority, ":"); ok && !isPort(password) && !strings.Contains(user, "@") {
		authority = address // a "/" in a password ended the authority too early
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return nil
	}
	secret := authority[:at]
	if user, password, ok := strings.Cut(secret, ":"); ok && password != "" {
		secret = password
	} else if secret = user; len(secret) < tokenLength {
		return nil // a name, such as that of the organisation in Azure Repos' addresses
	}
	found := []string{secret}
	if decoded, err := url.PathUnescape(secret); err == nil && decoded != secret {
		found = append(found, decoded)
	}
	return found
}

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
		if isPublic(parameter) {
			return nil
		}
		return []string{value}
	case strings.HasPrefix(key, "ENDPOINT_AUTH_SCHEME_"):
		return nil
	case strings.HasPrefix(key, "ENDPOINT_AUTH_"):
		return secretParameters(value)
	case strings.HasPrefix(key, "SECRET_"), strings.HasPrefix(key, "SECUREFILE_TICKET_"), key == "SYSTEM_ACCESSTOKEN",
		strings.HasPrefix(key, "VSTS_TASKVARIABLE_") && strings.HasSuffix(key, secretTaskVariable):
		return []string{value}
	case key == "AGENT_PROXYURL", key == "HTTPS_PROXY", key == "HTTP_PROXY", strings.HasPrefix(key, "ENDPOINT_URL_"):
		return urlPassword(value)
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
		if s, ok := value.(string); ok && s != "" && !isPublic(key) {
			found = append(found, s)
		}
	}
	return found
}

func urlPassword(value string) []string {
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return nil
	}
	if password, ok := u.User.Password(); ok && password != "" {
		return []string{password}
	}
	return nil
}

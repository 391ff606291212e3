package azuretest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// metadataHost is where a machine in Azure learns about itself.
const metadataHost = "169.254.169.254"

// metadata is the Azure Instance Metadata Service, as far as tokens go, see
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token.
func (c *Cloud) metadata(r *http.Request) answer {
	if fault := c.take([]Kind{Custom}, metadataHost, r); fault != nil {
		return fault.custom()
	}
	bad := func(status int, kind, text string) answer {
		return reply(status, map[string]string{"error": kind, "error_description": text})
	}
	query := r.URL.Query()
	resource := query.Get("resource")
	id := query.Get("client_id")
	switch {
	case r.URL.Path != "/metadata/identity/oauth2/token":
		return bad(http.StatusNotFound, "not_found", "Resource not found")
	case r.Method != http.MethodGet:
		return bad(http.StatusMethodNotAllowed, "method_not_allowed", "Only GET is supported")
	case r.Header.Get("X-Forwarded-For") != "":
		return bad(http.StatusBadRequest, "invalid_request", "Request contains the X-Forwarded-For header")
	case r.Header.Get("Metadata") != "true":
		return bad(http.StatusBadRequest, "bad_request_102", "Required metadata header not specified")
	case query.Get("api-version") < "2018-02-01":
		return bad(http.StatusBadRequest, "bad_request", "Invalid api-version")
	case resource == "":
		return bad(http.StatusBadRequest, "invalid_request", "Required query variable 'resource' is missing")
	case id == "" && len(c.config.Identities) > 0:
		id = c.config.Identities[0]
	}
	if !slices.Contains(c.config.Identities, id) {
		return bad(http.StatusBadRequest, "invalid_request", "Identity not found")
	}
	if _, ok := c.resource(strings.TrimSuffix(resource, "/") + "/.default"); !ok {
		text := fmt.Sprintf(entraErrors[500011].text, resource)
		return bad(http.StatusBadRequest, "invalid_resource", "AADSTS500011: "+text)
	}
	now, seconds := c.config.Now(), fmt.Sprint(int(tokenLife.Seconds())-1)
	return reply(http.StatusOK, map[string]string{
		"access_token": c.accessToken(id, c.config.Tenant, resource, "2"), "client_id": id, "expires_in": seconds,
		"expires_on": fmt.Sprint(now.Add(tokenLife).Unix()), "ext_expires_in": seconds,
		"not_before": fmt.Sprint(now.Add(-clockSkew).Unix()), "resource": resource, "token_type": "Bearer",
	})
}

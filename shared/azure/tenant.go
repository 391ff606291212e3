package azure

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
)

// ErrTenant says that a service is of another tenant than the connection. An Error wraps it.
var ErrTenant = errors.New("another tenant")

var tenantID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// homeOf returns the tenant of a connection, if it is an id and can be compared. A managed
// identity has one, too, but the connection does not know which.
func homeOf(c *endpoint.Connection) string {
	if strings.EqualFold(c.Scheme, "ManagedServiceIdentity") {
		return ""
	}
	value, _ := c.Auth("tenantId")
	if id := strings.ToLower(value.Reveal()); tenantID.MatchString(id) {
		return id
	}
	return ""
}

// checkTenant refuses a tenant that is not the connection's. A service says of which tenant
// it is without any proof, so to follow it would let it choose who gets to see the secret or
// the assertion of the connection. What cannot be compared is left to the service, which does
// not take a token of another tenant than its own.
func (c *Credential) checkTenant(asked string) error {
	asked = strings.ToLower(asked)
	if asked == "" || c.tenant == "" || !tenantID.MatchString(asked) || asked == c.tenant {
		return nil
	}
	return &Error{
		Connection: c.connection,
		Reason:     fmt.Sprintf("it is of the tenant %s, and the service of the tenant %s", c.tenant, asked),
		Fix:        "use a connection of the service's tenant, or check that the service is the one that is meant",
		Err:        ErrTenant,
	}
}

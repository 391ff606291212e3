package vault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

// refusal is the body of an error of Key Vault. Its inner error is spelt innererror or
// innerError (github.com/Azure/azure-sdk-for-js/issues/24756); case does not count here.
type refusal struct {
	Error struct {
		Code, Message string
		InnerError    struct{ Code string }
	}
}

var (
	word      = regexp.MustCompile(`^[0-9A-Za-z]{1,60}$`)
	vaultCode = regexp.MustCompile(`AKV[0-9]+`)
	callerID  = regexp.MustCompile(`appid=([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b`)
	addressIn = regexp.MustCompile(`Client address: ([0-9A-Fa-f.:]+)`)
)

// answered says why the answer was no.
func (c *Client) answered(ref Ref, seen *exchange) *Error {
	var body refusal
	_ = json.Unmarshal(seen.body, &body) // whoever sends something else sends no code
	status := fmt.Sprint(seen.status)
	known := word.MatchString(body.Error.Code)
	if known {
		status += " " + body.Error.Code
	}
	switch {
	case seen.status/100 == 3:
		return c.problem(Ref{}, SignInPage,
			"cannot be read: the answer is a redirect ("+status+"), as to a page to sign in", c.between())
	case seen.status == http.StatusTooManyRequests:
		return c.problem(Ref{}, Throttled, "gets too many requests ("+status+"), from all who read it",
			"read it in fewer jobs at a time, or split it")
	case isTrouble(seen.status):
		return c.problem(ref, Server, "cannot be read: the vault has trouble of its own ("+status+")",
			"try again later, see https://azure.status.microsoft")
	case seen.status == http.StatusProxyAuthRequired:
		return c.proxied(seen.status)
	case !known:
		return c.problem(Ref{}, SignInPage, "answers "+status+", and not as a key vault does", c.between())
	case seen.status == http.StatusUnauthorized:
		return c.unauthorized(vaultCode.FindString(body.Error.Message))
	case seen.status == http.StatusForbidden:
		return c.forbidden(ref, body)
	}
	return c.mistaken(ref, seen.status, body)
}

// mistaken says what was wrong with the request.
func (c *Client) mistaken(ref Ref, status int, body refusal) *Error {
	text := fmt.Sprintf("(%d %s)", status, body.Error.Code)
	switch {
	case status == http.StatusNotFound && body.Error.Code == "SecretNotFound":
		return c.problem(ref, NotFound, "does not exist, or has been deleted",
			"check its name; if it was deleted, recover it (az keyvault secret recover)")
	case status == http.StatusBadRequest &&
		(ref.Name == "" || strings.Contains(body.Error.Message, "("+c.config.APIVersion+")")):
		return c.problem(Ref{}, BadVersion, "does not know the API version "+c.config.APIVersion+" "+text,
			"write one that the vaults of this cloud know")
	case status == http.StatusBadRequest:
		return c.problem(ref, BadName, "has a name or a version that the vault does not take "+text, "correct it")
	}
	return c.problem(ref, Server, "cannot be read "+text,
		"look the code up at https://learn.microsoft.com/rest/api/keyvault")
}

// unauthorized says why the vault does not take the token.
func (c *Client) unauthorized(code string) *Error {
	text := ""
	if code != "" {
		text = " (" + code + ")"
	}
	switch code {
	case "AKV10032": // invalid issuer
		return c.problem(Ref{}, WrongTenant, "is of another tenant than the service connection"+text,
			"use a connection of the vault's tenant, and check the vault's name")
	case "AKV10022": // invalid audience
		return c.problem(Ref{}, Unauthorized, "is not of the cloud of the service connection"+text,
			"check the cloud of the service connection, and the resource of its key vaults")
	}
	return c.problem(Ref{}, Unauthorized, "does not take the token of the service connection"+text,
		"check the clock of the agent's machine, and that the connection is of the vault's tenant and cloud")
}

// forbidden tells the reasons for a 403 apart.
func (c *Client) forbidden(ref Ref, body refusal) *Error {
	who := "the application of the service connection"
	if id := callerID.FindStringSubmatch(body.Error.Message); id != nil {
		who += " (" + id[1] + ")"
	}
	permission, names := "Get", ""
	verb := "read"
	if ref.Name == "" {
		permission, verb = "List", "list the secrets of"
		names = "; or name the secrets instead of patterns, which needs Get only"
	}
	address := ""
	if found := addressIn.FindStringSubmatch(body.Error.Message); found != nil {
		if ip, err := netip.ParseAddr(strings.TrimRight(found[1], ".:")); err == nil {
			address = " " + ip.String()
		}
	}
	inner := body.Error.InnerError.Code
	switch {
	case inner == "SecretDisabled":
		return c.problem(ref, Disabled, "is disabled",
			"enable it (az keyvault secret set-attributes --enabled true), or name another version")
	case inner == "ForbiddenByFirewall" || inner == "AccessDenied" && address != "":
		return c.problem(Ref{}, Firewall, "does not let this agent in: its firewall does not allow the address"+address,
			"allow it in the vault's network settings, or run the job on an agent in an allowed network")
	case inner == "ForbiddenByConnection":
		return c.problem(Ref{}, PrivateLink, "is open to its private network only",
			"run the job on an agent in this network, so that the vault's name leads to its private address")
	case inner == "ForbiddenByRbac":
		return c.problem(ref, RBAC, "is not for "+who+", which has no role to "+verb+" it",
			"give it the role Key Vault Secrets User, and wait some minutes until that holds"+names)
	case inner == "AccessDenied":
		return c.problem(ref, Policy, "is not for "+who+", which no access policy of the vault lets "+verb+" it",
			"give it the secret permission "+permission+" in the vault's access policies"+names)
	}
	text := ""
	if word.MatchString(inner) {
		text = " (" + inner + ")"
	}
	return c.problem(ref, Forbidden, "is not for "+who+text, "ask the owners of the vault why")
}

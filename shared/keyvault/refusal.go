package keyvault

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
func (v *Vault) answered(op Op, seen *exchange) *Error {
	var body refusal
	_ = json.Unmarshal(seen.body, &body) // whoever sends something else sends no code
	status := fmt.Sprint(seen.status)
	known := word.MatchString(body.Error.Code)
	if known {
		status += " " + body.Error.Code
	}
	switch {
	case seen.status/100 == 3:
		return v.Problem(Op{}, SignInPage,
			"cannot be asked: the answer is a redirect ("+status+"), as to a page to sign in", v.between())
	case seen.status == http.StatusTooManyRequests:
		return v.Problem(Op{}, Throttled, "gets too many requests ("+status+"), from all who use it",
			"use it in fewer jobs at a time, or split it")
	case isTrouble(seen.status):
		return v.Problem(op, Server, "cannot be "+op.Done+": the vault has trouble of its own ("+status+")",
			"try again later, see https://azure.status.microsoft")
	case seen.status == http.StatusProxyAuthRequired:
		return v.proxied(seen.status)
	case !known:
		return v.Problem(Op{}, SignInPage, "answers "+status+", and not as a key vault does", v.between())
	case seen.status == http.StatusUnauthorized:
		return v.unauthorized(vaultCode.FindString(body.Error.Message))
	case seen.status == http.StatusForbidden:
		return v.forbidden(op, body)
	}
	return v.mistaken(op, seen.status, body)
}

// mistaken says what was wrong with the request.
func (v *Vault) mistaken(op Op, status int, body refusal) *Error {
	text := fmt.Sprintf("(%d %s)", status, body.Error.Code)
	switch {
	case status == http.StatusNotFound && body.Error.Code == capital(op.Noun)+"NotFound":
		return v.Problem(op, NotFound, "does not exist, or has been deleted",
			"check its name; if it was deleted, recover it (az keyvault "+op.Noun+" recover)")
	case status == http.StatusBadRequest &&
		(op.Name == "" || strings.Contains(body.Error.Message, "("+v.config.APIVersion+")")):
		return v.Problem(Op{}, BadVersion, "does not know the API version "+v.config.APIVersion+" "+text,
			"write one that the vaults of this cloud know")
	case status == http.StatusBadRequest:
		return v.Problem(op, BadName, "has a name or a version that the vault does not take "+text, "correct it")
	}
	return v.Problem(op, Server, "cannot be "+op.Done+" "+text,
		"look the code up at https://learn.microsoft.com/rest/api/keyvault")
}

// unauthorized says why the vault does not take the token.
func (v *Vault) unauthorized(code string) *Error {
	text := ""
	if code != "" {
		text = " (" + code + ")"
	}
	switch code {
	case "AKV10032": // invalid issuer
		return v.Problem(Op{}, WrongTenant, "is of another tenant than the service connection"+text,
			"use a connection of the vault's tenant, and check the vault's name")
	case "AKV10022": // invalid audience
		return v.Problem(Op{}, Unauthorized, "is not of the cloud of the service connection"+text,
			"check the cloud of the service connection, and the resource of its key vaults")
	}
	return v.Problem(Op{}, Unauthorized, "does not take the token of the service connection"+text,
		"check the clock of the agent's machine, and that the connection is of the vault's tenant and cloud")
}

// forbidden tells the reasons for a 403 apart.
func (v *Vault) forbidden(op Op, body refusal) *Error {
	who := "the application of the service connection"
	if id := callerID.FindStringSubmatch(body.Error.Message); id != nil {
		who += " (" + id[1] + ")"
	}
	if e := v.unfit(op, body); e != nil {
		return e
	}
	address := addressOf(body.Error.Message)
	inner := body.Error.InnerError.Code
	switch {
	case inner == "ForbiddenByFirewall" || inner == "AccessDenied" && address != "":
		return v.Problem(Op{}, Firewall, "does not let this agent in: its firewall does not allow the address"+address,
			"allow it in the vault's network settings, or run the job on an agent in an allowed network")
	case inner == "ForbiddenByConnection":
		return v.Problem(Op{}, PrivateLink, "is open to its private network only",
			"run the job on an agent in this network, so that the vault's name leads to its private address")
	case inner == "ForbiddenByRbac":
		return v.Problem(op, RBAC, "is not for "+who+", which has no role to "+op.Verb+" it",
			"give it the role "+op.Role+", and wait some minutes until that holds"+op.Instead)
	case inner == "AccessDenied":
		return v.Problem(op, Policy, "is not for "+who+", which no access policy of the vault lets "+op.Verb+" it",
			"give it the "+op.Noun+" permission "+op.Permission+" in the vault's access policies"+op.Instead)
	}
	text := ""
	if word.MatchString(inner) {
		text = " (" + inner + ")"
	}
	return v.Problem(op, Forbidden, "is not for "+who+text, "ask the owners of the vault why")
}

// unfit says what is wrong with an object that the caller may use, and nobody can; nil if nothing is.
func (v *Vault) unfit(op Op, body refusal) *Error {
	switch inner := body.Error.InnerError.Code; {
	case inner == capital(op.Noun)+"Disabled": // github.com/Azure/azure-sdk-for-python/issues/45342 for keys
		return v.Problem(op, Disabled, "is disabled",
			"enable it (az keyvault "+op.Noun+" set-attributes --enabled true), or name another version")
	case inner == "KeyOperationForbidden":
		return v.Problem(op, Unfit, "does not permit to be "+op.Done+" for this (its operations, key_ops)",
			"permit it (az keyvault key set-attributes --ops), or use a key that is made for it")
	case inner == "KeyExpired" || strings.HasSuffix(body.Error.Message, "on an expired key."):
		return v.Problem(op, Unfit, "has expired", "make a new version, and use that")
	}
	return nil
}

// addressOf is the address of the caller as the vault sees it, behind a space; "" if it does not say.
func addressOf(message string) string {
	if found := addressIn.FindStringSubmatch(message); found != nil {
		if ip, err := netip.ParseAddr(strings.TrimRight(found[1], ".:")); err == nil {
			return " " + ip.String()
		}
	}
	return ""
}

// capital is a noun as it begins a vault's codes.
func capital(noun string) string {
	if noun == "" {
		return ""
	}
	return strings.ToUpper(noun[:1]) + noun[1:]
}

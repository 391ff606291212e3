package keyvault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/guardrails-ci/guardrails/shared/azure"
)

// explain turns what a request came to into an Error.
func (v *Vault) explain(ctx context.Context, op Op, err error, seen *exchange) *Error {
	var own *Error
	var credential *azure.Error
	var refused *azcore.ResponseError
	whole := Op{}
	var e *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, azure.ErrTenant):
		e = v.Problem(whole, WrongTenant, "is of another tenant than the service connection",
			"use a connection of the vault's tenant, and check the vault's name")
	case errors.As(err, &credential):
		e = v.Problem(whole, Credential,
			"cannot be asked: the service connection gives no token ("+credential.Reason+")", credential.Fix)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e = v.Problem(whole, Timeout, fmt.Sprintf("has not answered everything within %s", v.config.Deadline),
			"check the network and the proxy of this agent"+op.Sooner)
	case seen.err != nil:
		e = v.unreachable(seen.err)
	case seen.status == http.StatusUnauthorized && !errors.As(err, &refused):
		// The SDK, or scoped, does not like what the challenge asks for.
		e = v.Problem(whole, Unauthorized, "asks for a token that is not one for the key vaults of this cloud",
			"check the cloud of the service connection, and what the proxy of this agent makes of requests to "+v.host)
	case seen.status == 0: // the SDK has not even asked
		e = v.Problem(op, Malformed, "cannot be asked: the address of the answer's next page is none", v.between())
	case seen.status != http.StatusOK:
		e = v.answered(op, seen)
	case isPage(seen):
		e = v.Problem(whole, SignInPage, "answers with a web page, which is not a vault's", v.between())
	default:
		e = v.Problem(op, Malformed, "has an answer that is not the JSON of a key vault", v.between())
	}
	e.Status, e.Err = max(e.Status, seen.status), err
	return e
}

// between is what to do about something between agent and vault.
func (v *Vault) between() string {
	return "let requests to " + v.host + " through the proxy of this agent as they are"
}

func isPage(seen *exchange) bool { return strings.Contains(seen.header.Get("Content-Type"), "html") }

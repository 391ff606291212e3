package vault

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
func (c *Client) explain(ctx context.Context, ref Ref, err error, seen *exchange) *Error {
	var own *Error
	var credential *azure.Error
	var refused *azcore.ResponseError
	whole := Ref{}
	var e *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, azure.ErrTenant):
		e = c.problem(whole, WrongTenant, "is of another tenant than the service connection",
			"use a connection of the vault's tenant, and check the vault's name")
	case errors.As(err, &credential):
		e = c.problem(whole, Credential,
			"cannot be asked: the service connection gives no token ("+credential.Reason+")", credential.Fix)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e = c.problem(whole, Timeout, fmt.Sprintf("has not answered everything within %s", c.config.Deadline),
			"check the network and the proxy of this agent, or read fewer secrets in one step")
	case seen.err != nil:
		e = c.unreachable(seen.err)
	case seen.status == http.StatusUnauthorized && !errors.As(err, &refused):
		// The SDK, or scoped, does not like what the challenge asks for.
		e = c.problem(whole, Unauthorized, "asks for a token that is not one for the key vaults of this cloud",
			"check the cloud of the service connection, and what the proxy of this agent makes of requests to "+c.host)
	case seen.status == 0: // the SDK has not even asked
		e = c.problem(ref, Malformed, "cannot be asked: the address of the answer's next page is none", c.between())
	case seen.status != http.StatusOK:
		e = c.answered(ref, seen)
	case isPage(seen):
		e = c.problem(whole, SignInPage, "answers with a web page, which is not a vault's", c.between())
	default:
		e = c.problem(ref, Malformed, "has an answer that is not the JSON of a key vault", c.between())
	}
	e.Status, e.Err = max(e.Status, seen.status), err
	return e
}

// between is what to do about something between agent and vault.
func (c *Client) between() string {
	return "let requests to " + c.host + " through the proxy of this agent as they are"
}

func isPage(seen *exchange) bool { return strings.Contains(seen.header.Get("Content-Type"), "html") }

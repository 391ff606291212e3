package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
)

// AccessError is a service that cannot be reached, or refuses: the same for every
// object, so there is no use in asking for another one.
type AccessError struct {
	Container string // its address
	Code      string // the service's word for it, such as AuthorizationFailure; may be ""
	Reason    string // what is wrong, in our words
	Fix       string // what to change
	Err       error  // what was asked, and the answer
}

// Error says in one line which container, what is wrong, and the way out.
func (e *AccessError) Error() string {
	text := "container " + e.Container + ": " + e.Reason
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return text + "; " + e.Fix
}

// Unwrap returns the cause.
func (e *AccessError) Unwrap() error { return e.Err }

// Codes of the service that mean something to us. They come in a header, with every
// error, also where there is no body (learn.microsoft.com, "Blob Storage error codes").
const (
	codeHeader    = "X-Ms-Error-Code"
	codeNoBlob    = "BlobNotFound"
	codeCondition = "ConditionNotMet"
	codeNoBlocks  = "InvalidBlockList"
)

func isCode(err error, codes ...string) bool {
	var status *httpx.StatusError
	return errors.As(err, &status) && slices.Contains(codes, status.Header.Get(codeHeader))
}

// isTaken reports whether a Put was refused because there is an object.
func isTaken(err error) bool {
	return isCode(err, "BlobAlreadyExists", codeCondition, "TargetConditionNotMet",
		"UnauthorizedBlobOverwrite", // with a SAS that may create, but not write
		"BlobImmutableDueToPolicy",  // kept for ever by a policy of the container
		codeNoBlocks)                // another saver's commit has swept our blocks away
}

// explain turns the error of a request into the caller's.
func (c *Container) explain(doing, name string, err error) error {
	wrap := func(err error) error { return fmt.Errorf("%s %s in container %s: %w", doing, name, c.base, err) }
	if errors.Is(err, fs.ErrExist) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return wrap(err)
	}
	access := &AccessError{Container: c.base, Err: err}
	var token *tokenError
	var status *httpx.StatusError
	switch {
	case errors.As(err, &token):
		access.Reason, access.Fix = "no token for it: "+token.Error(), "correct the service connection"
	case isUnknownHost(err):
		access.Reason = "no machine of that name is known"
		access.Fix = "check the name of the storage account, and that this agent can resolve it " +
			"(an account with a private endpoint is known in its own network only)"
	case !errors.As(err, &status):
		return wrap(err)
	case status.Header.Get(codeHeader) == codeNoBlob:
		return wrap(fs.ErrNotExist)
	default:
		access.Code = status.Header.Get(codeHeader)
		access.Reason, access.Fix = c.refusal(access.Code, status)
	}
	if access.Reason == "" {
		return wrap(err)
	}
	return access
}

// refusal says why the service refuses, and what to change; "" if it does not, and
// just has trouble with this request.
func (c *Container) refusal(code string, status *httpx.StatusError) (reason, fix string) {
	if c.hasEnded(status) {
		return "the shared access signature ended at " + c.asker.ends, "make a new one and store it as the secret"
	}
	for _, known := range refusals {
		if slices.Contains(known.codes, code) {
			if c.asker.credential == nil && known.sas != "" {
				return known.reason, known.sas
			}
			return known.reason, known.fix
		}
	}
	switch status.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		if code == "" {
			return fmt.Sprintf("something on the way to the service refuses the request (%d)", status.Status),
				"ask whoever runs the proxy or firewall of this agent to let it through"
		}
		return fmt.Sprintf("the service refuses the request (%d)", status.Status),
			"look the code up in the error codes of Blob Storage"
	case http.StatusNotFound:
		return "there is no blob service at this address", "check the address of the storage account"
	}
	return "", ""
}

// hasEnded reports whether the SAS has ended, by the service's own clock: the most
// usual reason for one that is not accepted.
func (c *Container) hasEnded(status *httpx.StatusError) bool {
	now, err := http.ParseTime(status.Header.Get("Date"))
	if err != nil || status.Status != http.StatusForbidden {
		return false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if ends, err := time.Parse(layout, c.asker.ends); err == nil && !ends.After(now) {
			return true
		}
	}
	return false
}

// refusals are the known ones: the fix for a token, and that for a SAS where it is
// another.
var refusals = []struct {
	codes            []string
	reason, fix, sas string
}{
	{
		[]string{"ContainerNotFound"}, "there is no such container",
		"create it (az storage container create), or correct the name", "",
	},
	{
		[]string{"ContainerBeingDeleted", "ContainerDisabled"}, "the container is being deleted",
		"wait until it is gone and create it again, or use another one", "",
	},
	{
		[]string{"AuthorizationPermissionMismatch"}, "the identity may not do this",
		"give it the role Storage Blob Data Contributor on the container (to read only: Storage Blob Data Reader); " +
			"a new role takes up to ten minutes",
		"make a shared access signature for the container with the permissions rcwdl (to read only: rl)",
	},
	{
		[]string{"AuthorizationFailure"}, "the storage account does not accept requests from this agent's network, " +
			"or the identity may not do this",
		"allow the agent's network under Networking of the storage account, or use an agent in an allowed network",
		"allow the agent's network under Networking of the storage account, or use an agent in an allowed network; " +
			"if it is allowed, make a new shared access signature for the container, with the permissions rcwdl",
	},
	{
		[]string{"AuthorizationSourceIPMismatch"}, "the shared access signature is not for this agent's address",
		"make one for the addresses of your agents", "",
	},
	{
		[]string{"AuthorizationProtocolMismatch", "AuthorizationResourceTypeMismatch", "AuthorizationServiceMismatch"},
		"the shared access signature is for something else",
		"make one for the container, with the permissions rcwdl (to read only: rl) and https", "",
	},
	{
		[]string{"AuthenticationFailed"}, "the service does not accept who asks",
		"check that the service connection is of the tenant of the storage account",
		"make a new shared access signature and store it as the secret; check that it was copied whole",
	},
	{
		[]string{"InvalidAuthenticationInfo", "NoAuthenticationInformation"}, "the service does not accept the token",
		"check that the service connection is of the tenant and the cloud of the storage account", "",
	},
	{
		[]string{"KeyBasedAuthenticationNotPermitted"}, "the storage account does not accept signatures by its key",
		"use a service connection (azureSubscription), or a user delegation SAS", "",
	},
	{
		[]string{"PublicAccessNotPermitted"}, "the storage account does not allow anonymous access",
		"give a service connection or a shared access signature", "",
	},
	{
		[]string{"AccountIsDisabled", "InsufficientAccountPermissions"}, "the storage account is disabled",
		"ask its owner, or use another one", "",
	},
	{
		[]string{"InvalidHeaderValue", "UnsupportedHeader"},
		"the service does not know version " + version + " of its interface",
		"use Azure's own service, or a newer version of the emulator or appliance", "",
	},
}

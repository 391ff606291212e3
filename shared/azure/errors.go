package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Error says why a service connection gives no token.
type Error struct {
	Connection string // its id
	Code       string // Entra's, such as AADSTS7000222; "" if it did not say
	Reason     string // what is wrong, in our words
	Fix        string // what to change
	Err        error  // the cause; its text may have many lines
}

// Error says in one line which connection, what is wrong, and the way out.
func (e *Error) Error() string {
	text := "service connection " + e.Connection + ": " + e.Reason
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return text + "; " + e.Fix
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// problem is an Error before it is known of which connection.
func problem(reason, fix string) error { return &Error{Reason: reason, Fix: fix} }

func wrong(connection string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Connection: connection, Reason: "it gives no token", Fix: "save it again", Err: err}
	}
	return &Error{Connection: connection, Reason: e.Reason, Fix: e.Fix, Err: err}
}

// explain turns the error of a call of Token into an Error.
func (c *Credential) explain(ctx context.Context, err error, seen *exchange) error {
	e := &Error{Connection: c.connection, Err: err}
	var failed *azidentity.AuthenticationFailedError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("service connection %s: %w", c.connection, context.Cause(ctx))
	case seen.err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Reason, e.Fix = unreachable(seen)
	case errors.As(err, &failed) && failed.RawResponse != nil:
		e.Code, e.Reason, e.Fix = answered(failed.RawResponse, seen.host)
	case isManaged(c.source):
		e.Reason, e.Fix = "this machine has no managed identity, or not the one that the connection names",
			"assign it to the agent's machine, or use a connection with workload identity federation"
	default:
		e.Reason, e.Fix = "the answer of "+seen.host+" is not the expected one",
			"check what the proxy of this agent makes of requests to it"
	}
	return e
}

func isManaged(source any) bool {
	_, ok := source.(*azidentity.ManagedIdentityCredential)
	return ok
}

// unreachable says why there was no answer.
func unreachable(seen *exchange) (reason, fix string) {
	host := seen.host
	if host == "" {
		host = "the login service"
	}
	var outer *url.Error
	err := seen.err
	for errors.As(err, &outer) {
		err = outer.Err
	}
	var dns *net.DNSError
	switch {
	case strings.HasPrefix(host, "169.254."):
		return "the metadata service of this machine does not answer, so it has no managed identity",
			"run the job on an agent in Azure that has one, or use a connection with workload identity federation"
	case err == nil:
		return host + " does not answer", "check the network and the proxy of this agent"
	case errors.As(err, &dns) && dns.IsNotFound:
		return host + " is not known to this agent's network", "check its name servers and its proxy (--proxyurl)"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Sprintf("%s cannot be reached: %.200s", host, text),
		"check the network, the proxy (--proxyurl) and the certificates (--sslcacert) of this agent"
}

var codePattern = regexp.MustCompile(`AADSTS[0-9]+`)

// answered says why the answer was no.
func answered(resp *http.Response, host string) (code, reason, fix string) {
	if resp.Request != nil {
		host = resp.Request.URL.Host
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what there is of it
	resp.Body = io.NopCloser(bytes.NewReader(body))             // others may want to read it again
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer) // whoever sends something else sends no code
	code = codePattern.FindString(answer.Description)
	for _, known := range codes {
		if slices.Contains(known.codes, code) {
			return code, known.reason, known.fix
		}
	}
	switch {
	case resp.Request != nil && strings.HasSuffix(resp.Request.URL.Path, "/oidctoken"):
		return "", fmt.Sprintf("the server of the pipeline gives no token for it (%d)", resp.StatusCode),
			"check that the connection exists, that this pipeline is permitted to use it, " +
				"and that it is an input of this step"
	case strings.HasPrefix(host, "169.254."):
		return "", fmt.Sprintf("the metadata service of this machine gives no token (%d)", resp.StatusCode),
			"assign the managed identity to the agent's machine; if it has several, name one in the connection"
	case code != "":
		return code, "Entra refuses it", "look the code up at https://login.microsoftonline.com/error"
	case answer.Error != "":
		return "", fmt.Sprintf("%s refuses it: %.40q (%d)", host, answer.Error, resp.StatusCode),
			"check the connection's tenant and application"
	}
	return "", fmt.Sprintf("%s answers %d, and not as Entra does", host, resp.StatusCode),
		"check what the proxy of this agent makes of requests to it"
}

// codes are Entra's words for what goes wrong with a service connection
// (learn.microsoft.com, "Microsoft Entra authentication and authorization error codes").
var codes = []struct {
	codes       []string
	reason, fix string
}{
	{
		[]string{"AADSTS7000215"}, "its secret is not the application's",
		"make a new one, or convert the connection to workload identity federation, which needs none",
	},
	{
		[]string{"AADSTS7000222"}, "its secret has expired",
		"make a new one, or convert the connection to workload identity federation, which needs none",
	},
	{
		[]string{"AADSTS700016", "AADSTS7000229"}, "its application is not known in its tenant",
		"check the application (client) id and the tenant of the connection, and that the application is in this cloud",
	},
	{
		[]string{"AADSTS90002", "AADSTS900023"}, "its tenant is not known",
		"check the tenant id and the cloud of the connection",
	},
	{
		[]string{"AADSTS7000112"}, "its application is disabled", "enable it in Entra",
	},
	{
		[]string{"AADSTS70021", "AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS700223"},
		"its application does not trust this connection: " +
			"issuer, subject and audience are those of no federated credential",
		"compare the federated credential of the application with the issuer and the subject that the connection shows",
	},
	{
		[]string{"AADSTS700024"}, "its proof is not valid at this time", "check the clock of the agent's machine",
	},
	{
		[]string{"AADSTS700027"}, "its certificate is not one of the application's, or has expired",
		"add it to the application, or convert the connection to workload identity federation",
	},
	{
		[]string{"AADSTS500011"}, "the service that the token is for is not known in its tenant",
		"check that the connection is of the tenant and the cloud of that service",
	},
	{
		[]string{"AADSTS53003", "AADSTS530035"}, "a conditional access policy of its tenant refuses it",
		"ask the tenant's administrators to let this agent's network in",
	},
	{
		[]string{"AADSTS900382", "AADSTS900439"}, "it is of another cloud", "correct the environment of the connection",
	},
}

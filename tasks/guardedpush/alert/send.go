package alert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/retry"
)

const (
	perTry = 10 * time.Second
	tries  = 3

	pagerDutyAddress = "https://events.pagerduty.com/v2/enqueue"
)

// Target is a receiver.
type Target struct {
	Format Format
	// Address is the webhook. For PagerDuty it is the integration's key, with the address of a region before it and
	// a space, if it is not the first.
	Address inputs.Secret
}

var routingKey = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

// Check refuses a target that cannot be one. The error is the reason alone, and has
// nothing of the address in it.
func (t Target) Check() error {
	_, _, err := t.parse()
	return err
}

// parse takes the address apart.
func (t Target) parse() (address, key string, err error) {
	address = strings.TrimSpace(t.Address.Reveal())
	switch t.Format {
	case Teams, Slack, Generic:
	case PagerDuty:
		before, after, found := strings.Cut(address, " ")
		if address, key = before, strings.TrimSpace(after); !found {
			address, key = pagerDutyAddress, before
		}
		if !routingKey.MatchString(key) {
			return "", "", errors.New("it is neither the key of an integration in PagerDuty (32 letters and digits) " +
				"nor an address, a space and such a key")
		}
	default:
		return "", "", fmt.Errorf("the format %.40q is not known; choose teams, slack, pagerduty or generic", t.Format)
	}
	return address, key, checkAddress(address)
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New("it is empty")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" ||
		strings.ContainsAny(address, " \t\r\n"):
		return errors.New("it is not the address of a web server, such as https://hooks.example.com/abc")
	case u.User != nil:
		return errors.New("it has a user name or password before the host, which is not supported")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("it begins with http://, which everybody on the way can read; use https://")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Send tells a receiver: ten seconds a try, three tries. After an answer that was lost the
// receiver may hear it twice, which is better than never. The error has nothing of the
// address in it.
func Send(ctx context.Context, client *httpx.Client, t Target, e Event) error {
	return send(ctx, client, t, e, retry.Policy{Attempts: tries, Max: perTry})
}

func send(ctx context.Context, client *httpx.Client, t Target, e Event, p retry.Policy) error {
	address, key, err := t.parse()
	if err != nil {
		return err
	}
	body, err := Payload(t.Format, e, key)
	if err != nil {
		return err
	}
	request := httpx.Request{
		Method: http.MethodPost, URL: address, Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	}
	err = retry.Do(ctx, p, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, perTry)
		defer cancel()
		answer, err := client.Do(ctx, request)
		if err != nil {
			return judge(err)
		}
		return refusal(answer)
	})
	if err != nil {
		return &sendError{t.Format.receiver() + ": " + hidden(address, key, err), context.Cause(ctx)}
	}
	return nil
}

// refusal finds the answers that say yes and mean no: web pages in which somebody is to
// sign in, and Teams, which once answered all with 200.
func refusal(answer *httpx.Response) error {
	start := strings.ToLower(strings.TrimSpace(string(answer.Body[:min(len(answer.Body), 200)])))
	switch {
	case strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html"):
		return errors.New("the answer is a web page; that is not the address of a webhook")
	case strings.HasPrefix(start, "webhook message delivery failed"):
		return errors.New("the answer says that the message was not delivered")
	}
	return nil
}

// judge decides about another try.
func judge(err error) error {
	var status *httpx.StatusError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &status):
		if slices.Contains([]int{408, 429, 500, 502, 503, 504}, status.Status) {
			return retry.Temporary(err, httpx.RetryAfter(status.Header))
		}
		return err
	case errors.As(err, &certificate):
		return err
	}
	return retry.Temporary(err, 0)
}

// receiver is how a format's receiver is called in an error.
func (f Format) receiver() string {
	if name, ok := map[Format]string{Teams: "Teams", Slack: "Slack", PagerDuty: "PagerDuty"}[f]; ok {
		return name
	}
	return "the webhook"
}

// sendError is an error whose words are ours, so that nothing of the address is in them.
type sendError struct {
	text  string
	cause error // the context's; nil if that has not ended
}

func (e *sendError) Error() string { return e.text }
func (e *sendError) Unwrap() error { return e.cause }

// requested is what httpx has asked for, in its errors.
var requested = regexp.MustCompile(http.MethodPost + ` \S+: `)

// hidden is an error's text without what is secret of an address, in any form: a receiver
// may repeat in its answer what it was asked.
func hidden(address, key string, err error) string {
	var secrets redact.Set
	secrets.Add(address, key)
	if u, parseErr := url.Parse(address); parseErr == nil {
		secrets.Add(u.Host, u.Hostname(), u.Path, u.EscapedPath(), u.RawQuery, u.RequestURI())
		secrets.Add(strings.Split(u.Path, "/")...)
		secrets.Add(strings.Split(u.EscapedPath(), "/")...)
		for name, values := range u.Query() {
			secrets.Add(append(values, name)...)
		}
	}
	text := secrets.String(requested.ReplaceAllString(err.Error(), ""))
	return redact.Defuse(plain(text, 400))
}

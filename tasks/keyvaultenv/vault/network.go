package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
)

// unreachable says why there was no answer.
func (c *Client) unreachable(err error) *Error {
	whole := Ref{}
	var dns *net.DNSError
	var refusal *proxyRefusal
	var op *net.OpError
	switch {
	case errors.Is(err, errHost):
		return c.problem(whole, Malformed, "has a list of secrets that goes on at another server", c.between())
	case errors.Is(err, errChallenge):
		return c.problem(whole, Malformed, "asks for a token in a way that no vault does", c.between())
	case errors.Is(err, errLarge):
		return c.problem(whole, Malformed, "has an answer that is larger than any of a vault's", c.between())
	case errors.As(err, &refusal):
		return c.proxied(refusal.status)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return c.problem(whole, Proxy, "cannot be reached: the proxy of this agent does not answer"+cause(err),
			"check the address of the proxy (--proxyurl), and whether the agent needs one")
	case errors.As(err, &dns) && dns.IsNotFound:
		return c.problem(whole, NoVault, fmt.Sprintf("does not exist: the name %s is not known", c.host),
			"check the vault's name and the cloud of the service connection; if it has a private address only, "+
				"run the job on an agent in its network; if the agent needs a proxy, configure it (--proxyurl)")
	case errors.As(err, &dns):
		return c.problem(whole, DNS, fmt.Sprintf("cannot be reached: %s cannot be looked up", c.host),
			"check the name servers of this agent")
	case isTimeout(err):
		return c.problem(whole, Timeout, fmt.Sprintf("cannot be reached: %s does not answer in time", c.host),
			"check the network, the proxy (--proxyurl) and the firewalls of this agent")
	}
	if e := c.distrusted(err); e != nil {
		return e
	}
	return c.problem(whole, Network,
		fmt.Sprintf("cannot be reached: the connection to %s breaks off%s", c.host, cause(err)),
		"check the network, the proxy (--proxyurl) and the firewalls of this agent")
}

func (c *Client) proxied(status int) *Error {
	whole := Ref{}
	if status == http.StatusProxyAuthRequired {
		e := c.problem(whole, Proxy, "cannot be reached: the proxy of this agent wants a user name and password",
			"configure the agent with --proxyusername and --proxypassword")
		e.Status = status
		return e
	}
	e := c.problem(whole, Proxy,
		fmt.Sprintf("cannot be reached: the proxy of this agent gives no connection to %s (%d %s)",
			c.host, status, http.StatusText(status)),
		"check the vault's name, and let the proxy connect to "+c.host)
	e.Status = status
	return e
}

// distrusted says why the vault's certificate was not taken; nil if that was not it.
func (c *Client) distrusted(err error) *Error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var check *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	reason, fix := "", "check what the proxy or firewall of this agent makes of connections to "+c.host
	switch {
	case errors.As(err, &unknown):
		reason = "is of an authority that this agent does not know"
		fix = "if your organization's proxy opens connections, configure the agent with its authority (--sslcacert)"
	case errors.As(err, &host):
		reason = "is for another name"
	case errors.As(err, &invalid):
		reason, fix = "is not valid now, or not for servers", "check the clock of the agent's machine; else "+fix
	case errors.As(err, &check):
		reason = "is not one to trust"
	case errors.As(err, &record) || errors.As(err, &alert):
		return c.problem(Ref{}, TLS, fmt.Sprintf("cannot be reached: %s does not speak TLS as it should", c.host), fix)
	default:
		return nil
	}
	return c.problem(Ref{}, TLS, fmt.Sprintf("cannot be reached: the certificate of %s %s", c.host, reason), fix)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// cause is what the operating system says, if it says anything.
func cause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return fmt.Sprintf(" (%.100s)", number.Error())
	}
	return ""
}

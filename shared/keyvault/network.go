package keyvault

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
func (v *Vault) unreachable(err error) *Error {
	whole := Op{}
	var dns *net.DNSError
	var refusal *proxyRefusal
	var op *net.OpError
	switch {
	case errors.Is(err, errHost):
		return v.Problem(whole, Malformed, "has a list that goes on at another server", v.between())
	case errors.Is(err, errChallenge):
		return v.Problem(whole, Malformed, "asks for a token in a way that no vault does", v.between())
	case errors.Is(err, errLarge):
		return v.Problem(whole, Malformed, "has an answer that is larger than any of a vault's", v.between())
	case errors.As(err, &refusal):
		return v.proxied(refusal.status)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return v.Problem(whole, Proxy, "cannot be reached: the proxy of this agent does not answer"+cause(err),
			"check the address of the proxy (--proxyurl), and whether the agent needs one")
	case errors.As(err, &dns) && dns.IsNotFound:
		return v.Problem(whole, NoVault, fmt.Sprintf("does not exist: the name %s is not known", v.host),
			"check the vault's name and the cloud of the service connection; if it has a private address only, "+
				"run the job on an agent in its network; if the agent needs a proxy, configure it (--proxyurl)")
	case errors.As(err, &dns):
		return v.Problem(whole, DNS, fmt.Sprintf("cannot be reached: %s cannot be looked up", v.host),
			"check the name servers of this agent")
	case isTimeout(err):
		return v.Problem(whole, Timeout, fmt.Sprintf("cannot be reached: %s does not answer in time", v.host),
			"check the network, the proxy (--proxyurl) and the firewalls of this agent")
	}
	if e := v.distrusted(err); e != nil {
		return e
	}
	return v.Problem(whole, Network,
		fmt.Sprintf("cannot be reached: the connection to %s breaks off%s", v.host, cause(err)),
		"check the network, the proxy (--proxyurl) and the firewalls of this agent")
}

func (v *Vault) proxied(status int) *Error {
	whole := Op{}
	if status == http.StatusProxyAuthRequired {
		e := v.Problem(whole, Proxy, "cannot be reached: the proxy of this agent wants a user name and password",
			"configure the agent with --proxyusername and --proxypassword")
		e.Status = status
		return e
	}
	e := v.Problem(whole, Proxy,
		fmt.Sprintf("cannot be reached: the proxy of this agent gives no connection to %s (%d %s)",
			v.host, status, http.StatusText(status)),
		"check the vault's name, and let the proxy connect to "+v.host)
	e.Status = status
	return e
}

// distrusted says why the vault's certificate was not taken; nil if that was not it.
func (v *Vault) distrusted(err error) *Error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var check *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	reason, fix := "", "check what the proxy or firewall of this agent makes of connections to "+v.host
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
		return v.Problem(Op{}, TLS, fmt.Sprintf("cannot be reached: %s does not speak TLS as it should", v.host), fix)
	default:
		return nil
	}
	return v.Problem(Op{}, TLS, fmt.Sprintf("cannot be reached: the certificate of %s %s", v.host, reason), fix)
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

package httpx

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// settings reads the agent's variables; empty means absent.
type settings func(key string) (string, bool)

func (s settings) get(key string) (string, bool) {
	value, _ := s(key)
	return value, value != ""
}

// either returns the variable in upper case or else in lower case: both are in use.
func (s settings) either(name string) string {
	if value, ok := s.get(name); ok {
		return value
	}
	value, _ := s.get(strings.ToLower(name))
	return value
}

// FromAgent returns how an Azure Pipelines agent reaches servers, read from the
// environment of a task: through the proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY
// or else the agent's own, with the certificates it is configured with. The agent
// sets none of that up for a task; it only tells.
//
// The warnings are lines for the log: what is unsafe or was left out. If the agent
// does not check certificates, SkipVerify is set, and a warning says so.
func FromAgent(lookup func(key string) (string, bool)) (c Config, warnings []string, err error) {
	s := settings(lookup)
	chooser, warnings, err := s.proxies()
	if err != nil {
		return Config{}, nil, err
	}
	c.Proxy = chooser.choose
	if file, ok := s.get("AGENT_CAINFO"); ok {
		pem, err := os.ReadFile(file)
		if err == nil {
			c.RootCAs, err = CAPool(pem)
		}
		if err != nil {
			return Config{}, nil, fmt.Errorf("certificate authorities of the agent (--sslcacert): %w", err)
		}
	}
	if c.ClientCerts, err = s.clientCerts(); err != nil {
		return Config{}, nil, err
	}
	if skip, _ := s.get("AGENT_SKIPCERTVALIDATION"); strings.EqualFold(skip, "true") {
		c.SkipVerify = true
		warnings = append(warnings, "certificates are not checked: the agent is configured with "+
			"--sslskipcertvalidation; anybody on the network can read and change what this task sends")
	}
	return c, warnings, nil
}

func (s settings) clientCerts() ([]tls.Certificate, error) {
	certFile, ok := s.get("AGENT_CLIENTCERT")
	if !ok {
		return nil, nil
	}
	const what = "client certificate of the agent (--sslclientcert)"
	keyFile, ok := s.get("AGENT_CLIENTCERTKEY")
	if !ok {
		return nil, errors.New(what + ": there is no key with it; add --sslclientcertkey")
	}
	if _, ok := s.get("SECRET_AGENT_CLIENTCERTPASSWORD"); ok {
		return nil, errors.New(what + ": its key has a password, which is not supported; use a key without one, " +
			"readable by the agent's account only")
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return []tls.Certificate{cert}, nil
}

// proxies chooses the proxy for a request.
type proxies struct {
	https, http *url.URL // nil: none
	direct      []*regexp.Regexp
	noProxy     []string
}

func (s settings) proxies() (*proxies, []string, error) {
	p := &proxies{}
	agent, err := s.agentProxy()
	if err != nil {
		return nil, nil, err
	}
	if p.https, err = s.envProxy("HTTPS_PROXY", agent); err != nil {
		return nil, nil, err
	}
	if p.http, err = s.envProxy("HTTP_PROXY", agent); err != nil {
		return nil, nil, err
	}
	for entry := range strings.SplitSeq(s.either("NO_PROXY"), ",") {
		if entry = strings.ToLower(strings.TrimSpace(entry)); entry != "" {
			p.noProxy = append(p.noProxy, entry)
		}
	}
	var warnings []string
	p.direct, warnings, err = s.bypassList()
	return p, warnings, err
}

func (s settings) agentProxy() (*url.URL, error) {
	address, ok := s.get("AGENT_PROXYURL")
	if !ok {
		return nil, nil
	}
	u, err := parseProxy(address)
	if err != nil {
		return nil, fmt.Errorf("proxy of the agent (--proxyurl): %w", err)
	}
	if user, ok := s.get("AGENT_PROXYUSERNAME"); ok {
		password, _ := s.get("SECRET_AGENT_PROXYPASSWORD")
		u.User = url.UserPassword(user, password)
	}
	return u, nil
}

func (s settings) envProxy(name string, otherwise *url.URL) (*url.URL, error) {
	address := s.either(name)
	if address == "" {
		return otherwise, nil
	}
	u, err := parseProxy(address)
	if err != nil {
		return nil, fmt.Errorf("environment variable %s: %w", name, err)
	}
	return u, nil
}

// parseProxy takes "host:port" too, as everybody does. Its error holds nothing of
// the address, in which there may be a password.
func parseProxy(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		return nil, errors.New("it is not the address of a proxy, such as http://proxy.example:8080")
	}
	return u, nil
}

// bypassList reads the agent's list of regular expressions for addresses to reach
// directly. Like the agent (AgentWebProxy.cs) it leaves out what it cannot read.
func (s settings) bypassList() (direct []*regexp.Regexp, warnings []string, err error) {
	document, ok := s.get("AGENT_PROXYBYPASSLIST")
	if !ok {
		return nil, nil, nil
	}
	var list []string
	if json.Unmarshal([]byte(document), &list) != nil {
		return nil, nil, errors.New("proxy bypass list of the agent (AGENT_PROXYBYPASSLIST): " +
			"it is not a JSON list of texts; check the file .proxybypass in the agent's folder")
	}
	for i, entry := range list {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		expression, err := regexp.Compile("(?i)" + entry)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("entry %d of the agent's proxy bypass list is left out: "+
				"it is no regular expression that Go understands", i+1))
			continue
		}
		direct = append(direct, expression)
	}
	return direct, warnings, nil
}

// choose is the Proxy of a Config.
func (p *proxies) choose(req *http.Request) (*url.URL, error) {
	proxy := p.http
	if req.URL.Scheme == "https" {
		proxy = p.https
	}
	if proxy == nil || p.isDirect(req.URL) {
		return nil, nil
	}
	return proxy, nil
}

func (p *proxies) isDirect(u *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	// This machine, and the address at which a cloud machine finds its identity
	// (the metadata service), which no proxy can stand in for.
	ip, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast()) {
		return true
	}
	port, address := u.Port(), u.Scheme+"://"+u.Host
	if standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]; port == "" || port == standard {
		address, port = strings.TrimSuffix(address, ":"+port), standard // as the agent has it
	}
	for _, expression := range p.direct {
		if expression.MatchString(address) {
			return true
		}
	}
	for _, entry := range p.noProxy {
		if matchesNoProxy(entry, host, port, ip) {
			return true
		}
	}
	return false
}

// matchesNoProxy reports whether an entry of NO_PROXY (a domain with or without a
// dot or "*." in front, an address, a network, "*"; with or without a port) means
// the host. A domain without a dot means its subdomains too.
func matchesNoProxy(entry, host, port string, ip netip.Addr) bool {
	if entry == "*" {
		return true
	}
	if network, err := netip.ParsePrefix(entry); err == nil {
		return ip.IsValid() && network.Contains(ip.Unmap())
	}
	if single, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return ip.IsValid() && single.Unmap() == ip.Unmap()
	}
	if at := strings.LastIndexByte(entry, ':'); at >= 0 {
		if entry[at+1:] != port {
			return false
		}
		return matchesNoProxy(entry[:at], host, port, ip)
	}
	domain := strings.TrimPrefix(entry, "*")
	if suffix, ok := strings.CutPrefix(domain, "."); ok {
		return strings.HasSuffix(host, "."+suffix)
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}

package git

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Remote is where a repository of ours comes from and goes to.
type Remote struct {
	URL string // see CheckURL
	// Authorization is the value of that header, such as "bearer <token>"; empty: none.
	Authorization inputs.Secret
}

// remote is a Remote with what the agent says about the way to it.
type remote struct {
	url      string
	protocol string // all that git may use
	auth     inputs.Secret
	network  []setting
}

// CheckURL refuses an address that git must not be given: https only, and http on this
// machine. A user name in front of the host is no harm, and not used; a password is
// refused, because an address is shown.
func CheckURL(address string) error {
	_, err := parseURL(address)
	return err
}

func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil { // the parser's words hold the address
		return nil, errors.New("the address of the repository cannot be read; it looks like https://host/path")
	}
	if _, password := u.User.Password(); password {
		return nil, errors.New("the address of the repository holds a password; " +
			"take it out, and use a service connection")
	}
	if err := checkParts(u); err != nil {
		return nil, fmt.Errorf("the address of the repository, %q, %w", oneLine(u.Redacted(), 100), err)
	}
	return u, nil
}

func checkParts(u *url.URL) error {
	switch {
	case u.Opaque != "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be like https://host/path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("must begin with https: everybody on the way could read the token")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("must end with its path: without ? and #")
	case strings.ContainsFunc(u.Path, func(c rune) bool { return !strconv.IsPrint(c) }):
		return errors.New("holds a character that cannot be seen")
	case strings.HasPrefix(u.Hostname(), "-"):
		return errors.New("has a host that begins with a hyphen")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// connect finds out how to reach a remote.
func (g *Git) connect(r Remote) (*remote, error) {
	u, err := parseURL(r.URL)
	if err != nil {
		return nil, err
	}
	u.User = nil
	auth := r.Authorization.Reveal()
	if strings.ContainsFunc(auth, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, errors.New("the authorization for the repository holds a line break or another control character")
	}
	if _, credential, ok := strings.Cut(auth, " "); ok {
		g.config.Secrets.Add(credential)
	}
	network, err := g.agentSettings(u)
	if err != nil {
		return nil, err
	}
	return &remote{
		// An equals sign would end the name of a setting, see configEnv.
		url:      strings.ReplaceAll(u.String(), "=", "%3D"),
		protocol: u.Scheme, auth: r.Authorization, network: network,
	}, nil
}

// agentSettings are the agent's proxy and certificates, for one address. That is all
// there is: nothing leads git to another.
func (g *Git) agentSettings(u *url.URL) ([]setting, error) {
	lookup := g.lookup
	config, _, err := httpx.FromAgent(lookup)
	if err != nil {
		return nil, err
	}
	proxy, err := config.Proxy(&http.Request{URL: u})
	if err != nil {
		return nil, err
	}
	all := []setting{{"http.proxy", ""}}
	if proxy != nil {
		if password, ok := proxy.User.Password(); ok {
			g.config.Secrets.Add(password)
		}
		all = []setting{{"http.proxy", proxy.String()}}
	}
	authorities, _ := lookup("AGENT_CAINFO")
	if authorities != "" {
		all = append(all, setting{"http.sslCAInfo", authorities}, setting{"http.schannelUseSSLCAInfo", "true"})
	}
	cert, _ := lookup("AGENT_CLIENTCERT")
	if cert != "" {
		key, _ := lookup("AGENT_CLIENTCERTKEY")
		all = append(all, setting{"http.sslCert", cert}, setting{"http.sslKey", key})
	}
	if config.SkipVerify {
		all = append(all, setting{"http.sslVerify", "false"})
	}
	return append(all, backend(cert != "")...), nil
}

// backend is who checks certificates. Git for Windows says it in the configuration of the
// machine, which does not count here. Windows' own part trusts what the machine trusts,
// but takes no client certificate out of a file.
func backend(clientCert bool) []setting {
	return backendOf(runtime.GOOS, clientCert)
}

func backendOf(system string, clientCert bool) []setting {
	switch {
	case system != "windows":
		return nil
	case clientCert:
		return []setting{{"http.sslBackend", "openssl"}}
	}
	return []setting{{"http.sslBackend", "schannel"}}
}

// lookup reads the environment of the task.
func (g *Git) lookup(key string) (string, bool) {
	value, found := "", false
	for _, entry := range g.config.Environ {
		if k, v, ok := strings.Cut(entry, "="); ok && k == key {
			value, found = v, true
		}
	}
	return value, found
}

// settings are those of a command that talks to the remote.
func (r *remote) settings(g *Git) []setting {
	all := append([]setting{
		{"remote.origin.url", r.url},
		{"http.lowSpeedLimit", "1"},
		{"http.lowSpeedTime", strconv.Itoa(int(g.silence.Seconds()))},
		// The token is for this address alone. The machine's own identity is for nobody.
		{"http.followRedirects", "false"},
		{"http.emptyAuth", "false"},
		{"http.extraHeader", ""},
	}, r.network...)
	// The list of the address itself is emptied, too: git sends all headers of the list.
	own := "http." + r.url + ".extraHeader"
	all = append(all, setting{own, ""})
	if !r.auth.IsZero() {
		all = append(all, setting{own, "Authorization: " + r.auth.Reveal()})
	}
	return all
}

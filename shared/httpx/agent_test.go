package httpx

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type vars map[string]string

// fromMap is the lookup of a task whose environment is env.
func fromMap(env vars) func(string) (string, bool) {
	return func(key string) (string, bool) {
		value, ok := env[key]
		return value, ok
	}
}

func TestProxyFromAgent(t *testing.T) {
	t.Parallel()
	agent := vars{
		"AGENT_PROXYURL": "http://proxy:8080", "AGENT_PROXYUSERNAME": `do\main`, "SECRET_AGENT_PROXYPASSWORD": "p@ss:/",
		"AGENT_PROXYBYPASSLIST": `["^https?://internal\\.", "EXAMPLE\\.ORG$", " ", ":8443$"]`,
	}
	const agents = `http://do%5Cmain:p%40ss%3A%2F@proxy:8080`
	for name, tc := range map[string]struct {
		env    vars
		target string
		want   string // "" for none
	}{
		"nothing set":              {nil, "https://host/", ""},
		"empty":                    {vars{"AGENT_PROXYURL": "", "HTTPS_PROXY": ""}, "https://host/", ""},
		"agent":                    {agent, "https://host/", agents},
		"agent, http":              {agent, "http://host/", agents},
		"agent without user":       {vars{"AGENT_PROXYURL": "http://proxy:1"}, "https://host/", "http://proxy:1"},
		"user in the address":      {vars{"AGENT_PROXYURL": "http://u:p@proxy:1"}, "https://host/", "http://u:p@proxy:1"},
		"bypass":                   {agent, "https://internal.host/", ""},
		"bypass in any case":       {agent, "https://www.example.org/", ""},
		"bypass, standard port":    {agent, "https://www.example.org:443/", ""},
		"bypass, other port":       {agent, "https://www.example.org:444/", agents},
		"bypass names a port":      {agent, "https://host:8443/", ""},
		"bypass is not for a path": {agent, "https://host/x?y=example.org", agents},
		"localhost":                {agent, "http://localhost:1/", ""},
		"loopback":                 {agent, "http://127.1.2.3/", ""},
		"loopback v6":              {agent, "http://[::1]:8080/", ""},
		"metadata service":         {agent, "http://169.254.169.254/metadata", ""},
		"environment first": {
			vars{"AGENT_PROXYURL": "http://agents", "HTTPS_PROXY": "http://env:3128"}, "https://host/", "http://env:3128",
		},
		"environment, other scheme": {
			vars{"AGENT_PROXYURL": "http://agents", "HTTPS_PROXY": "http://env:3128"}, "http://host/", "http://agents",
		},
		"lower case":       {vars{"https_proxy": "http://env"}, "https://host/", "http://env"},
		"without a scheme": {vars{"HTTP_PROXY": "env:3128"}, "http://host/", "http://env:3128"},
		"NO_PROXY for the agent's": {
			vars{"AGENT_PROXYURL": "http://agents", "NO_PROXY": "host"}, "https://host/", "",
		},
		"agent's bypass for the environment's": {
			vars{"HTTPS_PROXY": "http://env", "AGENT_PROXYBYPASSLIST": `["host"]`}, "https://host/", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, warnings, err := FromAgent(fromMap(tc.env))
			if err != nil || len(warnings) > 0 {
				t.Fatalf("FromAgent(%v): %v, %v", tc.env, warnings, err)
			}
			req, err := http.NewRequest(http.MethodGet, tc.target, nil)
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := c.Proxy(req)
			got := ""
			if proxy != nil {
				got = proxy.String()
			}
			if err != nil || got != tc.want {
				t.Errorf("FromAgent(%v): the proxy for %s is %q, %v, want %q", tc.env, tc.target, got, err, tc.want)
			}
		})
	}
}

func TestNoProxy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		list, target string
		direct       bool
	}{
		"star":                {"*", "https://host/", true},
		"host":                {"host", "https://host/", true},
		"other host":          {"host", "https://host2/", false},
		"case and space":      {" HOST , b", "https://Host/", true},
		"subdomain":           {"example.org", "https://www.example.org/", true},
		"not a subdomain":     {"example.org", "https://badexample.org/", false},
		"dot in front":        {".example.org", "https://www.example.org/", true},
		"dot, domain itself":  {".example.org", "https://example.org/", false},
		"star in front":       {"*.example.org", "https://www.example.org/", true},
		"dot at the end":      {"example.org", "https://example.org./", true},
		"port":                {"host:8443", "https://host:8443/", true},
		"standard port":       {"host:443", "https://host/", true},
		"other port":          {"host:8443", "https://host/", false},
		"address":             {"10.1.2.3", "https://10.1.2.3/", true},
		"address, port":       {"10.1.2.3:80", "http://10.1.2.3/", true},
		"other address":       {"10.1.2.3", "https://10.1.2.4/", false},
		"network":             {"10.0.0.0/8", "https://10.1.2.3/", true},
		"other network":       {"10.0.0.0/8", "https://11.1.2.3/", false},
		"network, a name":     {"10.0.0.0/8", "https://host/", false},
		"address v6":          {"fd00::1", "https://[fd00::1]/", true},
		"address v6, bracket": {"[fd00::1]", "https://[fd00::1]:444/", true},
		"network v6":          {"fd00::/8", "https://[fd00::1]/", true},
		"empty entries":       {",, ,", "https://host/", false},
		"nonsense":            {"::::,a:b:c,/,[", "https://host/", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := vars{"HTTPS_PROXY": "http://p", "http_proxy": "http://p", "no_proxy": tc.list}
			c, _, err := FromAgent(fromMap(env))
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(tc.target)
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := c.Proxy(&http.Request{URL: u})
			if direct := proxy == nil; err != nil || direct != tc.direct {
				t.Errorf("NO_PROXY=%q: %s is reached directly: %v, want %v (%v)", tc.list, tc.target, direct, tc.direct, err)
			}
		})
	}
}

func TestBadAgentSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  vars
		want string
	}{
		"proxy of the agent": {vars{"AGENT_PROXYURL": "http://u:hunter2@%zz"}, "--proxyurl"},
		"proxy scheme":       {vars{"AGENT_PROXYURL": "ftp://hunter2"}, "--proxyurl"},
		"HTTPS_PROXY":        {vars{"HTTPS_PROXY": "http://u:hunter2@"}, "HTTPS_PROXY"},
		"HTTP_PROXY":         {vars{"http_proxy": "://hunter2"}, "HTTP_PROXY"},
		"bypass list":        {vars{"AGENT_PROXYBYPASSLIST": "hunter2"}, ".proxybypass"},
		"authority, missing": {vars{"AGENT_CAINFO": filepath.Join(dir, "none")}, "--sslcacert"},
		"authority, garbage": {vars{"AGENT_CAINFO": garbage}, "no certificate"},
		"client, no key":     {vars{"AGENT_CLIENTCERT": garbage}, "--sslclientcertkey"},
		"client, garbage":    {vars{"AGENT_CLIENTCERT": garbage, "AGENT_CLIENTCERTKEY": garbage}, "--sslclientcert"},
		"client, key with password": {
			vars{
				"AGENT_CLIENTCERT": garbage, "AGENT_CLIENTCERTKEY": garbage, "SECRET_AGENT_CLIENTCERTPASSWORD": "hunter2",
			}, "not supported",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := FromAgent(fromMap(tc.env))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("FromAgent(%v) = %v, want an error with %q and no value", tc.env, err, tc.want)
			}
		})
	}
}

func TestAgentWarnings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  vars
		want []string // part of each warning
		skip bool
	}{
		"none":        {vars{"AGENT_SKIPCERTVALIDATION": "false"}, nil, false},
		"no checking": {vars{"AGENT_SKIPCERTVALIDATION": "True"}, []string{"certificates are not checked"}, true},
		"odd bypass": {
			vars{"AGENT_PROXYBYPASSLIST": `["ok", "(?!hunter2)", "*"]`}, []string{"entry 2", "entry 3"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, warnings, err := FromAgent(fromMap(tc.env))
			if err != nil || c.SkipVerify != tc.skip {
				t.Errorf("FromAgent(%v): SkipVerify %v, %v, want %v", tc.env, c.SkipVerify, err, tc.skip)
			}
			if len(warnings) != len(tc.want) {
				t.Fatalf("FromAgent(%v): warnings %q, want %d", tc.env, warnings, len(tc.want))
			}
			for i, want := range tc.want {
				if !strings.Contains(warnings[i], want) || strings.Contains(warnings[i], "hunter2") {
					t.Errorf("FromAgent(%v): warning %q, want one with %q and no value", tc.env, warnings[i], want)
				}
			}
		})
	}
}

func TestAuthorityFromAgent(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	config, warnings, err := FromAgent(fromMap(vars{"AGENT_CAINFO": file}))
	if err != nil {
		t.Fatalf("FromAgent: %v", err)
	}
	if diff := cmp.Diff([]string(nil), warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	c, _ := impatient(config)
	if _, err := c.Do(context.Background(), Request{URL: s.URL}); err != nil {
		t.Errorf("Do with the agent's authorities: %v", err)
	}
}

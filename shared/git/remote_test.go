package git

import (
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://dev.azure.com/org/My%20Project/_git/repo", "https://org@dev.azure.com/org/My Project/_git/repo",
		"https://github.com/a/b.git", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/x", "HTTPS://host/x",
		"https://host:8443/zażółć",
	} {
		if err := CheckURL(good); err != nil {
			t.Errorf("CheckURL(%q) = %v, want that it is fine", good, err)
		}
	}
	for _, bad := range []string{
		"", "repo", "/srv/repo", "file:///srv/repo", "ssh://git@host/x", "git@host:x", "git://host/x", "ext::sh -c x",
		"ext::https://host/x", "http://host/x", "http://127.0.0.1.evil.example/x", "http://localhost.evil/x", "https://", "https:///x",
		"https:host/x", "https://user:hunter2@host/x", "https://host/x?a=b", "https://host/x?", "https://host/x#y", "https://host/a\nb",
		"https://host/a%0ab", "https://host/a%1b", "https://-x/y", "--upload-pack=x", "https://host/%zz", "ftp://host/x",
	} {
		err := CheckURL(bad)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("CheckURL(%q) = %v, want one line that refuses it, without a password", bad, err)
		}
	}
}

func TestInitRefusesRemotes(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Remote{
		"a bad address":     {URL: "ext::sh"},
		"two headers":       {URL: "https://host/x", Authorization: inputs.NewSecret("bearer x\r\nCookie: y")},
		"a password":        {URL: "https://a:b@host/x"},
		"a bad certificate": {URL: "https://host/x"},
	} {
		g := client(t)
		if name == "a bad certificate" {
			g = client(t, "AGENT_CAINFO="+filepath.Join(t.TempDir(), "none"))
		}
		dir := filepath.Join(t.TempDir(), "scratch")
		if _, err := g.Init(t.Context(), dir, r); err == nil {
			t.Errorf("%s: Init works, want an error", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: Init that fails leaves the folder behind", name)
		}
	}
}

// How git is told what the agent says about the network.
func TestAgentSettings(t *testing.T) {
	t.Parallel()
	certs := httptest.NewTLSServer(nil)
	t.Cleanup(certs.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const proxy = "AGENT_PROXYURL=http://proxy.example:8080"
	none := setting{"http.proxy", ""}
	for name, tc := range map[string]struct {
		env  []string
		want []setting
	}{
		"nothing": {nil, []setting{none}},
		"proxy":   {[]string{proxy}, []setting{{"http.proxy", "http://proxy.example:8080"}}},
		"proxy with a user": {
			[]string{proxy, "AGENT_PROXYUSERNAME=me", "SECRET_AGENT_PROXYPASSWORD=p@ss/w0rd"},
			[]setting{{"http.proxy", "http://me:p%40ss%2Fw0rd@proxy.example:8080"}},
		},
		"proxy of the environment": {[]string{"https_proxy=other.example:1"}, []setting{{"http.proxy", "http://other.example:1"}}},
		"bypass list":              {[]string{proxy, `AGENT_PROXYBYPASSLIST=["dev\\.azure\\.com"]`}, []setting{none}},
		"NO_PROXY":                 {[]string{proxy, "NO_PROXY=azure.com"}, []setting{none}},
		"authorities": {
			[]string{"AGENT_CAINFO=" + file},
			[]setting{none, {"http.sslCAInfo", file}, {"http.schannelUseSSLCAInfo", "true"}},
		},
		"no check": {[]string{"AGENT_SKIPCERTVALIDATION=True"}, []setting{none, {"http.sslVerify", "false"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := client(t, tc.env...)
			got, err := g.agentSettings(&url.URL{Scheme: "https", Host: "dev.azure.com", Path: "/org"})
			want := append(tc.want, backend(false)...)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); err != nil || diff != "" {
				t.Errorf("agentSettings with %q: %v (-want +got):\n%s", tc.env, err, diff)
			}
			if text := g.config.Secrets.String("p@ss/w0rd p%40ss%2Fw0rd"); strings.Contains(name, "user") && text != "*** ***" {
				t.Errorf("the password of the proxy is not hidden: %q", text)
			}
		})
	}
	for system, want := range map[string]string{"linux": "", "darwin": "", "windows": "schannel openssl"} {
		var got []string
		for _, s := range append(backendOf(system, false), backendOf(system, true)...) {
			got = append(got, s.value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("who checks certificates on %s is %q, want %q", system, got, want)
		}
	}
}

// A server with a certificate that only the agent knows.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s := unserved(t, gittest.Config{})
	s.http = httptest.NewTLSServer(s)
	s.end()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.repo(client(t, "GIT_SSL_NO_VERIFY=1", "GIT_SSL_CAINFO="+file)).RemoteRefs(t.Context(), "refs/heads/main")
	checkRefusal(t, err, Certificate, "certificate")
	for _, env := range []string{"AGENT_CAINFO=" + file, "AGENT_SKIPCERTVALIDATION=true"} {
		if _, err := s.repo(client(t, env)).RemoteRefs(t.Context(), "refs/heads/main"); err != nil {
			t.Errorf("RemoteRefs with %s: %v", env, err)
		}
	}
}

// Nobody is there any more.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	r := s.repo(client(t))
	s.http.Close()
	_, err := r.RemoteRefs(t.Context(), "refs/heads/main")
	checkRefusal(t, err, Unreachable, "")
}

// A token that the server does not know, or none: nobody is asked for another.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t, gittest.Config{})
	for _, auth := range []string{"bearer wrong-wrong", "Basic d3Jvbmc6d3Jvbmc=", ""} {
		g := client(t)
		r, err := g.Init(t.Context(), filepath.Join(t.TempDir(), "x"), Remote{s.url(), inputs.NewSecret(auth)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.RemoteRefs(t.Context(), "refs/heads/main")
		checkRefusal(t, err, Unauthorized, "")
	}
}

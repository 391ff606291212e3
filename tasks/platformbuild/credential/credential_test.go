package credential

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/azure"
)

func TestUserAndPassword(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		parameters           []string
		host, user, password string
	}{
		"host":       {[]string{"auth REGISTRY=Registry.example.com", "auth USERNAME=u", "auth PASSWORD=hunter2"}, "registry.example.com", "u", "hunter2"},
		"address":    {[]string{"auth REGISTRY=https://r.example:5000/team/", "auth USERNAME=u", "auth PASSWORD=hunter2"}, "r.example:5000", "u", "hunter2"},
		"Docker Hub": {[]string{"data REGISTRYTYPE=DockerHub", "auth REGISTRY=https://index.docker.io/v1/", "auth USERNAME=u", "auth PASSWORD=hunter2"}, "docker.io", "u", "hunter2"},
		"no registry, but an address": {
			[]string{"auth USERNAME=u", "auth PASSWORD=hunter2"}, "docker.io", "u", "hunter2",
		},
		"nobody": {[]string{"auth REGISTRY=https://r.example"}, "r.example", "", ""},
		"service principal of a registry of Azure": {
			acrParameters("Contoso.azurecr.io", "auth SERVICEPRINCIPALKEY=hunter2"), acr, client, "hunter2",
		},
	} {
		l := newLab(t)
		scheme := "UsernamePassword"
		if strings.Contains(name, "principal") {
			scheme = "" // older connections name none
		}
		s, err := Of(connect(t, scheme, tc.parameters...), l.config)
		if err != nil {
			t.Errorf("%s: Of: %v", name, err)
			continue
		}
		user, password, err := s.Get(t.Context(), true)
		if s.Host() != tc.host || user != tc.user || password != tc.password || err != nil {
			t.Errorf("%s: got %q, %q, %q, %v", name, s.Host(), user, password, err)
		}
		if tc.password != "" && (!slices.Contains(l.masked, tc.password) || !slices.Contains(l.masked, basic(user, password))) {
			t.Errorf("%s: masked %q, want the password, and what is sent of it", name, l.masked)
		}
		if text := fmt.Sprintf("%v %+v %#v", *s, *s, s); strings.Contains(text, "hunter2") {
			t.Errorf("%s: printing a source shows %s", name, text)
		}
		if l.asked() > 0 {
			t.Errorf("%s: the registry was asked for a token", name)
		}
	}
}

func TestConnectionsThatAreRefused(t *testing.T) {
	t.Parallel()
	key := "auth SERVICEPRINCIPALKEY=hunter2"
	for name, tc := range map[string]struct {
		scheme     string
		parameters []string
		want       string
	}{
		"no host":            {"UsernamePassword", []string{"auth REGISTRY=https:///v2/"}, "there is no host in it"},
		"user in an address": {"UsernamePassword", []string{"auth REGISTRY=https://a@evil.example"}, "is no host"},
		"no password":        {"UsernamePassword", []string{"auth REGISTRY=r.example", "auth USERNAME=u"}, "a user name or a password, and not both"},
		"no user":            {"UsernamePassword", []string{"auth REGISTRY=r.example", "auth PASSWORD=hunter2"}, "and not both"},

		"no login server":                {"", acrParameters("", key), "its login server is none"},
		"key for a stranger":             {"ServicePrincipal", acrParameters("contoso.azurecr.io.evil.example", key), "is no registry of Azure"},
		"token for a stranger":           {"WorkloadIdentityFederation", acrParameters("evil.example"), "is no registry of Azure"},
		"look-alike":                     {"WorkloadIdentityFederation", acrParameters("contosoazurecr.io"), "is no registry of Azure"},
		"no name":                        {"WorkloadIdentityFederation", acrParameters(".azurecr.io"), "its login server is none"},
		"host behind a user":             {"WorkloadIdentityFederation", acrParameters("contoso.azurecr.io@evil.example"), "is no host"},
		"host behind a backslash":        {"WorkloadIdentityFederation", acrParameters(`evil.example\.azurecr.io`), "is no host"},
		"host that ends before":          {"WorkloadIdentityFederation", acrParameters("evil.example/.azurecr.io"), "is no registry of Azure"},
		"host that ends at a question":   {"WorkloadIdentityFederation", acrParameters("evil.example?.azurecr.io"), "is no registry of Azure"},
		"another cloud":                  {"WorkloadIdentityFederation", acrParameters("contoso.azurecr.cn", "data ENVIRONMENT=AzureCloud"), `is not of its cloud "AzureCloud"`},
		"Azure from one's own cloud":     {"WorkloadIdentityFederation", acrParameters(acr, "data ENVIRONMENT=AzureStack"), "is not of its cloud"},
		"no application":                 {"ServicePrincipal", []string{"data REGISTRYTYPE=ACR", "auth LOGINSERVER=" + acr, key}, "names no application"},
		"no secret":                      {"ServicePrincipal", acrParameters(acr), "it has no secret"},
		"a scheme that gives no token":   {"UsernamePassword", acrParameters(acr), "which gives no token"},
		"own cloud that does not say it": {"WorkloadIdentityFederation", acrParameters("r.stack.example", "data ENVIRONMENT=AzureStack"), "does not say where that cloud's login is"},
	} {
		_, err := Of(connect(t, tc.scheme, tc.parameters...), newLab(t).config)
		var e *azure.Error
		if !errors.As(err, &e) || e.Connection != connectionID || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Of: %v, want an *azure.Error with %q", name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\n\x1b")) {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"Contoso.AzureCR.io": acr, " https://contoso.azurecr.io/v2/ ": acr, "HTTPS://contoso.azurecr.io": acr,
		"contoso.azurecr.io:443": acr + ":443", "localhost:5000/x": "localhost:5000", "[::1]:5000": "[::1]:5000", "[::1]": "[::1]",
		"127.0.0.1:5000": "127.0.0.1:5000", "https://index.docker.io/v1/": hub, "registry-1.docker.io:443": hub,
		"docker.io": hub, "docker.io:5000": "docker.io:5000", "my_registry": "my_registry",
		"contoso.azurecr.io#@evil": acr, // as browsers, curl and Go read it
		"":                         "", "https://": "", "https://https://a": "", "a b": "", "a@b": "", "a:b@c": "", "a.": "", "-a": "",
		"a..b": "", "a:": "", "a:0": "", "a:0443": "", "a:65536": "", "a:+1": "", "[::1": "", "::1": "", "[::1%25eth0]": "",
		"[::1]x": "", "[127.0.0.1]": "", "contoso.azurecr.io\x00.evil": "", "cоntoso.azurecr.io": "", "a\\b": "", "a\nb": "",
		"ftp://a": "", strings.Repeat("a", 64): "", strings.Repeat("a.", 127) + "a": "",
	} {
		got, err := hostOf(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("hostOf(%q) = %q, %v, want %q", address, got, err, want)
		}
	}
}

// Whatever an address holds, a host is one that nobody can read in two ways.
func FuzzHostOf(f *testing.F) {
	for _, s := range []string{"https://contoso.azurecr.io/v2/", "a@b", "[::1]:80", "docker.io", "x:1/..", "a\\b#c?d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		host, err := hostOf(address)
		if err != nil {
			return
		}
		if again, err := hostOf("https://" + host + "/v2/"); err != nil || again != host {
			t.Errorf("hostOf(%q) = %q, and of that again %q, %v", address, host, again, err)
		}
		if strings.ContainsAny(host, "/@\\?# \t\n\x00\"") || strings.ToLower(host) != host {
			t.Errorf("hostOf(%q) = %q", address, host)
		}
	})
}

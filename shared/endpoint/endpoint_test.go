package endpoint

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

const id = "1e2d3c4b-0000-4111-8222-abcdefabcdef"

// environ is what an agent gives for a connection with a service principal.
func environ(more ...string) []string {
	return append([]string{
		"ENDPOINT_URL_" + id + "=https://management.azure.com/",
		"ENDPOINT_AUTH_" + id + `={"parameters":{"tenantid":"t1","serviceprincipalid":"sp1",` +
			`"serviceprincipalkey":"hunter2","only.in json":"j1","number":7},"scheme":"ServicePrincipal"}`,
		"ENDPOINT_AUTH_SCHEME_" + id + "=ServicePrincipal",
		"ENDPOINT_AUTH_PARAMETER_" + id + "_TENANTID=t1",
		"ENDPOINT_AUTH_PARAMETER_" + id + "_SERVICEPRINCIPALID=sp1",
		"ENDPOINT_AUTH_PARAMETER_" + id + "_SERVICEPRINCIPALKEY=hunter2",
		"ENDPOINT_AUTH_PARAMETER_" + id + "_EMPTY=",
		"ENDPOINT_DATA_" + id + `={"subscriptionId":"s1","onlyInJson":"j2"}`,
		"ENDPOINT_DATA_" + id + "_SUBSCRIPTIONID=s1",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION=https://dev.azure.com/org/",
		"ENDPOINT_AUTH_SYSTEMVSSCONNECTION=" + `{"parameters":{"AccessToken":"job-token"},"scheme":"OAuth"}`,
		"ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN=job-token",
		"SECUREFILE_NAME_" + id + "=key.pem",
		"SECUREFILE_TICKET_" + id + "=ticket-1",
	}, more...)
}

// without returns environ without the variables that begin with a prefix.
func without(prefixes ...string) []string {
	var kept []string
next:
	for _, kv := range environ() {
		for _, prefix := range prefixes {
			if strings.HasPrefix(kv, prefix) {
				continue next
			}
		}
		kept = append(kept, kv)
	}
	return kept
}

func TestConnection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		id      string
	}{
		"as the agent has it": {environ(), id},
		"upper-case input":    {environ(), strings.ToUpper(id)},
		"white space":         {environ(), " " + id + "\n"},
		"JSON only": {
			without("ENDPOINT_AUTH_PARAMETER_", "ENDPOINT_AUTH_SCHEME_", "ENDPOINT_DATA_"+id+"_"), id,
		},
		"single variables only":    {append(without("ENDPOINT_AUTH_"+id+"=", "ENDPOINT_DATA_"+id+"="), "x=y"), id},
		"overwritten by the agent": {append([]string{"ENDPOINT_URL_" + id + "=https://evil/"}, environ()...), id},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := newEnv(tc.environ, false).Connection(tc.id, "Azure subscription")
			if err != nil {
				t.Fatalf("Connection(%q): %v", tc.id, err)
			}
			if c.ID != id || c.URL != "https://management.azure.com/" || c.Scheme != "ServicePrincipal" {
				t.Errorf("Connection(%q) = %s, %s, %s", tc.id, c.ID, c.URL, c.Scheme)
			}
			for parameter, want := range map[string]string{
				"servicePrincipalKey": "hunter2", "TENANTID": "t1", "serviceprincipalid": "sp1",
				"empty": "", "nothing": "", "number": "",
			} {
				got, ok := c.Auth(parameter)
				if got.Reveal() != want || ok != (want != "") {
					t.Errorf("Auth(%q) = %q, %v, want %q", parameter, got.Reveal(), ok, want)
				}
			}
			if got, ok := c.Data("subscriptionId"); got != "s1" || !ok {
				t.Errorf("Data(subscriptionId) = %q, %v, want s1", got, ok)
			}
			if got, ok := c.Data("nothing"); got != "" || ok {
				t.Errorf("Data(nothing) = %q, %v, want nothing", got, ok)
			}
		})
	}
}

func TestParametersOfTheDocument(t *testing.T) {
	t.Parallel()
	c, err := newEnv(environ(), false).Connection(id, "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Auth("Only.In JSON"); got.Reveal() != "j1" || !ok {
		t.Errorf("Auth of a parameter that is in the JSON only = %q, %v, want j1", got.Reveal(), ok)
	}
	if got, ok := c.Data("onlyinjson"); got != "j2" || !ok {
		t.Errorf("Data of a parameter that is in the JSON only = %q, %v, want j2", got, ok)
	}
}

func TestCaseOfNames(t *testing.T) {
	t.Parallel()
	var shouted []string
	for _, kv := range without("ENDPOINT_AUTH_"+id+"=", "ENDPOINT_DATA_"+id+"=") {
		shouted = append(shouted, strings.ToUpper(kv))
	}
	if _, err := newEnv(shouted, true).Connection(id, "x"); err != nil {
		t.Errorf("where case does not count (Windows): %v", err)
	}
	if _, err := newEnv(shouted, false).Connection(id, "x"); err == nil {
		t.Error("where case counts: a connection was found under another name")
	}
}

func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		id      string
		want    string
	}{
		"empty":            {environ(), " ", "is required"},
		"variable":         {environ(), "$(hunter2)", "not set"},
		"several":          {environ(), id + "," + id, "several"},
		"a name":           {environ(), "hunter2", "holds no id"},
		"injection":        {environ(), id + "_SERVICEPRINCIPALKEY", "holds no id"},
		"system":           {environ(), "SYSTEMVSSCONNECTION", "holds no id"},
		"not handed over":  {nil, id, "permitted"},
		"garbled JSON":     {append(environ(), "ENDPOINT_AUTH_"+id+"={hunter2"), id, "not readable"},
		"wrong JSON":       {append(environ(), "ENDPOINT_AUTH_"+id+`={"parameters":"hunter2"}`), id, "not readable"},
		"garbled data":     {append(environ(), "ENDPOINT_DATA_"+id+"=hunter2"), id, "not readable"},
		"empty address":    {append(environ(), "ENDPOINT_URL_"+id+"="), id, "did not hand over"},
		"terminal escapes": {environ(), "\x1b[31m", "holds no id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newEnv(tc.environ, false).Connection(tc.id, "Azure subscription")
			if err == nil || !strings.Contains(err.Error(), tc.want) ||
				!strings.Contains(err.Error(), `"Azure subscription"`) {
				t.Fatalf("Connection(%q) = %v, want an error with the input and %q", tc.id, err, tc.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("Connection(%q) = %v: the error holds the value", tc.id, err)
			}
		})
	}
}

func TestSystem(t *testing.T) {
	t.Parallel()
	const org = "https://dev.azure.com/org/"
	for name, tc := range map[string]struct {
		environ    []string
		token, url string // "" for an error
	}{
		"as the agent has it": {environ(), "job-token", org},
		"connection first":    {environ("SYSTEM_ACCESSTOKEN=mapped", "SYSTEM_COLLECTIONURI=x"), "job-token", org},
		"JSON only":           {without("ENDPOINT_AUTH_PARAMETER_"), "job-token", org},
		"mapped by the user": {
			[]string{"SYSTEM_ACCESSTOKEN=mapped", "SYSTEM_COLLECTIONURI=https://c/"}, "mapped", "https://c/",
		},
		"older name of the URL": {[]string{"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://tfs/"}, "", "https://tfs/"},
		"garbled connection": {
			[]string{"ENDPOINT_AUTH_SYSTEMVSSCONNECTION=x", "SYSTEM_ACCESSTOKEN=mapped"}, "mapped", "",
		},
		"nothing": {[]string{"SYSTEM_ACCESSTOKEN="}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(tc.environ, false)
			token, err := e.SystemToken()
			if token.Reveal() != tc.token || (err == nil) != (tc.token != "") {
				t.Errorf("SystemToken = %q, %v, want %q", token.Reveal(), err, tc.token)
			}
			if err != nil && !strings.Contains(err.Error(), "SYSTEM_ACCESSTOKEN: $(System.AccessToken)") {
				t.Errorf("SystemToken = %v, want the way out", err)
			}
			url, err := e.SystemURL()
			if url != tc.url || (err == nil) != (tc.url != "") {
				t.Errorf("SystemURL = %q, %v, want %q", url, err, tc.url)
			}
		})
	}
}

func TestSecureFile(t *testing.T) {
	t.Parallel()
	e := newEnv(environ(), false)
	f, err := e.SecureFile(strings.ToUpper(id), "Key file")
	if err != nil || f.ID != id || f.Name != "key.pem" || f.Ticket.Reveal() != "ticket-1" {
		t.Errorf("SecureFile = %+v, %v", f, err)
	}
	for in, want := range map[string]string{
		"": "choose a secure file", "hunter2": "holds no id", "00000000-0000-4000-8000-000000000000": "permitted",
	} {
		_, err := e.SecureFile(in, "Key file")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"Key file"`) ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("SecureFile(%q) = %v, want an error with the input and %q", in, err, want)
		}
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	e := newEnv(environ(), false)
	c, err := e.Connection(id, "x")
	if err != nil {
		t.Fatal(err)
	}
	f, err := e.SecureFile(id, "x")
	if err != nil {
		t.Fatal(err)
	}
	key, _ := c.Auth("serviceprincipalkey")
	token, _ := e.SystemToken()
	for name, v := range map[string]any{
		"Env": e, "Env value": *e, "Connection": c, "Connection value": *c, "SecureFile": f, "key": key,
		"token": token, "list": []inputs.Secret{key, token},
	} {
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s %q %x", v, v, v), string(asJSON),
		} {
			for _, secret := range []string{"hunter2", "job-token", "ticket-1", fmt.Sprintf("%x", "hunter2")} {
				if strings.Contains(text, secret) {
					t.Errorf("printing %s shows %q: %s", name, secret, text)
				}
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		want    []string
	}{
		"nothing":        {nil, nil},
		"connections":    {environ(), []string{"hunter2", "j1", "job-token", "sp1", "ticket-1"}},
		"variables":      {[]string{"SECRET_A=1", "SECRET_DATABASE-URL=2", "PUBLIC=3", "SECRET_EMPTY="}, []string{"1", "2"}},
		"each once":      {[]string{"SECRET_A=one", "SECRET_B=one"}, []string{"one"}},
		"mapped token":   {[]string{"SYSTEM_ACCESSTOKEN=t"}, []string{"t"}},
		"any case":       {[]string{"secret_a=one", "Endpoint_Auth_Parameter_x_Key=two"}, []string{"one", "two"}},
		"task variables": {[]string{"VSTS_TASKVARIABLE_KEY_SECRET=one", "VSTS_TASKVARIABLE_KEY=public"}, []string{"one"}},
		"proxies": {
			[]string{
				"HTTPS_PROXY=http://u:p1@h", "http_proxy=http://u:p2@h", "AGENT_PROXYURL=http://u:p%403@h", "HTTP_PROXY=h",
			},
			[]string{"p%403", "p1", "p2", "p@3"},
		},
		"addresses as loose as programs take them": {
			[]string{
				"HTTPS_PROXY=user:p4@proxy:8080", "AGENT_PROXYURL=http://u:p%5@proxy", "ENDPOINT_URL_x=https://token6-of-20-letters@h/a@b",
				"ALL_PROXY=socks5://u:p7@h", "HTTP_PROXY=http://u:p/8@h", "ENDPOINT_URL_y=https://h/a?b=c",
			},
			[]string{"p%5", "p/8", "p4", "p7", "token6-of-20-letters"},
		},
		"addresses without a secret": {
			[]string{
				"ENDPOINT_URL_a=https://pkgs.dev.azure.com/org/_packaging/feed@Release/nuget/v3/index.json",
				"ENDPOINT_URL_b=https://registry.example/@scope/x", "ENDPOINT_URL_c=https://nexus.corp:8443/npm/@scope/",
				"ENDPOINT_URL_d=https://org@dev.azure.com/org/_git/x", "HTTPS_PROXY=http://work@proxy:3128",
			}, nil,
		},
		"names of registries and users": {
			[]string{
				"ENDPOINT_AUTH_PARAMETER_x_REGISTRY=https://contoso.azurecr.io", "ENDPOINT_AUTH_PARAMETER_x_LOGINSERVER=contoso.azurecr.io",
				"ENDPOINT_AUTH_PARAMETER_x_USERNAME=contoso", "ENDPOINT_AUTH_PARAMETER_x_PASSWORD=one",
				"ENDPOINT_AUTH_PARAMETER_y_REGISTRY=https://u:two@registry.example",
				"ENDPOINT_AUTH_PARAMETER_y_USERNAME=a-token-in-the-place-of-the-users-name",
				`ENDPOINT_AUTH_x={"parameters":{"loginServer":"contoso.azurecr.io","username":"contoso","password":"one"}}`,
			},
			[]string{"a-token-in-the-place-of-the-users-name", "one", "two"},
		},
		"garbled document": {[]string{"ENDPOINT_AUTH_x={secret"}, []string{"{secret"}},
		"value with =":     {[]string{"SECRET_A=a=b"}, []string{"a=b"}},
		"no value at all":  {[]string{"SECRET_A"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Secrets(tc.environ)); diff != "" {
				t.Errorf("Secrets(%q) (-want +got):\n%s", tc.environ, diff)
			}
		})
	}
}

// TestPublicParameters has the list of the agent's MaskingUtil.cs.
func TestPublicParameters(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Role", "Scope", "TenantId", "IssuedAt", "ExpiresAt", "Audience", "AuthenticationType", "AuthorizationType",
		"AccessTokenType", "AccessTokenFetchingMethod", "UseWindowsSecurity", "Unsecured", "OAuthAccessTokenIsSupplied",
		"CompleteCallbackPayload", "AcceptUntrustedCertificates",
	} {
		kv := "ENDPOINT_AUTH_PARAMETER_" + id + "_" + strings.ToUpper(name) + "=public"
		if got := Secrets([]string{kv}); len(got) > 0 {
			t.Errorf("Secrets(%q) = %q, but the agent shows it", kv, got)
		}
		kv = "ENDPOINT_AUTH_" + id + `={"parameters":{"` + name + `":"public"}}`
		if got := Secrets([]string{kv}); len(got) > 0 {
			t.Errorf("Secrets(%q) = %q, but the agent shows it", kv, got)
		}
	}
}

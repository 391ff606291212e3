package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// as shows the same credentials to everybody who asks.
func as(user, password string) func(*Config) {
	return func(c *Config) {
		c.Credentials = func(context.Context, string, bool) (string, string, error) { return user, password, nil }
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*containertest.Config){
		"basic":  func(*containertest.Config) {},
		"bearer": func(c *containertest.Config) { c.Bearer = true },
		"TLS":    func(c *containertest.Config) { c.Bearer, c.TLS = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := containertest.NewRegistry(t, change, func(c *containertest.Config) { c.User, c.Password = "ann", "hunter2hunter2" })
			putImage(t, r, "1", config("linux", "amd64"))
			c := clientOf(r, as("ann", "hunter2hunter2"))
			im, err := c.Resolve(t.Context(), at(t, r, "1"))
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Log())
			}
			if err := c.Tag(t.Context(), im.Reference, "2"); err != nil || r.Digest("app", "2") != im.Reference.Digest {
				t.Errorf("Tag: %v\n%s", err, r.Log())
			}
			if n := r.Count("token"); n > 2 { // one to read, one to write
				t.Errorf("%d tokens were asked for:\n%s", n, r.Log())
			}
			_, err = clientOf(r, as("ann", "hunter2wrong")).Resolve(t.Context(), at(t, r, "1"))
			checkKind(t, "wrong password", err, Unauthorized)
			_, err = clientOf(r).Resolve(t.Context(), at(t, r, "1"))
			checkKind(t, "nobody", err, Unauthorized)
		})
	}
}

// exchange gets a refresh token from a registry of Azure, as the credentials' owner does.
func exchange(t *testing.T, r *containertest.Registry) string {
	t.Helper()
	resp, err := r.Client().PostForm(r.URL()+"/oauth2/exchange", url.Values{
		"grant_type": {"access_token"}, "service": {r.Host()}, "access_token": {r.EntraToken(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"refresh_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no refresh token: %v", err)
	}
	return answer.Token
}

// TestTokensExpire: access tokens that are good for one request, and a refresh token that is good for few.
func TestTokensExpire(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t, func(c *containertest.Config) {
		c.ACR = &containertest.ACR{AccessUses: 1, RefreshUses: 2}
	})
	putImage(t, r, "1", config("linux", "amd64"), "a", "b")
	token, renewed := "stale-and-rejected", 0
	c := clientOf(r, func(c *Config) {
		c.Credentials = func(_ context.Context, host string, fresh bool) (string, string, error) {
			if host != r.Host() {
				return "", "", fmt.Errorf("asked for %s", host)
			}
			if fresh {
				token = exchange(t, r)
				renewed++
			}
			return "00000000-0000-0000-0000-000000000000", token, nil
		}
	})
	for i := range 5 {
		im, err := c.Resolve(t.Context(), at(t, r, "1"))
		if err != nil {
			t.Fatalf("round %d: %v\n%s", i, err, r.Log())
		}
		if err := c.Tag(t.Context(), im.Reference, fmt.Sprint("n", i)); err != nil {
			t.Fatalf("round %d: Tag: %v\n%s", i, err, r.Log())
		}
	}
	if renewed < 5 || r.Digest("app", "n4") == "" {
		t.Errorf("renewed %d times, tag n4 is %q\n%s", renewed, r.Digest("app", "n4"), r.Log())
	}
}

// TestWithoutTheRight: the token server knows the user, the registry still says no.
func TestWithoutTheRight(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		kind   Kind
	}{
		"insufficient scope": {
			answer(401, `{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}`, "Www-Authenticate",
				`Bearer realm="https://a.azurecr.io/oauth2/token",service="a.azurecr.io",error="insufficient_scope"`), Denied,
		},
		"forbidden": {answer(403, `{"errors":[{"code":"DENIED","message":"client with IP is not allowed"}]}`), Denied},
		"not found": {answer(404, ""), NotFound},
	} {
		n := &network{servers: map[string]http.HandlerFunc{"https://a.azurecr.io": func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/oauth2/token" {
				answer(200, `{"access_token":"good"}`)(w, q)
				return
			}
			tc.answer(w, q)
		}}}
		_, err := n.client().Resolve(t.Context(), parse(t, "a.azurecr.io/app:1"))
		checkKind(t, name, err, tc.kind, "a.azurecr.io/app:1")
		var e *Error
		if errors.As(err, &e) && tc.kind == Denied && !strings.Contains(e.Hint, "AcrPull") {
			t.Errorf("%s: the hint %q does not name the role", name, e.Hint)
		}
	}
}

func TestNoCredentialsFromTheirOwner(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t, func(c *containertest.Config) { c.User, c.Password = "ann", "password" })
	broken := errors.New("hunter2hunter2 is ##vso[task.complete]\nbroken")
	secrets := &redact.Set{}
	secrets.Add("hunter2hunter2")
	c := clientOf(r, func(c *Config) {
		c.Secrets = secrets
		c.Credentials = func(context.Context, string, bool) (string, string, error) { return "", "", broken }
	})
	_, err := c.Resolve(t.Context(), at(t, r, "1"))
	checkKind(t, "Resolve", err, Unauthorized, "getting credentials")
	if !errors.Is(err, broken) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

// TestWhereCredentialsGo: a registry (or whoever answers in its name) says where the token server is.
func TestWhereCredentialsGo(t *testing.T) {
	t.Parallel()
	const secret = "Basic "
	for name, tc := range map[string]struct {
		registry, realm string
		want            bool
	}{
		"own":                    {"a.azurecr.io", "https://a.azurecr.io/oauth2/token", true},
		"own, in upper case":     {"a.azurecr.io", "https://A.azurecr.io/oauth2/token", true},
		"own, port":              {"a.io:5000", "https://a.io:5001/auth", true},
		"Docker Hub":             {"docker.io", "https://auth.docker.io/token", true},
		"parent":                 {"registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
		"sibling":                {"registry.corp.example", "https://auth.corp.example/", true},
		"another Azure registry": {"a.azurecr.io", "https://evil.azurecr.io/oauth2/token", false},
		"below an Azure one":     {"a.azurecr.io", "https://x.a.azurecr.io/oauth2/token", false},
		"foreign":                {"a.azurecr.io", "https://evil.com/oauth2/token", false},
		"look-alike":             {"a.azurecr.io", "https://a.azurecr.io.evil.com/oauth2/token", false},
		"user info":              {"a.azurecr.io", "https://a.azurecr.io@evil.com/", false},
		"own user info":          {"a.azurecr.io", "https://x:y@a.azurecr.io/", false},
		"foreign for Docker Hub": {"docker.io", "https://auth.docker.io.evil.com/token", false},
		"only the ending":        {"registry.gitlab.com", "https://evilgitlab.com/jwt/auth", false},
		"top level":              {"quay.io", "https://evil.io/", false},
		"plain HTTP":             {"a.azurecr.io", "http://a.azurecr.io/oauth2/token", false},
		"metadata service":       {"a.azurecr.io", "http://169.254.169.254/metadata", false},
		"metadata, https":        {"a.azurecr.io", "https://169.254.169.254/metadata", false},
		"addresses":              {"10.1.2.3", "https://9.1.2.3/", false},
		"this machine":           {"a.azurecr.io", "https://localhost/", false},
		"file":                   {"a.azurecr.io", "file:///etc/passwd", false},
		"relative":               {"a.azurecr.io", "/oauth2/token", false},
		"none":                   {"a.azurecr.io", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &network{servers: map[string]http.HandlerFunc{}}
			own := answer(401, "", "Www-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, tc.realm))
			n.servers["https://"+apiHost(tc.registry)] = own
			if u, err := url.Parse(tc.realm); err == nil && u.Host != "" {
				n.servers[u.Scheme+"://"+u.Host] = func(w http.ResponseWriter, q *http.Request) {
					if strings.HasPrefix(q.URL.Path, "/v2/") {
						own(w, q)
						return
					}
					answer(200, `{"token":"token-of-the-server"}`)(w, q)
				}
			}
			_, err := n.client().Resolve(t.Context(), parse(t, tc.registry+"/app:1"))
			if err == nil {
				t.Fatal("no error although the registry always says no")
			}
			sent := slices.ContainsFunc(n.asked, func(line string) bool { return strings.Contains(line, secret) })
			if sent != tc.want {
				t.Errorf("credentials for %s sent to %s: %v, want %v (%v)\n%s", tc.registry, tc.realm, sent, tc.want, err,
					strings.Join(n.asked, "\n"))
			}
			if !tc.want && slices.ContainsFunc(n.asked, func(line string) bool { return strings.Contains(line, "evil") }) {
				t.Errorf("%s was asked although it is refused:\n%s", tc.realm, strings.Join(n.asked, "\n"))
			}
		})
	}
}

// TestAnonymousMayAskAnyTokenServer: without credentials there is nothing to lose.
func TestAnonymousMayAskAnyTokenServer(t *testing.T) {
	t.Parallel()
	n := &network{}
	n.servers = map[string]http.HandlerFunc{
		"https://mirror.example": func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Authorization") != "Bearer free" {
				answer(401, "", "Www-Authenticate", `Bearer realm="https://tokens.other.example/t"`)(w, q)
				return
			}
			answer(404, "")(w, q)
		},
		"https://tokens.other.example": answer(200, `{"access_token":"free"}`),
	}
	c := New(Config{HTTP: &http.Client{Transport: n}})
	if _, ok, err := c.Digest(t.Context(), parse(t, "mirror.example/app:1")); ok || err != nil {
		t.Errorf("Digest: %v, %v\n%s", ok, err, strings.Join(n.asked, "\n"))
	}
	scope := "scope=" + url.QueryEscape("repository:app:pull")
	if !slices.ContainsFunc(n.asked, func(line string) bool { return strings.Contains(line, scope) }) {
		t.Errorf("nobody asked for %s:\n%s", scope, strings.Join(n.asked, "\n"))
	}
}

// TestAnonymousStaysOutside: not even without credentials does a registry send us to the machine's own services.
func TestAnonymousStaysOutside(t *testing.T) {
	t.Parallel()
	for _, realm := range []string{"https://169.254.169.254/t", "https://localhost:8443/t", "https://10.0.0.1/t", "http://other.io/t"} {
		n := &network{servers: map[string]http.HandlerFunc{
			"https://a.io": answer(401, "", "Www-Authenticate", `Bearer realm="`+realm+`"`),
		}}
		_, err := New(Config{HTTP: &http.Client{Transport: n}}).Resolve(t.Context(), parse(t, "a.io/app:1"))
		checkKind(t, realm, err, Refused)
		if len(n.asked) != 1 {
			t.Errorf("asked:\n%s", strings.Join(n.asked, "\n"))
		}
	}
}

func TestPlainHTTPIsForThisMachine(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string]http.HandlerFunc{"http://a.io": answer(200, "")}}
	mismatch := roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Scheme == "https" {
			return nil, http.ErrSchemeMismatch
		}
		return n.RoundTrip(req)
	})
	_, err := New(Config{HTTP: &http.Client{Transport: mismatch}}).Resolve(t.Context(), parse(t, "a.io/app:1"))
	checkKind(t, "plain HTTP", err, Unreachable, "plain HTTP")
	if len(n.asked) > 0 {
		t.Errorf("it was asked in the open: %v", n.asked)
	}
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:1": true, "127.0.0.1:5000": true, "127.9.9.9": true, "[::1]:5000": true, "[::1]": true,
		"localhost.evil.com": false, "128.0.0.1": false, "10.0.0.1:5000": false, "[fe80::1]": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestUntrustedCertificate has no way around it.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	r := containertest.NewRegistry(t, func(c *containertest.Config) { c.TLS = true })
	_, err := New(Config{HTTP: &http.Client{Transport: &http.Transport{}}}).Resolve(t.Context(), at(t, r, "1"))
	checkKind(t, "unknown authority", err, Certificate, "certificate")
	if len(r.Requests()) > 0 {
		t.Errorf("it was asked all the same:\n%s", r.Log())
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]challenge{
		"":                nil,
		"Basic":           {{"basic", map[string]string{}}},
		`Basic realm="a"`: {{"basic", map[string]string{"realm": "a"}}},
		`Bearer realm="https://a/t",service="b, c=d",scope="x y",error=invalid`: {{"bearer", map[string]string{
			"realm": "https://a/t", "service": "b, c=d", "scope": "x y", "error": "invalid",
		}}},
		`Negotiate, BASIC Realm = "a\"b" , Bearer realm=c`: {
			{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": `a"b`}}, {"bearer", map[string]string{"realm": "c"}},
		},
		`realm="a"`: nil, `Bearer realm="open`: {{"bearer", map[string]string{"realm": "open"}}}, `=`: nil, `,,`: nil,
	} {
		got := challenges(http.Header{"Www-Authenticate": {text}})
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(challenge{})); diff != "" {
			t.Errorf("challenges(%q) (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Bearer realm="https://a/t",service="b, c=d", Basic`)
	f.Add(`a=,"\`)
	f.Fuzz(func(_ *testing.T, text string) {
		challenges(http.Header{"Www-Authenticate": {text}})
	})
}

// TestBadTokenServers may not hang or fill the memory, and say nothing that we repeat as it is.
func TestBadTokenServers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tokens http.HandlerFunc
		kind   Kind
	}{
		"no JSON":         {answer(200, "##vso[task.complete]"), Wrong},
		"no token":        {answer(200, "{}"), Wrong},
		"header in token": {answer(200, `{"token":"a\r\nX-Evil: 1"}`), Wrong},
		"endless":         {answer(200, strings.Repeat("{", 1<<20)), Wrong},
		"redirect":        {answer(307, "", "Location", "https://evil.com/"), Refused},
		"wrong password":  {answer(401, "\x1b[31m##vso[task.complete]\nhunter2hunter2"), Unauthorized},
		"down":            {answer(503, ""), Failing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &network{servers: map[string]http.HandlerFunc{
				"https://a.io":      answer(401, "", "Www-Authenticate", `Bearer realm="https://a.io:444/t"`),
				"https://a.io:444":  tc.tokens,
				"https://evil.com/": answer(200, `{"token":"a"}`),
			}}
			c := n.client()
			c.config.Secrets = &redact.Set{}
			_, err := c.Resolve(t.Context(), parse(t, "a.io/app:1"))
			checkKind(t, name, err, tc.kind)
			if slices.ContainsFunc(n.asked, func(line string) bool { return strings.Contains(line, "evil.com") }) {
				t.Errorf("the redirect was followed: %v", n.asked)
			}
		})
	}
}

// TestTokensAreSecrets: neither password nor token are shown, whoever repeats them.
func TestTokensAreSecrets(t *testing.T) {
	t.Parallel()
	n := &network{}
	n.servers = map[string]http.HandlerFunc{
		"https://a.io": func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Authorization") == "" {
				answer(401, "", "Www-Authenticate", `Bearer realm="https://a.io:444/t"`)(w, q)
				return
			}
			answer(400, q.Header.Get("Authorization")+" user:hunter2hunter2")(w, q)
		},
		"https://a.io:444": answer(200, `{"token":"token-of-the-server"}`),
	}
	c := n.client()
	c.config.Secrets = &redact.Set{}
	_, err := c.Resolve(t.Context(), parse(t, "a.io/app:1"))
	checkKind(t, "Resolve", err, Refused, "***")
	basic := base64.StdEncoding.EncodeToString([]byte("user:hunter2hunter2"))
	if text := err.Error(); strings.Contains(text, "token-of-the-server") || strings.Contains(text, basic) {
		t.Errorf("%q shows a secret", text)
	}
}

// TestOtherHostsCannotAskForCredentials: after a redirect, a challenge is not the registry's.
func TestOtherHostsCannotAskForCredentials(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	n := &network{servers: map[string]http.HandlerFunc{
		"https://a.io": answer(307, "", "Location", "https://b.a.io/x"),
		"https://b.a.io": func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Authorization") != "" {
				asked.Add(1)
			}
			answer(401, "", "Www-Authenticate", `Basic realm="b"`)(w, q)
		},
	}}
	_, err := n.client().Resolve(t.Context(), parse(t, "a.io/app:1"))
	checkKind(t, "Resolve", err, Unauthorized)
	if asked.Load() > 0 || len(n.asked) != 2 {
		t.Errorf("asked:\n%s", strings.Join(n.asked, "\n"))
	}
}

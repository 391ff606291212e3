package guardedpush

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

const (
	connectionID  = "0b6d2b9e-0a44-4f39-9d1c-5f4a8a3a2d11"
	elsewhereRepo = "elsewhere/_git/config"
)

// connect gives the job a service connection, as an agent hands it over.
func (j *job) connect(input, address, auth string) *job {
	const key = connectionID
	return j.set("ENDPOINT_URL_"+key, address, "ENDPOINT_AUTH_"+key, auth).input(input, connectionID)
}

// elsewhere makes the step push to a server that is not the organization's.
func (j *job) elsewhere(input, auth string) *job {
	j.t.Helper()
	j.must(j.git.CreateRepo(elsewhereRepo, map[string]string{"v.yaml": "a: 1\n"}))
	address := strings.TrimSuffix(j.url, "local/") + elsewhereRepo
	j.input("repository", address)
	if auth != "" {
		j.connect(input, address, auth)
	}
	return j
}

// The job's token is for the organization that the run belongs to, and for nobody whose
// address looks like it.
func TestWhoseTheTokenIs(t *testing.T) {
	t.Parallel()
	const cloud, old, server = "https://dev.azure.com/contoso/", "https://contoso.visualstudio.com/", "https://tfs.example.com/tfs/Default/"
	for _, tc := range []struct {
		collection, address string
		want                bool
	}{
		{cloud, "https://dev.azure.com/contoso/Shop/_git/config", true},
		{cloud, "https://DEV.azure.com/Contoso/Shop/_git/config", true},
		{cloud, "https://contoso.visualstudio.com/Shop/_git/config", true},
		{cloud, "https://contoso.visualstudio.com/DefaultCollection/Shop/_git/config", true},
		{old, "https://contoso.visualstudio.com/Shop/_git/config", true},
		{old, "https://dev.azure.com/contoso/Shop/_git/config", true},
		{server, "https://tfs.example.com/tfs/Default/Shop/_git/config", true},
		{strings.TrimSuffix(server, "/"), "https://tfs.example.com/tfs/Default/Shop/_git/config", true},

		{cloud, "https://dev.azure.com/contoso-evil/Shop/_git/config", false},
		{cloud, "https://dev.azure.com/contosoevil/_git/contoso", false},
		{cloud, "https://dev.azure.com/evil/contoso/_git/config", false},
		{cloud, "https://dev.azure.com/contoso/../evil/_git/config", false},
		{cloud, "https://dev.azure.com/contoso/%2e%2e/evil/_git/config", false},
		{cloud, "https://dev.azure.com/contoso%2f..%2fevil/_git/config", false},
		{cloud, "https://dev.azure.com/contoso/./../evil/_git/config", false},
		{cloud, "https://dev.azure.com.evil.example/contoso/Shop/_git/config", false},
		{cloud, "https://evil-dev.azure.com/contoso/Shop/_git/config", false},
		{cloud, "https://dev.azure.com:8443/contoso/Shop/_git/config", false},
		{cloud, "http://dev.azure.com/contoso/Shop/_git/config", false},
		{cloud, "https://evilcontoso.visualstudio.com/Shop/_git/config", false},
		{cloud, "https://contoso.visualstudio.com.evil.example/Shop/_git/config", false},
		{cloud, "https://contoso.visualstudio.com@evil.example/Shop/_git/config", false},
		{cloud, "https://evil.example/https://dev.azure.com/contoso/_git/config", false},
		{cloud, "https://github.com/contoso/config", false},
		{old, "https://dev.azure.com/evil/contoso/_git/config", false},
		{old, "https://evil.visualstudio.com/contoso/_git/config", false},
		{server, "https://tfs.example.com/tfs/Default2/Shop/_git/config", false},
		{server, "https://tfs.example.com/tfs/Default/../Other/_git/config", false},
		{server, "https://tfs.example.com/Shop/_git/config", false},
		{server, "https://dev.azure.com/Default/Shop/_git/config", false},
		{server, "https://default.visualstudio.com/Shop/_git/config", false},
		{"", "https://dev.azure.com/contoso/Shop/_git/config", false},
		{"nonsense", "https://dev.azure.com/contoso/Shop/_git/config", false},
	} {
		j := newBareJob(t).set("SYSTEM_COLLECTIONURI", tc.collection)
		j.understood(func(s *step) {
			if got := s.isOwn(tc.address); got != tc.want {
				t.Errorf("isOwn(%q) for %q: got %v, want %v", tc.address, tc.collection, got, tc.want)
			}
		})
	}
}

// Nobody's token is shown to a server that it is not for: the step ends before it asks
// one anything.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(j *job){
		"another server": func(j *job) { j.elsewhere("", "") },
		"another organization": func(j *job) {
			j.set("SYSTEM_COLLECTIONURI", strings.TrimSuffix(j.url, "local/")+"loc/")
		},
		"no token at all": func(j *job) { j.set("ENDPOINT_AUTH_SYSTEMVSSCONNECTION", "") },
		"a checkout of another repository": func(j *job) {
			j.checkout().elsewhere("", "")
			j.shell(j.path("work/1/s"), "git", "config", "http."+j.repo()+".extraheader", "AUTHORIZATION: bearer of-the-checkout")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t)
			prepare(j)
			before := len(j.git.Requests())
			j.untouched(func() { j.want("Failed", "push/credentials") })
			same(t, "requests to the git server", before, len(j.git.Requests()))
			same(t, "requests to Azure DevOps", 0, len(j.devops.Requests()))
			j.input("enforcement", "warn").want("Failed", "push/credentials")
		})
	}
}

// What persistCredentials has left counts for the repository of the checkout, where
// nothing better is there.
func TestPersistedCredentials(t *testing.T) {
	t.Parallel()
	j := newBareJob(t).elsewhere("", "")
	dir, address := j.path("work/1/s"), j.env["INPUT_REPOSITORY"]
	auth := "Authorization: basic " + base64.StdEncoding.EncodeToString([]byte("x:"+jobToken))
	j.shell(dir, "git", "init", "-q")
	j.shell(dir, "git", "remote", "add", "origin", address)
	j.shell(dir, "git", "-c", "http.extraheader="+auth, "fetch", "-q", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
	j.shell(dir, "git", "checkout", "-q", "--force", "refs/remotes/origin/main")
	j.shell(dir, "git", "config", "http."+address+".extraheader", auth)
	j.set("BUILD_SOURCEVERSION", strings.TrimSpace(j.shell(dir, "git", "rev-parse", "HEAD")))
	j.write("v.yaml", "a: 2\n").input("repository", "").want("Succeeded", "pushed")
	j.says("with the checkout's credentials")
	for _, r := range j.git.Requests()[4:] {
		same(t, "Authorization of "+r.Op, []string{strings.TrimPrefix(auth, "Authorization: ")}, r.Header.Values("Authorization"))
	}
	j.silent(strings.TrimPrefix(auth, "Authorization: basic "))
}

// The address of the checkout does not decide about the token: one that points away from
// the organization gets none.
func TestCheckoutThatPointsAway(t *testing.T) {
	t.Parallel()
	j := fresh(t).checkout()
	j.shell(j.path("work/1/s"), "git", "remote", "set-url", "origin", strings.TrimSuffix(j.url, "local/")+"evil/_git/config")
	before := len(j.git.Requests())
	j.want("Failed", "push/credentials")
	same(t, "requests", before, len(j.git.Requests()))
}

func TestConnections(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) string {
		return "basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	const repo = "https://git.example.com/team/config"
	for name, tc := range map[string]struct {
		input, url, auth, repo string
		want                   string // the value of Authorization
		says                   string // the refusal, if there is no such value
	}{
		"user and password": {"gitConnection", "https://git.example.com/other.git",
			`{"scheme":"UsernamePassword","parameters":{"username":"bot","password":"s3cret word"}}`, repo, basic("bot", "s3cret word"), ""},
		"password alone": {"gitConnection", "https://GIT.example.com/",
			`{"scheme":"UsernamePassword","parameters":{"username":"","password":"pat-1234"}}`, repo, basic("x-access-token", "pat-1234"), ""},
		"token": {"gitConnection", "https://git.example.com",
			`{"scheme":"Token","parameters":{"apitoken":"pat-1234"}}`, repo, basic("x-access-token", "pat-1234"), ""},
		"GitHub's app": {"gitHubConnection", "https://github.com",
			`{"scheme":"InstallationToken","parameters":{"IdToken":"ghs-1234"}}`, "https://github.com/a/b", basic("x-access-token", "ghs-1234"), ""},
		"GitHub, OAuth": {"gitHubConnection", "https://github.com/",
			`{"scheme":"OAuth","parameters":{"AccessToken":"gho-1234"}}`, "https://github.com/a/b", basic("x-access-token", "gho-1234"), ""},
		"GitHub's API": {"gitHubConnection", "https://api.github.com/",
			`{"scheme":"PersonalAccessToken","parameters":{"accessToken":"ghp-1234"}}`, "https://github.com/a/b", basic("x-access-token", "ghp-1234"), ""},
		"another server": {"gitConnection", "https://git.example.com",
			`{"scheme":"Token","parameters":{"apitoken":"pat-1234"}}`, "https://evil.example/team/config", "", "is on \"evil.example\""},
		"a server below": {"gitConnection", "https://example.com",
			`{"scheme":"Token","parameters":{"apitoken":"pat-1234"}}`, repo, "", "is on \"git.example.com\""},
		"another port": {"gitConnection", "https://git.example.com:8443",
			`{"scheme":"Token","parameters":{"apitoken":"pat-1234"}}`, repo, "", "is on \"git.example.com\""},
		"GitHub's, elsewhere": {"gitHubConnection", "https://github.com",
			`{"scheme":"Token","parameters":{"accessToken":"ghp-1234"}}`, "https://github.com.evil.example/a/b", "", "evil.example"},
		"not GitHub's, to GitHub": {"gitConnection", "https://notgithub.com",
			`{"scheme":"Token","parameters":{"apitoken":"pat-1234"}}`, "https://github.com/a/b", "", "is on \"github.com\""},
		"nothing in it": {"gitConnection", "https://git.example.com",
			`{"scheme":"UsernamePassword","parameters":{"username":"bot","password":""}}`, repo, "", "neither a token nor a password"},
		"not handed over": {"gitConnection", "", "", repo, "", "did not hand over"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newBareJob(t).input("repository", tc.repo).connect(tc.input, tc.url, tc.auth)
			j.understood(func(s *step) {
				r := remote{azure: true, origin: true} // that comes after the connection
				r.URL = tc.repo
				r, err := s.authorize(r, inputs.NewSecret("bearer of-the-checkout"))
				switch {
				case tc.want == "" && (err == nil || !strings.Contains(err.Error(), tc.says)):
					t.Errorf("authorize: got %v, want an error with %q", err, tc.says)
				case tc.want != "" && (err != nil || r.Authorization.Reveal() != tc.want):
					t.Errorf("authorize: got %q, %v; want %q", r.Authorization.Reveal(), err, tc.want)
				}
			})
		})
	}
}

// A connection comes before the job's token, and works, with one header.
func TestPushWithAConnection(t *testing.T) {
	t.Parallel()
	j := fresh(t).elsewhere("gitConnection", `{"scheme":"UsernamePassword","parameters":{"username":"bot","password":"`+jobToken+`"}}`)
	j.want("Succeeded", "pushed")
	if out, err := j.git.Git(elsewhereRepo, "show", "main:v.yaml"); err != nil || out != "a: 2" {
		t.Errorf("v.yaml: %q, %v\n%s", out, err, j.log)
	}
}

func TestTwoConnections(t *testing.T) {
	t.Parallel()
	j := fresh(t).connect("gitConnection", "https://git.example.com", `{}`).input("gitHubConnection", connectionID)
	j.untouched(func() { j.want("Failed", "push/input") })
	j.oneError("gitConnection", "there is a GitHub connection, too")
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ address, says string }{
		"a password":     {"https://bot:hunter2hunter2@git.example.com/a", "it has a password in it"},
		"http":           {"http://git.example.com/a", "https"},
		"ssh":            {"ssh://git@github.com/a/b", "https://host/path"},
		"scp":            {"git@github.com:a/b.git", "begins with https"},
		"a program":      {"ext::sh -c touch% /tmp/x", "https"},
		"a file":         {"file:///etc", "begins with https"},
		"an option":      {"--upload-pack=touch x", "begins with https"},
		"a query":        {"https://git.example.com/a?x=y", "without ? and #"},
		"words":          {"our config repository", "begins with https"},
		"a line end":     {"https://git.example.com/a%0ab", "cannot be seen"},
		"dots":           {"https://dev.azure.com/contoso/../evil/_git/x", "\"..\""},
		"dots, in code":  {"https://dev.azure.com/contoso/%2E%2e/evil/_git/x", "\"..\""},
		"a hyphen first": {"https://-oProxyCommand=x/a", "hyphen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("repository", tc.address)
			j.want("Failed", "push/input")
			j.oneError("repository", tc.says)
			j.silent("hunter2hunter2")
			same(t, "requests", 0, len(j.git.Requests()))
		})
	}
}

// Without a checkout there is nothing that could be pushed, and no remote to guess.
func TestNoCheckout(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("repository", "")
	j.want("Failed", "push/repository")
	j.oneError("no checkout", "checkout: self")
	j = fresh(t).input("edits", "")
	j.want("Failed", "push/input")
	j.oneError("repository", "not where the checkout comes from", "edits")
}

// Each request carries the token once, in a header, and nothing that is logged has it.
func TestOneAuthorization(t *testing.T) {
	t.Parallel()
	j := fresh(t).checkout().input("edits", "", "pullRequest", "always").write("v.yaml", "a: 2\n")
	dir := j.path("work/1/s")
	// What other steps have left there must not add a second one.
	j.shell(dir, "git", "config", "http."+j.repo()+".extraheader", "AUTHORIZATION: bearer left-behind")
	j.shell(dir, "git", "config", "http.extraheader", "AUTHORIZATION: bearer left-behind-too")
	j.must(writeFile(j.path("home/.gitconfig"), "[http]\n\textraheader = AUTHORIZATION: bearer at-home\n"))
	before := len(j.git.Requests())
	j.set("SYSTEM_DEBUG", "true").want("Succeeded", "pullRequest")
	for _, r := range j.git.Requests()[before:] {
		same(t, "Authorization of "+r.Op, []string{"bearer " + jobToken}, r.Header.Values("Authorization"))
	}
	same(t, "what the server complains of", nil, j.git.Wrong())
	j.silent(jobToken)
}

// A server that sends the client elsewhere does not get its token there.
func TestRedirectGetsNoToken(t *testing.T) {
	t.Parallel()
	other, err := gittest.New(gittest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	address := serve(t, other)
	for _, op := range []string{"info/refs?service=git-upload-pack", "git-upload-pack", "info/refs?service=git-receive-pack", "git-receive-pack"} {
		j := fresh(t)
		j.git.Fail(op, -1, gittest.Redirect(address))
		j.untouched(func() { same(t, "result with a redirect of "+op, "Failed", j.run()) })
		j.oneError()
	}
	for _, r := range other.Requests() {
		if values := slices.Collect(maps.Values(r.Header)); strings.Contains(strings.Join(slices.Concat(values...), "\n"), jobToken) {
			t.Errorf("the other server was shown the token: %+v", r)
		}
	}
}

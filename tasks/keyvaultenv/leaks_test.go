package keyvaultenv

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

const leakedValue = "Autumn-2025/reset"

// ran is a job whose step has fetched a connection string.
func ran(t *testing.T, pairs ...string) *job {
	t.Helper()
	j := newJob(t)
	j.vault.Put("orders-db", azuretest.Secret{
		Value: "Server=db;User ID=app;Password=" + leakedValue, Tags: map[string]string{"owner": "team-orders"},
	})
	return j.input("secrets", "DB=orders-db").inputs(pairs...).expect("main", "Succeeded")
}

// TestLeaks has places and forms in which the secret is left behind.
func TestLeaks(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString([]byte("app:" + leakedValue))
	for name, tc := range map[string]struct {
		inputs []string
		leave  func(*job)
		place  string
	}{
		"coloured, in a log":  {nil, func(j *job) { j.printed("Test", "one\ntwo Autumn-\x1b[31m2025/reset\n") }, "log of Build / Test, line 2"},
		"printed before":      {nil, func(j *job) { j.logged("Checkout", "password "+leakedValue+"\n") }, "log of Build / Checkout, line 1"},
		"in another job":      {nil, func(j *job) { j.logged("Test", "x "+leakedValue).record(otherJob) }, "log of Build / Test, line 1"},
		"new file":            {nil, func(j *job) { j.write("work/1/s/deploy/out.env", "x=1\npw="+leakedValue) }, "s/deploy/out.env, line 2"},
		"Basic, in a file":    {nil, func(j *job) { j.write("work/1/b/request.http", "Authorization: Basic "+b64) }, "b/request.http, line 1"},
		"in a package":        {nil, func(j *job) { j.write("work/1/s/node_modules/a/x.js", "const p = '"+leakedValue+"'") }, "s/node_modules/a/x.js, line 1"},
		"binary":              {nil, func(j *job) { j.write("work/1/b/a.bin", "\x00\x01\x02"+leakedValue+"\x00") }, "b/a.bin"},
		"UTF-16":              {nil, func(j *job) { j.write("work/1/b/a.txt", "\xff\xfe"+utf16(leakedValue)) }, "b/a.txt"},
		"artifact":            {nil, func(j *job) { j.write("work/1/a/drop/settings.json", `{"password":"`+leakedValue+`"}`) }, "a/drop/settings.json, line 1"},
		"artifact alone":      {[]string{"scan", "artifacts"}, func(j *job) { j.write("work/1/a/x", leakedValue) }, "a/x, line 1"},
		"artifact, as a path": {[]string{"scan", "paths"}, func(j *job) { j.write("work/1/a/x", leakedValue) }, "a/x, line 1"},
		"npm's settings":      {nil, func(j *job) { j.write("home/.npmrc", "//r.example/:_password="+leakedValue) }, ".npmrc, line 1"},
		"Docker's settings":   {nil, func(j *job) { j.write("home/.docker/config.json", `{"auths":{"r.example":{"auth":"`+b64+`"}}}`) }, "config.json, line 1"},
		"Docker's, elsewhere": {nil, func(j *job) {
			j.env["DOCKER_CONFIG"] = j.path("docker")
			j.write("docker/config.json", `{"auths":{"r.example":{"auth":"`+b64+`"}}}`)
		}, "config.json, line 1"},
		"npm's, elsewhere": {nil, func(j *job) {
			j.env["NPM_CONFIG_USERCONFIG"] = j.path("npmrc")
			j.write("npmrc", "//r.example/:_password="+leakedValue)
		}, "npmrc, line 1"},
		"git's settings":       {nil, func(j *job) { j.write("work/1/s/.git/config", "[http]\n\textraheader = AUTHORIZATION: basic "+b64) }, "s/.git/config, line 2"},
		"a path of the step's": {[]string{"scanPaths", "../../other"}, func(j *job) { j.write("work/other/x.log", leakedValue) }, "x.log, line 1"},
		"own file":             {[]string{"exportTo", "file", "outputFile", "x.env", "scanPaths", "../../copy.env"}, func(j *job) { j.write("work/copy.env", "DB='"+leakedValue+"'") }, "copy.env, line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := ran(t, tc.inputs...)
			tc.leave(j)
			j.expect("post", "Failed", "the secret orders-db of the vault contoso-kv stands in ", tc.place, "Rotate: ", "exposed")
			j.hidden(leakedValue, b64[6:20])
			got := j.issues("error")
			if len(got) != 1 || !strings.Contains(got[0], "How to fix: rotate it") {
				t.Errorf("the errors are %q, want one that says to rotate it", got)
			}
		})
	}
}

// otherJob is a record of another job, whose name is not ours.
var otherJob = recordOf("Job", "Deploy", "inProgress")

func utf16(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

// TestNoLeak: what is masked, old, or not asked for is none.
func TestNoLeak(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		leave  func(*job)
	}{
		"nothing":        {nil, func(*job) {}},
		"masked":         {nil, func(j *job) { j.printed("Test", "password "+leakedValue+"\n") }},
		"public words":   {nil, func(j *job) { j.printed("Test", "Server=db;User ID=app;Password=***\n") }},
		"logs alone":     {[]string{"scan", "logs"}, func(j *job) { j.write("work/1/a/x", leakedValue) }},
		"paths alone":    {[]string{"scan", "paths"}, func(j *job) { j.logged("Test", leakedValue) }},
		"none":           {[]string{"scan", "none"}, func(j *job) { j.logged("Test", leakedValue).write("work/1/a/x", leakedValue) }},
		"other's folder": {nil, func(j *job) { j.write("work/2/s/x", leakedValue) }},
		"git's objects":  {nil, func(j *job) { j.write("work/1/s/.git/objects/ab/cd", leakedValue) }},
		"rules in packages": {nil, func(j *job) {
			j.write("work/1/s/node_modules/a/test.js", `password = "`+strings.Repeat("hX9-kk2", 4)+`"`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := ran(t, tc.inputs...)
			tc.leave(j)
			j.expect("post", "Succeeded", "!Rotate")
			if name == "none" && !strings.Contains(j.shown(), "scan is none") {
				t.Errorf("that nothing is scanned is not said:\n%s", j.shown())
			}
			if left := j.sealed(); len(left) > 0 {
				t.Errorf("the post stage has left %q", left)
			}
		})
	}
}

// TestOldFiles: what is older than the step is left out of the workspace, but not of the
// artifacts, nor when the step names it.
func TestOldFiles(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", leakedValue)
	for _, name := range []string{"work/1/s/old.txt", "work/1/s/named.txt", "work/1/a/old.txt"} {
		j.write(name, leakedValue)
	}
	j.now = j.now.Add(time.Hour)
	j.inputs("secrets", "A=a", "scanPaths", "named.txt").expect("main", "Succeeded")
	j.write("work/1/s/new.txt", leakedValue)
	later := time.Now().Add(2 * time.Hour)
	j.must(os.Chtimes(j.path("work/1/s/new.txt"), later, later))
	j.expect("post", "Failed", "s/new.txt", "s/named.txt", "a/old.txt", "!s/old.txt")
}

// TestRestOfADocument: of a document only what was asked for is a secret of this run.
func TestRestOfADocument(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("mail", `{"host":"mail.contoso.com","old":"Spring-2024/shop","password":"`+leakedValue+`"}`)
	j.input("secrets", "PASSWORD_OF=mail#password").expect("main", "Succeeded")
	j.logged("Test", "x Spring-2024/shop, mail.contoso.com\n").expect("post", "Succeeded", "against 1 known secret and")
	j = newJob(t)
	j.vault.Set("mail", `{"host":"mail.contoso.com","password":"`+leakedValue+`"}`)
	j.input("secrets", "PASSWORD_OF=mail#password").expect("main", "Succeeded")
	j.logged("Test", "x "+leakedValue).expect("post", "Failed", "password in the secret mail of the vault contoso-kv stands in log of Build / Test")
}

// TestRules: credentials of which the step knows nothing.
func TestRules(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("K7#q", 16)))
	for name, tc := range map[string]struct {
		leave func(*job)
		rule  string
	}{
		"storage key":   {func(j *job) { j.logged("Deploy", "AccountName=contoso;AccountKey="+key+"\n") }, "leak/azure-"},
		"URL in a file": {func(j *job) { j.write("work/1/s/.env", "URL=postgres://app:hX9kk2mm3Q@db.contoso.com/orders\n") }, "leak/url-password"},
		"private key":   {func(j *job) { j.write("work/1/a/id.pem", privateKey()) }, "leak/private-key"},
		"docker login": {func(j *job) {
			j.write("work/1/s/docker/config.json", `{"auths":{"r.example":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("user:hX9kk2mm3Q-zz"))+`"}}}`)
		}, "leak/docker-auth"},
		"npm token": {func(j *job) { j.write("work/1/s/.npmrc", "//r.example/:_authToken=hX9kk2mm3QzzPPq81\n") }, "leak/npm"},
		"connection string": {func(j *job) {
			j.logged("Deploy", "Server=tcp:x.database.windows.net;Database=o;User ID=a;Password=hX9kk2mm3Q;\n")
		}, "leak/connection-string"},
		"a failed main, too": {func(j *job) { j.logged("Deploy", "redis://:hX9kk2mm3Qzz@cache.contoso.net:6380\n") }, "leak/url-password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			if strings.Contains(name, "failed") {
				j.input("secrets", "A=none").expect("main", "Failed")
			} else {
				j.vault.Set("a", "correct-horse-9")
				j.input("secrets", "A=a").expect("main", "Succeeded")
			}
			tc.leave(j)
			j.expect("post", "Failed", "something that looks like a secret ("+tc.rule, "Rotate: ", "!hX9", "!"+key[:12])
			j.hidden("hX9kk2", key[:20])
		})
	}
}

// TestFoundIsMasked: what was found is hidden from then on, and a secret in the name of a
// file, too.
func TestFoundIsMasked(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "correct-horse-9")
	j.input("secrets", "A=a").expect("main", "Succeeded")
	j.write("work/1/a/correct-horse-9.env", "URL=postgres://app:hX9kk2mm3Q@db.contoso.com/orders\n")
	j.expect("post", "Failed", "a/***.env, line 1", "!correct-horse")
	if got := j.masker.Mask("x hX9kk2mm3Q y"); got != "x *** y" {
		t.Errorf("the agent shows %q", got)
	}
}

// TestFacts: the report for programs has the rule, the places, the owner and the steps,
// and the value in no form.
func TestFacts(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", "a "+leakedValue+"\nb "+leakedValue+"\n")
	j.write("work/1/a/x.txt", leakedValue)
	j.expect("post", "Failed", "Scanned 0 new or changed files", "Scanned 1 file where artifacts")
	facts := j.facts("post")
	leaks, _ := facts["leaks"].([]any)
	if len(leaks) != 1 {
		t.Fatalf("the leaks are %v, want one secret", facts["leaks"])
	}
	one, _ := leaks[0].(map[string]any)
	places, _ := json.Marshal(one["places"])
	for name, want := range map[string]string{"secret": "orders-db", "severity": "critical", "rule": "leak/known", "owner": "team-orders"} {
		if got, _ := one[name].(string); !strings.Contains(got, want) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := string(places); !strings.Contains(got, "log of Build / Test:1:") || !strings.Contains(got, "a/x.txt:1:1") {
		t.Errorf("the places are %s", got)
	}
	if one["fingerprint"] == "" || one["rotation"] == nil {
		t.Errorf("there is no fingerprint or no rotation: %v", one)
	}
	var sarif struct {
		Runs []struct {
			Results []struct{ RuleID, Level string }
		}
	}
	j.must(json.Unmarshal([]byte(j.read("work/_temp/guardrails/keyvaultenv-"+stepID+".sarif")), &sarif))
	if len(sarif.Runs) != 1 || len(sarif.Runs[0].Results) < 2 || sarif.Runs[0].Results[0].Level != "error" {
		t.Errorf("SARIF has %+v, want an error for each place", sarif)
	}
	if !strings.Contains(j.log, "##vso[task.uploadfile]") {
		t.Error("the SARIF file is not uploaded")
	}
	summary := j.read("work/_temp/guardrails/keyvaultenv-" + stepID + "-post.md")
	if !strings.Contains(summary, "- [ ] ") || !strings.Contains(summary, "Rotate: the secret orders-db") {
		t.Errorf("the summary has no checklist:\n%s", summary)
	}
	j.hidden(leakedValue, "Autumn", "reset")
}

// TestOnLeak: warn says the same, and lets the run go on.
func TestOnLeak(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][]string{"onLeak": {"onLeak", "warn"}, "enforcement": {"enforcement", "warn"}} {
		j := ran(t, pairs...)
		j.logged("Test", leakedValue)
		j.expect("post", "SucceededWithIssues", "Rotate: ", "log of Build / Test, line 1", "!Autumn")
		if got := j.issues("warning"); len(got) != 1 || len(j.issues("error")) != 0 {
			t.Errorf("%s: the warnings are %q, the errors %q", name, got, j.issues("error"))
		}
	}
}

// TestInputsOfTheScanAreThoseOfMain: the agent expands the inputs again for the post
// stage, with variables that a step may have set meanwhile.
func TestInputsOfTheScanAreThoseOfMain(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", leakedValue)
	j.write("baseline.json", `{"schema":1,"accepted":[]}`)
	j.inputs("scan", "none", "onLeak", "warn", "enforcement", "warn", "baseline", j.path("baseline.json"), "KeyVaultName", "other-kv")
	j.expect("post", "Failed", "the secret orders-db of the vault contoso-kv stands in log of Build / Test")
}

// TestPieces: a long secret that is cut or wrapped.
func TestPieces(t *testing.T) {
	t.Parallel()
	const long = "hX9kk2mm3QzzPPq81-Lw7vRt5Yc0Nb4Ua6-Ke3Jd8Gs1"
	for name, text := range map[string]string{
		"cut":     "token " + long[:30] + "...\n",
		"the end": "..." + long[20:] + "\n",
		"wrapped": "token " + long[:25] + "\n2026-03-01T12:00:00.1234567Z " + long[25:] + "\n",
	} {
		j := newJob(t)
		j.vault.Set("api-key", long)
		j.input("secrets", "API_KEY=api-key").expect("main", "Succeeded")
		j.logged("Test", text).expect("post", "Failed", "the secret api-key of the vault contoso-kv stands in log of Build / Test, line 1", "Rotate: ")
		if shown := j.shown(); strings.Contains(shown, long[:12]) || strings.Contains(shown, long[30:42]) {
			t.Errorf("%s: the log shows a piece of it:\n%s", name, shown)
		}
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	j := ran(t)
	j.write("outside/x", leakedValue)
	j.must(os.Symlink(j.path("outside"), j.path("work/1/s/link")))
	j.must(os.Symlink(j.path("outside/x"), j.path("work/1/s/x")))
	j.expect("post", "Succeeded")
}

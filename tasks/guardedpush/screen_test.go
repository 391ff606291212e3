package guardedpush

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/leak"
)

// Put together here, so that nobody takes the tests for a leak.
const (
	someToken    = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
	somePassword = "Kx9vQ2mZ" + "7tR4wB8n"
	someKeyID    = "AKIA" + "Q3EGR5BNMWX7ZT2L"

	persistedToken = "kept-by-the-checkout-step"
)

// A secret is not published: not in a file, not in a message, not encoded, and neither by
// enforcement: warn nor by an override.
func TestSecrets(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte("x:" + jobToken))
	for name, prepare := range map[string]func(j *job){
		"known":              func(j *job) { j.write("new.txt", "a\n"+jobToken+"\n") },
		"known, encoded":     func(j *job) { j.write("new.txt", encoded+"\n") },
		"a secret variable":  func(j *job) { j.set("SECRET_DB", "hunter-of-foxes").write("v.yaml", "a: hunter-of-foxes\n") },
		"by rule":            func(j *job) { j.write("v.yaml", "a: 1\npassword: "+somePassword+"\n") },
		"in a program":       func(j *job) { j.write("main.go", "package x\n\nconst t = \""+someToken+"\"\n") },
		"in an edit":         func(j *job) { j.input("edits", "v.yaml: a = "+someToken) },
		"in a message":       func(j *job) { j.write("v.yaml", "a: 2\n").input("message", "use "+jobToken) },
		"in a message, rule": func(j *job) { j.write("v.yaml", "a: 2\n").input("message", "use "+someToken) },
		"in the author":      func(j *job) { j.write("v.yaml", "a: 2\n").input("authorName", jobToken) },
		"in a version": func(j *job) {
			j.write("v.yaml", "a: 2\n").input("commitKind", "deployment", "version", someToken)
		},
		"in a binary":         func(j *job) { j.write("x.bin", "\x00\x01\xff"+jobToken+"\x00") },
		"in a new name":       func(j *job) { j.write("deep/"+jobToken+".txt", "x\n").input("message", "x") },
		"in a new name, rule": func(j *job) { j.write(someToken, "x\n").input("message", "x") },
		"in settings":         func(j *job) { j.write("deploy/.env.production", "PASSWORD="+somePassword+"\n") },
		"in a script":         func(j *job) { j.write("deploy.sh", "export PASSWORD="+somePassword+"\n") },
		"the webhook": func(j *job) {
			hook := j.url + "hooks/a-way-in"
			j.input("alertWebhook", hook, "alertFormat", "generic").write("a.txt", "curl "+hook+"\n")
		},
		"of the checkout": func(j *job) {
			header := "AUTHORIZATION: basic " + base64.StdEncoding.EncodeToString([]byte("x:"+persistedToken))
			j.shell(j.path("work/1/s"), "git", "config", "http."+j.repo()+".extraheader", header)
			j.write("a.txt", persistedToken+"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": "a: 1\n"}).checkout()
			prepare(j)
			j.untouched(func() { j.want("Failed", "push/secret") })
			j.oneError()
			j.silent(jobToken, somePassword, someToken, encoded, "hunter-of-foxes", persistedToken)
			j.input("enforcement", "warn", "override", "true", "reason", "it is urgent")
			j.untouched(func() { j.want("Failed", "push/secret") })
		})
	}
}

// What may be a secret, or was there before, does not stop a push.
func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after, result string
	}{
		"there before":        {"a: 1\npassword: " + somePassword + "\n", "a: 2\npassword: " + somePassword + "\n", "Succeeded"},
		"moved":               {"password: " + somePassword + "\na: 1\n", "a: 2\npassword: " + somePassword + "\n", "Succeeded"},
		"taken away":          {"a: 1\npassword: " + somePassword + "\n", "a: 1\npassword: vault:shop\n", "Succeeded"},
		"may be one":          {"a: 1\n", "a: " + someKeyID + "\n", "SucceededWithIssues"},
		"a placeholder":       {"a: 1\n", "password: $(shopPassword)\n", "Succeeded"},
		"a placeholder here":  {"a: 1\n", "password: {{ .Values.password }}\n", "Succeeded"},
		"a short one, a word": {"a: 1\n", "a: short\n", "Succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": tc.before}).checkout().set("SECRET_WORD", "short")
			j.write("v.yaml", tc.after).want(tc.result, "pushed")
			if tc.result == "SucceededWithIssues" {
				same(t, "warnings", 1, len(j.warnings()))
				j.says("push/secret", "line 1 of")
				j.silent(someKeyID)
			}
		})
	}
	// The same secret once more, or another one, is published.
	j := newJob(t, map[string]string{"v.yaml": "password: " + somePassword + "\n"}).checkout()
	j.write("v.yaml", "password: "+strings.ToLower(somePassword)+"9Z\n")
	j.untouched(func() { j.want("Failed", "push/secret") })
	j.write("v.yaml", "password: "+somePassword+"\n").write("copy.yaml", "password: "+somePassword+"\n")
	j.untouched(func() { j.want("Failed", "push/secret") })
}

// Where an edit takes a secret away, neither the message nor the log repeats it.
func TestSecretThatIsTakenAway(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"v.yaml": "image: 1\npassword: " + somePassword + "\n"})
	j.input("edits", "v.yaml: password = vault:shop\nv.yaml: image = 2").want("Succeeded", "pushed")
	text := j.newest("main")
	if strings.Contains(text, somePassword) || !strings.Contains(text, "v.yaml:2: $.password: changed") ||
		!strings.Contains(text, "v.yaml:1: $.image: 1 -> 2") {
		t.Errorf("message:\n%s", text)
	}
	j.silent(somePassword)
}

// Examples in programs and documentation are none.
func TestTextOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]leak.Text{
		"main.go": leak.Source, "a/App.TSX": leak.Source, "README.md": leak.Source, "logo.svg": leak.Source,
		"v.yaml": leak.Config, ".env": leak.Config, ".env.production": leak.Config, "app.conf": leak.Config,
		"my.cnf": leak.Config, "setup.cfg": leak.Config, "main.go.tmpl": leak.Config, "up.sh": leak.Config,
		"up.ps1": leak.Config, "Dockerfile": leak.Config, "": leak.Config, "x.unknown": leak.Config,
	} {
		if got := textOf(name); got != want {
			t.Errorf("textOf(%q) = %d, want %d", name, got, want)
		}
	}
}

// Why a breaker is overridden or reset is kept in the repository and told to the team.
func TestSecretInTheReason(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{"known": "hunter-of-foxes", "by rule": someToken} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := loops(t, "refuse").set("SECRET_DB", "hunter-of-foxes")
			j.want("Failed", "breaker/rate")
			told := len(j.hooks.bodies)
			for _, how := range [][]string{{"override", "true"}, {"override", "false", "command", "reset"}} {
				j.input(how...).input("reason", "mended: it is "+secret+" now", "enforcement", "warn")
				j.untouched(func() { j.want("Failed", "push/secret") })
				j.oneError("reason")
				j.silent(secret)
			}
			same(t, "alerts", told, len(j.hooks.bodies))
			j.input("reason", "it is mended").want("Succeeded", "reset")
		})
	}
}

// Alerts hide what the log hides.
func TestSecretsInAlerts(t *testing.T) {
	t.Parallel()
	j := loops(t, "refuse").input("alertWorkItem", "Bug").
		set("SECRET_DB", "hunter-of-foxes", "BUILD_DEFINITIONNAME", "deploy hunter-of-foxes")
	j.want("Failed", "breaker/rate")
	same(t, "alerts", 1, len(j.hooks.bodies))
	if body := j.hooks.bodies[0]; strings.Contains(body, "hunter") || !strings.Contains(body, "deploy ***") {
		t.Errorf("alert:\n%s", body)
	}
	j.devops.Update(func(p *adotest.Project) {
		if text := fmt.Sprint(p.WorkItems); strings.Contains(text, "hunter") || !strings.Contains(text, "deploy ***") {
			t.Errorf("work items: %s", text)
		}
	})
}

package keyvaultenv

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// run runs one stage and returns its result as the agent is told.
func (j *job) run(stage string) string {
	j.t.Helper()
	var environ []string
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	began, ticks := time.Now(), time.Duration(0)
	j.log = ""
	status := task.Exec(task.World{
		Args: []string{stage}, Environ: environ, Stdout: j, Stop: j.stop, Grace: time.Minute,
		Now: func() time.Time { ticks += j.tick; return j.now.Add(ticks + time.Since(began)) },
	}, Task)
	j.obey()
	result := regexp.MustCompile(`(?m)^##vso\[task\.complete result=(\w+)`).FindStringSubmatch(j.log)
	if status != 0 || result == nil {
		j.t.Fatalf("%s ended with status %d and log\n%s", stage, status, j.log)
	}
	return result[1]
}

// obey does what the log commands.
func (j *job) obey() {
	for line := range strings.Lines(j.log) {
		c, ok := command.Parse(strings.TrimSuffix(line, "\n"), true)
		if !ok || c.Area != "task" {
			continue
		}
		name, _ := c.Properties.Get("variable")
		switch c.Event {
		case "setsecret":
			j.masker.Add(c.Data)
		case "settaskvariable":
			j.env["VSTS_TASKVARIABLE_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = c.Data
		case "setvariable":
			if secret, _ := c.Properties.Get("issecret"); strings.EqualFold(secret, "true") {
				j.masker.Add(c.Data)
				j.secret[name] = c.Data
				continue
			}
			j.public[name] = c.Data
			j.env[strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = c.Data
		}
	}
}

// unseen are the lines of the log that nobody sees, or only who debugs.
var unseen = regexp.MustCompile(`(?m)^##vso\[task\.(debug|setsecret|setvariable|settaskvariable)[^\]]*\].*\n`)

func (j *job) shown() string { return unseen.ReplaceAllString(j.log, "") }

// expect runs a stage and checks its result and what stands in its log, commands aside;
// texts that begin with ! must not stand there.
func (j *job) expect(stage, result string, texts ...string) *job {
	j.t.Helper()
	if got := j.run(stage); got != result {
		j.t.Errorf("%s ended as %s, want %s; log:\n%s", stage, got, result, j.shown())
	}
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		if strings.Contains(j.shown(), unwanted) == not {
			j.t.Errorf("%s: in the log, %q: %v, want %v; log:\n%s", stage, unwanted, not, !not, j.shown())
		}
	}
	return j
}

// issues are the messages of the errors or warnings of the last stage.
func (j *job) issues(kind string) []string {
	var all []string
	for _, found := range regexp.MustCompile(`(?m)^##vso\[task\.logissue type=`+kind+`[^\]]*\](.*)$`).
		FindAllStringSubmatch(j.log, -1) {
		all = append(all, found[1])
	}
	return all
}

// own are the variables that the task sets for itself, and its outputs when there is
// nothing to put out.
var own = []string{maskedForms}

// nothingSet checks that no variable is set but the task's own.
func (j *job) nothingSet() {
	j.t.Helper()
	if len(j.secret) > 0 {
		j.t.Errorf("secret variables are set: %q", slices.Sorted(maps.Keys(j.secret)))
	}
	for name := range j.public {
		if !slices.Contains(own, name) {
			j.t.Errorf("the variable %s is set", name)
		}
	}
}

// wantSecrets checks the secret variables that are set.
func (j *job) wantSecrets(want map[string]string) {
	j.t.Helper()
	if !maps.Equal(j.secret, want) {
		j.t.Errorf("the secret variables are %q, want %q", j.secret, want)
	}
}

// hidden checks that no text stands in what people see of the last stage, and in no file
// that the step has left.
func (j *job) hidden(texts ...string) {
	j.t.Helper()
	for _, text := range texts {
		if strings.Contains(j.shown(), text) {
			j.t.Errorf("the log shows %q:\n%s", text, j.shown())
		}
		for _, name := range j.files("work/_temp") {
			if strings.Contains(j.read("work/_temp/"+name), text) {
				j.t.Errorf("the file %s holds %q", name, text)
			}
		}
	}
}

// inOrder checks that texts stand in the log one after the other, commands and all.
func (j *job) inOrder(texts ...string) {
	j.t.Helper()
	rest := j.log
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			j.t.Fatalf("%q does not follow in the log; want in this order %q:\n%s", text, texts, j.log)
		}
		rest = after
	}
}

// facts are those of the JSON report of a stage.
func (j *job) facts(stage string) map[string]any {
	j.t.Helper()
	var doc struct{ Facts map[string]any }
	j.must(json.Unmarshal([]byte(j.read("work/_temp/guardrails/keyvaultenv-"+stepID+"-"+stage+".json")), &doc))
	return doc.Facts
}

// child is a program for exportTo: command: this test binary, which then does what its
// first argument says; see children_test.go.
func (j *job) child(arguments ...string) *job {
	j.t.Helper()
	self, err := os.Executable()
	j.must(err)
	j.env["KEYVAULTENV_CHILD"] = "1"
	return j.inputs("exportTo", "command", "command", filepath.ToSlash(self), "arguments", strings.Join(arguments, "\n"))
}

func TestVariables(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("orders-db", "postgres://app:p%40ss-word1@db.contoso.com/orders")
	j.vault.Set("pem", "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n")
	j.input("secrets", "DATABASE_URL=orders-db\nKEY=pem").
		expect("main", "Succeeded", "Fetching 2 secrets", "Masked: 2 values", "!p%40ss", "!MIIEvQ")
	if got, want := j.secret["DATABASE_URL"], "postgres://app:p%40ss-word1@db.contoso.com/orders"; got != want {
		t.Errorf("DATABASE_URL = %q, want %q", got, want)
	}
	const line = "login app p@ss-word1 at db.contoso.com/orders: MIIEvQIBADANBgkq"
	if got, want := j.masker.Mask(line), "login app *** at db.contoso.com/orders: ***"; got != want {
		t.Errorf("the agent shows %q, want %q", got, want)
	}
	j.printed("Test", line+"\n").expect("post", "Succeeded", "No secret found", "against 2 known secrets")
	if left := j.sealed(); len(left) > 0 {
		t.Errorf("the post stage has left %q", left)
	}
}

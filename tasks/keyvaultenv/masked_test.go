package keyvaultenv

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/build/localagent/mask"
)

// TestMaskComesFirst: nothing is set, and nothing but the state of the task goes to the
// agent, before all secrets are masked; and they are all set in one write.
func TestMaskComesFirst(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("db", "Server=db;User ID=app;Password=Autumn-2025/reset")
	j.vault.Set("pem", "first line-1\nsecond line-2\n")
	var writes []string
	j.watch = func(text string) { writes = append(writes, text) }
	j.input("secrets", "DB=db\nPEM=pem").expect("main", "Succeeded")
	j.inOrder("##vso[task.setsecret]", "##vso[task.setvariable variable=DB;", "##vso[task.setvariable variable=PEM;")
	masked, set := -1, -1
	for i, text := range writes {
		if strings.Contains(text, "##vso[task.setsecret]Autumn-2025/reset") {
			masked = i
		}
		for _, name := range []string{"variable=DB;", "variable=PEM;"} {
			if strings.Contains(text, name) {
				if set >= 0 && set != i {
					t.Errorf("the variables are set in several writes: %q and %q", writes[set], text)
				}
				set = i
			}
		}
		if masked < 0 {
			for _, value := range []string{"Autumn", "line-1", "line-2"} {
				if strings.Contains(strings.ReplaceAll(text, "##vso[task.setsecret]", ""), value) && !strings.HasPrefix(text, "##vso[task.setsecret]") {
					t.Errorf("%q is printed before it is masked: %q", value, text)
				}
			}
		}
	}
	if masked < 0 || set < masked {
		t.Errorf("masked by write %d, set by write %d", masked, set)
	}
	after, _, _ := strings.Cut(j.log, "##vso[task.setvariable variable=DB;")
	if got := maskerOf(t, after); len(got.Values()) == 0 || strings.Contains(got.Mask("Autumn-2025/reset second line-2"), "2") {
		t.Errorf("before the variables are set the agent masks %q only", got.Values())
	}
}

// maskerOf is the agent's masker after a log.
func maskerOf(t *testing.T, log string) *mask.Masker {
	t.Helper()
	m := &mask.Masker{}
	for line := range strings.Lines(log) {
		if c, ok := command.Parse(strings.TrimSuffix(line, "\n"), true); ok && c.Event == "setsecret" {
			m.Add(c.Data)
		}
	}
	return m
}

// TestLiteralEscapes: what looks like an escape of the agent's commands arrives as it is.
func TestLiteralEscapes(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	const value = "pass=ab%3Bcd%0Aef%5Dgh%AZP25ij\nother=kl]mn;op%25qr\n"
	j.vault.Set("env", value)
	j.input("secrets", "SETTINGS=env").expect("main", "Succeeded")
	j.wantSecrets(map[string]string{"SETTINGS": value})
	for _, line := range []string{"ab%3Bcd%0Aef%5Dgh%AZP25ij", "kl]mn;op%25qr"} {
		if got := j.masker.Mask("x " + line); got != "x ***" {
			t.Errorf("the agent shows %q for %q", got, line)
		}
	}
}

// TestMultiline: the agent's switch is on for the secret's own line alone, unless the job
// has set it: then it stays as it is.
func TestMultiline(t *testing.T) {
	t.Parallel()
	const name = "SYSTEM_UNSAFEALLOWMULTILINESECRET"
	for job, want := range map[string]string{"": "false", "true": "", "false": "false", "$true": "", "1": ""} {
		j := newJob(t)
		j.vault.Set("pem", "first line-1\nsecond line-2\n")
		j.vault.Set("flat", "correct-horse-9")
		if job != "" {
			j.env[name] = job
		}
		j.input("secrets", "PEM=pem\nFLAT=flat").expect("main", "Succeeded")
		if got := j.public[name]; got != want {
			t.Errorf("with %s=%q it is set to %q at the end, want %q", name, job, got, want)
		}
		if want == "false" {
			j.inOrder("variable="+name+";]true\n##vso[task.setvariable variable=PEM;", "variable="+name+";]false\n", "variable=FLAT;")
		}
	}
}

// TestBudget: the steps of a job share 400 registrations, and a secret that is not masked
// itself is not set.
func TestBudget(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	total := 0
	for step := range 3 {
		var lines []string
		for i := range 40 {
			name := fmt.Sprintf("s-%d-%d", step, i)
			j.vault.Set(name, fmt.Sprintf(`pre"fix %s/+&<`, rand.Text()))
			lines = append(lines, fmt.Sprintf("S_%d_%d=%s", step, i, name))
		}
		j.secret = map[string]string{}
		j.input("secrets", strings.Join(lines, "\n")).expect("main", "Succeeded")
		total += strings.Count(j.log, "##vso[task.setsecret]") - 1 // one is the key of the sealed file
		for name, value := range j.secret {
			if got := j.masker.Mask(value); got != "***" {
				t.Fatalf("step %d: %s is shown as %q", step, name, got)
			}
		}
		if len(j.secret) != 40 {
			t.Errorf("step %d set %d secrets, want 40", step, len(j.secret))
		}
	}
	if used, _ := strconv.Atoi(j.public[maskedForms]); used > 400 || used < 300 {
		t.Errorf("%s = %d after 120 secrets", maskedForms, used)
	}
	if total > 400+2*3 {
		t.Errorf("the agent has been given %d texts, want 400 and the task's own", total)
	}
	var lines []string
	for i := range 250 {
		name := fmt.Sprintf("more-%d", i)
		j.vault.Set(name, "pre fix "+rand.Text())
		lines = append(lines, fmt.Sprintf("MORE_%d=%s", i, name))
	}
	j.secret, j.public = map[string]string{}, map[string]string{}
	j.input("secrets", strings.Join(lines, "\n")).expect("main", "Failed", "400 texts at most", "there is no room for", "fetch fewer secrets")
	j.nothingSet()
}

// TestBudgetIsNotForTheTaking: the count is a variable that a step of the job can set, so
// it is worth no more than what it makes worse.
func TestBudgetIsNotForTheTaking(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"-100000", "x", "", "99999999999999999999"} {
		j := newJob(t)
		var lines []string
		for i := range 60 {
			name := fmt.Sprintf("s-%d", i)
			j.vault.Set(name, fmt.Sprintf(`pre"fix %s/+&<`, rand.Text()))
			lines = append(lines, fmt.Sprintf("S_%d=%s", i, name))
		}
		j.env["GUARDRAILS_MASKEDFORMS"] = value
		j.input("secrets", strings.Join(lines, "\n")).run("main")
		for name, secret := range j.secret {
			if got := maskerOf(t, j.log).Mask(secret); got != "***" {
				t.Errorf("with %s=%q, %s is set and not masked", maskedForms, value, name)
			}
		}
		if n := strings.Count(j.log, "##vso[task.setsecret]"); n > 402 {
			t.Errorf("with %s=%q: %d registrations", maskedForms, value, n)
		}
	}
}

// TestWeak: short and open ones are masked as far as they can be, with a warning.
func TestWeak(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("pin", "k3y-9")
	j.vault.Set("db", "postgres://app:x9@db.contoso.com/orders")
	j.input("secrets", "PIN=pin\nDB=db").expect("main", "Succeeded", "has something of 4 or 5 characters to hide",
		"the secret db of the vault contoso-kv is hidden as a whole, but not a part of it: its password: it has fewer than 4 characters")
}

// TestReportNeverHoldsAValue: the JSON report, the summary and what people see name
// secrets, and show none in any form.
func TestReportNeverHoldsAValue(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("db", "Server=db;User ID=app;Password=Autumn-2025/reset")
	j.input("secrets", "DB=db").expect("main", "Succeeded")
	facts := j.facts("main")
	if facts["vault"] != testVault || facts["exportTo"] != "variables" || facts["maskedForms"] == nil {
		t.Errorf("the facts are %v", facts)
	}
	j.printed("Test", "Autumn-2025\x1b[0m/reset\n").expect("post", "Failed")
	for _, name := range j.files("work/_temp/guardrails") {
		text := j.read("work/_temp/guardrails/" + name)
		for _, form := range []string{"Autumn", "reset", "QXV0dW1u", "4175747"} {
			if strings.Contains(text, form) {
				t.Errorf("%s holds %q:\n%s", name, form, text)
			}
		}
		if strings.HasSuffix(name, ".json") && !json.Valid([]byte(text)) {
			t.Errorf("%s is not JSON", name)
		}
	}
	if _, err := os.Stat(j.path("work/_temp/guardrails/keyvaultenv-" + stepID + ".sarif")); err != nil {
		t.Error(err)
	}
}

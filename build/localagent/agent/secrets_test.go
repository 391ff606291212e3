package agent

import (
	"strings"
	"testing"
)

const multiLine = "-----BEGIN KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQ\nabcd==\n-----END KEY-----\n"

// A secret is found in the forms in which it usually turns up, those that the
// agent does not mask too, and its variable is named.
func TestSecretsAreFoundInOtherForms(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	for name, tc := range map[string]struct{ script, want string }{
		"hex":               {`printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n' > f`, `_work/1/s/f: the variable "tok"`},
		"base64, shifted":   {`printf 'x:%s' "$TOKEN" | base64 > f`, `_work/1/s/f: the variable "tok"`},
		"the other one":     {`printf '%s' "$OTHER" | base64 > f`, `_work/1/s/f: the variable "other"`},
		"a line of several": {`printf '%s' "$KEY" | sed -n 2p > f`, `_work/1/s/f: the variable "key"`},
		"base64 of several": {`printf 'x%s' "$KEY" | base64 -w0 > f`, `_work/1/s/f: the variable "key"`},
		"in the log":        {`printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n'`, `the log: the variable "tok"`},
		"set by a step":     {`echo '##vso[task.setvariable variable=made;issecret=true]made-at''-run-time'; echo made-at-run-"time" > f`, `_work/1/s/f: the variable "made"`},
		"registered":        {`echo '##vso[task.setsecret]made-at''-run-time'; echo made-at-run-"time" > f`, `_work/1/s/f: what step 1 "step" (p.yml:2) registered with task.setsecret`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n- bash: |\n    "+tc.script+"\n  displayName: step\n  env: {TOKEN: $(tok), OTHER: $(other), KEY: $(key)}\n")
			l.Variables = []Variable{
				{Name: "tok", Value: secret, Secret: true}, {Name: "other", Value: "swordfish-9", Secret: true},
				{Name: "key", Value: multiLine, Secret: true},
			}
			got := problems(l.run(t))
			if want := "secrets: a secret stands in " + tc.want; len(got) != 1 || got[0] != want {
				t.Errorf("script %q: got %q, want %q", tc.script, got, want)
			}
		})
	}
}

// The short lines of a long secret stand in files by chance, and the frame of a
// key stands around public ones.
func TestPartsThatAreNoSecret(t *testing.T) {
	t.Parallel()
	j := &job{secrets: map[string]string{}}
	j.addSecret("key", multiLine)
	s := j.newSearch()
	for text, want := range map[string]string{
		"-----BEGIN KEY-----\nabcd==\n-----END KEY-----\n": "", "xMIIEvAIBADANBgkqhkiG9w0BAQx": "key", multiLine: "key", "": "",
	} {
		if got, err := s.in(strings.NewReader(text)); got != want || err != nil {
			t.Errorf("search in %q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// A check says what happened to the step that left a child behind.
func TestHeldByChild(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, `
steps:
- {bash: 'sleep 60 & exec sleep 60', timeoutInMinutes: 1, displayName: slow}
- {bash: 'sleep 60 &', displayName: quick, condition: always()}
`)
	r := l.run(t)
	cut := `step 1 "slow" (p.yml:3) was ended by its time limit, and a child of it kept running`
	for _, c := range r.Checks {
		if c.Name == "processes" && !has(c.Warnings, cut) {
			t.Errorf("warnings of %s: got %q, want %q", c.Name, c.Warnings, cut)
		}
	}
	if has(problems(r), "slow") {
		t.Errorf("a stopped script is blamed for its commands: %q", problems(r))
	}
	for _, want := range []string{
		`processes: step 2 "quick" (p.yml:4) ended while a process it had started still held its output open`,
	} {
		if !has(problems(r), want) {
			t.Errorf("checks: got %q, want %q", problems(r), want)
		}
	}
}

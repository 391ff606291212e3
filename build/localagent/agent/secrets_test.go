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

// The address of a registry is masked in the log, as agents do; a file may hold it.
func TestRegistryAddress(t *testing.T) {
	t.Parallel()
	const host, password = "registry.example.com:4711", "registry-password-1"
	for name, bad := range map[string]string{"loginServer": host, "Registry": host, "password": password} {
		l := newLab(t, `
steps:
- {task: A@1, inputs: {conn: c}}
- bash: echo "it is `+bad+`"; echo "`+bad+`" > file
`)
		l.Endpoints = []Endpoint{{ID: "11111111-1111-1111-1111-111111111111", Name: "c",
			Auth: Authorization{Scheme: "S", Parameters: map[string]string{name: bad}}}}
		l.Tasks = makeTasks(t, map[string]jsTask{"A": {
			fields: map[string]any{"inputs": []any{map[string]any{"name": "conn", "type": "connectedService:x"}}},
		}})
		r := l.run(t)
		if strings.Contains(l.out.String(), bad) {
			t.Errorf("the parameter %s is not masked:\n%s", name, l.out.String())
		}
		if got, want := has(problems(r), name), name == "password"; got != want {
			t.Errorf("the parameter %s in a file: checks %q, want one of them %v", name, problems(r), want)
		}
	}
}

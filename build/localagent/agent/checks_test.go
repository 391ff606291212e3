package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const secret = "hunter2-is-secret"

// Each check must find what it is there for, and say which step did it.
func TestChecksBite(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	for name, tc := range map[string]struct{ script, want string }{
		"orphan":                  {"setsid sleep 60 >/dev/null 2>&1 &", `) of step 1 "step" (p.yml:2) outlived the job and was killed`},
		"orphan that holds a log": {"sleep 60 &", `processes: step 1 "step" (p.yml:2) ended while a process it had started still held its output open`},
		"file in the temp folder": {`touch "${TMPDIR:-/tmp}/forgotten"`, `leftovers: step 1 "step" (p.yml:2) left forgotten in the machine's temporary folder`},
		"folder of mktemp":        {`mktemp -d >/dev/null`, `leftovers: step 1 "step" (p.yml:2) left tmp.`},
		"secret in temp":          {`echo "a $TOKEN b" > "$AGENT_TEMPDIRECTORY/env.txt"`, `secrets: a secret stands in _work/_temp/env.txt: the variable "tok"`},
		"secret in the sources":   {`mkdir -p deep && echo "$TOKEN" > deep/npmrc`, "secrets: a secret stands in _work/1/s/deep/npmrc"},
		"secret in tools":         {`echo "$TOKEN" > "$AGENT_TOOLSDIRECTORY/t"`, "secrets: a secret stands in _work/_tool/t"},
		"secret in a summary": {`echo "# $TOKEN" > "$HOME/s.md"; echo "##vso[task.uploadsummary]$HOME/s.md"`,
			`secrets: a secret stands in the attachment s.md of step 1 "step" (p.yml:2): the variable "tok"`},
		"secret in source given": {`echo more >> given; echo "$TOKEN" >> given`, "secrets: a secret stands in _work/1/s/given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(name, "orphan") && !canFindSurvivors {
				t.Skip("processes are found on Linux only")
			}
			l := newLab(t, "steps:\n- bash: |\n    "+tc.script+"\n  displayName: step\n  env: {TOKEN: $(tok)}\n")
			l.Variables = []Variable{{Name: "tok", Value: secret, Secret: true}}
			l.Timing.Linger = 1
			l.Sources = t.TempDir()
			writeFile(t, filepath.Join(l.Sources, "given"), "before")
			r := l.run(t)
			if !has(problems(r), tc.want) || len(problems(r)) > 2 {
				t.Errorf("script %q: checks found %q, want %q", tc.script, problems(r), tc.want)
			}
			if r.Result != succeeded || r.ExitCode() != 1 {
				t.Errorf("job %s, exit status %d; want Succeeded and 1, for the check", r.Result, r.ExitCode())
			}
			if strings.Contains(l.out.String(), secret) {
				t.Error("the secret itself was printed")
			}
			if alive := lingering(func() []survivor { return survivors(r.Variables[lookupVariable], nil) }, 5*time.Second); len(alive) > 0 {
				t.Errorf("processes of the job that still run: %+v", alive)
			}
			if _, err := os.Stat(l.layoutRoot(r)); err == nil {
				t.Error("the work folder is still there")
			}
		})
	}
}

// layoutRoot reads the work folder from the log.
func (l *lab) layoutRoot(*Result) string {
	_, rest, _ := strings.Cut(l.out.String(), "Work folder: ")
	folder, _, _ := strings.Cut(rest, "\n")
	return folder
}

// And they must not find what is no harm.
func TestChecksKeepQuiet(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	l := newLab(t, `
variables: {tiny: $(short)}
steps:
- bash: |
    f=$(mktemp) && rm "$f"
    echo ab > "$AGENT_TEMPDIRECTORY/note"
    (sleep 0.1 &) >/dev/null 2>&1
    printf '%s' "$TOKEN" | sha256sum > "$AGENT_TEMPDIRECTORY/sum"
  env: {TOKEN: $(tok)}
`)
	l.Variables = []Variable{{Name: "tok", Value: secret, Secret: true}, {Name: "short", Value: "ab", Secret: true}}
	l.Sources = t.TempDir()
	writeFile(t, filepath.Join(l.Sources, "config"), "the user's own "+secret)
	r := l.run(t)
	wantClean(t, r)
	if c := r.Checks[2]; !strings.Contains(c.Note, "shorter than 6 bytes were not looked for") {
		t.Errorf("note of the check for secrets: got %q, want it to tell of the short one", c.Note)
	}
}

func TestFindSecretAcrossPieces(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 1, 1<<20 - 8, 1<<20 - 1, 1 << 20, 1<<20 + 7, 3 << 20} {
		text := strings.Repeat("x", before) + secret + strings.Repeat("y", 100)
		if got := findSecret(strings.NewReader(text), []string{"other-long-secret", secret}); got != 1 {
			t.Errorf("secret after %d bytes: got %d, want 1", before, got)
		}
	}
	if got := findSecret(strings.NewReader(secret[1:]), []string{secret}); got != -1 {
		t.Errorf("part of a secret: got %d, want -1", got)
	}
}

// No secret gets out, whatever way it is printed and wherever it came from.
func TestMasking(t *testing.T) {
	t.Parallel()
	const (
		runtimeSecret = "made-at-run-time"
		key           = "endpoint-key-1"
	)
	l := newLab(t, `
variables: {wrapped: "<$(tok)>"}
steps:
- bash: |
    echo "plain $(tok), wrapped $(wrapped), base64 $(printf '%s' '$(tok)' | base64)"
    echo "error $(tok)" >&2
    echo "##vso[task.logissue type=error;code=$(tok);]issue $(tok)"
    echo "##vso[task.setvariable variable=made;issecret=true]`+runtimeSecret+`"
    echo "now `+runtimeSecret+`, https://user:pass-word@host/"
    echo "##vso[task.setvariable variable=shown]has `+runtimeSecret+` in it"
    echo "##vso[task.setvariable variable=out;isoutput=true]$(tok)"
    echo "##vso[task.complete result=Succeeded;]with $(tok)"
  displayName: leak $(tok)
- {task: A@1, displayName: task, inputs: {conn: c}}
- {bash: 'echo "[$MADE] [$(made)] [$SHOWN]"', displayName: later}
`)
	l.Debug = true
	l.Variables = []Variable{{Name: "tok", Value: secret, Secret: true}}
	l.Endpoints = []Endpoint{{ID: "11111111-1111-1111-1111-111111111111", Name: "c",
		Auth: Authorization{Scheme: "S", Parameters: map[string]string{"key": key, "tenantid": "tenant-is-public"}}}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main:   printEnv + `;console.log('##vso[task.settaskvariable variable=t;issecret=true]task-secret-9');console.log('task-secret-9')`,
		post:   printEnv + `;console.log(encodeURIComponent(process.env.SECRET_MADE), JSON.stringify(process.env.SECRET_TOK))`,
		fields: map[string]any{"inputs": []any{map[string]any{"name": "conn", "type": "connectedService:x"}}},
	}})
	r := l.run(t)
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, runtimeSecret, key, "task-secret-9", "pass-word", "aHVudGVyMi1pcy1zZWNyZXQ="} {
		for where, text := range map[string]string{"output": l.out.String(), "result": string(data)} {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%q stands in the %s: ...%s", s, where, text[max(0, i-200):i+len(s)])
			}
		}
	}
	if got := r.Steps[0].DisplayName; got != "leak ***" {
		t.Errorf("name of the step: got %q, want leak ***", got)
	}
	if gone := missing(log(r, "later"), "[] [***] [has *** in it]"); gone != "" {
		t.Errorf("a step after that: want %q in\n%s", gone, log(r, "later"))
	}
	if env := environ(t, r, "Post-job: task"); env["ENDPOINT_AUTH_PARAMETER_11111111-1111-1111-1111-111111111111_TENANTID"] != "tenant-is-public" {
		t.Error("the tenant of a connection is no secret")
	}
	if has(problems(r), "in the log") {
		t.Errorf("checks: %q", problems(r))
	}
}

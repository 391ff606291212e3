package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// npmFolder is a folder of the installed oracles.
func npmFolder(t *testing.T, name ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "..", "npm", "node_modules"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", path)
	}
	return path
}

// Microsoft's own task library is the judge: what it reads from the environment
// must be what the pipeline said, and what it prints must have its effect.
func TestTaskLibrary(t *testing.T) {
	t.Parallel()
	const id, fileID = "abcdef01-2222-3333-4444-555555555555", "fedcba98-2222-3333-4444-555555555555"
	const read = `
		const tl = require(process.env.TASK_LIB);
		const out = {
			input: tl.getInput('text', true), lines: tl.getDelimitedInput('lines', '\n'), on: tl.getBoolInput('on'),
			path: tl.getPathInput('file').replace(tl.getVariable('Build.SourcesDirectory'), 'SOURCES'),
			given: tl.filePathSupplied('file'), unset: tl.filePathSupplied('unset'),
			plain: tl.getVariable('plain.name'), secret: [...tl.getVariable('tok.en')].reverse().join(''),
			names: tl.getVariables().filter(v => /plain|tok/.test(v.name)).map(v => v.name + ' ' + v.secret).sort(),
			url: tl.getEndpointUrl(tl.getInput('conn'), false), scheme: tl.getEndpointAuthorizationScheme(tl.getInput('conn'), false),
			tenant: tl.getEndpointAuthorizationParameter(tl.getInput('conn'), 'tenantId', false),
			data: tl.getEndpointDataParameter(tl.getInput('conn'), 'subscriptionId', false),
			system: tl.getEndpointAuthorizationScheme('SYSTEMVSSCONNECTION', false),
			secureFile: tl.getSecureFileName(tl.getInput('secure')), state: tl.getTaskVariable('state') || 'none',
			left: Object.keys(process.env).filter(k => /^(INPUT|SECRET)_/.test(k) && process.env[k]),
		};
		console.log(JSON.stringify(out));`
	l := newLab(t, `
steps:
- task: Lib@1
  name: lib
  displayName: lib
  inputs: {text: " $(plain.name); ] % ", lines: "a\n\n b", on: TRUE, file: x/y, conn: azure, secure: key.pem}
- bash: |
    echo "[$(lib.answer)] [$SHOWN] [$(HIDDEN)] [$PATH]"
  displayName: after
`)
	l.Environ = append(l.Environ, "TASK_LIB="+npmFolder(t, "azure-pipelines-task-lib"))
	l.Variables = []Variable{{Name: "plain.name", Value: "p%25\tq"}, {Name: "tok.en", Value: "se;cret]%0A-value", Secret: true}}
	l.Endpoints = []Endpoint{{ID: id, Name: "azure", URL: "https://management.example/", Data: map[string]string{"subscriptionId": "sub"},
		Auth: Authorization{Scheme: "ServicePrincipal", Parameters: map[string]string{"tenantId": "ten"}}}}
	l.SecureFiles = []SecureFile{{ID: fileID, Name: "key.pem", Ticket: "ticket-1"}}
	input := func(name, kind string) map[string]any { return map[string]any{"name": name, "type": kind} }
	l.Tasks = makeTasks(t, map[string]jsTask{"Lib": {
		main: read + `
			tl.setVariable('answer', '4;2]%0A\n%', false, true); tl.setVariable('shown', 'seen'); tl.setVariable('hidden', 'never-seen', true);
			tl.setTaskVariable('state', 'kept', true); tl.prependPath(__dirname); console.log('never-seen');
			tl.warning('careful %\n]'); tl.setProgress(50, 'half'); tl.addBuildTag('t');
			const f = tl.getVariable('Agent.TempDirectory') + '/s.md'; require('fs').writeFileSync(f, '# s'); tl.uploadSummary(f);
			tl.setResult(tl.TaskResult.SucceededWithIssues, 'done; so]');`,
		post: read,
		fields: map[string]any{"inputs": []any{
			input("text", "string"), input("lines", "multiLine"), input("on", "boolean"), input("file", "filePath"),
			input("unset", "filePath"), input("conn", "connectedService:AzureRM"), input("secure", "secureFile"),
		}},
	}})
	r := l.run(t)
	want := map[string]any{
		"input": "p%25\tq; ] %", "lines": []any{"a", " b"}, "on": true, "path": "SOURCES/x/y", "given": true, "unset": false,
		"plain": "p%25\tq", "secret": "eulav-A0%]terc;es", "names": []any{"plain.name false", "tok.en true"},
		"url": "https://management.example/", "scheme": "ServicePrincipal", "tenant": "ten", "data": "sub", "system": "OAuth",
		"secureFile": "key.pem", "state": "none", "left": []any{},
	}
	if diff := cmp.Diff(want, printed(t, r, "lib")); diff != "" {
		t.Errorf("what the library reads (-want +got):\n%s", diff)
	}
	want["state"] = "***"
	if diff := cmp.Diff(want, printed(t, r, "Post-job: lib")); diff != "" {
		t.Errorf("what the library reads in post-job (-want +got):\n%s", diff)
	}
	s := r.Steps[0]
	if s.Result != succeededWithIssues || s.Outputs["answer"] != "4;2]%0A\n%" || s.Operation != "done; so]" || !has(issues(s), "warning: careful %\n]") {
		t.Errorf("effect of the commands: got %s, outputs %q, %q, issues %q", s.Result, s.Outputs, s.Operation, issues(s))
	}
	folder := "Lib_" + l.Tasks.Tasks()[0].ID
	if gone := missing(log(r, "after"), "[seen] [***] [", folder); gone != "" {
		t.Errorf("step after it: want %q in\n%s", gone, log(r, "after"))
	}
	if strings.Contains(l.out.String(), "never-seen") || len(r.Attachments) != 1 || len(r.Tags) != 1 {
		t.Errorf("attachments %+v, tags %q, output\n%s", r.Attachments, r.Tags, l.out.String())
	}
	wantClean(t, r)
}

// printed finds the JSON object that a stage printed.
func printed(t *testing.T, r *Result, display string) map[string]any {
	t.Helper()
	for line := range strings.Lines(log(r, display)) {
		if strings.HasPrefix(line, `{"`) {
			got := map[string]any{}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("%s: %v in %s", display, err, line)
			}
			return got
		}
	}
	t.Fatalf("%s printed no object:\n%s", display, log(r, display))
	return nil
}

// The node that was asked for runs the task.
func TestNodeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"node20": "v20.20.2", "node24": "v24.21.0"} {
		l := newLab(t, "steps:\n- {task: A@1, displayName: a}\n")
		l.Node = npmFolder(t, version, "bin", "node")
		l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "console.log(process.version)"}})
		if r := l.run(t); missing(log(r, "a"), want) != "" {
			t.Errorf("%s: want %s in\n%s", version, want, log(r, "a"))
		}
	}
	l := newLab(t, "steps:\n- task: A@1\n")
	l.Node = npmFolder(t, "node10", "bin", "node")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "1"}})
	if _, err := Run(l.ctx, l.Options); err == nil || !strings.Contains(err.Error(), "is Node.js 10.24, tasks need 20 or newer") {
		t.Errorf("node 10: got %v, want it refused", err)
	}
}

// The official client downloads a secure file the way in-box tasks do; without
// the job's token or the ticket there is no file.
func TestSecureFileDownload(t *testing.T) {
	t.Parallel()
	content := filepath.Join(t.TempDir(), "key.pem")
	writeFile(t, content, "the content of the file")
	l := newLab(t, "steps:\n- {task: A@1, displayName: get, inputs: {file: key.pem}}\n")
	l.Environ = append(l.Environ, "API="+npmFolder(t, "azure-devops-node-api"))
	l.SecureFiles = []SecureFile{{ID: "abcdef01-2222-3333-4444-555555555555", Name: "key.pem", Path: content, Ticket: "right-ticket"}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main: `
		const api = require(process.env.API), id = process.env.INPUT_FILE, base = process.env.SYSTEM_TEAMFOUNDATIONCOLLECTIONURI;
		const token = process.env.ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN, ticket = process.env['SECUREFILE_TICKET_' + id];
		(async () => {
			const agent = await new api.WebApi(base, api.getPersonalAccessTokenHandler(token)).getTaskAgentApi();
			const stream = await agent.downloadSecureFile('local', id, ticket, false);
			let text = ''; for await (const piece of stream) text += piece;
			console.log('official: ' + text);
			for (const [auth, t] of [['Bearer ' + token, ticket], ['Bearer wrong', ticket], ['', ticket], ['Bearer ' + token, 'wrong'], ['Bearer ' + token, '']]) {
				const r = await fetch(base + 'local/_apis/distributedtask/securefiles/' + id + '?ticket=' + t, {headers: {Authorization: auth}});
				console.log('status: ' + r.status);
			}
		})()`,
		fields: map[string]any{"inputs": []any{map[string]any{"name": "file", "type": "secureFile"}}},
	}})
	r := l.run(t)
	want := []string{"official: the content of the file", "status: 200", "status: 401", "status: 401", "status: 403", "status: 403"}
	if gone := missing(log(r, "get"), want...); gone != "" {
		t.Errorf("download: want %q in\n%s", gone, log(r, "get"))
	}
}

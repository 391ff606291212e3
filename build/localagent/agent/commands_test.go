package agent

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// say makes a step that prints lines as they are.
func say(lines ...string) string {
	var script strings.Builder
	script.WriteString("- bash: |\n    cat <<'END'\n")
	for _, line := range lines {
		script.WriteString("    " + line + "\n")
	}
	script.WriteString("    END\n")
	return script.String()
}

// What each logging command does to the step that prints it.
// TaskCommandExtensionL0.cs, WorkerCommandManagerL0.cs, LoggingCommandL0.cs.
func TestCommands(t *testing.T) {
	t.Parallel()
	const id = "11111111-1111-1111-1111-111111111111"
	for name, tc := range map[string]struct {
		line   string
		result Status
		issue  string // of the step, "" for none
	}{
		"no command":            {"plain ##[error]text", succeeded, ""},
		"not a command":         {"see ##vso for more", succeeded, "contains logging command keyword '##vso'"},
		"unknown area":          {"##vso[guard.rail]x", succeeded, "Cannot find command extension for ##vso[guard.command]"},
		"unknown event":         {"##vso[task.nonsense]x", failed, "##vso[task.nonsense] is not a recognized command"},
		"release only":          {"##vso[release.updatereleasename]x", failed, "is not supported for a build"},
		"text before":           {">>>  ##vso[TASK.Complete result=Failed;]", failed, ""},
		"complete":              {"##vso[task.complete result=SucceededWithIssues;]", succeededWithIssues, ""},
		"complete, wrong case":  {"##vso[task.complete result=failed;]", failed, "Command doesn't have valid result value."},
		"complete, nothing":     {"##vso[task.complete]", failed, "Command doesn't have valid result value."},
		"error":                 {"##vso[task.logissue type=error;]bad %0Anews", succeeded, "error: bad \nnews"},
		"warning by alias":      {"##vso[task.issue type=Warning]w", succeeded, "warning: w"},
		"issue with a place":    {"##vso[task.logissue type=error;sourcepath=a.go;linenumber=3;columnnumber=5;code=X1;]m", succeeded, "error: a.go(3,5): error X1: m"},
		"issue without type":    {"##vso[task.logissue]m", succeeded, "warning: Can't create TaskIssue from logging event."},
		"issue of no type":      {"##vso[task.logissue type=info]m", failed, "issue type info is not an expected issue type."},
		"setvariable unnamed":   {"##vso[task.setvariable]v", failed, "Required field 'variable' is missing in ##vso[task.setvariable]"},
		"setvariable read-only": {"##vso[task.setvariable variable=agent.OS]v", succeeded, "warning: Overwriting readonly variable 'agent.OS'"},
		"secret of two lines":   {"##vso[task.setvariable variable=x;issecret=true]a%0Ab", failed, "Secrets cannot contain multiple lines"},
		"task variable unnamed": {"##vso[task.settaskvariable]v", failed, "Required field 'variable' is missing in ##vso[task.settaskvariable]"},
		"progress":              {"##vso[task.setprogress value=150;]almost", succeeded, ""},
		"prependpath empty":     {"##vso[task.prependpath]", failed, "Value cannot be empty"},
		"detail":                {"##vso[task.logdetail id=" + id + ";name=n;type=build;]", succeeded, ""},
		"detail without id":     {"##vso[task.logdetail name=n;type=build;]", failed, "timeline record id is not provided"},
		"detail without name":   {"##vso[task.logdetail id=" + id + ";type=build;]", failed, "Name is required"},
		"detail of no parent":   {"##vso[task.logdetail id=" + id + ";parentid=22222222-1111-1111-1111-111111111111;name=n;type=t;]", failed, "Parent timeline record"},
		"attachment untyped":    {"##vso[task.addattachment name=n;]x", failed, "attachment type is not provided"},
		"attachment unnamed":    {"##vso[task.addattachment type=n;]x", failed, "attachment name is not provided"},
		"attachment, bad name":  {"##vso[task.addattachment type=t;name=a/b;]x", failed, "Name contains invalid characters."},
		"attachment, no file":   {"##vso[task.addattachment type=t;name=n;]/no/such/file", failed, "attachment file does not exist on disk"},
		"summary, no file":      {"##vso[task.uploadsummary]/no/such/file", failed, "attachment file does not exist on disk"},
		"summary, nothing":      {"##vso[task.uploadsummary]", failed, "Cannot upload summary file"},
		"file, relative":        {"##vso[task.uploadfile]here.txt", failed, "attachment file does not exist on disk"},
		"log, no file":          {"##vso[build.uploadlog]/no/such/file", failed, "file doesn't exist"},
		"artifact unnamed":      {"##vso[artifact.upload]/tmp", failed, "Artifact Name is required."},
		"artifact, no path":     {"##vso[artifact.upload artifactname=a]/no/such", failed, "Path does not exist: /no/such"},
		"associate":             {"##vso[artifact.associate artifactname=a;artifacttype=gitref]refs/x", succeeded, ""},
		"associate, no type":    {"##vso[artifact.associate artifactname=a]x", failed, "Can't infer artifact type"},
		"build number, empty":   {"##vso[build.updatebuildnumber]", failed, "Build number is required."},
		"tag, empty":            {"##vso[build.addbuildtag]  ", failed, "Build tag is required."},
		"telemetry":             {`##vso[telemetry.publish area=a;feature=f]{"x":1}`, succeeded, ""},
		"results":               {"##vso[results.publish type=JUnit;resultFiles=x]", succeeded, ""},
		"endpoint, no data":     {"##vso[task.setendpoint]", failed, "Enter a valid value"},
		"endpoint, no field":    {"##vso[task.setendpoint]x", failed, "Required field 'field'"},
		"endpoint, bad id":      {"##vso[task.setendpoint field=url;id=blah]x", failed, "invalid endpoint id"},
		"endpoint, undeclared":  {"##vso[task.setendpoint field=url;id=" + id + "]http://x/", failed, "is not declared in the pipeline job"},
		"endpoint of the job":   {"##vso[task.setendpoint field=url;id=" + emptyGUID + "]http://x/", succeeded, "warning: Modification of system endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLab(t, "steps:\n"+say(tc.line)).run(t).Steps[0]
			if s.Result != tc.result || (tc.issue == "") != (len(s.Issues) == 0) || !has(append(issues(s), ""), tc.issue) {
				t.Errorf("line %q: got %s with issues %q, want %s with %q", tc.line, s.Result, issues(s), tc.result, tc.issue)
			}
		})
	}
}

// ExecutionContextL0.cs, AddIssue_CountWarningsErrors.
func TestOnlyTenIssuesAreKept(t *testing.T) {
	t.Parallel()
	lines := append(slicesOf(15, "##vso[task.logissue type=error]e"), slicesOf(14, "##vso[task.logissue type=warning]w")...)
	s := newLab(t, "steps:\n"+say(lines...)).run(t).Steps[0]
	for kind, logged := range map[string]int{"error": 15, "warning": 14} {
		kept := 0
		for _, i := range s.Issues {
			if i.Type == kind {
				kept++
			}
		}
		if got := strings.Count(strings.Join(s.Log, "\n"), "##["+kind+"]"); kept != 10 || got != logged {
			t.Errorf("%d %ss: got %d kept and %d in the log, want 10 and all", logged, kind, kept, got)
		}
	}
}

func slicesOf(n int, lines ...string) []string {
	var all []string
	for range n {
		all = append(all, lines...)
	}
	return all
}

func TestSetEndpoint(t *testing.T) {
	t.Parallel()
	const id = "11111111-1111-1111-1111-111111111111"
	l := newLab(t, "steps:\n"+say(
		"##vso[task.setendpoint field=authParameter;id="+id+";key=test]blah-blah",
		"##vso[task.setendpoint field=dataParameter;id="+id+";key=test]blub",
		"##vso[task.setendpoint field=url;id="+id+"]http://blah/",
		"blah-blah",
	)+"- {task: A@1, displayName: show, inputs: {conn: c}}\n")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: printEnv, fields: map[string]any{
		"inputs": []any{map[string]any{"name": "conn", "type": "connectedService:x"}}}}})
	l.Endpoints = []Endpoint{{ID: id, Name: "c", URL: "http://old/"}}
	r := l.run(t)
	env := environ(t, r, "show")
	got := []string{env["ENDPOINT_URL_"+id], env["ENDPOINT_DATA_"+id+"_TEST"], env["ENDPOINT_AUTH_"+id]}
	if diff := cmp.Diff([]string{"http://blah/", "blub", `{"parameters":{"test":"***"},"scheme":""}`}, got); diff != "" {
		t.Errorf("endpoint after the commands (-want +got):\n%s", diff)
	}
	if strings.Contains(l.out.String(), "\nblah-blah") {
		t.Error("an authParameter must be masked from then on")
	}
}

// SetVariableRestrictionsL0.cs, and the list of commands in restricted mode.
func TestRestrictions(t *testing.T) {
	t.Parallel()
	all := "for (const c of ['setvariable variable=myVar]1','setvariable variable=otherVar]2','prependpath]/x','settaskvariable variable=t]3'," +
		"'uploadsummary]'+__filename,'addattachment type=a;name=b;]'+__filename,'debug]x','setprogress value=1;]','logissue type=warning]w'," +
		"'setsecret]topsecret']) console.log('##vso[task.'+c); console.log('##vso[build.addbuildtag]tag')"
	restrict := func(r string) map[string]any {
		kinds := map[string]map[string]any{
			"none":    {},
			"mode":    {"restrictions": map[string]any{"commands": map[string]any{"mode": "restricted"}}},
			"empty":   {"restrictions": map[string]any{"settableVariables": map[string]any{"allowed": []string{}}}},
			"exact":   {"restrictions": map[string]any{"settableVariables": map[string]any{"allowed": []string{"MYVAR", "x"}}}},
			"pattern": {"restrictions": map[string]any{"settableVariables": map[string]any{"allowed": []string{"*Var", "path"}}}},
		}
		return kinds[r]
	}
	const (
		notSet = "warning: Setting variable '%s' has been disabled by the task or build definition."
		denied = "is not allowed in this step due to policy restrictions"
	)
	for name, tc := range map[string]struct {
		restricted bool
		variables  map[string]string
		denials    int
	}{
		"none":    {false, map[string]string{"myVar": "1", "otherVar": "2"}, 0},
		"mode":    {false, map[string]string{"myVar": "1", "otherVar": "2"}, 3},
		"empty":   {false, map[string]string{}, 3},
		"exact":   {false, map[string]string{"myVar": "1"}, 2},
		"pattern": {false, map[string]string{"myVar": "1", "otherVar": "2"}, 0},
		"flag":    {true, map[string]string{"myVar": "1", "otherVar": "2"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n- task: A@1\n")
			l.Restricted = tc.restricted
			l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: all, fields: restrict(name)}})
			r := l.run(t)
			got, denials := map[string]string{}, 0
			for _, v := range []string{"myVar", "otherVar"} {
				if value, ok := r.Variables[v]; ok {
					got[v] = value
				}
			}
			for _, i := range issues(r.Steps[0]) {
				if strings.Contains(i, denied) || strings.HasPrefix(i, notSet[:len("warning: Setting variable")]) {
					denials++
				}
			}
			if diff := cmp.Diff(tc.variables, got); diff != "" || denials != tc.denials || r.Steps[0].Result != succeeded {
				t.Errorf("got %d refusals and %s in %q, want %d; variables (-want +got):\n%s",
					denials, r.Steps[0].Result, issues(r.Steps[0]), tc.denials, diff)
			}
		})
	}
}

// Names in outputVariables go to <step>.<name>, and not to <name>.
func TestOutputVariablesOfATask(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
steps:
- {task: A@1, name: one}
- {bash: 'echo "[$(one.hit)] [$(one.flagged)] [$HIT] [$(other)]"', displayName: read}
- {bash: 'echo "##vso[task.setvariable variable=one.flagged]2"', displayName: write}
- {bash: 'echo "##vso[task.setvariable variable=one.hit]2"', displayName: rewrite}
`)
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main: `for (const c of ['variable=HIT]yes','variable=flagged;isOutput=true]1','variable=other]o','variable=tok;isOutput=true;issecret=true]hunter2hunter2'])
			console.log('##vso[task.setvariable '+c)`,
		fields: map[string]any{"OutputVariables": []any{map[string]any{"name": "hit"}}},
	}})
	r := l.run(t)
	if gone := missing(log(r, "read"), "[yes] [1] [] [o]"); gone != "" {
		t.Errorf("reading outputs: want %q in\n%s", gone, log(r, "read"))
	}
	want := map[string]string{"HIT": "yes", "flagged": "1", "tok": "***"}
	if diff := cmp.Diff(want, r.Steps[0].Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	// isOutput makes read-only; standing in task.json does not.
	if !has(issues(r.Steps[2]), "Overwriting readonly variable 'one.flagged'") || len(r.Steps[3].Issues) > 0 {
		t.Errorf("writing outputs: got issues %q and %q, want a warning for flagged only", issues(r.Steps[2]), issues(r.Steps[3]))
	}
}

// What is attached is read at the end of the job; summaries are printed.
func TestAttachments(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {task: A@1, displayName: attach}\n- bash: rm \"$AGENT_TEMPDIRECTORY/gone.md\"\n")
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: `
		const fs = require('fs'), dir = process.env.AGENT_TEMPDIRECTORY + '/';
		for (const f of ['s.md', 'gone.md', 'log.txt']) fs.writeFileSync(dir + f, 'before');
		console.log('##vso[task.uploadsummary]' + dir + 's.md');
		console.log('##vso[task.addattachment type=my.type;name=n;]' + dir + 'gone.md');
		console.log('##vso[task.uploadfile]' + dir + 'log.txt');
		console.log('##vso[artifact.upload artifactname=drop;containerfolder=f]' + dir + 'log.txt');
		console.log('##vso[build.addbuildtag] t1 '); console.log('##vso[build.addbuildtag]t1');
		console.log('##vso[build.updatebuildnumber]9.9');
		fs.writeFileSync(dir + 's.md', '# After\n\nall well\n')`}})
	r := l.run(t)
	var got []string
	for _, a := range r.Attachments {
		got = append(got, a.Type+" "+a.Name+" "+filepath.Base(a.Path)+" "+a.Content)
	}
	want := []string{
		"DistributedTask.Core.Summary s.md s.md # After\n\nall well\n", "my.type n gone.md ",
		"DistributedTask.Core.FileAttachment log.txt log.txt before",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
	if gone := missing(l.out.String(), "##[warning]attachment n of \"attach\" could not be read", "# After\n\nall well\n"); gone != "" {
		t.Errorf("output: want %q in\n%s", gone, l.out.String())
	}
	if r.BuildNumber != "9.9" || !cmp.Equal(r.Tags, []string{"t1"}) || len(r.Artifacts) != 1 || r.Artifacts[0].Folder != "f" {
		t.Errorf("got build number %q, tags %q, artifacts %+v", r.BuildNumber, r.Tags, r.Artifacts)
	}
}

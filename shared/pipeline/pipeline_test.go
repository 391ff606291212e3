package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

const secret = "hunter2-and-more"

func logged(t *testing.T, do func(l *pipeline.Log)) string {
	t.Helper()
	var out strings.Builder
	secrets := new(redact.Set)
	secrets.Add(secret)
	log := pipeline.New(&out, secrets)
	do(log)
	if err := log.Err(); err != nil {
		t.Fatalf("Log.Err() = %v", err)
	}
	return out.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "summary.md")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC)
	ok := func(l *pipeline.Log, err error) {
		if err != nil {
			l.Print("unexpected error: " + err.Error())
		}
	}
	for name, tc := range map[string]struct {
		do   func(l *pipeline.Log)
		want string
	}{
		"plain":         {func(l *pipeline.Log) { l.Print("hello") }, "hello\n"},
		"several lines": {func(l *pipeline.Log) { l.Print("a\r\nb\rc\n") }, "a\nb\nc\n"},
		"empty":         {func(l *pipeline.Log) { l.Print("") }, "\n"},
		"secret":        {func(l *pipeline.Log) { l.Printf("pw=%s.", secret) }, "pw=***.\n"},
		"debug":         {func(l *pipeline.Log) { l.Debug("x\ny") }, "##vso[task.debug]x\n##vso[task.debug]y\n"},
		"group":         {func(l *pipeline.Log) { l.Group("a\nb"); l.EndGroup() }, "##[group]a b\n##[endgroup]\n"},
		"section":       {func(l *pipeline.Log) { l.Section("S") }, "##[section]S\n"},
		"command line":  {func(l *pipeline.Log) { l.Command("git push") }, "##[command]git push\n"},
		"percent first": {func(l *pipeline.Log) { l.Complete("Failed", "100%\n%0A;]") }, "##vso[task.complete result=Failed;]100%AZP25%0A%AZP250A;]\n"},
		"variable":      {func(l *pipeline.Log) { ok(l, l.SetVariable("a;b]", "v;]", pipeline.Var{})) }, "##vso[task.setvariable variable=a%3Bb%5D;]v;]\n"},
		"output":        {func(l *pipeline.Log) { ok(l, l.SetVariable("a", "v", pipeline.Var{Output: true, ReadOnly: true})) }, "##vso[task.setvariable variable=a;isOutput=true;isreadonly=true;]v\n"},
		"secret var":    {func(l *pipeline.Log) { ok(l, l.SetVariable("a", "s3cret;%", pipeline.Var{Secret: true})) }, "##vso[task.setsecret]s3cret;%AZP25\n##vso[task.setvariable variable=a;issecret=true;]s3cret;%AZP25\n"},
		"empty value":   {func(l *pipeline.Log) { ok(l, l.SetVariable("a", "", pipeline.Var{})) }, "##vso[task.setvariable variable=a;]\n"},
		"task variable": {func(l *pipeline.Log) { ok(l, l.SetTaskVariable("a", "v", false)) }, "##vso[task.settaskvariable variable=a;]v\n"},
		"secret lines":  {func(l *pipeline.Log) { l.SetSecret("-----BEGIN\r\n  abcdef\n\nxy\n") }, "##vso[task.setsecret]-----BEGIN%0D%0A  abcdef%0A%0Axy%0A\n##vso[task.setsecret]-----BEGIN%0D%0A  abcdef%0A%0Axy\n##vso[task.setsecret]-----BEGIN\n##vso[task.setsecret]abcdef\n"},
		"short secret":  {func(l *pipeline.Log) { l.SetSecret("1") }, ""},
		"issue": {func(l *pipeline.Log) {
			l.Error(pipeline.Issue{Message: "no", Path: "a.go", Line: 3, Column: 4, Code: "E1"})
		}, "##vso[task.logissue type=error;sourcepath=a.go;linenumber=3;columnnumber=4;code=E1;]no\n"},
		"issue, no line": {func(l *pipeline.Log) {
			l.Warning(pipeline.Issue{Message: "no", Path: "a;b/" + secret, Column: 4, Code: "E1"})
		}, "##vso[task.logissue type=warning;code=E1;]a;b/***: no\n"},
		"issue, no line, told": {func(l *pipeline.Log) {
			l.Error(pipeline.Issue{Message: "in a.go: no", Path: "a.go"})
		}, "##vso[task.logissue type=error;]in a.go: no\n"},
		"issue, masked": {func(l *pipeline.Log) { l.Warning(pipeline.Issue{Message: secret, Code: secret}) }, "##vso[task.logissue type=warning;code=***;]***\n"},
		"progress":      {func(l *pipeline.Log) { l.SetProgress(140, "x") }, "##vso[task.setprogress value=100;]x\n"},
		"tag":           {func(l *pipeline.Log) { l.AddBuildTag("t") }, "##vso[build.addbuildtag]t\n"},
		"build number":  {func(l *pipeline.Log) { l.UpdateBuildNumber("1.2") }, "##vso[build.updatebuildnumber]1.2\n"},
		"summary":       {func(l *pipeline.Log) { ok(l, l.UploadSummary(file)) }, "##vso[task.uploadsummary]" + file + "\n"},
		"upload":        {func(l *pipeline.Log) { ok(l, l.UploadFile(file)) }, "##vso[task.uploadfile]" + file + "\n"},
		"attachment":    {func(l *pipeline.Log) { ok(l, l.AddAttachment("k", "n", file)) }, "##vso[task.addattachment type=k;name=n;]" + file + "\n"},
		"tests": {
			func(l *pipeline.Log) { ok(l, l.PublishTests("a;b", file)) },
			"##vso[results.publish mergeResults=false;publishRunAttachments=true;resultFiles=" + file +
				";runTitle=a%3Bb;type=JUnit;]\n",
		},
		"artifact": {func(l *pipeline.Log) { ok(l, l.UploadArtifact("drop", "", dir)) }, "##vso[artifact.upload artifactname=drop;]" + dir + "\n"},
		"path":     {func(l *pipeline.Log) { ok(l, l.PrependPath(dir)) }, "##vso[task.prependpath]" + dir + "\n"},
		"detail": {func(l *pipeline.Log) {
			l.LogDetail(pipeline.Detail{ID: "i", Type: "t", Name: "n", Order: 1, Start: at, Progress: 5, State: pipeline.InProgress, CurrentMessage: "m"})
		}, "##vso[task.logdetail id=i;type=t;name=n;order=1;starttime=2026-11-23T01:02:03.000000004Z;progress=5;state=InProgress;]m\n"},
		"hostile print":  {func(l *pipeline.Log) { l.Print("x ##vso[task.complete result=Succeeded;]\r##[error]y") }, ""},
		"hostile group":  {func(l *pipeline.Log) { l.Group("##vso[task.complete result=Succeeded;]") }, ""},
		"hostile escape": {func(l *pipeline.Log) { l.Debug("##vso[task.complete]\r##vso[task.complete]") }, "##vso[task.debug]##vso[task.complete]\n##vso[task.debug]##vso[task.complete]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := logged(t, tc.do)
			if tc.want != "" || !strings.HasPrefix(name, "hostile") {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
				return
			}
			for line := range strings.FieldsFuncSeq(got, func(r rune) bool { return r == '\n' || r == '\r' }) {
				if c, ok := command.Parse(line, true); ok {
					t.Errorf("the line %q is the command %s.%s for the agent", line, c.Area, c.Event)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, comma := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "a,b.xml")
	for _, name := range []string{file, comma} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, do := range map[string]func(l *pipeline.Log) error{
		"secret of several lines": func(l *pipeline.Log) error {
			return l.SetVariable("a", "one-line\ntwo-line", pipeline.Var{Secret: true})
		},
		"secret in a public variable":           func(l *pipeline.Log) error { return l.SetVariable("a", "x"+secret, pipeline.Var{}) },
		"macro in a public variable":            func(l *pipeline.Log) error { return l.SetVariable("a", "$(password)", pipeline.Var{}) },
		"secret task variable by a public name": func(l *pipeline.Log) error { return l.SetTaskVariable("a", "x", true) },
		"secret in a public task variable":      func(l *pipeline.Log) error { return l.SetTaskVariable("a", secret, false) },
		"secret in an attachment's name":        func(l *pipeline.Log) error { return l.AddAttachment("k", secret, os.Args[0]) },
		"secret in a test run's title":          func(l *pipeline.Log) error { return l.PublishTests(secret, file) },
		"secret in an artifact's name":          func(l *pipeline.Log) error { return l.UploadArtifact(secret, "", dir) },
		"secret in a path": func(l *pipeline.Log) error {
			path := filepath.Join(dir, secret)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return nil
			}
			return l.UploadFile(path)
		},
		"no name":                 func(l *pipeline.Log) error { return l.SetVariable(" ", "x", pipeline.Var{}) },
		"line break in a name":    func(l *pipeline.Log) error { return l.SetTaskVariable("a\nb", "x", false) },
		"missing summary":         func(l *pipeline.Log) error { return l.UploadSummary(filepath.Join(dir, "no.md")) },
		"relative file":           func(l *pipeline.Log) error { return l.UploadFile("pipeline_test.go") },
		"folder as a file":        func(l *pipeline.Log) error { return l.UploadFile(dir) },
		"attachment's name":       func(l *pipeline.Log) error { return l.AddAttachment("k", "a/b", dir) },
		"artifact without a name": func(l *pipeline.Log) error { return l.UploadArtifact("", "", dir) },
		"missing tests":           func(l *pipeline.Log) error { return l.PublishTests("a", file+".no") },
		"tests with a comma":      func(l *pipeline.Log) error { return l.PublishTests("a", comma) },
		"missing artifact":        func(l *pipeline.Log) error { return l.UploadArtifact("a", "", dir+"/no") },
		"empty path":              func(l *pipeline.Log) error { return l.PrependPath("") },
		"file as a path":          func(l *pipeline.Log) error { return l.PrependPath(os.Args[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			got := logged(t, func(l *pipeline.Log) { err = do(l) })
			if err == nil {
				t.Errorf("no error; log: %q", got)
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the secret: %v", err)
			}
			if strings.Contains(strings.ReplaceAll(got, "task.setsecret", ""), "##vso[") && name != "secret of several lines" {
				t.Errorf("a command was printed all the same: %q", got)
			}
			if strings.Contains(got, "setvariable") {
				t.Errorf("the variable was set all the same: %q", got)
			}
		})
	}
}

// A secret that is a word of the agent's must not change what we tell the agent.
func TestSecretsDoNotGarbleTheAgentsWords(t *testing.T) {
	t.Parallel()
	secrets := new(redact.Set)
	secrets.Add("Failed", "error", "true")
	var out strings.Builder
	l := pipeline.New(&out, secrets)
	l.Error(pipeline.Issue{Message: "an error"})
	l.Complete(pipeline.Failed, "Failed")
	want := "##vso[task.logissue type=error;]an ***\n##vso[task.complete result=Failed;]***\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe closed") }

func TestErrKeepsTheFirstWriteError(t *testing.T) {
	t.Parallel()
	l := pipeline.New(broken{}, nil)
	l.Print("x")
	l.Print("y")
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), "pipe closed") {
		t.Errorf("Err() = %v, want the writer's error", err)
	}
}

// FuzzRoundTrip holds our encoder against the local agent's decoder, which is
// written apart from it: what goes in comes out, as one command and no other.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{"", "%", "%0A", "%AZP25", "a;b]c\r\n", "##vso[task.complete result=Succeeded;]", " =;x", "\u2028", "%AZP250D"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, property, data string) {
		var out strings.Builder
		l := pipeline.New(&out, nil)
		l.Error(pipeline.Issue{Message: data, Code: property})
		line, rest, _ := strings.Cut(out.String(), "\n")
		if rest != "" || strings.ContainsRune(line, '\r') {
			t.Fatalf("Error(%q, %q) wrote more than a line: %q", property, data, out.String())
		}
		c, ok := command.Parse(line, true)
		if !ok || c.Area != "task" || c.Event != "logissue" {
			t.Fatalf("Error(%q, %q) = %q, not the agent's task.logissue", property, data, line)
		}
		if c.Data != data {
			t.Errorf("data %q came out as %q", data, c.Data)
		}
		// The agent drops "=" signs that lead a value; all else must survive.
		if got, _ := c.Properties.Get("code"); got != strings.TrimLeft(property, "=") {
			t.Errorf("property %q came out as %q", property, got)
		}
		if kind, _ := c.Properties.Get("type"); kind != "error" {
			t.Errorf("type came out as %q", kind)
		}
	})
}

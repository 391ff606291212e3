package auditdeps

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// startOfTests is when every step starts, unless a test says otherwise.
var startOfTests = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// job is an agent with one step of the task, in this process: it has a job's folders,
// and advisories on this machine.
type job struct {
	t    *testing.T
	root string // the agent's folder
	env  map[string]string
	osv  *osvtest.Server
	stop context.Context
	now  time.Time
	log  string // as it was written
	// watch is told what is printed, as it is.
	watch func(text string)
}

// Write takes the log.
func (j *job) Write(p []byte) (int, error) {
	j.log += string(p)
	if j.watch != nil {
		j.watch(string(p))
	}
	return len(p), nil
}

// newJob is a job whose database has the records, and one of another package: a database
// without any is refused.
func newJob(t *testing.T, records ...string) *job {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, root: root, stop: t.Context(), now: startOfTests}
	j.osv = osvtest.New(append(records, about("npm", "somebody-else", "GHSA-0000-0000-0000").String())...)
	j.env = map[string]string{
		"AGENT_TEMPDIRECTORY": j.path("work/_temp"), "AGENT_TOOLSDIRECTORY": j.path("work/_tool"),
		"PIPELINE_WORKSPACE": j.path("work/1"), "BUILD_SOURCESDIRECTORY": j.path("work/1/s"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"), "SYSTEM_HOSTTYPE": "build",
		"SYSTEM_TASKINSTANCEID": "1f", "BUILD_BUILDID": "100", "HOME": j.path("home"), "USERPROFILE": j.path("home"),
		"PATH": os.Getenv("PATH"), "SYSTEMROOT": os.Getenv("SYSTEMROOT"),
	}
	for _, dir := range []string{"work/_temp", "work/_tool", "work/1/s", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	j.input("database", j.serve(j.osv))
	return j
}

// serve answers for as long as the test runs, and returns the address.
func (j *job) serve(osv *osvtest.Server) string {
	server := httptest.NewServer(osv)
	j.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func (j *job) path(name string) string { return filepath.Join(j.root, filepath.FromSlash(name)) }

// source is the path of a file of the sources.
func (j *job) source(name string) string { return j.path("work/1/s/" + name) }

func (j *job) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
}

// write writes a file of the sources.
func (j *job) write(name, text string) *job {
	j.t.Helper()
	j.put("work/1/s/"+name, text)
	return j
}

// put writes a file of the agent.
func (j *job) put(name, text string) {
	j.t.Helper()
	j.must(errors.Join(os.MkdirAll(filepath.Dir(j.path(name)), 0o755), os.WriteFile(j.path(name), []byte(text), 0o600)))
}

// edit replaces a text that must be there in a file of the sources.
func (j *job) edit(name, old, new string) *job {
	j.t.Helper()
	data, err := os.ReadFile(j.source(name))
	j.must(err)
	if !strings.Contains(string(data), old) {
		j.t.Fatalf("%s has no %q:\n%s", name, old, data)
	}
	return j.write(name, strings.ReplaceAll(string(data), old, new))
}

// remove removes files or folders of the sources.
func (j *job) remove(names ...string) *job {
	j.t.Helper()
	for _, name := range names {
		j.must(os.RemoveAll(j.source(name)))
	}
	return j
}

// input sets inputs of the step: name, value, name, value, ...
func (j *job) input(pairs ...string) *job {
	for i := 0; i < len(pairs); i += 2 {
		j.env["INPUT_"+strings.ToUpper(pairs[i])] = pairs[i+1]
	}
	return j
}

// run runs the step and returns its result as the agent is told.
func (j *job) run() string {
	j.t.Helper()
	environ := make([]string, 0, len(j.env))
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	j.log = ""
	status := task.Exec(task.World{
		Args: []string{"main"}, Environ: environ, Stdout: j, Stop: j.stop, Grace: time.Minute,
		Now: func() time.Time { return j.now },
	}, Task)
	result := regexp.MustCompile(`##vso\[task\.complete result=(\w+)`).FindStringSubmatch(j.log)
	if status != 0 || result == nil {
		j.t.Fatalf("main ended with status %d and log\n%s", status, j.log)
	}
	return result[1]
}

// debugLine is one that only shows if the pipeline is debugged.
var debugLine = regexp.MustCompile(`(?m)^##vso\[task\.debug\].*\n`)

// expect runs the step and checks its result and what stands in its log, debug lines
// aside; texts that begin with ! must not stand there.
func (j *job) expect(result string, texts ...string) *job {
	j.t.Helper()
	if got := j.run(); got != result {
		j.t.Errorf("main ended as %s, want %s; log:\n%s", got, result, j.log)
	}
	j.holds("the log", debugLine.ReplaceAllString(j.log, ""), texts...)
	return j
}

func (j *job) holds(what, all string, texts ...string) {
	j.t.Helper()
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		switch {
		case not && strings.Contains(all, unwanted):
			j.t.Errorf("%s has %q, which should not be there:\n%s", what, unwanted, all)
		case !not && !strings.Contains(all, text):
			j.t.Errorf("%s has no %q:\n%s", what, text, all)
		}
	}
}

// Commands for the agent, and their properties and values.
var (
	setVariable = regexp.MustCompile(`(?m)^##vso\[task\.setvariable ([^\]]*)\](.*)$`)
	logIssue    = regexp.MustCompile(`(?m)^##vso\[task\.logissue ([^\]]*)\](.*)$`)
	property    = regexp.MustCompile(`(\w+)=([^;]*)`)
	unescape    = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%5D", "]", "%3B", ";", "%AZP25", "%")
)

// properties of a command.
func properties(text string) map[string]string {
	all := map[string]string{}
	for _, m := range property.FindAllStringSubmatch(text, -1) {
		all[m[1]] = unescape.Replace(m[2])
	}
	return all
}

// output are the variables that were set. The agent makes output variables of those that
// task.json names (TaskCommandExtension.cs).
func (j *job) output() map[string]string {
	all := map[string]string{}
	for _, m := range setVariable.FindAllStringSubmatch(j.log, -1) {
		if p := properties(m[1]); p["variable"] != "" {
			all[p["variable"]] = unescape.Replace(m[2])
		}
	}
	return all
}

// outputs checks some output variables, given as "name=value".
func (j *job) outputs(want ...string) *job {
	j.t.Helper()
	got := j.output()
	for _, pair := range want {
		name, value, _ := strings.Cut(pair, "=")
		if actual, ok := got[name]; !ok || actual != value {
			j.t.Errorf("the output variable %s is %q (set: %v), want %q; log:\n%s", name, actual, ok, value, j.log)
		}
	}
	return j
}

// shownIssue is an error or warning on the run's page.
type shownIssue struct {
	Kind, Code, Path string
	Line             int
	Text             string
}

func (j *job) issues() []shownIssue {
	var all []shownIssue
	for _, m := range logIssue.FindAllStringSubmatch(j.log, -1) {
		p := properties(m[1])
		line, _ := strconv.Atoi(p["linenumber"])
		all = append(all, shownIssue{p["type"], p["code"], p["sourcepath"], line, unescape.Replace(m[2])})
	}
	return all
}

// issue checks that there is one such issue: its text begins with want's.
func (j *job) issue(want shownIssue) *job {
	j.t.Helper()
	var same []shownIssue
	for _, got := range j.issues() {
		if strings.HasPrefix(got.Text, want.Text) {
			got.Text = want.Text
			same = append(same, got)
		}
	}
	if diff := cmp.Diff([]shownIssue{want}, same); diff != "" {
		j.t.Errorf("issues (-want +got):\n%s\nlog:\n%s", diff, j.log)
	}
	return j
}

// codes are the codes of all issues, in their order.
func (j *job) codes() []string {
	var all []string
	for _, i := range j.issues() {
		all = append(all, i.Kind+" "+i.Code)
	}
	return all
}

// lineOf is the line of a file of the sources that has a text first.
func (j *job) lineOf(name, text string) int {
	j.t.Helper()
	data, err := os.ReadFile(j.source(name))
	j.must(err)
	has := func(line string) bool { return strings.Contains(line, text) }
	i := slices.IndexFunc(strings.Split(string(data), "\n"), has)
	if i < 0 {
		j.t.Fatalf("%s has no %q", name, text)
	}
	return i + 1
}

// written is the file that the step wrote with this ending, beside its JSON report.
func (j *job) written(ending string) string {
	j.t.Helper()
	data, err := os.ReadFile(j.path("work/_temp/guardrails/auditdeps-1f" + ending))
	if err != nil {
		j.t.Fatalf("%v; log:\n%s", err, j.log)
	}
	return string(data)
}

// summary is the Markdown that was uploaded.
func (j *job) summary() string {
	j.t.Helper()
	m := regexp.MustCompile(`##vso\[task\.uploadsummary\](.*)`).FindStringSubmatch(j.log)
	if m == nil {
		j.t.Fatalf("there is no summary; log:\n%s", j.log)
	}
	data, err := os.ReadFile(unescape.Replace(m[1]))
	j.must(err)
	return string(data)
}

// days is a time so many days before the tests start, as records have it.
func days(n int) string {
	return startOfTests.AddDate(0, 0, -n).Format(time.RFC3339)
}

// glob are the files of the agent with such a path.
func (j *job) glob(pattern string) []string {
	j.t.Helper()
	found, err := filepath.Glob(j.path(pattern))
	j.must(err)
	return found
}

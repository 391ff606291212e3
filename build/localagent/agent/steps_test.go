package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TaskResultUtilL0.cs, TaskResultsMerge: each row is the result so far, each column
// the one that comes, in the order of ranks.
func TestMerge(t *testing.T) {
	t.Parallel()
	for current, want := range map[Status][]Status{
		"":                  {succeeded, succeededWithIssues, failed, canceled, skipped, abandoned},
		succeeded:           {succeeded, succeededWithIssues, failed, canceled, skipped, abandoned},
		succeededWithIssues: {succeededWithIssues, succeededWithIssues, failed, canceled, skipped, abandoned},
		failed:              {failed, failed, failed, canceled, skipped, abandoned},
		canceled:            {canceled, canceled, canceled, canceled, canceled, canceled},
		skipped:             {skipped, skipped, skipped, skipped, skipped, skipped},
		abandoned:           {abandoned, abandoned, abandoned, abandoned, abandoned, abandoned},
	} {
		for i, coming := range ranks {
			if got := current.merge(coming); got != want[i] {
				t.Errorf("%q.merge(%q): got %q, want %q", current, coming, got, want[i])
			}
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Status{
		"Succeeded": succeeded, " Failed ": failed, "3": canceled, "0": succeeded,
		"failed": "", "SUCCEEDED": "", "": "", "6": "", "-1": "", "Great": "",
	} {
		got, ok := parseStatus(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("parseStatus(%q): got %q, %v, want %q", text, got, ok, want)
		}
	}
}

// mock is a step as StepsRunnerL0.cs makes them: it ends with a result.
type mock struct {
	result    Status
	condition string
	goOn      bool
}

func (m mock) yaml() string {
	return fmt.Sprintf("- bash: echo '##vso[task.complete result=%s;]'\n  condition: %s\n  continueOnError: %v\n",
		m.result, m.condition, m.goOn)
}

// The cases of StepsRunnerL0.cs: the job's result, and whether the second step ran.
func TestStepsRunner(t *testing.T) {
	t.Parallel()
	const (
		ok, either, always = "succeeded()", "succeededOrFailed()", "always()"
		yes, no            = true, false
	)
	for name, tc := range map[string]struct {
		steps  []mock
		want   Status
		second bool
	}{
		"normal":                       {[]mock{{succeeded, ok, no}, {succeeded, ok, no}}, succeeded, yes},
		"normal, then either":          {[]mock{{succeeded, ok, no}, {succeeded, either, no}}, succeeded, yes},
		"normal, then always":          {[]mock{{succeeded, ok, no}, {succeeded, always, no}}, succeeded, yes},
		"continue":                     {[]mock{{failed, ok, yes}, {succeeded, ok, no}}, succeededWithIssues, yes},
		"continue, then either":        {[]mock{{failed, ok, yes}, {succeeded, either, no}}, succeededWithIssues, yes},
		"continue, then always":        {[]mock{{failed, ok, yes}, {succeeded, always, no}}, succeededWithIssues, yes},
		"continue twice":               {[]mock{{failed, ok, yes}, {failed, ok, yes}}, succeededWithIssues, yes},
		"continue, either continue":    {[]mock{{failed, ok, yes}, {failed, either, yes}}, succeededWithIssues, yes},
		"continue, always continue":    {[]mock{{failed, ok, yes}, {failed, always, yes}}, succeededWithIssues, yes},
		"continue, then fail":          {[]mock{{failed, ok, yes}, {failed, ok, no}}, failed, yes},
		"after failure":                {[]mock{{failed, ok, no}, {succeeded, ok, no}}, failed, no},
		"either after failure":         {[]mock{{failed, ok, no}, {succeeded, either, no}}, failed, yes},
		"always after failure":         {[]mock{{failed, ok, no}, {succeeded, always, no}}, failed, yes},
		"always fails":                 {[]mock{{succeeded, ok, no}, {failed, always, no}}, failed, yes},
		"always fails, continue":       {[]mock{{succeeded, ok, no}, {failed, always, yes}}, succeededWithIssues, yes},
		"fails last":                   {[]mock{{succeeded, ok, no}, {failed, ok, no}}, failed, yes},
		"issues last":                  {[]mock{{succeeded, ok, no}, {succeededWithIssues, ok, no}}, succeededWithIssues, yes},
		"issues first":                 {[]mock{{succeededWithIssues, ok, no}, {succeeded, ok, no}}, succeededWithIssues, yes},
		"issues, then fails":           {[]mock{{succeededWithIssues, ok, no}, {failed, ok, no}}, failed, yes},
		"canceled step, always":        {[]mock{{canceled, ok, no}, {succeeded, always, no}}, succeeded, yes},
		"skipped step changes nothing": {[]mock{{skipped, ok, no}, {succeeded, ok, no}}, succeeded, yes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n"+tc.steps[0].yaml()+tc.steps[1].yaml())
			r := l.run(t)
			if ran := r.Steps[1].Tries > 0; r.Result != tc.want || ran != tc.second {
				t.Errorf("steps %v: got job %s, second ran %v; want %s, %v\n%s", tc.steps, r.Result, ran, tc.want, tc.second, l.out.String())
			}
		})
	}
}

// JobExtensionL0.cs: three lists of steps, whatever stages the tasks have; the
// post-job list is in reverse.
func TestStagesOfAllTasks(t *testing.T) {
	t.Parallel()
	say := `console.log('##vso[task.debug]')`
	l := newLab(t, `
steps:
- {task: task1@1, displayName: task1}
- {task: task2@1, displayName: task2}
- {task: task3@1, displayName: task3}
- {task: task4@1, displayName: task4}
- {task: task5@1, displayName: task5}
- {task: task6@1, displayName: task6}
- {task: task7@1, displayName: task7}
- {task: task2@1, displayName: off, enabled: false}
`)
	l.Tasks = makeTasks(t, map[string]jsTask{
		"task1": {main: say}, "task2": {pre: say, main: say, post: say}, "task3": {pre: say, post: say}, "task4": {pre: say},
		"task5": {post: say}, "task6": {pre: say, main: say}, "task7": {main: say, post: say},
	})
	plan, err := newPlan(l.Options)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range plan {
		got = append(got, r.title())
	}
	want := []string{
		"Pre-job: task2", "Pre-job: task3", "Pre-job: task4", "Pre-job: task6",
		"task1", "task2", "task6", "task7",
		"Post-job: task7", "Post-job: task5", "Post-job: task3", "Post-job: task2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of the stages (-want +got):\n%s", diff)
	}
}

// A pre-job stage runs before everything; post-job stages run whatever
// happened, also when their main stage was skipped or failed; task variables go
// from stage to stage of one step only.
func TestPostJobAlwaysRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
steps:
- {task: A@1, displayName: first, name: a}
- {bash: exit 1, displayName: breaks}
- {task: A@1, displayName: second}
- {bash: 'true', displayName: skipped}
`)
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		pre:  `console.log('##vso[task.settaskvariable variable=who]' + process.env.SYSTEM_TASKDISPLAYNAME)`,
		main: `console.log('main of ' + process.env.VSTS_TASKVARIABLE_WHO)`,
		post: `console.log('post of ' + process.env.VSTS_TASKVARIABLE_WHO + ' when ' + process.env.AGENT_JOBSTATUS)`,
	}})
	r := l.run(t)
	want := []string{
		"Pre-job: first: Succeeded", "Pre-job: second: Succeeded",
		"first: Succeeded", "breaks: Failed", "second: Skipped", "skipped: Skipped",
		"Post-job: second: Succeeded", "Post-job: first: Succeeded",
	}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if r.Result != failed {
		t.Errorf("job: got %s, want Failed", r.Result)
	}
	for step, line := range map[string]string{
		"first": "main of first", "Post-job: first": "post of first when Failed", "Post-job: second": "post of second when Failed",
	} {
		if !strings.Contains(log(r, step), line) {
			t.Errorf("log of %q: want %q in\n%s", step, line, log(r, step))
		}
	}
	wantClean(t, r)
}

func TestRetries(t *testing.T) {
	t.Parallel()
	count := `const f=process.env.AGENT_TEMPDIRECTORY+'/n', fs=require('fs'); let n=0; try{n=+fs.readFileSync(f)}catch(e){}; fs.writeFileSync(f,''+ ++n);`
	for name, tc := range map[string]struct {
		code  string
		tries int
		want  Status
		warns string
	}{
		"complete Failed, then well": {count + `if(n<3)console.log('##vso[task.complete result=Failed;]')`, 3, succeeded,
			"RetryHelper encountered task failure, will retry (attempt #: 2 out of 2) after 4 ms"},
		"exit status, then well": {count + `process.exit(n<2?7:0)`, 2, succeeded,
			"RetryHelper encountered exception, will retry (attempt #: 1 Exit code 7 returned from process"},
		"never well": {count + `process.exit(1)`, 3, failed, "attempt #: 2"},
		// The result of the command is merged after all tries (StepsRunner.cs).
		"a bad command is not tried again": {`console.log('##vso[task.nonsense]')`, 1, failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n- task: A@1\n  retryCountOnTaskFailure: 2\n")
			l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: tc.code}})
			s := l.run(t).Steps[0]
			if s.Result != tc.want || s.Tries != tc.tries || tc.warns != "" && !has(issues(s), tc.warns) {
				t.Errorf("got %s after %d tries with %q, want %s after %d with %q", s.Result, s.Tries, issues(s), tc.want, tc.tries, tc.warns)
			}
		})
	}
}

// The variables of a step are expanded when it starts; an output is read by the
// name of its step.
func TestVariablesFromStepToStep(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
variables: {inner: deep, outer: "<$(inner)>"}
steps:
- bash: |
    echo "outer=$(outer) env=$OUTER"
    echo "##vso[task.setvariable variable=late]value of $""(inner)"
    echo "##vso[task.setvariable variable=mark;isoutput=true]yes"
    echo "now: $LATE."
  name: one
- bash: 'echo "then: $(late), $(one.mark), $ONE_MARK, ${MARK-none}"'
  displayName: two
`)
	r := l.run(t)
	if gone := missing(log(r, "Bash"), "outer=<deep> env=<deep>", "now: ."); gone != "" {
		t.Errorf("first step: want %q in\n%s", gone, log(r, "Bash"))
	}
	if gone := missing(log(r, "two"), "then: value of deep, yes, yes, none"); gone != "" {
		t.Errorf("second step: want %q in\n%s", gone, log(r, "two"))
	}
	if got := r.Steps[0].Outputs["mark"]; got != "yes" {
		t.Errorf("output mark: got %q, want yes", got)
	}
}

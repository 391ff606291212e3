package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
)

// TaskManagerL0.cs: ReplacesMacros, ReplacesMacrosAndPreventsInfiniteRecursion,
// ReplacesMultipleMacroInstances.
func TestHandlerInFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		folder    string
		in, wants bundle.Handler
	}{
		"ReplacesMacros": {
			"Some directory",
			bundle.Handler{Target: `$(CuRrEnTdIrEcToRy)\t`, WorkingDirectory: `$(CuRrEnTdIrEcToRy)\w`},
			bundle.Handler{Target: `Some directory\t`, WorkingDirectory: `Some directory\w`},
		},
		"PreventsInfiniteRecursion": {
			"$(currentdirectory)$(currentdirectory)",
			bundle.Handler{Target: `$(currentDirectory)\t`},
			bundle.Handler{Target: `$(currentdirectory)$(currentdirectory)\t`},
		},
		"ReplacesMultipleMacroInstances": {
			"Some directory",
			bundle.Handler{Target: `$(CuRrEnTdIrEcToRy)$(CuRrEnTdIrEcToRy)\t`},
			bundle.Handler{Target: `Some directorySome directory\t`},
		},
		"others stay": {
			"d",
			bundle.Handler{Target: "$(x)$()$(currentDirectory", WorkingDirectory: ""},
			bundle.Handler{Target: "$(x)$()$(currentDirectory", WorkingDirectory: ""},
		},
	} {
		if diff := cmp.Diff(tc.wants, handlerIn(tc.folder, tc.in)); diff != "" {
			t.Errorf("%s: handlerIn(%q, %+v) (-want +got):\n%s", name, tc.folder, tc.in, diff)
		}
	}
}

// NodeHandler.cs joins the target to the task's folder as Path.Combine does: one
// that is absolute already stays.
func TestMainStageRunsInItsFolder(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n- {task: A@1, displayName: a}\n")
	handler := map[string]string{"target": "$(currentdirectory)/execution.js", "workingDirectory": "$(CURRENTDIRECTORY)"}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main:   "console.log('same:' + (process.cwd() === require('fs').realpathSync(__dirname)))",
		fields: map[string]any{"execution": map[string]any{"Node24": handler, "Node20_1": handler}},
	}})
	if got := log(l.run(t), "a"); !strings.Contains(got, "same:true\n") {
		t.Errorf("step with handler %v: got the log\n%s\nwant it run in its own folder", handler, got)
	}
}

// ExecutionContextL0.cs, InitializeJob_LogsWarningsFromVariables: the job itself
// warns of variables that cannot be expanded, before any step does.
func TestJobWarnsOfVariables(t *testing.T) {
	t.Parallel()
	l := newLab(t, "variables: {v1: v1-$(v2), v2: v2-$(v1)}\nsteps:\n- bash: 'true'\n")
	l.run(t)
	before, _, _ := strings.Cut(l.out.String(), "##[section]Finishing: Initialize job")
	if got := strings.Count(before, "##[warning]"); got != 2 {
		t.Errorf("job with two variables that hold each other: got %d warnings, want 2 in\n%s", got, l.out.String())
	}
}

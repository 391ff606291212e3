package agent

import (
	"slices"
	"strings"
	"testing"
)

// A message is masked as a whole, so that a secret of several lines is found.
func TestMessagesAreMaskedAsAWhole(t *testing.T) {
	t.Parallel()
	l := newLab(t, "steps:\n"+say(
		"##vso[task.logissue type=error]see first-line-9%0Asecond-line-9 end",
		"##vso[task.setvariable variable=v]see first-line-9%0Asecond-line-9 end",
	))
	l.Debug = true
	l.Variables = []Variable{{Name: "tok", Value: "first-line-9\nsecond-line-9", Secret: true}}
	r := l.run(t)
	if got := issues(r.Steps[0]); !slices.Equal(got, []string{"error: see *** end"}) {
		t.Errorf("issues: got %q, want one that is masked", got)
	}
	for _, line := range []string{"##[error]see *** end", "##[debug]Processed: ##vso[task.setvariable variable=v]see *** end"} {
		if !slices.Contains(r.Steps[0].Log, line) {
			t.Errorf("log: want the line %q in %q", line, r.Steps[0].Log)
		}
	}
	if strings.Contains(l.out.String(), "line-9") {
		t.Errorf("half of the secret was printed:\n%s", l.out.String())
	}
}

// WorkerCommandManager.cs: the debug line shows a command without its escapes.
func TestProcessedIsUnescaped(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string][]string{
		"true":  {"##[debug]Processed: ##vso[task.setvariable variable=v;]a;%b", "c]"},
		"false": {"##[debug]Processed: ##vso[task.setvariable variable=v;]a;%AZP25b", "c]"},
	} {
		l := newLab(t, "steps:\n"+say("##vso[task.setvariable variable=v;]a%3B%AZP25b%0Ac%5D"))
		l.Debug = true
		l.Variables = []Variable{{Name: "DECODE_PERCENTS", Value: setting}}
		got := l.run(t).Steps[0].Log
		if i := slices.Index(got, want[0]); i < 0 || got[i+1] != want[1] {
			t.Errorf("DECODE_PERCENTS=%s: got the log %q, want the lines %q", setting, got, want)
		}
	}
}

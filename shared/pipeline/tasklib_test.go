package pipeline_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
)

// What the official task library writes in node/test/commandtests.ts
// (microsoft/azure-pipelines-task-lib): toString, its escapes, no properties, and
// isOutput. Our lines are the same, byte for byte.
func TestTaskLibraryVectors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do   func(l *pipeline.Log) error
		want string
	}{
		"toStrings": {
			func(l *pipeline.Log) error { l.Complete(pipeline.Succeeded, "a message"); return nil },
			"##vso[task.complete result=Succeeded;]a message\n",
		},
		"toString escapes message": {
			func(l *pipeline.Log) error {
				return l.SetVariable("foo", "cr \r lf \n crlf \r\n eom ] ;", pipeline.Var{})
			},
			"##vso[task.setvariable variable=foo;]cr %0D lf %0A crlf %0D%0A eom ] ;\n",
		},
		"toString escapes properties": {
			func(l *pipeline.Log) error {
				l.Error(pipeline.Issue{Message: "dog", Code: ";=\r=\n%3B"})
				return nil
			},
			"##vso[task.logissue type=error;code=%3B=%0D=%0A%AZP253B;]dog\n",
		},
		"toString writes isOutput": {
			func(l *pipeline.Log) error { return l.SetVariable("bar", "dog", pipeline.Var{Output: true}) },
			"##vso[task.setvariable variable=bar;isOutput=true;]dog\n",
		},
		"handles null and empty properties": {
			func(l *pipeline.Log) error { l.Debug("a message"); return nil },
			"##vso[task.debug]a message\n",
		},
	} {
		got := logged(t, func(l *pipeline.Log) {
			if err := tc.do(l); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: log (-want +got):\n%s", name, diff)
		}
	}
}

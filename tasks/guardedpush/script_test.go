package guardedpush_test

import (
	"testing"

	"github.com/guardrails-ci/guardrails/shared/tasktest"
)

// Whole pipelines, through the packed extension and the local agent, against git
// repositories, REST calls and receivers of alerts on this machine.
func TestScripts(t *testing.T) {
	t.Parallel()
	tasktest.Scripts(t, "testdata/script", tasktest.Files{
		Of: "examples.txtar", From: "../../examples/pipelines/push*.yml", To: "examples", // those that users see
	})
}

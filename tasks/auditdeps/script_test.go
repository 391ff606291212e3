package auditdeps_test

import (
	"testing"

	"github.com/guardrails-ci/guardrails/shared/tasktest"
)

// Whole pipelines, through the packed extension and the local agent, with the real npm.
func TestScripts(t *testing.T) {
	t.Parallel()
	tasktest.Scripts(t, "testdata/script")
}

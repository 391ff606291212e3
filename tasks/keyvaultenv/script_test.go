package keyvaultenv_test

import (
	"testing"

	"github.com/guardrails-ci/guardrails/shared/tasktest"
)

// TestScripts runs the packed task in the local agent, against a cloud on this machine.
func TestScripts(t *testing.T) {
	t.Parallel()
	tasktest.Scripts(t, "testdata/script")
}

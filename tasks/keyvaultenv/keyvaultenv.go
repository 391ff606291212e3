package keyvaultenv

import "github.com/guardrails-ci/guardrails/shared/task"

// Task is KeyVaultEnv.
var Task = task.Task[Inputs]{Name: "KeyVaultEnv"}

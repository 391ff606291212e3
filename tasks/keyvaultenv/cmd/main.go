// Command keyvaultenv is the program of the task KeyVaultEnv.
package main

import (
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv"
)

func main() { task.Main(keyvaultenv.Task) }

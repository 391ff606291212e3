// Command guardedpush is the program of the task GuardedPush.
package main

import (
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush"
)

func main() { task.Main(guardedpush.Task) }

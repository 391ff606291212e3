// Command auditdeps is the program of the task AuditDeps.
package main

import (
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps"
)

func main() { task.Main(auditdeps.Task) }

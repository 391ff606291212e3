// Command platformbuild is the program of the task PlatformBuild. Docker starts it, too: as
// the credential helper of the registry.
package main

import (
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild"
)

func main() { task.Main(platformbuild.Task) }

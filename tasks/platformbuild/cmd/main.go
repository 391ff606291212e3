// Command platformbuild is the program of the task PlatformBuild. Docker starts it, too: as
// the credential helper of the registry.
package main

import (
	"os"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
)

func main() {
	if exit, ok := credential.Helper(os.Args, os.Environ(), os.Stdin, os.Stdout); ok {
		os.Exit(exit)
	}
	task.Main(platformbuild.Task)
}

// Command safecache is the program of the task SafeCache.
package main

import (
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache"
)

func main() { task.Main(safecache.Task) }

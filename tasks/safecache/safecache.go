// Package safecache is the task SafeCache: a dependency cache of which every file
// is verified before anything can use it.
//
// The main stage understands the inputs (step.go, settings.go), reads the lock
// files (lock.go), looks for an entry and restores it (restore.go); the post stage
// saves one if the job succeeded (save.go). The other commands are in commands.go.
// Each of the packages below knows one thing:
//
//	cachekey   the key language of Cache@2
//	ecosystem  what of a package manager's downloads a lock file names
//	claim      what a lock file says of one file
//	trust      which run may read and write what
//	seal       signatures
//	entry      the form of an entry: packs and a manifest
//	store      where objects are kept; store/blob in Azure
//	explain    why there was a miss
//
// Rules that hold throughout: a folder of installed packages is refused before
// anything is read; a file is stored and restored only if the lock file names it
// and it is what the lock file says; an entry that is not as it was saved is
// rejected, and nothing of it stays; trouble with the store or the disk costs the
// cache and never the build, unless the step says otherwise; what the log says has
// happened.
package safecache

import (
	"runtime"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
)

// Task is SafeCache.
var Task = task.Task[Inputs]{Name: "SafeCache", Main: run, Post: post}

// place is where keys are looked up.
func place(env *task.Env) cachekey.Place {
	return cachekey.Place{
		OS:         runtime.GOOS,
		WorkingDir: env.Var("System.DefaultWorkingDirectory"),
		Workspace:  env.Var("Pipeline.Workspace"),
		Files:      cachekey.Disk(),
	}
}

// Package safecache is the task SafeCache: a dependency cache of which every
// file is verified before anything can use it.
//
// The main stage resolves the key, looks for an entry and restores it; the post
// stage saves one if the job succeeded. Which folders may be a cache is decided
// in folder.go, contents.go and installation.go, the key language is package
// cachekey, and the entries are package dirstore's.
//
// Rules that hold throughout: a folder of installed packages is refused before
// anything is read; an entry that is not as it was saved is refused, and nothing
// of it stays; trouble with the store or the disk costs the cache and never the
// build; what the log says has happened.
package safecache

import (
	"runtime"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
)

// Task is SafeCache.
var Task = task.Task[Inputs]{Name: "SafeCache", Main: restore, Post: save}

// place is where keys are looked up.
func place(env *task.Env) cachekey.Place {
	return cachekey.Place{
		OS:         runtime.GOOS,
		WorkingDir: env.Var("System.DefaultWorkingDirectory"),
		Workspace:  env.Var("Pipeline.Workspace"),
		Files:      cachekey.Disk(),
	}
}

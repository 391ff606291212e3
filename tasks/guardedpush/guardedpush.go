// Package guardedpush is the task GuardedPush: a push from a pipeline that cannot loop,
// cannot race and cannot repeat itself.
//
// The main stage understands the inputs (settings.go), finds out where to push and who
// may (remote.go), and then tries (attempt.go): it fetches the newest commit, lays the
// change on it (content.go), looks at what that would publish (screen.go), asks whether
// the pipeline is in a loop (origin.go, loop.go), and pushes; when somebody else was
// first, all of that is done again. What follows when the breaker trips is in trip.go.
// Each package below knows one thing:
//
//	document    YAML and JSON files as trees, and JSONPath
//	splice      scalars changed in a file's text
//	meaning     whether two versions of a file mean the same
//	checkout    what a job has changed in its checkout, which is only read
//	message     our commits' messages: trailers, and tokens that keep pipelines from starting
//	breaker     whether a pipeline is in a loop
//	alert       who is told
//
// Rules that hold throughout: nothing is forced; a refused push changes nothing; a check
// that cannot be made is a refusal; the checkout is not touched.
package guardedpush

import (
	"context"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// Task is GuardedPush.
var Task = task.Task[Inputs]{Name: "GuardedPush", Main: run}

func run(ctx context.Context, env *task.Env, in Inputs) error { return nil }

// Package auditdeps is the task AuditDeps: the dependencies that are really there,
// audited, whatever the cache or the lock file says.
//
// The main stage understands the inputs (settings.go), finds the lock files (find.go),
// installs if it is asked to (install.go), reads what each lock file says and what is on
// the disk (project.go, trees.go), looks both up among the known vulnerabilities
// (match.go, baseline.go), decides what counts (judge.go), and tells it (report.go,
// documents.go). Each package below knows one thing:
//
//	installed  what package managers have put on the disk
//	drift      where manifest, lock file and disk contradict each other
//	versions   the orders and ranges of the ecosystems' versions
//	advisory   what is known of a vulnerability, and whether a version has it
//	index      a file of advisories in which those of a package are found at once
//	database   where advisories come from
//	remedy     who requires a package, and what mends it
//	policy     which findings are accepted, why, and until when
//	document   JUnit and CycloneDX
//
// Rules that hold throughout: both inventories are audited, the lock file's and the
// disk's, and where they disagree that is a finding of its own; what could not be
// audited is an outcome of its own, never a finding and never a success; nothing of a
// project is executed unless the input install says so.
package auditdeps

import (
	"context"
	"errors"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// Task is AuditDeps.
var Task = task.Task[Inputs]{Name: "AuditDeps", Main: run}

func run(ctx context.Context, env *task.Env, in Inputs) error {
	s, err := understand(env, in)
	if err != nil {
		return err
	}
	files, done, err := s.find(ctx)
	defer done()
	if err != nil {
		return err
	}
	if in.Install == InstallClean {
		stop, err := s.installAll(ctx, files)
		if stop || err != nil {
			return err
		}
	}
	a := &audit{step: s}
	a.read(ctx, files)
	return a.finish(ctx)
}

// finish looks up what was read, decides what counts, and tells it.
func (a *audit) finish(ctx context.Context) error {
	if err := a.match(ctx); err != nil {
		return err
	}
	a.judge()
	if cause := context.Cause(ctx); cause != nil {
		return cause // what was not looked at must not look as if it were clean
	}
	return errors.Join(a.report(), a.documents())
}

// Package keyvaultenv is the task KeyVaultEnv: secrets from Azure Key Vault and from
// nowhere else, masked in every form they leak in, and looked for at the end of the
// job in all that the job has left.
//
// The main stage (or, with RunAsPreJob, the pre stage) understands the inputs
// (settings.go), fetches the secrets (connect.go, fetch.go) and judges them (judge.go),
// masks them (mask.go), holds the job's plain variables against them (plain.go), and
// exports them (exports.go). The post stage scans (scan.go: logs.go with timeline.go,
// files.go), brings together what it finds (findings.go) and reports it (report.go,
// checklist.go). What it needs to know travels in a sealed file (memory.go). Each package
// below knows one thing:
//
//	mapping    which secrets a step wants, and under which names
//	vault      how a vault is asked, and what its refusals mean
//	policy     what to do about a secret that is not as it should be
//	decode     what is done to a value before it is used
//	masking    which strings the agent is told to hide
//	export     files with secrets in them
//	state      a sealed file between two stages
//	workspace  which files a job has changed
//
// Rules that hold throughout: all secrets are fetched, then all are masked, then all
// are exported, and a failure on the way exports nothing; no value is in a message, an
// argument or a file that stays; what could not be looked at is said, and fails.
package keyvaultenv

import (
	"context"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// Task is KeyVaultEnv.
var Task = task.Task[Inputs]{Name: "KeyVaultEnv", Pre: pre, Main: run, Post: post}

func pre(ctx context.Context, env *task.Env, in Inputs) error {
	if !in.RunAsPreJob {
		env.Log.Print("Nothing to do before the job: RunAsPreJob is not set.")
		return nil
	}
	return provide(ctx, env, in)
}

func run(ctx context.Context, env *task.Env, in Inputs) error {
	if in.RunAsPreJob {
		env.Log.Print("Nothing to do: the secrets were fetched before the job (RunAsPreJob).")
		return nil
	}
	return provide(ctx, env, in)
}

// provide fetches all, then masks all, then exports all.
func provide(ctx context.Context, env *task.Env, in Inputs) error {
	s, err := understand(env, in)
	if err != nil {
		return err
	}
	// At once, too: the end of the job is scanned even if this fails or is ended.
	if err := s.remember(nil); err != nil {
		return err
	}
	secrets, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	if err := s.mask(secrets); err != nil {
		return err
	}
	if err := s.remember(secrets); err != nil {
		return err
	}
	if err := s.auditVariables(ctx, secrets); err != nil {
		return err
	}
	return s.export(ctx, secrets)
}

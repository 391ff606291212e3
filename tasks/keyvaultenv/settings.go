package keyvaultenv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/policy"
)

// step is what a step wants, understood.
type step struct {
	env   *task.Env
	in    Inputs
	plan  mapping.Plan
	rules policy.Rules
	scan  []target
	// public are words that must stay readable: the names of variables and of the vault.
	public []string
	// vars are the variables that the scan goes by, as they were when the step began; nil
	// until then.
	vars map[string]string
	// routeTold says that the log tells already what leads us to servers.
	routeTold bool
	// sealed is the file of what the post stage has to know.
	sealed string
}

// target is something that is scanned at the end of the job.
type target string

const (
	scanLogs      target = "logs"
	scanPaths     target = "paths"
	scanArtifacts target = "artifacts"
)

// understand reads the inputs, and says all that is wrong with them at once. It asks
// nobody and changes nothing.
func understand(env *task.Env, in Inputs) (*step, error) {
	s := &step{env: env, in: in}
	var errs []error
	var err error
	if s.plan, err = mapping.Parse(in.Secrets, in.SecretsFilter); err != nil {
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			input, text, _ := strings.Cut(problem, ", ")
			errs = append(errs, badInput(input, text, "the form is NAME=secret-name[@version][#json.path][|decode][?]"))
		}
	}
	if s.scan, err = parseScan(in.Scan); err != nil {
		errs = append(errs, badInput("scan", err.Error(), "write some of logs, paths, artifacts, or none"))
	}
	errs = append(errs, checkVault(in.KeyVaultName, in.APIVersion))
	if in.ExpiryWarningDays < 0 {
		errs = append(errs, badInput("expiryWarningDays", "it is below 0", "write a number of days, or 0 for none"))
	}
	errs = append(errs, checkExport(in))
	if slices.Contains(s.scan, scanLogs) && !strings.EqualFold(env.Var("System.HostType"), "build") {
		errs = append(errs, badInput("scan", "the logs of a classic release cannot be read by its steps",
			"write scan: paths, artifacts"))
	}
	s.rules = policy.Rules{
		Expired: policy.Action(in.OnExpired), NotYetActive: policy.Action(in.OnNotYetActive),
		Missing: policy.Action(in.OnMissing), Empty: policy.Action(in.OnEmpty), Short: policy.Action(in.OnShort),
		ExpiryWarningDays: in.ExpiryWarningDays,
	}
	return s, errors.Join(errs...)
}

// checkVault checks both inputs, though one call tells of one.
func checkVault(name, version string) error {
	wrong := func(input string, err error) error {
		var e *keyvault.Error
		if errors.As(err, &e) {
			return badInput(input, "the vault "+e.Reason, e.Fix)
		}
		return nil
	}
	return errors.Join(wrong("KeyVaultName", keyvault.Check(name, keyvault.DefaultAPIVersion)),
		wrong("apiVersion", keyvault.Check("any", version)))
}

// checkExport holds the inputs of exportTo against each other.
func checkExport(in Inputs) error {
	type unused struct{ input, value, with string }
	var errs []error
	for _, u := range []unused{
		{"outputFile", in.OutputFile, string(ExportToFile)},
		{"command", in.Command, string(ExportToCommand)},
		{"arguments", strings.Join(in.Arguments, ""), string(ExportToCommand)},
	} {
		if u.value != "" && string(in.ExportTo) != u.with {
			errs = append(errs, badInput(u.input, fmt.Sprintf("it does nothing with exportTo: %s", in.ExportTo),
				"write exportTo: "+u.with+", or remove it"))
		}
	}
	if in.ExportTo == ExportToCommand && strings.TrimSpace(in.Command) == "" {
		errs = append(errs, badInput("command", "it is empty", "name the program that gets the secrets"))
	}
	return errors.Join(errs...)
}

// parseScan reads the input scan.
func parseScan(text string) ([]target, error) {
	var targets []target
	none := false
	for item := range strings.SplitSeq(text, ",") {
		switch t := target(strings.ToLower(strings.TrimSpace(item))); t {
		case "":
		case "none":
			none = true
		default:
			if !slices.ContainsFunc(scans, func(s scanOf) bool { return s.target == t }) {
				return nil, fmt.Errorf("%.20q is nothing that can be scanned", item)
			}
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	if none == (len(targets) > 0) {
		return nil, errors.New("it says nothing, or none beside something else")
	}
	return targets, nil
}

// badInput is an error about an input.
func badInput(input, reason, fix string) error {
	return &task.UserError{Class: task.BadInput, Rule: "keyvault/input", Msg: input + ": " + reason, Hint: fix}
}

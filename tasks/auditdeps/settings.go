package auditdeps

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/database"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/policy"
)

// step is what a step wants, understood.
type step struct {
	env        *task.Env
	in         Inputs
	sources    string   // the sources folder: names in messages are relative to it
	managers   []string // of the input ecosystems; nil for auto
	checks     map[string]bool
	maxAge     time.Duration
	source     string // of advisories, for database.Config
	policy     policy.Policy
	policyFile string        // as shown, "" if there is none
	http       *httpx.Client // nil until it is needed
}

// advisories is the check for known vulnerabilities; the others are drift's.
const advisories = "advisories"

var allChecks = []string{
	advisories, string(drift.Drift), string(drift.Installed), string(drift.Lint), string(drift.Edges),
}

// understand reads the inputs, and says all that is wrong with them at once.
func understand(env *task.Env, in Inputs) (*step, error) {
	s := &step{env: env, in: in, sources: env.Var("Build.SourcesDirectory")}
	if s.sources == "" {
		s.sources = env.Var("System.DefaultWorkingDirectory")
	}
	var errs []error
	var err error
	if s.sources == "" {
		errs = append(errs, badInput("workingDirectory", "there is no sources folder to start at",
			"run the step in a job of Azure Pipelines, or name absolute folders"))
	}
	if s.managers, err = words(in.Ecosystems, managerNames(), "auto"); err != nil {
		errs = append(errs,
			badInput("ecosystems", err.Error(), "write auto, or some of "+strings.Join(managerNames(), ", ")))
	}
	checks, err := words(in.Checks, allChecks, "")
	if err != nil || len(checks) == 0 {
		errs = append(errs,
			badInput("checks", message(err, "it is empty"), "write some of "+strings.Join(allChecks, ", ")))
	}
	s.checks = map[string]bool{}
	for _, name := range checks {
		s.checks[name] = true
	}
	if s.maxAge, err = age(in.MaxDatabaseAge); err != nil {
		errs = append(errs, badInput("maxDatabaseAge", err.Error(), "write hours or days, such as 36h or 7d"))
	}
	if s.source, err = s.databaseSource(in.Database); err != nil {
		errs = append(errs, badInput("database", err.Error(),
			"write the address of a bucket, the path of a folder or zip file, or artifact:<name>"))
	}
	errs = append(errs, s.readPolicy(), s.checkRules())
	return s, errors.Join(errs...)
}

// checkRules says what is wrong with the inputs about what counts.
func (s *step) checkRules() error {
	var errs []error
	if s.in.DevDependencies == DevDependenciesExclude && !s.checks[string(drift.Drift)] {
		errs = append(errs, badInput("devDependencies", "exclude needs the check drift, which compares the lock "+
			"file's word on what is for development with the manifest's", "add drift to checks, or write warn"))
	}
	if s.in.MinFixAgeDays < 0 {
		errs = append(errs, badInput("minFixAgeDays", "it is below 0", "write a number of days, or 0 for none"))
	}
	noAddress := func(line string) bool { return strings.ContainsAny(strings.TrimPrefix(line, "*."), " \t,;*") }
	if slices.ContainsFunc(s.in.AllowedRegistries, noAddress) {
		errs = append(errs, badInput("allowedRegistries", "a line of it is no host or address",
			"write one host, such as pkgs.dev.azure.com or *.example.com, or address in each line"))
	}
	return errors.Join(errs...)
}

func message(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

// words reads a list of known words; the word all stands for none, which is nil.
func words(text string, known []string, all string) ([]string, error) {
	var list []string
	everything := false
	for item := range strings.SplitSeq(text, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		switch {
		case item == "" || slices.Contains(list, item):
		case item == all:
			everything = true
		case !slices.Contains(known, item):
			return nil, fmt.Errorf("%.40q is not known", item)
		default:
			list = append(list, item)
		}
	}
	if everything {
		return nil, nil
	}
	return list, nil
}

// age reads "36h" or "7d".
func age(text string) (time.Duration, error) {
	unit := time.Hour
	digits, days := strings.CutSuffix(strings.TrimSpace(text), "d")
	if days {
		unit = 24 * time.Hour
	} else {
		digits = strings.TrimSuffix(digits, "h")
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || digits == strings.TrimSpace(text) {
		return 0, fmt.Errorf("%.20q is no age", text)
	}
	return time.Duration(n) * unit, nil
}

// databaseSource turns the input into what database.Config takes.
func (s *step) databaseSource(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("it is empty")
	}
	if name, ok := strings.CutPrefix(text, "artifact:"); ok {
		workspace := s.env.Var("Pipeline.Workspace")
		if name == "" || name == "." || !filepath.IsLocal(filepath.FromSlash(name)) || workspace == "" {
			return "", fmt.Errorf("%.60q names no artifact of this job", text)
		}
		return filepath.Join(workspace, filepath.FromSlash(name)), nil
	}
	if u, err := url.Parse(text); err == nil && len(u.Scheme) > 1 { // C: is a drive
		if _, err := database.Address(text); err != nil {
			return "", fmt.Errorf("it %w", err)
		}
		return strings.TrimSuffix(text, "/"), nil
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(s.sources, text)
	}
	return text, nil
}

// badInput is a wrong input, in our own words.
func badInput(input, problem, fix string) error {
	return &task.UserError{
		Class: task.BadInput, Rule: "auditdeps/input", Msg: fmt.Sprintf("input %q: %s", input, problem), Hint: fix,
	}
}

// fails are the severities from failOn on.
func (s *step) fails(severity advisory.Severity) bool {
	if severity == advisory.Unknown {
		return s.in.UnknownSeverity == UnknownSeverityFail
	}
	return severity.Rank() >= advisory.Severity(s.in.FailOn).Rank()
}

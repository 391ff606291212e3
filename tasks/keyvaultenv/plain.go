package keyvaultenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// hit is a variable that is not secret and holds a secret.
type hit struct {
	variable string
	findings []leak.Finding // the first one is told
}

// auditVariables holds every variable that is not secret against the vault's values
// and the rules of package leak: the variable of the post-mortem was of this kind.
func (s *step) auditVariables(ctx context.Context, secrets []secret) error {
	if s.in.PlainVariables == PlainVariablesOff {
		return nil
	}
	names, err := s.publicVariables()
	if err != nil {
		return err
	}
	engine, err := leak.New(leak.Options{Known: s.known(secrets), Key: s.fingerprintKey()})
	if err != nil {
		return err
	}
	hits := audit(engine, names, s.env.Var)
	hits = append(hits, weak(s.knownSecrets(secrets), hits, names, s.env.Var)...)
	for _, h := range hits {
		for _, f := range h.findings {
			s.env.Log.SetSecret(f.Secret.Reveal())
		}
	}
	s.env.Report.Set("plainVariables", len(names))
	if len(hits) == 0 {
		s.env.Log.Printf("Plain variables: none of %d holds a secret.", len(names))
		return nil
	}
	return s.reportVariables(hits, s.definedWhere(ctx))
}

// audit finds the variables that hold a secret. What only looks a little like one
// (medium, low) is left alone: names and addresses do.
func audit(engine *leak.Engine, names []string, value func(string) string) []hit {
	var hits []hit
	for _, name := range names {
		if strings.EqualFold(name, maskedForms) {
			continue
		}
		found := engine.String(name+"="+value(name), "variable "+name, leak.Config)
		found = slices.DeleteFunc(found, func(f leak.Finding) bool {
			return rank[f.Severity] > rank[leak.High] || f.Known == "" && isAgents(name)
		})
		if len(found) > 0 {
			hits = append(hits, hit{name, found})
		}
	}
	return hits
}

// weak finds the variables whose whole value is one of the vault's that is too short to
// be looked for inside of texts.
func weak(secrets []known, hits []hit, names []string, value func(string) string) []hit {
	var more []hit
	for _, name := range names {
		text := strings.TrimSpace(value(name))
		told := slices.ContainsFunc(hits, func(h hit) bool { return h.variable == name })
		at := slices.IndexFunc(secrets, func(k known) bool { return strings.TrimSpace(k.Value) == text })
		if !told && at >= 0 && len(text) >= redact.MinLength {
			more = append(more, hit{name, []leak.Finding{{
				Rule: "leak/known", Kind: leak.VaultSecret, Severity: leak.Critical, Known: secrets[at].Name,
				Secret: inputs.NewSecret(text),
			}}})
		}
	}
	return more
}

// isAgents reports whether a variable is the agent's own. Nobody can move one to a vault,
// and what stands in it is somebody's words, such as a commit message: only the values of
// the vault count there.
func isAgents(name string) bool {
	for _, prefix := range []string{"Agent.", "Build.", "System.", "Release.", "Pipeline.", "Task.", "Common."} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// publicVariables are the names of the job's variables that are not secret, as they
// were written.
func (s *step) publicVariables() ([]string, error) {
	list, ok := s.env.Lookup("VSTS_PUBLIC_VARIABLES")
	var names []string
	if err := json.Unmarshal([]byte(list), &names); !ok || err != nil {
		return nil, &task.UserError{
			Class: task.Environment, Rule: "keyvault/plain-variable",
			Msg: "the agent has not said which variables are public (VSTS_PUBLIC_VARIABLES), so they cannot be " +
				"audited",
			Hint: "run the task as an agent does, or set plainVariables: off",
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, collision(names)
}

// collision refuses two variables that are one in the environment: only one of them can
// be looked at, and a step may have set it to hide the other, or to lead this task
// astray.
func collision(names []string) error {
	first := map[string]string{}
	for _, name := range names {
		key := strings.ToUpper(strings.NewReplacer(".", "_", " ", "_").Replace(name))
		if other, taken := first[key]; taken && !strings.EqualFold(other, name) {
			return &task.UserError{
				Rule: "keyvault/plain-variable",
				Msg: fmt.Sprintf("the variables %s and %s are one in the environment of a step (%s), so they cannot "+
					"both be audited", other, name, key),
				Hint: "rename one of them, or find the step that sets it",
			}
		}
		first[key] = name
	}
	return nil
}

// reportVariables says which variables hold a secret, and how to mend that.
func (s *step) reportVariables(hits []hit, where map[string]string) error {
	var facts []map[string]string
	var errs []error
	for _, h := range hits {
		place := where[strings.ToLower(h.variable)]
		if place == "" {
			place = "most likely in the YAML (variables, or a template), or set by a step with task.setvariable"
		}
		if isAgents(h.variable) {
			place = "by the agent"
		}
		f := h.findings[0]
		what := "something that looks like a secret (" + f.Rule + ")"
		if f.Known != "" {
			what = "the value of " + f.Known
		}
		msg := fmt.Sprintf("the plain variable %s holds %s, for everyone to read and in every log; "+
			"where it is defined: %s", h.variable, what, place)
		fix := "remove it there, fetch it with this task instead (secrets: " + h.variable + "=name-in-the-vault), " +
			"and rotate it: it has been exposed"
		if isAgents(h.variable) {
			fix = "find where it comes from (a commit message, a branch, a folder), and rotate it: it has been exposed"
		}
		facts = append(facts, map[string]string{
			"variable": h.variable, "rule": f.Rule, "secret": f.Known, "where": place, "fingerprint": f.Fingerprint,
		})
		if s.in.PlainVariables == PlainVariablesWarn {
			s.warn("keyvault/plain-variable", msg+". How to fix: "+fix)
			continue
		}
		errs = append(errs, &task.UserError{Rule: "keyvault/plain-variable", Msg: msg, Hint: fix})
	}
	s.env.Report.Set("plainVariablesWithSecrets", facts)
	s.checklist(findingsOf(hits))
	if len(errs) == 0 {
		s.env.Degrade()
		return nil
	}
	return errors.Join(errs...)
}

func findingsOf(hits []hit) []leak.Finding {
	var all []leak.Finding
	for _, h := range hits {
		all = append(all, h.findings...)
	}
	return all
}

// definedWhere asks the server where variables are defined, by their names in lower
// case. It is help for the reader alone: without an answer the message says less.
func (s *step) definedWhere(ctx context.Context) map[string]string {
	client, err := s.server()
	if err != nil {
		s.env.Log.Debug(err.Error())
		return nil
	}
	build, err := strconv.Atoi(s.env.Var("Build.BuildId"))
	if err != nil {
		return nil
	}
	variables, err := client.Variables(ctx, build)
	if err != nil {
		s.env.Log.Debug(err.Error())
	}
	return whereByName(variables)
}

func whereByName(variables []ado.Variable) map[string]string {
	where := map[string]string{}
	for _, v := range variables {
		where[strings.ToLower(v.Name)] = v.Where
	}
	return where
}

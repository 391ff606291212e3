package keyvaultenv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/keyvault"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/decode"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/policy"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/vault"
)

// judge makes a secret of the vault's answer, and holds it against the rules.
func (s *step) judge(w mapping.Want, answer vault.Result) (got secret, use bool, err error) {
	got = secret{want: w, item: answer.Secret.Item, whole: answer.Secret.Value.Reveal()}
	facts := policy.Facts{
		Name: s.name(w), NotBefore: got.item.NotBefore, Expires: got.item.Expires, Optional: w.Optional,
	}
	var refusal *keyvault.Error
	switch {
	case errors.As(answer.Err, &refusal) && (refusal.Missing() || refusal.Kind == keyvault.Disabled):
		facts.Missing = refusal.Reason
	case answer.Err != nil:
		return got, false, s.vaultError(answer.Err)
	}
	if facts.Missing == "" {
		if got.value, err = s.decode(w, got.whole); err != nil {
			return got, false, err
		}
		facts.Empty = strings.TrimSpace(got.value) == ""
		facts.Short = s.short(got.value)
	}
	verdict := policy.Judge(facts, s.rules, s.env.Now())
	for _, text := range verdict.Warn {
		s.warn("keyvault/policy", text)
	}
	for _, text := range verdict.Note {
		s.env.Log.Print(text)
	}
	for _, text := range verdict.Fail {
		what, fix, _ := strings.Cut(text, "; ")
		if facts.Missing != "" {
			fix = refusal.Fix + "; or " + fix
		}
		err = errors.Join(err, &task.UserError{Rule: "keyvault/policy", Msg: what, Hint: fix})
	}
	return got, verdict.Use, err
}

func (s *step) decode(w mapping.Want, whole string) (string, error) {
	how := w.Decode
	if how == "" {
		how = mapping.Decode(s.in.Decode)
	}
	value, err := decode.Value(whole, how, w.Path)
	if err != nil {
		return "", &task.UserError{
			Rule: "keyvault/decode",
			Msg:  fmt.Sprintf("the secret %s of the vault %s: %s", w.Secret, s.in.KeyVaultName, err),
			Hint: "correct " + w.Origin + ", or the secret in the vault",
		}
	}
	return value, nil
}

// short says why a value cannot be hidden in logs; "" if it can.
func (s *step) short(value string) string {
	plan := masking.Decide([]masking.Value{{Text: value}}, s.public, masking.Limits{Most: mostForms})
	if len(plan.Short) == 0 {
		return ""
	}
	return strings.TrimPrefix(plan.Short[0].Reason, "it ")
}

// vaultError is an error of the vault as users see it.
func (s *step) vaultError(err error) error {
	var e *keyvault.Error
	var c *azure.Error
	switch {
	case errors.As(err, &c):
		return connectionError(c)
	case errors.As(err, &e):
		return &task.UserError{
			Class: task.Environment, Rule: "keyvault/" + string(e.Kind), Msg: e.Message(), Hint: e.Fix, Err: e,
		}
	}
	return err
}

func (s *step) warn(code, text string) {
	s.env.Log.Warning(pipeline.Issue{Message: text, Code: code})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package keyvaultenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/policy"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/vault"
)

// secret is one that the step uses.
type secret struct {
	want  mapping.Want
	item  vault.Item
	value string // as it is exported
	whole string // as it is in the vault
}

// name is how messages call it.
func (s *step) name(w mapping.Want) string {
	name := fmt.Sprintf("the secret %s of the vault %s", w.Secret, s.in.KeyVaultName)
	if w.Version != "" {
		name += ", version " + w.Version + ","
	}
	if w.Path != "" {
		name = w.Path + " in " + name
	}
	return name
}

// fetch gets all secrets that the step wants, and judges them. If one of them cannot
// be used, there are none.
func (s *step) fetch(ctx context.Context) ([]secret, error) {
	client, err := s.connect()
	if err != nil {
		return nil, err
	}
	wants, err := s.wants(ctx, client)
	if err != nil {
		return nil, err
	}
	var refs []vault.Ref
	for _, w := range wants {
		if ref := refOf(w); !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	s.env.Log.Printf("Fetching %s from the vault %s ...", plural(len(refs), "secret"), s.in.KeyVaultName)
	answers := map[vault.Ref]vault.Result{}
	for _, answer := range client.Get(ctx, refs) {
		answers[answer.Ref] = answer
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	var secrets []secret
	var errs []error
	s.public = s.publicWords(wants)
	for _, w := range wants {
		got, use, err := s.judge(w, answers[refOf(w)])
		if use && err == nil {
			secrets = append(secrets, got)
		}
		errs = append(errs, err)
	}
	if err := distinct(errs); err != nil {
		s.env.Log.Print("Nothing is set: all secrets have to be good.")
		return nil, err
	}
	return secrets, nil
}

// distinct joins errors without those that say the same: what is wrong with the vault
// itself is the answer for each secret.
func distinct(errs []error) error {
	var all []error
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func refOf(w mapping.Want) vault.Ref { return vault.Ref{Name: w.Secret, Version: w.Version} }

// wants are the secrets of the plan, with those that its patterns match.
func (s *step) wants(ctx context.Context, client *vault.Client) ([]mapping.Want, error) {
	if len(s.plan.Patterns) == 0 {
		return s.plan.Wants, nil
	}
	items, err := client.List(ctx)
	if err != nil {
		return nil, s.vaultError(err)
	}
	var names []string
	for _, item := range items {
		if s.usable(item) {
			names = append(names, item.Name)
		}
	}
	found, err := s.plan.Select(names)
	if err != nil {
		return nil, badInput("SecretsFilter", strings.ReplaceAll(err.Error(), "\n", "; "),
			"name the secrets in the input secrets")
	}
	for _, name := range found.Reserved {
		s.warn("keyvault/name", fmt.Sprintf("the secret %s is left out: a variable of this name would change how "+
			"programs and the agent work; give it another name in the input secrets", name))
	}
	if len(found.Nothing) > 0 {
		err = s.nothing(found.Nothing)
	}
	return found.Wants, err
}

// usable leaves out what only a pattern has chosen and nobody may use, as
// AzureKeyVault@2 does, but says so. Those that are given out although the rules say
// warn are judged later.
func (s *step) usable(item vault.Item) bool {
	now := s.env.Now()
	why := ""
	switch {
	case !item.Enabled:
		why = "it is disabled"
	case s.rules.Expired != policy.Warn && !item.Expires.IsZero() && !now.Before(item.Expires):
		why = "it has expired on " + item.Expires.UTC().Format(time.DateOnly)
	case s.rules.NotYetActive != policy.Warn && now.Before(item.NotBefore):
		why = "it is not active before " + item.NotBefore.UTC().Format(time.DateOnly)
	}
	named := func(w mapping.Want) bool { return strings.EqualFold(w.Secret, item.Name) }
	if why == "" || slices.ContainsFunc(s.plan.Wants, named) {
		return true
	}
	if matched, err := s.plan.Select([]string{item.Name}); err == nil && len(matched.Wants) > len(s.plan.Wants) {
		s.warn("keyvault/left-out",
			fmt.Sprintf("the secret %s, which SecretsFilter matches, is left out: %s", item.Name, why))
	}
	return false
}

// nothing judges patterns that match no secret.
func (s *step) nothing(patterns []string) error {
	text := fmt.Sprintf("no secret of the vault %s that can be used matches %s",
		s.in.KeyVaultName, strings.Join(patterns, ", "))
	switch s.rules.Missing {
	case policy.Skip:
		s.env.Log.Print(text)
	case policy.Warn:
		s.warn("keyvault/missing", text)
	default:
		return &task.UserError{Rule: "keyvault/missing", Msg: text, Hint: "correct SecretsFilter, or the vault's name"}
	}
	return nil
}

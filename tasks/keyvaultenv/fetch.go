package keyvaultenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/decode"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
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

// connect returns the client of the vault, with the identity of the service connection.
func (s *step) connect() (*vault.Client, error) {
	config, err := s.http()
	if err != nil {
		return nil, err
	}
	e := endpoint.New(s.env.Environ())
	conn, err := e.Connection(s.in.ConnectedServiceName, "azureSubscription")
	if err != nil {
		return nil, badInput("azureSubscription", err.Error(), "name a service connection that this pipeline may use")
	}
	client := httpx.New(config)
	job := azure.Job{HTTP: client, Mask: s.env.Log.SetSecret}
	// Only some schemes need these, and say so.
	job.Server, _ = e.SystemURL()
	job.Token, _ = e.SystemToken()
	job.OIDC, _ = s.env.Lookup("SYSTEM_OIDCREQUESTURI")
	credential, err := azure.New(conn, job)
	if err != nil {
		return nil, connectionError(err)
	}
	got, err := vault.New(vault.Config{
		Name: s.in.KeyVaultName, APIVersion: s.in.APIVersion, Credential: credential, HTTP: client,
	})
	if err != nil {
		return nil, badInput("KeyVaultName", err.Error(), "write the vault's name alone, such as contoso-kv")
	}
	return got, nil
}

// http is how the agent reaches servers.
func (s *step) http() (httpx.Config, error) {
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	for _, warning := range warnings {
		s.env.Log.Warning(pipeline.Issue{Message: warning, Code: "keyvault/connection"})
	}
	config.Secrets = s.env.Secrets
	return config, err
}

func connectionError(err error) error {
	var e *azure.Error
	if !errors.As(err, &e) {
		return err
	}
	reason, fix, _ := strings.Cut(e.Error(), "; ")
	return &task.UserError{Class: task.Environment, Rule: "keyvault/connection", Msg: reason, Hint: fix, Err: e.Err}
}

// wants are the secrets of the plan, with those that its patterns match.
func (s *step) wants(ctx context.Context, client *vault.Client) ([]mapping.Want, error) {
	if len(s.plan.Patterns) == 0 {
		return s.plan.Wants, nil
	}
	items, err := client.List(ctx)
	if err != nil {
		return nil, s.vaultError(err, task.Environment)
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
		s.warn("keyvault/name", fmt.Sprintf("the secret %s is left out: a variable of this name would change how programs "+
			"and the agent work; give it another name in the input secrets", name))
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
	named := slices.ContainsFunc(s.plan.Wants, func(w mapping.Want) bool { return strings.EqualFold(w.Secret, item.Name) })
	if why == "" || named {
		return true
	}
	if matched, err := s.plan.Select([]string{item.Name}); err == nil && len(matched.Wants) > len(s.plan.Wants) {
		s.warn("keyvault/left-out", fmt.Sprintf("the secret %s, which SecretsFilter matches, is left out: %s", item.Name, why))
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

// judge makes a secret of the vault's answer, and holds it against the rules.
func (s *step) judge(w mapping.Want, answer vault.Result) (got secret, use bool, err error) {
	got = secret{want: w, item: answer.Secret.Item, whole: answer.Secret.Value.Reveal()}
	facts := policy.Facts{
		Name: s.name(w), NotBefore: got.item.NotBefore, Expires: got.item.Expires, Optional: w.Optional,
	}
	var refusal *vault.Error
	switch {
	case errors.As(answer.Err, &refusal) && (refusal.Missing() || refusal.Kind == vault.Disabled):
		facts.Missing = refusal.Reason
	case answer.Err != nil:
		return got, false, s.vaultError(answer.Err, task.Environment)
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
			Rule: "keyvault/decode", Msg: fmt.Sprintf("the secret %s of the vault %s: %s", w.Secret, s.in.KeyVaultName, err),
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
func (s *step) vaultError(err error, class task.Class) error {
	var e *vault.Error
	var c *azure.Error
	switch {
	case errors.As(err, &c):
		return connectionError(c)
	case errors.As(err, &e):
		return &task.UserError{Class: class, Rule: "keyvault/" + string(e.Kind), Msg: e.Message(), Hint: e.Fix, Err: e}
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

package keyvaultenv

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/dissect"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
)

// mostForms is how many strings a job may have the agent hide: each is looked for in
// every line of the log from then on.
const mostForms = 400

// maskedForms is the job's variable with the number of those it has already, so that
// several steps share the budget.
const maskedForms = "Guardrails.MaskedForms"

// mask hides the secrets, in this program's own output in every form, and in the
// agent's log in those that its budget allows.
func (s *step) mask(secrets []secret) error {
	var values []masking.Value
	for _, x := range secrets {
		values = append(values, masking.Value{Name: s.name(x.want), Text: x.value})
		s.env.Secrets.Add(x.whole)
		s.learn(x.value)
	}
	used, _ := strconv.Atoi(s.env.Var(maskedForms)) // the first step finds none
	plan := masking.Decide(values, s.public, masking.Limits{Most: mostForms, Used: max(used, 0)})
	if err := s.env.Log.MaskForms(plan.Register); err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "keyvault/mask",
			Msg:  "the agent could not be told what to hide, so nothing is set",
			Hint: "look whether the agent still runs", Err: err,
		}
	}
	if len(plan.Unmasked) > 0 {
		return &task.UserError{
			Rule: "keyvault/mask",
			Msg: fmt.Sprintf("a job has the agent hide %d texts at most, and there is no room for %s: nothing is set",
				mostForms, strings.Join(plan.Unmasked, ", ")),
			Hint: "fetch fewer secrets in one job, and name those that it needs",
		}
	}
	for _, weak := range plan.Weak {
		s.warn("keyvault/weak", weak+" has something of 4 or 5 characters to hide, which will hide other text, too; "+
			"make it longer")
	}
	for _, open := range plan.Open {
		s.warn("keyvault/open", fmt.Sprintf("%s is hidden as a whole, but not a part of it: %s; "+
			"make that part longer", open.Name, open.Reason))
	}
	s.env.Log.Printf("Masked: %s, in %s.", plural(len(secrets), "value"), plural(len(plan.Register), "form"))
	if plan.Skipped > 0 {
		s.env.Log.Printf("%s, the rarest ones, are left to the scan at the end of the job.",
			plural(plan.Skipped, "form"))
	}
	s.env.Report.Set("maskedForms", len(plan.Register))
	s.env.Report.Set("formsLeftToScan", plan.Skipped)
	return s.env.Log.SetVariable(maskedForms, strconv.Itoa(used+len(plan.Register)), pipeline.Var{})
}

// learn hides a secret and its parts in all that this program prints and writes.
func (s *step) learn(value string) {
	s.env.Secrets.Add(value)
	for _, part := range dissect.Secret(value).Parts {
		s.env.Secrets.Add(part.Value, part.Raw)
	}
}

// publicWords are words that must stay readable.
func (s *step) publicWords(wants []mapping.Want) []string {
	words := []string{s.in.KeyVaultName}
	for _, w := range wants {
		words = append(append(words, w.Names...), w.Secret)
	}
	return words
}

// truthy is what the agent takes for true (StringUtil.ConvertToBoolean).
func truthy(value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "$true":
		return true
	}
	return false
}

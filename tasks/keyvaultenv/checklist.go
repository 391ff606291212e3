package keyvaultenv

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/leak"
)

// mostNames is how many secrets a heading of the checklist names.
const mostNames = 5

// checklist prints how to rotate what was found, once for each kind, and puts it into
// the run's summary. Steps that are the same for all kinds come once, at the end.
func (s *step) checklist(findings []leak.Finding) {
	names := map[leak.Kind][]string{}
	for _, f := range findings {
		name := cmp.Or(f.Known, f.Rule+" "+f.Preview)
		if !slices.Contains(names[f.Kind], name) {
			names[f.Kind] = append(names[f.Kind], name)
		}
	}
	kinds := slices.Sorted(maps.Keys(names))
	common := commonSteps(kinds)
	for _, kind := range kinds {
		recipe := leak.Rotation(kind)
		steps := slices.DeleteFunc(slices.Clone(recipe.Steps), func(line string) bool {
			return slices.Contains(common, line)
		})
		title := fmt.Sprintf("Rotate: %s (%s)", some(names[kind]), recipe.Title)
		s.steps(title, "Who can do it: "+recipe.Owner+".", steps)
	}
	if len(common) > 0 {
		s.steps("Then, for all of them", "", common)
	}
}

// commonSteps are those that the recipes of several kinds share, in order.
func commonSteps(kinds []leak.Kind) []string {
	if len(kinds) < 2 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(leak.Rotation(kinds[0]).Steps), func(line string) bool {
		lacks := func(k leak.Kind) bool { return !slices.Contains(leak.Rotation(k).Steps, line) }
		return slices.ContainsFunc(kinds[1:], lacks)
	})
}

// some names the first of many.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), mostNames)], ", ")
	if more := len(names) - mostNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// steps prints one list. What the agent knows stands in the place of the names in angle
// brackets.
func (s *step) steps(title, who string, lines []string) {
	const someOrganization, someProject = "https://dev.azure.com/<organization>", "<project>"
	fill := strings.NewReplacer(
		someOrganization, cmp.Or(strings.TrimSuffix(s.env.Var("System.CollectionUri"), "/"), someOrganization),
		someProject, cmp.Or(s.env.Var("System.TeamProject"), someProject), "<vault>", s.in.KeyVaultName)
	s.env.Log.Group(title)
	s.env.Report.Summary("#### %s", title)
	if who != "" {
		s.env.Log.Print(who)
		s.env.Report.Summary("%s", who)
	}
	for i, line := range lines {
		line = fill.Replace(line)
		s.env.Log.Printf("%d. %s", i+1, line)
		s.env.Report.Summary("- [ ] %s", line)
	}
	s.env.Log.EndGroup()
}

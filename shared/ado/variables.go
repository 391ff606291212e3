package ado

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/build"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/taskagent"
)

// Variable is a place where a variable of a run is defined, and not as a secret.
type Variable struct {
	Name  string
	Where string // for people: `variable group "x" (Pipelines > Library)`
}

// Where a variable is defined.
const (
	inPipeline = "the pipeline's own variables (Edit > Variables)"
	inQueue    = "the values that were given when the run was queued"
)

// groupsPerPage is how many variable groups are asked for at once.
const groupsPerPage = 100

// Variables returns where variables that a run may have are defined: in its pipeline,
// by who queued it, in the variable groups of the project (which of them a YAML
// pipeline uses, the server does not say). One name may have several places, and none
// if it is defined in a file. Secrets are left out. When not everything can be read,
// the rest is returned with an error that holds an *Error for each.
func (c *Client) Variables(ctx context.Context, buildID int) ([]Variable, error) {
	var all []Variable
	run, err := c.run(ctx, buildID)
	if err == nil {
		all = queued(run)
		var more []Variable
		more, err = c.defined(ctx, buildID, run)
		all = append(all, more...)
	}
	groups, groupsErr := c.groups(ctx)
	if err != nil && groupsErr != nil {
		err = fmt.Errorf("%w; %w", err, groupsErr)
	}
	return append(all, groups...), cmp.Or(err, groupsErr)
}

func (c *Client) run(ctx context.Context, buildID int) (*build.Build, error) {
	ctx = asking(ctx, request{what: fmt.Sprintf("reading run %d", buildID), permission: viewBuilds})
	run, err := c.builds.GetBuild(ctx, build.GetBuildArgs{Project: &c.project, BuildId: &buildID})
	if err != nil {
		return nil, explain(ctx, err)
	}
	return run, nil
}

// queued reads the document in a document that a run has for what it was given.
func queued(run *build.Build) []Variable {
	given := map[string]any{}
	if json.Unmarshal([]byte(value(run.Parameters)), &given) != nil {
		return nil // empty, or not ours to read
	}
	return named(inQueue, given, func(any) bool { return false })
}

func (c *Client) defined(ctx context.Context, buildID int, run *build.Build) ([]Variable, error) {
	definition := value(run.Definition)
	if definition.Id == nil {
		return nil, nil
	}
	ctx = asking(ctx, request{what: fmt.Sprintf("reading the pipeline of run %d", buildID), permission: viewPipeline})
	found, err := c.builds.GetDefinition(ctx, build.GetDefinitionArgs{
		Project: &c.project, DefinitionId: definition.Id, Revision: definition.Revision,
	})
	if err != nil {
		return nil, explain(ctx, err)
	}
	secret := func(v build.BuildDefinitionVariable) bool { return value(v.IsSecret) }
	return named(inPipeline, value(found.Variables), secret), nil
}

// groups reads all variable groups. The SDK drops the token for the next page; the
// last id is one.
func (c *Client) groups(ctx context.Context) ([]Variable, error) {
	ctx = asking(ctx, request{what: "reading the variable groups of the project", permission: reader})
	var all []Variable
	top, after := groupsPerPage, 0
	for {
		args := taskagent.GetVariableGroupsArgs{
			Project: &c.project, Top: &top, QueryOrder: &taskagent.VariableGroupQueryOrderValues.IdAscending,
		}
		if after > 0 {
			args.ContinuationToken = &after
		}
		groups, err := c.tasks.GetVariableGroups(ctx, args)
		if err != nil {
			return all, explain(ctx, err)
		}
		last := after
		for _, g := range value(groups) {
			if value(g.Id) > after { // else a server that knows no pages
				last = max(last, value(g.Id))
				where := `variable group "` + value(g.Name) + `" (Pipelines > Library)`
				all = append(all, named(where, value(g.Variables), isSecret)...)
			}
		}
		if last == after {
			return all, nil
		}
		after = last
	}
}

func isSecret(variable any) bool {
	fields, _ := variable.(map[string]any)
	secret, _ := fields["isSecret"].(bool)
	return secret
}

// named lists the variables that are not secret, by name.
func named[V any](where string, variables map[string]V, secret func(V) bool) []Variable {
	var all []Variable
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if !secret(variables[name]) {
			all = append(all, Variable{name, where})
		}
	}
	return all
}

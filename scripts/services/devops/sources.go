package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// tokens are what a commit says that must not start a pipeline
// (MicrosoftDocs/azure-devops-docs, repos/azure-repos-git.md).
var tokens = []string{
	"[skip ci]", "[ci skip]", "skip-checks: true", "skip-checks:true", "[skip azurepipelines]", "[azurepipelines skip]",
	"[skip azpipelines]", "[azpipelines skip]", "[skip azp]", "[azp skip]", "***NO_CI***",
}

func skips(messages string) (token string, skip bool) {
	for _, token := range tokens {
		if strings.Contains(messages, token) {
			return token, true
		}
	}
	return "", false
}

// checkout gets the sources of a run as an agent does (GitSourceProvider.cs): the commit
// alone, detached, and the token in its configuration only if the pipeline wants it.
func (o *organization) checkout(ctx context.Context, r *run, dir string) error {
	url, header := o.url(r.pipeline.Repository), "AUTHORIZATION: bearer "+o.token
	key := "http." + url + ".extraheader"
	steps := [][]string{
		{"init", "-q", dir},
		{"-C", dir, "remote", "add", "origin", url},
		{"-C", dir, "fetch", "-q", "--force", "--no-tags", "--depth=1", "origin", "+" + r.version},
		{"-C", dir, "checkout", "-q", "--force", r.version},
	}
	if r.pipeline.PersistCredentials {
		steps = append(steps, []string{"-C", dir, "config", key, header})
	}
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Env = append(plain(o.world.Environ),
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "HOME="+o.dir,
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0="+key, "GIT_CONFIG_VALUE_0="+header)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("checking out: git %s: %w: %s", args[len(args)-1], err, strings.TrimSpace(said.String()))
		}
	}
	return nil
}

// plain leaves out what changes how git works.
func plain(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "GIT_") && name != "HOME" {
			kept = append(kept, variable)
		}
	}
	return kept
}

// facts are what the trigger is told of its run.
func (o *organization) facts(r *run, sources string) []string {
	return []string{
		"SOURCES=" + sources, "BUILD_ID=" + strconv.Itoa(r.id), "BUILD_NUMBER=" + r.number,
		"BUILD_REASON=" + r.reason,
		"DEFINITION_ID=" + strconv.Itoa(r.pipeline.ID), "DEFINITION_NAME=" + r.pipeline.Name,
		"SOURCE_BRANCH=refs/heads/" + r.pipeline.Branch, "SOURCE_VERSION=" + r.version, "SOURCE_MESSAGE=" + r.message,
		"REPOSITORY_URI=" + o.url(r.pipeline.Repository),
	}
}

// flags tell the local agent the same, as variables of the job.
func (o *organization) flags(r *run) []string {
	id, branch := strconv.Itoa(r.id), r.pipeline.Branch
	repository := ""
	for i, known := range o.config.Repositories {
		if known.Name == r.pipeline.Repository {
			repository = repositoryID(i)
		}
	}
	var flags []string
	for _, variable := range []string{
		"System.TeamProject=" + o.config.Project,
		"System.DefinitionId=" + strconv.Itoa(r.pipeline.ID), "System.DefinitionName=" + r.pipeline.Name,
		"Build.DefinitionName=" + r.pipeline.Name, "Build.BuildId=" + id, "Build.BuildUri=vstfs:///Build/Build/" + id,
		"Build.BuildNumber=" + r.number, "Build.Reason=" + strings.ToUpper(r.reason[:1]) + r.reason[1:],
		"Build.SourceBranch=refs/heads/" + branch, "Build.SourceBranchName=" + path.Base(branch),
		"Build.SourceVersion=" + r.version, "Build.SourceVersionMessage=" + r.message, "Build.RequestedFor=" + r.who,
		"Build.Repository.ID=" + repository, "Build.Repository.Name=" + r.pipeline.Repository,
		"Build.Repository.Provider=TfsGit", "Build.Repository.Uri=" + o.url(r.pipeline.Repository),
	} {
		flags = append(flags, "--var", variable)
	}
	return flags
}

// expand replaces the names in a trigger.
func expand(trigger, environ, flags []string) (args []string, err error) {
	values := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	for _, word := range trigger {
		if word == "$VARIABLES" {
			args = append(args, flags...)
			continue
		}
		args = append(args, os.Expand(word, func(name string) string {
			value, ok := values[name]
			if !ok {
				err = fmt.Errorf("the trigger names $%s, which is not set", name)
			}
			return value
		}))
	}
	if err == nil && len(args) == 0 {
		err = errors.New("the pipeline has no trigger")
	}
	return args, err
}

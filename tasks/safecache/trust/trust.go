// Package trust decides which entries a run may read and write: the scope rules of
// the cache, as a pure function of what the agent says about the run.
//
// It promises that an entry which trusted branches read is written by runs of a
// trusted branch only: never by a pull request, a fork, a shelveset, another branch
// or a run that does not say plainly what it is. What is missing, contradictory or
// unknown lowers the trust; nothing but exactly the expected values raises it. It
// looks at no key and no credential.
//
// # These are hints, not enforcement
//
// The decision is as good as its variables, and a step before this one can change
// some of them. The agent lists Build.SourceBranch, Build.SourceVersion,
// Build.SourceTfvcShelveset, Build.Gated.*, System.HostType, System.CollectionId,
// System.TeamProjectId, System.DefinitionId and System.PullRequest.TargetBranch as
// read-only (azure-pipelines-agent, Constants.Variables.ReadOnlyVariables): still,
// task.setvariable only warns about them, unless agent.readOnlyVariables is true.
// Build.Reason, Build.DefinitionId, Build.ProjectId and every other
// System.PullRequest.* are not even listed. The authors of a pull request also edit
// the pipeline's YAML, and code of theirs that runs in the job can read what the
// task reads. So these rules keep honest pipelines from poisoning each other by
// accident; what keeps an attacker out is that runs of other branches have no
// credential to write to the trusted part of the store, and no key to sign with:
// give both to a service connection or variable group behind a branch control check.
package trust

import (
	"strings"
	"time"
)

// Run is what is known of a pipeline run.
type Run struct {
	Collection, Project, Definition string // IDs
	Branch                          string // Build.SourceBranch as it is, such as refs/heads/main
	Reason                          string // Build.Reason
	TargetBranch                    string // of the pull request, in full: refs/heads/main
	PRVariables                     bool   // any variable of a pull request is set
	Fork                            bool   // a pull request that does not say that it is not from a fork
	Shelveset                       bool   // unreviewed changes on top of the branch (TFVC)
	Release                         bool   // a classic release, or anything else that is not a build
}

// FromAgent reads the run from the agent's variables, such as Build.SourceBranch;
// lookup returns "" for those that are not set.
func FromAgent(lookup func(variable string) string) Run {
	run := Run{
		Collection:   first(lookup, "System.CollectionId", "System.CollectionUri"),
		Project:      lookup("System.TeamProjectId"),
		Definition:   lookup("System.DefinitionId"),
		Branch:       lookup("Build.SourceBranch"),
		Reason:       lookup("Build.Reason"),
		TargetBranch: inFull(lookup("System.PullRequest.TargetBranch")),
		Shelveset:    first(lookup, "Build.SourceTfvcShelveset", "Build.Gated.ShelvesetName") != "",
		// YAML deployment jobs are builds too; releases and gates are not.
		Release: !strings.EqualFold(lookup("System.HostType"), "build"),
	}
	if run.Release { // its own IDs count releases; the entries are those of the build it releases
		run.Project, run.Definition = lookup("Build.ProjectId"), lookup("Build.DefinitionId")
	}
	isFork := lookup("System.PullRequest.IsFork")
	notFork := isFork == "False" || isFork == "false"
	run.PRVariables = first(lookup, pullRequestVariables...) != "" ||
		isFork != "" && !notFork
	run.Fork = run.pullRequest() && !notFork
	return run
}

// pullRequestVariables are set in runs of pull requests only. IsFork is left out:
// alone, "False" says nothing.
var pullRequestVariables = []string{
	"System.PullRequest.PullRequestId", "System.PullRequest.PullRequestNumber",
	"System.PullRequest.PullRequestIteration", "System.PullRequest.SourceBranch",
	"System.PullRequest.SourceCommitId", "System.PullRequest.SourceRepositoryURI",
	"System.PullRequest.TargetBranch", "System.PullRequest.TargetBranchName", "System.PullRequest.MergedAt",
}

func first(lookup func(string) string, names ...string) string {
	for _, name := range names {
		if value := lookup(name); value != "" {
			return value
		}
	}
	return ""
}

// inFull is the full name of a branch. Azure Repos gives a pull request's target in
// full, GitHub's comes short.
func inFull(branch string) string {
	if branch == "" || strings.HasPrefix(branch, "refs/") {
		return branch
	}
	return heads + branch
}

// Policy is what the step's inputs say.
type Policy struct {
	TrustedBranches []string // in full, from ParseBranches; none: no branch is trusted
	Critical        bool     // only entries of trusted branches will do
}

// Tier is one of the store's two parts.
type Tier string

// The parts of the store: what trusted branches write, and what all others do.
const (
	Trusted   Tier = "trusted"
	Untrusted Tier = "untrusted"
)

// Scope is whose entries: those that runs of one branch of one pipeline wrote.
type Scope struct {
	Collection string `json:"collection"`
	Project    string `json:"project"`
	Definition string `json:"definition"`
	Tier       Tier   `json:"tier"`
	Branch     string `json:"branch"`
}

// Kind is what a run is, as far as the cache cares.
type Kind string

// The kinds of runs.
const (
	TrustedBranch Kind = "trusted branch"
	Branch        Kind = "branch"
	PullRequest   Kind = "pull request"
	Fork          Kind = "fork"
	Tag           Kind = "tag"
	Release       Kind = "release"
	Shelveset     Kind = "shelveset"
	Unknown       Kind = "unknown"
)

// Access is what a run may do.
type Access struct {
	Kind Kind
	Read []Scope // in order of preference
	// Write is where the run's entry goes; nil: it must not write any, and WhyNoWrite
	// says why.
	Write      *Scope
	WhyNoWrite string
	// MaxAge is how old an entry of the Write scope may get; 0: as old as any other.
	MaxAge time.Duration
	// Note says what kept the run from more trust, where Kind alone does not.
	Note string
}

// pullRequestAge is how long the entries of a pull request are of use to it.
const pullRequestAge = 48 * time.Hour

// Decide says what a run may read and write.
func Decide(run Run, p Policy) Access {
	if missing := run.missing(); missing != "" {
		// Or all runs that lack it would share one scope.
		return Access{Kind: Unknown, WhyNoWrite: missing + " is not set, so nobody knows whose entries are meant"}
	}
	kind, note := run.kind(p)
	access := Access{Kind: kind, Note: note, Read: run.trusted(p)}
	own := run.scope(Untrusted, run.Branch)
	switch kind {
	case TrustedBranch:
		trusted := run.scope(Trusted, run.Branch)
		access.Write = &trusted
	case Branch, PullRequest:
		access.Write = &own
		if kind == PullRequest {
			access.MaxAge = pullRequestAge
		}
		if p.Critical {
			access.Write, access.MaxAge = nil, 0
			access.WhyNoWrite = "a critical step uses the entries of trusted branches only, so nobody would read it"
		} else {
			access.Read = append(access.Read, own)
		}
	case Fork:
		access.WhyNoWrite = "what a fork's code leaves behind must never be restored by others"
	case Tag, Release:
		access.WhyNoWrite = "what is released is not where a cache begins: entries come from runs of branches"
	case Shelveset:
		access.WhyNoWrite = "a shelveset is not reviewed, and has no branch of its own"
	case Unknown:
		access.WhyNoWrite = note
	}
	return access
}

func (r Run) missing() string {
	switch {
	case r.Collection == "":
		return "System.CollectionId"
	case r.Project == "" && r.Release:
		return "Build.ProjectId (of the build that is released)"
	case r.Project == "":
		return "System.TeamProjectId"
	case r.Definition == "" && r.Release:
		return "Build.DefinitionId (of the build that is released)"
	case r.Definition == "":
		return "System.DefinitionId"
	}
	return ""
}

func (r Run) scope(tier Tier, branch string) Scope {
	return Scope{r.Collection, r.Project, r.Definition, tier, branch}
}

// trusted are the scopes of the trusted branches: first that of the run's own
// branch, or of the branch that it will be merged into.
func (r Run) trusted(p Policy) []Scope {
	var list []Scope
	for _, branch := range p.TrustedBranches {
		scope := r.scope(Trusted, branch)
		if branch == r.Branch || branch == r.TargetBranch {
			list = append([]Scope{scope}, list...)
		} else {
			list = append(list, scope)
		}
	}
	return list
}

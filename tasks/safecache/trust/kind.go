package trust

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	heads = "refs/heads/"
	pulls = "refs/pull/"
	tags  = "refs/tags/"
)

// trustedReasons are the reasons for which a run has only what is on its branch.
// All others, also ones to come, are not trusted: PullRequest, ValidateShelveset
// and CheckInShelveset run what is not on the branch. They are compared exactly.
var trustedReasons = []string{
	"Manual", "IndividualCI", "BatchedCI", "Schedule", "ScheduleForced", "UserCreated",
	"ResourceTrigger", "BuildCompletion",
}

// kind tells what the run is, the least trusted that fits, and a note if that is
// not plain.
func (r Run) kind(p Policy) (Kind, string) {
	switch {
	case r.Release:
		return Release, ""
	case r.pullRequest():
		return r.pullRequestKind()
	case r.Shelveset, r.reasonIs("ValidateShelveset"), r.reasonIs("CheckInShelveset"):
		return Shelveset, ""
	case strings.HasPrefix(r.Branch, tags):
		return Tag, ""
	case strings.HasPrefix(r.Branch, "$/") && utf8.ValidString(r.Branch): // a path of TFVC
		return Branch, ""
	case r.Branch == "":
		return Unknown, "Build.SourceBranch is not set"
	case !strings.HasPrefix(r.Branch, heads):
		return Unknown, "Build.SourceBranch is not a branch"
	case refTrouble(r.Branch) != "":
		return Unknown, "Build.SourceBranch is not a name that Git allows"
	}
	return r.branchKind(p)
}

func (r Run) pullRequestKind() (Kind, string) {
	switch {
	case r.Fork:
		return Fork, ""
	case !hasPrefixFold(r.Branch, pulls): // the only name that a step cannot easily change
		return Unknown, "it is a pull request, but Build.SourceBranch is not its merge branch"
	case refTrouble(r.Branch) != "":
		return Unknown, "Build.SourceBranch is not a name that Git allows"
	}
	return PullRequest, ""
}

// branchKind is for runs of a branch. Names are compared as Git does on a server,
// byte by byte: refs/heads/Main is another branch, which somebody else may own.
func (r Run) branchKind(p Policy) (Kind, string) {
	switch {
	case !slices.Contains(p.TrustedBranches, r.Branch):
		return Branch, ""
	case r.Reason == "":
		return Branch, "Build.Reason is not set"
	case !slices.Contains(trustedReasons, r.Reason):
		return Branch, "Build.Reason is not one that is known to run what is on the branch"
	}
	return TrustedBranch, ""
}

// pullRequest reports whether anything speaks for a pull request. The agent, too,
// goes by the branch's prefix and ignores its case (GitSourceProvider.cs).
func (r Run) pullRequest() bool {
	return r.PRVariables || r.reasonIs("PullRequest") || hasPrefixFold(r.Branch, pulls) ||
		hasPrefixFold(r.Branch, "refs/remotes/pull/")
}

func (r Run) reasonIs(reason string) bool { return strings.EqualFold(r.Reason, reason) }

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

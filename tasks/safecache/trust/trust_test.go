package trust

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ci is what the agent says of a run of refs/heads/main after a push.
var ci = map[string]string{
	"System.CollectionId": "org", "System.TeamProjectId": "project", "System.DefinitionId": "7",
	"System.HostType": "build", "Build.SourceBranch": "refs/heads/main", "Build.Reason": "IndividualCI",
	"Build.SourceVersion": strings.Repeat("a", 40),
}

// pr is what it says of a pull request of Azure Repos.
var pr = map[string]string{
	"Build.SourceBranch": "refs/pull/7/merge", "Build.Reason": "PullRequest",
	"System.PullRequest.IsFork": "False", "System.PullRequest.PullRequestId": "7",
	"System.PullRequest.TargetBranch": "refs/heads/main", "System.PullRequest.SourceBranch": "refs/heads/topic",
}

// with is a run of ci with some variables changed; "" takes one away.
func with(changes ...map[string]string) Run {
	all := maps.Clone(ci)
	for _, change := range changes {
		maps.Copy(all, change)
	}
	return FromAgent(func(name string) string { return all[name] })
}

type vars = map[string]string

var (
	main    = Scope{"org", "project", "7", Trusted, "refs/heads/main"}
	release = Scope{"org", "project", "7", Trusted, "refs/heads/release/1"}
)

func own(branch string) Scope { return Scope{"org", "project", "7", Untrusted, branch} }

// untrusted is what a run of a branch may do that is not a trusted one.
func untrusted(branch string) what {
	scope := own(branch)
	return what{Branch, []Scope{main, release, scope}, &scope, 0}
}

// what says which part of Access a case is about; WhyNoWrite must be there exactly
// if Write is not.
type what struct {
	Kind   Kind
	Read   []Scope
	Write  *Scope
	MaxAge time.Duration
}

var (
	both      = []Scope{main, release}
	pullScope = own("refs/pull/7/merge")

	trustedMain = what{TrustedBranch, both, &main, 0}
	topic       = untrusted("refs/heads/topic")
	pull        = what{PullRequest, []Scope{main, release, pullScope}, &pullScope, 48 * time.Hour}
	fork        = what{Fork, both, nil, 0}
	tag         = what{Tag, both, nil, 0}
	shelveset   = what{Shelveset, both, nil, 0}
	unknown     = what{Unknown, both, nil, 0}
	nothing     = what{Unknown, nil, nil, 0}
	// A run of main that is not trusted for what it says of itself.
	demoted = untrusted("refs/heads/main")
)

func reasons(names ...string) []Run {
	var runs []Run
	for _, name := range names {
		runs = append(runs, with(vars{"Build.Reason": name}))
	}
	return runs
}

func branches(names ...string) []Run {
	var runs []Run
	for _, name := range names {
		runs = append(runs, with(vars{"Build.SourceBranch": name}))
	}
	return runs
}

func each(variable string, base vars, values ...string) []Run {
	var runs []Run
	for _, value := range values {
		runs = append(runs, with(base, vars{variable: value}))
	}
	return runs
}

func TestDecide(t *testing.T) {
	t.Parallel()
	onTopic := vars{"Build.SourceBranch": "refs/heads/topic"}
	for name, tc := range map[string]struct {
		runs []Run
		want what
	}{
		// The matrix.
		"trusted branch": {reasons("IndividualCI", "BatchedCI", "Manual", "Schedule", "ScheduleForced", "UserCreated",
			"ResourceTrigger", "BuildCompletion"), trustedMain},
		"another trusted branch": {[]Run{with(vars{"Build.SourceBranch": "refs/heads/release/1"})},
			what{TrustedBranch, []Scope{release, main}, &release, 0}},
		"topic branch":           {each("Build.Reason", onTopic, "IndividualCI", "Manual", "Schedule", "", "Odd"), topic},
		"pull request":           {[]Run{with(pr)}, pull},
		"pull request, requeued": {[]Run{with(pr, vars{"Build.Reason": "Manual"}), with(pr, vars{"Build.Reason": ""})}, pull},
		"pull request of GitHub": {[]Run{with(pr, vars{"System.PullRequest.PullRequestNumber": "7",
			"System.PullRequest.TargetBranch": "main"})}, pull},
		"pull request to the other branch": {each("System.PullRequest.TargetBranch", pr, "release/1", "refs/heads/release/1"),
			what{PullRequest, []Scope{release, main, pullScope}, &pullScope, 48 * time.Hour}},
		"pull request to a topic branch": {each("System.PullRequest.TargetBranch", pr, "topic", "refs/heads/topic", "MAIN",
			"refs/heads/Main", "refs/heads/main ", ""), pull},
		"pull request from a fork": {each("System.PullRequest.IsFork", pr, "True", "true", "1", "yes", "FALSE?", "no", "", "0"), fork},
		"tag":                      {branches("refs/tags/v1", "refs/tags/main", "refs/tags/refs/heads/main"), tag},

		// Signs of a pull request, wherever they come from.
		"reason alone":                {reasons("PullRequest", "pullrequest"), fork},
		"branch alone":                {branches("refs/pull/7/merge", "refs/Pull/7/merge", "refs/remotes/pull/7/merge", "refs/pull/7/head"), fork},
		"planted ID":                  {each("System.PullRequest.PullRequestId", nil, "7"), fork},
		"planted fork":                {each("System.PullRequest.IsFork", nil, "True", "1"), fork},
		"planted target":              {each("System.PullRequest.TargetBranch", onTopic, "refs/heads/main"), fork},
		"planted number":              {each("System.PullRequest.PullRequestNumber", nil, "7"), fork},
		"planted source":              {each("System.PullRequest.SourceBranch", nil, "x"), fork},
		"planted commit":              {each("System.PullRequest.SourceCommitId", nil, "x"), fork},
		"IsFork False alone":          {each("System.PullRequest.IsFork", nil, "False", "false"), trustedMain},
		"pull request on main":        {[]Run{with(pr, vars{"Build.SourceBranch": "refs/heads/main"})}, unknown},
		"pull request on a topic":     {[]Run{with(pr, onTopic)}, unknown},
		"pull request without branch": {[]Run{with(pr, vars{"Build.SourceBranch": ""})}, unknown},
		"pull request on an odd ref":  {each("Build.SourceBranch", pr, "refs/pull/../heads/main", "refs/pull/7\n/merge"), unknown},

		// What is missing or odd.
		"no reason":       {reasons(""), demoted},
		"unknown reason":  {reasons("None", "Triggered", "manual", "Manual ", "Manual,PullRequest", "ſchedule"), demoted},
		"no branch":       {branches(""), unknown},
		"detached":        {branches("HEAD", strings.Repeat("a", 40), "refs/heads/"), unknown},
		"no full name":    {branches("main", "heads/main", "/refs/heads/main", "refs/remotes/origin/main", "refs/Heads/main"), unknown},
		"Git allows none": {branches("refs/heads/main\n", "refs/heads/a b", "refs/heads/a..b", "refs/heads//main", "refs/heads/\xff"), unknown},
		"other case":      {branches("refs/heads/Main"), untrusted("refs/heads/Main")},
		"lookalike":       {branches("refs/heads/mаin"), untrusted("refs/heads/mаin")},
		"longer":          {branches("refs/heads/main/x"), untrusted("refs/heads/main/x")},
		"odd but allowed": {branches("refs/heads/a|b;$(x)##vso]"), untrusted("refs/heads/a|b;$(x)##vso]")},
		"joined emoji":    {branches("refs/heads/👩‍💻"), untrusted("refs/heads/👩‍💻")},

		// TFVC.
		"TFVC": {branches("$/proj/My Branch"), untrusted("$/proj/My Branch")},
		"shelveset": {append(each("Build.Reason", vars{"Build.SourceBranch": "$/proj/main"}, "ValidateShelveset", "CheckInShelveset"),
			append(reasons("ValidateShelveset", "checkinshelveset"), each("Build.SourceTfvcShelveset", nil, "mine;me")...)...), shelveset},
		"gated": {each("Build.Gated.ShelvesetName", nil, "Gated_2026"), shelveset},

		// Whose entries?
		"no collection": {[]Run{with(vars{"System.CollectionId": ""})}, nothing},
		"no project":    {each("System.TeamProjectId", nil, ""), nothing},
		"no definition": {[]Run{with(pr, vars{"System.DefinitionId": ""})}, nothing},
		"a release of nothing": {each("System.HostType", nil, "release", "deployment", "gates", ""),
			nothing},
		"release": {each("System.HostType", vars{"System.DefinitionId": "99", "System.TeamProjectId": "other", "Build.ProjectId": "project",
			"Build.DefinitionId": "7"}, "release", "deployment", "gates", "", "odd"), what{Release, both, nil, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, run := range tc.runs {
				got := Decide(run, Policy{TrustedBranches: []string{"refs/heads/main", "refs/heads/release/1"}})
				if diff := cmp.Diff(tc.want, what{got.Kind, got.Read, got.Write, got.MaxAge}); diff != "" {
					t.Errorf("Decide(%+v) (-want +got):\n%s", run, diff)
				}
				checkInvariants(t, run, got)
			}
		})
	}
}

// checkInvariants are what must hold whatever the run.
func checkInvariants(t *testing.T, run Run, a Access) {
	t.Helper()
	if (a.Write == nil) != (a.WhyNoWrite != "") {
		t.Errorf("Decide(%+v): writes %v, and why not: %q", run, a.Write, a.WhyNoWrite)
	}
	if a.Write != nil && a.Write.Tier == Trusted && a.Kind != TrustedBranch {
		t.Errorf("Decide(%+v): a %s writes what trusted branches read", run, a.Kind)
	}
	for _, scope := range a.Read {
		if scope.Tier == Untrusted && (a.Kind == TrustedBranch || a.Write == nil || *a.Write != scope) {
			t.Errorf("Decide(%+v): a %s reads %+v, which another could have written", run, a.Kind, scope)
		}
	}
	text := a.String()
	if strings.ContainsAny(text, "\r\n\x1b") || !strings.HasPrefix(text, "this run ") {
		t.Errorf("Decide(%+v): in words: %q", run, text)
	}
}

func TestDecideWhenCritical(t *testing.T) {
	t.Parallel()
	policy := Policy{TrustedBranches: []string{"refs/heads/main", "refs/heads/release/1"}, Critical: true}
	for name, tc := range map[string]struct {
		run  Run
		want what
	}{
		"trusted branch": {with(), trustedMain},
		"topic branch":   {with(vars{"Build.SourceBranch": "refs/heads/topic"}), what{Branch, both, nil, 0}},
		"pull request":   {with(pr), what{PullRequest, both, nil, 0}},
		"fork":           {with(pr, vars{"System.PullRequest.IsFork": "True"}), fork},
		"tag":            {with(vars{"Build.SourceBranch": "refs/tags/v1"}), tag},
		"no reason":      {with(vars{"Build.Reason": ""}), what{Branch, both, nil, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Decide(tc.run, policy)
			if diff := cmp.Diff(tc.want, what{got.Kind, got.Read, got.Write, got.MaxAge}); diff != "" {
				t.Errorf("Decide(%+v) (-want +got):\n%s", tc.run, diff)
			}
			checkInvariants(t, tc.run, got)
		})
	}
}

func TestNoBranchIsTrustedUnlessNamed(t *testing.T) {
	t.Parallel()
	got := Decide(with(), Policy{})
	scope := own("refs/heads/main")
	want := what{Branch, []Scope{scope}, &scope, 0}
	if diff := cmp.Diff(want, what{got.Kind, got.Read, got.Write, got.MaxAge}); diff != "" {
		t.Errorf("Decide without trusted branches (-want +got):\n%s", diff)
	}
	// A policy that bypassed ParseBranches gives nobody but branches a trusted scope.
	odd := Policy{TrustedBranches: []string{"refs/pull/7/merge", "refs/tags/v1", "", "$/proj/main", "HEAD"}}
	for _, branch := range odd.TrustedBranches {
		run := with(vars{"Build.SourceBranch": branch})
		if got := Decide(run, odd); got.Kind == TrustedBranch {
			t.Errorf("Decide(%+v, %v): %v", run, odd, got)
		}
	}
}

func TestScopeAsJSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(main)
	want := `{"collection":"org","project":"project","definition":"7","tier":"trusted","branch":"refs/heads/main"}`
	if err != nil || string(got) != want {
		t.Errorf("json.Marshal(%+v): %s, %v; want %s", main, got, err, want)
	}
}

func TestAccessInWords(t *testing.T) {
	t.Parallel()
	onMain := []string{"refs/heads/main"}
	three := []string{"refs/heads/main", "refs/heads/a", "refs/heads/b"}
	for name, tc := range map[string]struct {
		run    Run
		policy Policy
		want   string
	}{
		"trusted": {with(), Policy{TrustedBranches: onMain}, "this run is on the trusted branch refs/heads/main: " +
			"it reads entries of refs/heads/main, and writes entries that every run of this pipeline reads"},
		"pull request": {with(pr), Policy{TrustedBranches: onMain}, "this run is a pull request: " +
			"it reads entries of refs/heads/main, and its own, and writes entries that only this pull request reads"},
		"fork": {with(pr, vars{"System.PullRequest.IsFork": "True"}), Policy{TrustedBranches: three},
			"this run is a pull request from a fork, or does not say that it is not: it reads entries of refs/heads/main, " +
				"refs/heads/a and refs/heads/b, and writes none, as what a fork's code leaves behind must never be restored by others"},
		"topic": {with(vars{"Build.SourceBranch": "refs/heads/x\u202ey"}), Policy{}, "this run is on refs/heads/x\ufffdy, " +
			"which is not a trusted one: it reads its own entries, and writes entries that only this branch reads"},
		"demoted": {with(vars{"Build.Reason": ""}), Policy{TrustedBranches: onMain}, "this run is on refs/heads/main, " +
			"but not trusted, as Build.Reason is not set: it reads entries of refs/heads/main, and its own, " +
			"and writes entries that only this branch reads"},
		"critical topic": {with(vars{"Build.SourceBranch": "refs/heads/x"}), Policy{TrustedBranches: onMain, Critical: true},
			"this run is on a branch, which is not a trusted one: it reads entries of refs/heads/main, and writes none, " +
				"as a critical step uses the entries of trusted branches only, so nobody would read it"},
		"no definition": {with(vars{"System.DefinitionId": ""}), Policy{TrustedBranches: onMain},
			"this run does not say plainly what it is: it reads no entries, and writes none, " +
				"as System.DefinitionId is not set, so nobody knows whose entries are meant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Decide(tc.run, tc.policy).String()); diff != "" {
				t.Errorf("Decide(%+v) in words (-want +got):\n%s", tc.run, diff)
			}
		})
	}
}

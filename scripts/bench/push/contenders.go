package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// contender is one way to change a file and push it.
type contender struct {
	name string
	tip  string // where main stands before
	job  func(value string) peers.Job
}

// place is where the runs are made.
type place struct {
	dir   string
	tools programs
	org   *organization
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

// fresh makes the folders that a run finds.
func (p place) fresh() error {
	if err := os.RemoveAll(p.dir); err != nil {
		return err
	}
	if err := makeDirs(p.path("home"), p.path("temp"), p.path("tools"), p.path("s"), p.path("a")); err != nil {
		return err
	}
	// The application's repository, checked out, whose commit has started the run.
	for _, args := range [][]string{
		{"init", "--quiet"}, {"commit", "--quiet", "--allow-empty", "--message=Change the application"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = p.path("s"), append(p.base(), people...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %q: %w: %s", args, err, out)
		}
	}
	return nil
}

// people are those who commit, always at the same time.
var people = []string{
	"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Dana Developer", "GIT_AUTHOR_EMAIL=dana@example.com",
	"GIT_AUTHOR_DATE=@1735700000 +0000", "GIT_COMMITTER_NAME=Dana Developer", "GIT_COMMITTER_EMAIL=dana@example.com",
	"GIT_COMMITTER_DATE=@1735700000 +0000",
}

// startedBy is the commit that this makes.
const startedBy = "03c13dd26082d9d9a82666645dddcfa80796b85d"

// contenders are all of them. The first is the one that others are compared with.
func (p place) contenders() []contender {
	repo := p.org.repo
	clone := func(flags string) func(string) peers.Job {
		return func(value string) peers.Job { return p.shell(flags, value) }
	}
	gogit := func(depth int) func(string) peers.Job {
		return func(value string) peers.Job { return p.gogit(depth, value) }
	}
	bare := func(value string) peers.Job { return p.ours([]string{p.tools.bare, "main"}, value) }
	return []contender{
		{"GuardedPush's program", repo.quiet, bare},
		{"the same, 20 commits in the last 2 hours", repo.busy, bare},
		{"GuardedPush, packed", repo.quiet, func(value string) peers.Job {
			return p.ours([]string{p.tools.node, p.tools.packed}, value)
		}},
		{"git, clone", repo.quiet, clone("")},
		{"git, clone --depth=1", repo.quiet, clone("--depth=1")},
		{
			"git, clone --depth=1 --filter=blob:none --sparse", repo.quiet,
			clone("--depth=1 --filter=blob:none --sparse"),
		},
		{"go-git, clone", repo.quiet, gogit(0)},
		{"go-git, clone of depth 1", repo.quiet, gogit(1)},
	}
}

// base is the environment of everybody.
func (p place) base() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.path("home"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"TEMP=" + p.path("temp"), "TMP=" + p.path("temp"), "TMPDIR=" + p.path("temp"),
	}
}

// ours is a step as the agent starts it.
func (p place) ours(args []string, value string) peers.Job {
	return peers.Job{Args: args, Dir: p.path("s"), Out: p.path("out.txt"), Env: append(p.base(),
		"AGENT_TEMPDIRECTORY="+p.path("temp"), "AGENT_TOOLSDIRECTORY="+p.path("tools"), "AGENT_OS=Linux",
		"AGENT_VERSION=4.275.0", "AGENT_BUILDDIRECTORY="+p.dir, "AGENT_JOBSTATUS=Succeeded", "TF_BUILD=True",
		"PIPELINE_WORKSPACE="+p.dir, "BUILD_SOURCESDIRECTORY="+p.path("s"),
		"BUILD_ARTIFACTSTAGINGDIRECTORY="+p.path("a"),
		"BUILD_BUILDID="+strconv.Itoa(runID), "BUILD_BUILDNUMBER=20260102.4", "BUILD_REASON=IndividualCI",
		"BUILD_DEFINITIONNAME=deploy", "BUILD_SOURCEBRANCH=refs/heads/main", "BUILD_SOURCEVERSION="+startedBy,
		"BUILD_REPOSITORY_LOCALPATH="+p.path("s"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY="+p.path("s"), "SYSTEM_HOSTTYPE=build", "SYSTEM_SERVERTYPE=Hosted",
		"SYSTEM_TASKINSTANCEID=00000000-0000-0000-0000-000000000001", "SYSTEM_COLLECTIONURI="+p.org.url,
		"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI="+p.org.url, "SYSTEM_TEAMPROJECT=Shop", "SYSTEM_TEAMPROJECTID="+projectID,
		"SYSTEM_DEFINITIONID="+strconv.Itoa(definition),
		"ENDPOINT_URL_SYSTEMVSSCONNECTION="+p.org.url, "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
		`ENDPOINT_AUTH_SYSTEMVSSCONNECTION={"scheme":"OAuth","parameters":{"AccessToken":"`+token+`"}}`,
		"INPUT_REPOSITORY="+p.org.address(), "INPUT_BRANCH=main", "INPUT_COMMITKIND=deployment",
		"INPUT_APPLICATION=app-321", "INPUT_ENVIRONMENT=prod", "INPUT_VERSION="+value,
		"INPUT_EDITS="+changedFile+": "+changedPath+" = "+value,
	)}
}

// shell is what people write into a script step.
func (p place) shell(flags, value string) peers.Job {
	script := "git clone --quiet " + flags + " -- \"$1\" work\ncd work\n"
	if strings.Contains(flags, "--sparse") {
		script += "git sparse-checkout set --cone \"$(dirname \"$2\")\"\n"
	}
	script += "sed \"s/^  tag: .*/  tag: $3/\" \"$2\" >\"$2.new\"\nmv \"$2.new\" \"$2\"\n" +
		"git commit --quiet --all --message=\"Deploy app-321 $3 to prod\"\ngit push --quiet origin HEAD:main\n"
	return peers.Job{
		Args: []string{"sh", "-euc", script, "sh", p.org.address(), changedFile, value},
		Dir:  p.dir, Out: p.path("out.txt"),
		Env: append(p.base(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=3",
			"GIT_CONFIG_KEY_0=http."+p.org.url+".extraheader", "GIT_CONFIG_VALUE_0=Authorization: bearer "+token,
			"GIT_CONFIG_KEY_1=user.name", "GIT_CONFIG_VALUE_1=Build",
			"GIT_CONFIG_KEY_2=user.email", "GIT_CONFIG_VALUE_2=build@example.com"),
	}
}

// gogit is the same, made with go-git.
func (p place) gogit(depth int, value string) peers.Job {
	return peers.Job{
		Args: []string{
			p.tools.gogit, p.org.address(), p.path("work"), strconv.Itoa(depth), changedFile, value,
		},
		Dir: p.dir, Out: p.path("out.txt"), Env: append(p.base(), "TOKEN="+token),
	}
}

// value is the tag of a round.
func value(round int) string { return fmt.Sprintf("2.0.%d", round) }

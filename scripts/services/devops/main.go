// Command devops runs a program beside an Azure DevOps organization of its own: git
// repositories, pipelines that a push starts, the REST calls that tasks make, and the
// receivers of alerts, all on one port of this machine.
//
//	devops [-config FILE] [-logs FOLDER] [-requests FILE] [-state FILE] [--] PROGRAM [ARGUMENT ...]
//	devops queue DEFINITION | wait | state       from within PROGRAM
//
// The program finds it by its environment:
//
//	DEVOPS_URL        http://127.0.0.1:4711/local/, the organization
//	DEVOPS_TOKEN      what each request must show, as a bearer or as a password
//	DEVOPS_REPO       address of the first repository; DEVOPS_REPO_<NAME> of each
//	DEVOPS_GITCONFIG  a file for git -c include.path=...: the token, and who commits
//	DEVOPS_ENDPOINT   a file for localagent --endpoint: the job's connection
//	DEVOPS_HOOKS      http://127.0.0.1:4711/hooks/, to which teams, slack, pagerduty or
//	                  generic is added
//
// # Pipelines
//
// A push to the branch of a pipeline that is enabled queues a run, unless a commit of
// the push says that it must not ([skip ci] and the like), or none of the files is among
// the pipeline's paths. So does "queue", with the reason manual. Runs are made one after
// the other: the sources are checked out as an agent does (detached, shallow, with the
// token left in the checkout if credentials are persisted), and the trigger is run in a
// folder of its own. Its arguments may name what the environment holds, as $NAME or
// ${NAME}, which for it is besides the above
//
//	SOURCES           the checkout
//	BUILD_ID, BUILD_NUMBER, BUILD_REASON, DEFINITION_ID, DEFINITION_NAME
//	SOURCE_BRANCH, SOURCE_VERSION, SOURCE_MESSAGE, REPOSITORY_URI
//
// and an argument $VARIABLES stands for the --var flags that tell the local agent all
// of that. A run is cancelled, and a pipeline disabled, as REST calls say. "wait" comes
// back when no run is left. "state" prints pipelines, runs and alerts, a line each; the
// file of -state gets the same at the end.
//
// An alert that its receiver would not take is refused, and fails the program in the
// end; so does a request with several Authorization headers.
//
// It ends when the program has ended and no run is left, with the status of the program
// (128 and the number of the signal that has ended it; 127 if it could not be started, 2
// if the arguments or FILE are wrong), and leaves nothing. Signals are passed on, and end
// the runs. Without -logs the runs write to the same output as the program; with it to
// FOLDER/<id>.log, and a line each tells of them. The file of -requests gets a line of
// JSON for each request:
//
//	{"start":"2026-01-02T03:04:05.678Z","method":"GET","path":"/local/...","status":200}
//
// # Configuration
//
// FILE is one JSON object. Everything but names may be left out; what is not named here
// is an error. Files in it are looked for beside FILE.
//
//	{
//	  "project": "local",
//	  "maxRuns": 47,                     no more runs are queued
//	  "denied": ["Stop builds"],         permissions that the token lacks
//	  "noVersion2": false,               git: version 2 of the protocol
//	  "lacks": ["filter"],               git: capabilities of the server
//	  "repositories": [{
//	    "name": "config",
//	    "folder": "repository",          what main holds, and besides
//	    "files": {"a.yaml": "image: 1\n"},
//	    "protected": ["main"]            takes pull requests only
//	  }],
//	  "pipelines": [{
//	    "id": 7, "name": "badge", "repository": "config",
//	    "branch": "main", "queueStatus": "enabled",
//	    "noTrigger": false,              pushes start no run
//	    "paths": ["deploy", "a.yaml"],   files and folders whose changes do; left out: all
//	    "persistCredentials": false,
//	    "trigger": ["localagent", "run", "--endpoint", "$DEVOPS_ENDPOINT", "--sources", "$SOURCES",
//	      "$VARIABLES", "$SOURCES/azure-pipelines.yml"]
//	  }],
//	  "runs": [{                         that were there before
//	    "id": 5, "pipeline": 7, "reason": "individualCI", "status": "completed",
//	    "result": "succeeded", "branch": "main", "version": "<commit>", "age": "5m"
//	  }],
//	  "faults": [{                       see adotest and gittest
//	    "rest": "builds",                or "git": "git-receive-pack"
//	    "times": 2, "status": 503        times left out: for ever
//	  }]
//	}
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
)

func main() { beside.Main("devops", do) }

// settings are the arguments.
type settings struct {
	config, logs, requests, state string
	program                       []string
}

const usage = "usage: devops [-config FILE] [-logs FOLDER] [-requests FILE] [-state FILE] [--] " +
	"PROGRAM [ARGUMENT ...], or devops queue DEFINITION, devops wait, devops state"

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("devops", flag.ContinueOnError)
	flags.StringVar(&s.config, "config", "", "")
	flags.StringVar(&s.logs, "logs", "", "")
	flags.StringVar(&s.requests, "requests", "", "")
	flags.StringVar(&s.state, "state", "", "")
	s.program, err = beside.Parse(flags, args, usage)
	return s, err
}

func do(w beside.World) (status int, err error) {
	if len(w.Args) > 0 && commands[w.Args[0]] {
		return within(w)
	}
	s, err := parse(w.Args)
	if err != nil {
		return beside.ExitUsage, err
	}
	return serve(w, s)
}

// serve runs the program beside the organization.
func serve(w beside.World, s settings) (status int, err error) {
	c, err := readConfig(s.config)
	if err != nil {
		return beside.ExitUsage, err
	}
	o, err := open(c, w, s.logs)
	if err != nil {
		return beside.ExitUsage, err
	}
	defer func() {
		if failed := errors.Join(err, o.close()); failed != nil {
			status, err = max(status, 1), failed
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		o.work(ctx)
	}()
	status, signalled, err := w.Program(s.program, o.environ())
	if signalled {
		cancel()
	}
	o.finish(w.Signals, cancel)
	cancel()
	<-over
	return status, errors.Join(err, o.verdict(), o.write(s))
}

// finish waits for the runs that are left; a signal ends them.
func (o *organization) finish(signals <-chan os.Signal, cancel func()) {
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		o.idle(context.Background())
	}()
	for {
		select {
		case <-idle:
			return
		case <-signals:
			cancel()
		}
	}
}

// write writes what the flags ask for.
func (o *organization) write(s settings) error {
	var errs []error
	if s.state != "" {
		errs = append(errs, os.WriteFile(s.state, []byte(o.state()), 0o600))
	}
	if s.requests != "" {
		errs = append(errs, os.WriteFile(s.requests, []byte(strings.Join(o.requests(), "")), 0o600))
	}
	return errors.Join(errs...)
}

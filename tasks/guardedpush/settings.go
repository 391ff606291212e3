package guardedpush

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/breaker"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/splice"
)

// repeatWindow is the time in which deployments of one version are counted. The loop of
// the post-mortem took three hours, and a night may pass before somebody looks.
const repeatWindow = 24 * time.Hour

// step is what a step wants, understood.
type step struct {
	env      *task.Env
	in       Inputs
	sources  string // the checkout
	branch   string // whole: refs/heads/main
	self     pipelineRun
	edits    []splice.Edit
	ignore   meaning.Ignore
	paths    patterns
	rules    breaker.Rules
	receiver alert.Target
	sleep    func(context.Context, time.Duration) error // between attempts; nil is the system's clock

	// What follows is there after prepare.
	http       *httpx.Client
	git        *git.Git
	remote     remote
	scratch    string    // a folder of our own
	repo       *git.Repo // in it
	stateRef   string
	key        string        // the file of the signing key, "" for none
	cause      cause         // of this run
	overridden bool          // that was said
	skew       time.Duration // see now
	probe      probe         // see giveBack
	warned     []report.Finding
	hidden     []string     // what hide was given
	engine     *leak.Engine // see leaks
	tried      []candidate
	result     outcome
}

// understand reads the inputs, and says all that is wrong with them at once.
func understand(env *task.Env, in Inputs) (*step, error) {
	s := &step{env: env, in: in, self: thisRun(env)}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	s.sources, err = s.folder()
	note(err)
	s.branch, err = s.branchRef()
	note(err)
	if s.edits, err = splice.ParseEdits(in.Edits); err != nil {
		note(badInput("edits", err.Error(), "")) // it says what to write
	}
	if s.ignore, err = meaning.ParseIgnore(in.Ignore); err != nil {
		note(badInput("ignore", err.Error(), "write one JSONPath, or `pattern: path`, in each line"))
	}
	for _, line := range in.Paths {
		s.paths = append(s.paths, strings.Replace(strings.TrimPrefix(line, "./"), "!./", "!", 1))
	}
	note(s.paths.check())
	if s.self.definition == 0 || s.self.id == 0 {
		note(&task.UserError{
			Class: task.Environment, Rule: "push/input", Final: true,
			Msg: "this pipeline and its run have no number (System.DefinitionId, Build.BuildId), by which " +
				"loops are known",
			Hint: "run the step in a job of Azure Pipelines, and do not replace these variables",
		})
	}
	note(s.checkLimits())
	note(s.checkPeople())
	note(s.checkReason())
	s.receiver = alert.Target{Format: alert.Format(in.AlertFormat), Address: in.AlertWebhook}
	if in.AlertWebhook.Reveal() != "" {
		if err := s.receiver.Check(); err != nil {
			note(badInput("alertWebhook", err.Error(), "give the whole address of the webhook as a secret variable"))
		}
	}
	if in.CommitKind == CommitKindOther && strings.TrimSpace(in.Application+in.Environment+in.Version) != "" {
		note(badInput("commitKind", "application, environment and version are for deployments",
			"set commitKind: deployment, or leave them out"))
	}
	if in.GitHubConnection != "" && in.GitConnection != "" {
		note(badInput("gitConnection", "there is a GitHub connection, too", "name the one that may push"))
	}
	return s, errors.Join(errs...)
}

// folder is the checkout.
func (s *step) folder() (string, error) {
	sources := s.env.Var("Build.SourcesDirectory")
	if sources == "" {
		sources = s.env.Var("System.DefaultWorkingDirectory")
	}
	dir := string(s.in.WorkingDirectory)
	if !filepath.IsAbs(dir) {
		if sources == "" {
			return "", badInput("workingDirectory", "there is no sources folder to start at",
				"run the step in a job of Azure Pipelines, or name an absolute folder")
		}
		dir = filepath.Join(sources, dir)
	}
	return filepath.Clean(dir), nil
}

// branchRef is the branch to push to.
func (s *step) branchRef() (string, error) {
	name := strings.TrimSpace(s.in.Branch)
	if name == "" {
		name = s.env.Var("Build.SourceBranch")
		if s.in.Command == CommandReset {
			return "", nil // its breaker is for all branches
		}
		if !strings.HasPrefix(name, "refs/heads/") {
			return "", badInput("branch", fmt.Sprintf("it is empty, and the run was started for %.100q, which is "+
				"no branch", name), "name the branch to push to")
		}
	}
	ref, err := git.BranchRef(name)
	if err != nil {
		return "", badInput("branch", err.Error(), "write the name of a branch, such as main")
	}
	return ref, nil
}

// checkLimits reads what the breaker goes by.
func (s *step) checkLimits() error {
	var errs []error
	limit := func(input string, value, least, most int) {
		if value < least || value > most {
			errs = append(errs, badInput(input, fmt.Sprintf("%d is not between %d and %d", value, least, most),
				"write a number within these"))
		}
	}
	limit("maxRuns", s.in.MaxRuns, 0, 1000)
	limit("windowMinutes", s.in.WindowMinutes, 1, 24*60)
	limit("maxRepeats", s.in.MaxRepeats, 0, 1000)
	s.rules = breaker.Rules{
		MaxRuns: s.in.MaxRuns, Window: time.Duration(s.in.WindowMinutes) * time.Minute,
		MaxRepeats: s.in.MaxRepeats, RepeatWindow: repeatWindow,
	}
	for word := range strings.SplitSeq(s.in.AlsoCount, ",") {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "":
		case "manual":
			s.rules.Manual = true
		case "pullrequest":
			s.rules.PullRequests = true
		default:
			errs = append(errs, badInput("alsoCount", fmt.Sprintf("%.40q is not known", word),
				"write some of manual, pullRequest, or nothing"))
		}
	}
	return errors.Join(errs...)
}

// checkPeople refuses names that git would write down as something else.
func (s *step) checkPeople() error {
	bad := func(text string) bool {
		// git itself drops these at both ends, and wants something to be left.
		return strings.Trim(text, " .,:;\"\\'") == "" || len(text) > 200 || strings.ContainsAny(text, "<>") ||
			strings.ContainsFunc(text, unicode.IsControl)
	}
	var errs []error
	if bad(s.in.AuthorName) {
		errs = append(errs, badInput("authorName", "it is empty, too long, or has <, > or control characters in it",
			"write a plain name"))
	}
	if address, err := mail.ParseAddress("<" + s.in.AuthorEmail + ">"); bad(s.in.AuthorEmail) || err != nil ||
		address.Address != s.in.AuthorEmail {
		errs = append(errs, badInput("authorEmail", "it is no e-mail address", "write one, such as ci@example.com"))
	}
	return errors.Join(errs...)
}

var pipelineID = regexp.MustCompile(`^(release-)?[1-9][0-9]{0,9}$`)

func (s *step) checkReason() error {
	reason := strings.TrimSpace(s.in.Reason)
	needed := s.in.Command == CommandReset || s.in.Override
	var errs []error
	if needed && len(reason) < 3 {
		errs = append(errs,
			badInput("reason", "it is empty", "say in a sentence why the breaker is overridden or reset"))
	}
	if id := strings.TrimSpace(s.in.PipelineID); id != "" && !pipelineID.MatchString(id) {
		errs = append(errs, badInput("pipelineId", fmt.Sprintf("%.40q is no id", id),
			"write the number behind definitionId= in the pipeline's address; of a classic release release- and "+
				"its number"))
	}
	return errors.Join(errs...)
}

// badInput is a wrong input, in our own words.
func badInput(input, problem, fix string) error {
	return &task.UserError{
		Class: task.BadInput, Rule: "push/input", Msg: fmt.Sprintf("input %q: %s", input, problem), Hint: fix,
	}
}

// patterns are the lines of an input that say which files are meant.
type patterns []string

func (p patterns) check() error {
	for _, line := range p {
		pattern := strings.TrimPrefix(line, "!")
		switch {
		case !doublestar.ValidatePattern(pattern), strings.HasPrefix(pattern, "/"), strings.Contains(pattern, `\`):
			return badInput("paths", fmt.Sprintf("%.100q is no pattern of files", line),
				"write paths from the repository's root with / between, such as deploy/**/*.yaml")
		case pattern == ".", strings.HasSuffix(pattern, "/"):
			return badInput("paths", fmt.Sprintf("%.100q names a folder", line),
				"write the files in it, such as "+strings.TrimPrefix(strings.TrimSuffix(pattern, "/")+"/**", "./"))
		}
	}
	return nil
}

// has reports whether a file is meant: by a line without "!", and by none with it.
func (p patterns) has(name string) bool {
	named := false
	for _, line := range p {
		pattern, out := strings.CutPrefix(line, "!")
		if !doublestar.MatchUnvalidated(pattern, name) {
			continue
		}
		if out {
			return false
		}
		named = true
	}
	return named
}

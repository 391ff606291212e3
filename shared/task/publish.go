package task

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// publish tells the agent, and leaves the report's files. The result comes last:
// what follows it could be cut off.
func publish(env *Env, o outcome, h report.Header) {
	for _, f := range o.issues {
		env.Report.Add(f)
	}
	env.Report.Log(env.Log)
	for _, cause := range o.causes {
		env.Log.Debug(cause)
	}
	if err := writeFiles(env, h); err != nil {
		env.Log.Warning(pipeline.Issue{Message: "the report could not be written: " + err.Error()})
	}
	env.Log.Complete(o.result, "")
}

func writeFiles(env *Env, h report.Header) error {
	if env.TempDir() == "" {
		env.Log.Print("no report is written: Agent.TempDirectory is not set, so this is not an agent")
		return nil
	}
	dir := filepath.Join(env.TempDir(), "guardrails")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, fileName(env, h))
	doc, err := env.Report.JSON(h, env.Secrets)
	if err != nil {
		return err
	}
	if err := safepath.WriteFile(base+".json", doc, 0o644); err != nil {
		return err
	}
	summary := env.Report.SummaryText(h, env.Secrets)
	if summary == "" {
		return nil
	}
	if err := safepath.WriteFile(base+".md", []byte(summary), 0o644); err != nil {
		return err
	}
	return env.Log.UploadSummary(base + ".md")
}

var notInFileName = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// fileName is distinct for each step and stage of a job: the summary's base name
// is its identity at the server.
func fileName(env *Env, h report.Header) string {
	instance := notInFileName.ReplaceAllString(env.Var("System.TaskInstanceId"), "")
	if instance == "" {
		instance = fmt.Sprint(env.Now().UnixNano())
	}
	return strings.ToLower(h.Task) + "-" + instance + "-" + h.Stage
}

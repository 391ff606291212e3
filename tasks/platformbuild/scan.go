package platformbuild

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/workload"
)

// scan holds manifests against the rules of the cluster.
func (s *step) scan(ctx context.Context) error {
	if err := s.checkPlaces(); err != nil {
		return err
	}
	if s.sources == "" {
		return badInput("manifests", "there is no sources folder", "run the step in a job of Azure Pipelines")
	}
	uses, found, err := workload.Read(ctx, s.sources, s.in.Manifests, s.renderer(ctx))
	if err != nil {
		return badInput("manifests", redact.Line(err.Error()), "correct the pattern")
	}
	rules := workload.Rules{Places: words(s.in.AllowedRegistries), Digest: string(s.in.RequireDigest)}
	if s.in.ScanPlatforms {
		if err := s.connect(); err != nil {
			return err
		}
		rules.Platforms = s.platformsOf(rules.Places)
	}
	more, err := workload.Check(ctx, uses, rules)
	if err != nil {
		return err
	}
	s.env.Log.Printf("Manifests: %s in use", count(len(uses), "image"))
	s.env.Report.Set("images", len(uses))
	var errs []error
	for _, f := range append(found, more...) {
		if f.Warn {
			s.add(report.Finding{
				Rule: f.Rule, Severity: report.Warning, Message: redact.Line(f.Text), Hint: f.Hint,
				Path: f.Path, Line: f.Line, Column: f.Column,
			})
			continue
		}
		errs = append(errs,
			&task.UserError{Rule: f.Rule, Msg: redact.Line(f.Text), Hint: f.Hint, Path: f.Path, Line: f.Line})
	}
	return s.insist(errors.Join(errs...))
}

// renderer renders charts with the agent's helm; nil if there is none.
func (s *step) renderer(ctx context.Context) workload.Render {
	home := filepath.Join(s.scratch, "helm") // none of the user's plugins and repositories
	helm := func(ctx context.Context, args ...string) ([]byte, error) {
		return proc.Output(ctx, proc.Cmd{
			Name: "helm", Args: args, Dir: s.scratch, Secrets: s.env.Secrets, Stderr: debugLines{s.env.Log},
			Env: append(proc.Only(s.env.Environ(), "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR"), "HOME="+home,
				"HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home),
		})
	}
	if _, err := helm(ctx, "version", "--short"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return func(ctx context.Context, chart string) ([]byte, error) {
		return helm(ctx, "template", "release", "--", filepath.Join(s.sources, filepath.FromSlash(chart)))
	}
}

// debugLines shows what a program says to whoever debugs the step.
type debugLines struct{ log *pipeline.Log }

func (d debugLines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		d.log.Debug(strings.TrimRight(line, "\n"))
	}
	return len(p), nil
}

// platformsOf asks the registry for the platforms of an image, once. Only the allowed places are asked: a manifest must
// not send this machine to whatever host it names.
func (s *step) platformsOf(places []string) func(ctx context.Context, image string) ([]string, error) {
	var mu sync.Mutex
	known := map[string][]string{}
	return func(ctx context.Context, name string) ([]string, error) {
		mu.Lock()
		defer mu.Unlock()
		if list, ok := known[name]; ok {
			return list, nil
		}
		ref, err := reference.Parse(name)
		if err != nil {
			return nil, err
		}
		if !ref.Allowed(places) {
			return nil, errors.New("it is in none of the allowed registries, so it is not asked for")
		}
		if ref.Tag == "" && ref.Digest == "" {
			ref.Tag = "latest"
		}
		image, err := s.registry.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		var list []string
		for _, part := range image.Parts {
			list = append(list, part.Config.Platform.String())
		}
		known[name] = list
		return list, nil
	}
}

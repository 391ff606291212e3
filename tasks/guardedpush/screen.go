package guardedpush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
)

// screen refuses a draft that would publish a secret: what is in a repository's history
// stays there.
func (s *step) screen(ctx context.Context, d *draft) error {
	engine, err := s.leaks()
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range d.files {
		errs = append(errs, s.screenFile(ctx, engine, d, f))
	}
	for _, f := range d.large {
		errs = append(errs, s.screenLarge(ctx, engine, d, f))
	}
	return errors.Join(errs...)
}

// screenLarge looks into what is kept beside the repository: it can be read there as well.
func (s *step) screenLarge(ctx context.Context, engine *leak.Engine, d *draft, f checkout.File) error {
	key := f.Path + "\n" + string(f.Data)
	if d.screened[key] {
		return nil
	}
	content, err := f.Content()
	if err != nil {
		return unsearched(f.Path, err)
	}
	defer content.Close()
	found, err := engine.Scan(ctx, content, f.Path, textOf(f.Path))
	var errs []error
	for _, hit := range found {
		errs = append(errs, s.secretFound(hit))
	}
	if err != nil {
		errs = append(errs, unsearched(f.Path, err))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.screened[key] = true
	return nil
}

// unsearched refuses what nobody has looked into.
func unsearched(name string, err error) error {
	return &task.UserError{
		Class: task.Environment, Rule: "push/secret", Final: true, Path: name, Err: err,
		Msg:  fmt.Sprintf("%.200q could not be searched for secrets to its end", name),
		Hint: "leave it out with paths, or push it by hand after a look into it",
	}
}

func (s *step) screenFile(ctx context.Context, engine *leak.Engine, d *draft, f draftFile) error {
	old := map[string]bool{} // what was there before is not published by this push
	if f.before != nil {
		was, _ := engine.Scan(ctx, bytes.NewReader(f.before), f.Path, textOf(f.Path))
		for _, w := range was {
			old[w.Rule+w.Fingerprint] = true
			d.veil(f.Path, w.Place.Line)
		}
	}
	if f.Mode == "" {
		return nil
	}
	found, err := engine.Scan(ctx, bytes.NewReader(f.Data), f.Path, textOf(f.Path))
	if err != nil {
		return unsearched(f.Path, err)
	}
	public := sealed(f.Path, f.Data)
	var errs []error
	for _, hit := range found {
		if hit.Known == "" && public[hit.Secret.Reveal()] {
			continue
		}
		d.veil(f.Path, hit.Place.Line)
		if !old[hit.Rule+hit.Fingerprint] || hit.Fingerprint == "" {
			errs = append(errs, s.secretFound(hit))
		}
	}
	return errors.Join(errs...)
}

// screenText refuses a message that would publish a secret.
func (s *step) screenText(ctx context.Context, text string) error {
	engine, err := s.leaks()
	if err != nil {
		return err
	}
	return refuseWords(ctx, engine, text+"\n"+s.in.AuthorName+"\n"+s.in.AuthorEmail, "the commit's message",
		"take it out of the inputs message, application, environment and version")
}

// screenReason refuses a reason that would publish a secret: it is kept, and told.
func (s *step) screenReason(ctx context.Context) error {
	if s.in.Reason == "" {
		return nil
	}
	engine, err := s.leaks()
	if err != nil {
		return err
	}
	return refuseWords(ctx, engine, s.in.Reason, "the input reason", "say why in other words")
}

// masked is an alert as the log would show it: its texts come from many places.
func (s *step) masked(e alert.Event) alert.Event {
	for _, text := range []*string{&e.Pipeline, &e.Run, &e.RunURL, &e.Repository, &e.Branch, &e.Reason, &e.Fix} {
		*text = s.env.Secrets.String(*text)
	}
	e.Actions = slices.Clone(e.Actions)
	for i, action := range e.Actions {
		e.Actions[i] = s.env.Secrets.String(action)
	}
	return e
}

// screenNames refuses new files whose names hold a secret.
func (s *step) screenNames(ctx context.Context, files []checkout.File) error {
	engine, err := s.leaks()
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		if f.BeforeMode == "" {
			names = append(names, f.Path)
		}
	}
	return refuseWords(ctx, engine, strings.Join(names, "\n"), "the name of a new file",
		"rename it, or leave it out with paths")
}

// refuseWords refuses a text that holds a secret; what says which it is.
func refuseWords(ctx context.Context, engine *leak.Engine, text, what, hint string) error {
	name, holds := engine.HoldsKnown(text)
	if !holds {
		found, err := engine.Scan(ctx, strings.NewReader(text), what, leak.Config)
		if err != nil {
			return fmt.Errorf("looking for secrets in %s: %w", what, err)
		}
		for _, hit := range found {
			if isSevere(hit) {
				name, holds = "what looks like a secret ("+hit.Rule+")", true
			}
		}
	}
	if !holds {
		return nil
	}
	return &task.UserError{Rule: "push/secret", Final: true, Msg: what + " would publish " + name, Hint: hint}
}

func isSevere(hit leak.Finding) bool {
	return hit.Severity == leak.Critical || hit.Severity == leak.High
}

// secretFound refuses what is very likely a secret, and warns of what may be one.
func (s *step) secretFound(hit leak.Finding) error {
	what := "holds what looks like a secret (" + hit.Rule + ")"
	if hit.Known != "" {
		what = "holds " + hit.Known
	}
	message := fmt.Sprintf("line %d of %.200q %s: %s", hit.Place.Line, hit.Place.Source, what, hit.Preview)
	if !isSevere(hit) {
		s.warn("push/secret", message, "look whether it may be read by everybody who can read the repository")
		return nil
	}
	return &task.UserError{
		Rule: "push/secret", Final: true, Path: hit.Place.Source, Line: hit.Place.Line, Msg: message,
		Hint: "put a reference to a vault there instead, and rotate the secret if it was ever pushed",
	}
}

// leaks finds the secrets of this job, and what looks like one.
func (s *step) leaks() (*leak.Engine, error) {
	if s.engine != nil {
		return s.engine, nil
	}
	var known []leak.Known
	secrets := append(endpoint.Secrets(s.env.Environ()), s.hidden...)
	secrets = append(secrets, s.in.AlertWebhook.Reveal())
	slices.Sort(secrets)
	for _, secret := range slices.Compact(secrets) {
		if len(secret) >= 8 { // shorter ones are words that stand everywhere
			known = append(known, leak.Known{Name: "a secret of this job", Value: inputs.NewSecret(secret)})
		}
	}
	engine, err := leak.New(leak.Options{Known: known, Key: []byte("guardrails/" + s.self.organization)})
	if err != nil {
		return nil, fmt.Errorf("preparing to look for secrets: %w", err)
	}
	s.engine = engine
	return engine, nil
}

// textOf says how to read a file. In programs, pages and documentation passwords that are
// written down are likely examples; in everything else, scripts too, they are likely meant.
func textOf(name string) leak.Text {
	switch strings.ToLower(path.Ext(name)) {
	case ".go", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".py", ".pyi",
		".cs", ".fs", ".vb", ".java", ".kt", ".kts", ".scala", ".groovy", ".clj", ".rb", ".php", ".pl", ".lua", ".c",
		".h", ".cc", ".cpp", ".cxx", ".hpp", ".m", ".mm", ".rs", ".swift", ".dart", ".ex", ".exs", ".erl", ".hs",
		".html", ".htm", ".cshtml", ".razor", ".css", ".scss", ".less", ".svg", ".md", ".markdown", ".rst", ".adoc":
		return leak.Source
	}
	return leak.Config
}

package guardedpush

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// screen refuses a draft that would publish a secret: what is in a repository's history
// stays there.
func (s *step) screen(ctx context.Context, d *draft, text string) error {
	engine, err := s.leaks()
	if err != nil {
		return err
	}
	for _, f := range d.files {
		if f.Mode == "" {
			continue
		}
		found, err := engine.Scan(ctx, bytes.NewReader(f.Data), f.Path, textOf(f.Path))
		if err != nil {
			return &task.UserError{
				Class: task.Environment, Rule: "push/secret", Final: true, Path: f.Path, Err: err,
				Msg:  fmt.Sprintf("%.200q could not be searched for secrets to its end", f.Path),
				Hint: "leave it out with paths, or push it by hand after a look into it",
			}
		}
		old := map[string]bool{} // what was there before is not published by this push
		if f.before != nil && len(found) > 0 {
			was, _ := engine.Scan(ctx, bytes.NewReader(f.before), f.Path, textOf(f.Path))
			for _, w := range was {
				old[w.Rule+w.Fingerprint] = true
			}
		}
		for _, hit := range found {
			if !old[hit.Rule+hit.Fingerprint] || hit.Fingerprint == "" {
				if err := s.secretFound(hit); err != nil {
					return err
				}
			}
		}
	}
	if name, holds := engine.HoldsKnown(text + "\n" + s.in.AuthorName + "\n" + s.in.AuthorEmail); holds {
		return &task.UserError{
			Rule: "push/secret", Final: true,
			Msg:  "the commit's message would publish " + name,
			Hint: "take it out of the inputs message, application, environment and version",
		}
	}
	return nil
}

// secretFound refuses what is very likely a secret, and warns of what may be one.
func (s *step) secretFound(hit leak.Finding) error {
	what := "looks like a secret (" + hit.Rule + ")"
	if hit.Known != "" {
		what = "is " + hit.Known
	}
	message := fmt.Sprintf("line %d of %.200q has %s in it, which %s", hit.Place.Line, hit.Place.Source, hit.Preview,
		what)
	if hit.Severity != leak.Critical && hit.Severity != leak.High {
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
	var known []leak.Known
	for _, secret := range endpoint.Secrets(s.env.Environ()) {
		if len(secret) >= 8 { // shorter ones are words that stand everywhere
			known = append(known, leak.Known{Name: "a secret of this job", Value: inputs.NewSecret(secret)})
		}
	}
	engine, err := leak.New(leak.Options{Known: known, Key: []byte("guardrails/" + s.self.organization)})
	if err != nil {
		return nil, fmt.Errorf("preparing to look for secrets: %w", err)
	}
	return engine, nil
}

// textOf says how to read a file.
func textOf(name string) leak.Text {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json", ".env", ".ini", ".toml", ".properties", ".config", ".xml", ".tfvars", "":
		return leak.Config
	}
	return leak.Source
}

package safecache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/explain"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// explainMiss says why nothing was found, or only something else. What goes wrong
// on the way costs only the explanation. What was found is given.
func (s *step) explainMiss(ctx context.Context, repo entry.Repository, f found) {
	known, err := s.comparable(ctx, repo)
	if err != nil {
		s.env.Log.Debug("the miss cannot be explained: " + err.Error())
	}
	if f.expired != "" && len(known) == 0 {
		s.env.Log.Print("What there was is too old: " + f.expired + ".")
	}
	explanation := explain.Miss(s.wanted(), known)
	for _, line := range explanation.Lines {
		if rest, ok := strings.CutPrefix(line, "MISS: "); ok && f.hit == partial {
			line = "Not exact: " + rest
		}
		s.env.Log.Print(line)
	}
	format, texts := explanation.Table()
	s.env.Report.Summary(format, texts...)
	s.env.Report.Set("miss", map[string]any{"cause": string(explanation.Cause), "lines": explanation.Lines})
}

func (s *step) wanted() explain.Wanted {
	return explain.Wanted{
		Segments: explained(segments(s.keys.key)), Packages: packages(s.locks), Now: s.env.Now(),
	}
}

// comparable are the entries that are worth a comparison: in each scope that this
// run reads the newest of those most like the key, and one of the very key that
// this run does not restore.
func (s *step) comparable(ctx context.Context, repo entry.Repository) ([]explain.Entry, error) {
	var known []explain.Entry
	values := s.keys.key.Values()
	for _, scope := range s.access.Read {
		for n := len(values) - 1; n >= 0; n-- {
			e, err := repo.FindPrefix(ctx, entryScope(scope), values[:n])
			var bad *entry.RejectedError
			if err != nil && !errors.As(err, &bad) {
				return known, err
			}
			if e != nil {
				known = append(known, s.explainable(e, ""))
				break
			}
		}
	}
	e, err := repo.Elsewhere(ctx, s.pipeline(), values)
	if e == nil || err != nil {
		return known, err
	}
	why := ""
	readable := func(scope trust.Scope) bool { return entryScope(scope) == e.Manifest.Scope }
	if !slices.ContainsFunc(s.access.Read, readable) {
		why = fmt.Sprintf("a run of %s does not restore the %s entries of %s", s.env.Var("Build.SourceBranch"),
			e.Manifest.Scope.Tier, e.Manifest.Scope.Branch)
	}
	return append(known, s.explainable(e, why)), nil
}

func (s *step) explainable(e *entry.Entry, unreadable string) explain.Entry {
	m := e.Manifest
	known := explain.Entry{
		Segments: explained(m.Segments), Packages: m.Packages, Producer: m.Producer.String(), Branch: m.Scope.Branch,
		Created: m.Created, Expires: m.Expires, Unreadable: unreadable,
	}
	if limit := m.Created.Add(s.maxAge); limit.Before(m.Expires) {
		known.Expires, known.Limit = limit, "maxAge is "+ageText(s.maxAge)
	}
	return known
}

func explained(key []entry.Segment) []explain.Segment {
	list := make([]explain.Segment, len(key))
	for i, segment := range key {
		list[i] = explain.Segment{Source: segment.Source, Kind: segment.Kind, Value: segment.Value}
		for _, file := range segment.Files {
			list[i].Files = append(list[i].Files, explain.File{Path: file.Path, SHA256: file.SHA256})
		}
	}
	return list
}

// ageText is "7 days" or "36 hours".
func ageText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return counted(int(d/(24*time.Hour)), "day")
	case d%time.Hour == 0:
		return counted(int(d/time.Hour), "hour")
	}
	return counted(int(d/time.Minute), "minute")
}

// Package condition evaluates the condition of a step as Azure Pipelines does, for
// the functions that step conditions commonly use: succeeded, failed, always,
// canceled, succeededOrFailed, eq, ne, in, and, or, not, and the value of variables.
//
// Comparison is Azure's loose one: the right side is cast to the type of the left,
// strings compare without case. Everything else of the expression language is an
// error that names the place, never a guess.
package condition

import (
	"fmt"
	"strings"
)

// State is what a condition may look at.
type State struct {
	// JobStatus is Agent.JobStatus: Succeeded, SucceededWithIssues, Failed or
	// Canceled. Empty means Succeeded, as for the first step of a job.
	JobStatus string
	// Variables returns the value of a job variable, by its name without regard to
	// case. Nil means that there are none.
	Variables func(name string) (string, bool)
}

// Expr is a parsed condition. It may be evaluated any number of times, also at the
// same time.
type Expr struct {
	root node
}

// Parse reads a condition. An empty one means succeeded(). The error names the
// column (in characters, from 1) and what is supported.
func Parse(expr string) (*Expr, error) {
	if strings.TrimSpace(expr) == "" {
		expr = "succeeded()"
	}
	tokens, err := scan(expr)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if rest := p.peek(); rest.kind != endToken {
		return nil, rest.errorf("unexpected %s after the end of the condition", rest)
	}
	return &Expr{root: root}, nil
}

// Eval reports whether the condition holds in s. It fails only when s.JobStatus is
// none of the agent's.
func (e *Expr) Eval(s State) (bool, error) {
	switch s.JobStatus {
	case "":
		s.JobStatus = succeeded
	case succeeded, succeededWithIssues, failed, canceled:
	default:
		return false, fmt.Errorf("job status is %q, want %s, %s, %s or %s",
			s.JobStatus, succeeded, succeededWithIssues, failed, canceled)
	}
	if s.Variables == nil {
		s.Variables = func(string) (string, bool) { return "", false }
	}
	return e.root.eval(s).boolean(), nil
}

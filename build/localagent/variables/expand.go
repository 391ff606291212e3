package variables

import (
	"fmt"
	"strings"
)

const (
	macroPrefix = "$("
	macroSuffix = ")"

	// maxDepth is the agent's: a value may nest others 49 deep.
	maxDepth = 50
	// maxValue and maxTotal are ours, where the agent has no limit: a few lines of
	// YAML can name values that double fifty times over. Both are far above what
	// an environment can carry (128 KiB a variable on Linux).
	maxValue = 1 << 20
	maxTotal = 64 << 20
)

var envCharacters = strings.NewReplacer(".", "_", " ", "_")

// EnvName is the name of the variable called name in a task's environment: dots
// and spaces become underscores, letters upper-case, and nothing else changes.
func EnvName(name string) string {
	return key(envCharacters.Replace(name))
}

// Expand replaces each $(name) in text with the value of that variable. It is one
// pass: a value put in is not looked at again, and an unknown $(name) stays.
func (s *Store) Expand(text string) string {
	return ExpandEnv(text, func(name string) (string, bool) {
		value, _, ok := s.Get(name)
		return value, ok
	})
}

// ExpandEnv is Expand with any other source of values. The agent uses it with its
// own environment, after the variables. Once the result has grown to 64 MiB, what
// is left of text is kept as it is.
func ExpandEnv(text string, lookup func(name string) (string, bool)) string {
	var out strings.Builder
	rest := text
	for out.Len() < maxTotal {
		before, name, after, found := nextMacro(rest)
		if !found {
			break
		}
		out.WriteString(before)
		value, known := "", false
		if name != "" {
			value, known = lookup(name)
		}
		if known {
			out.WriteString(value)
			rest = after
			continue
		}
		// The agent goes on one character later, so that $($(known) is found.
		out.WriteString(macroPrefix[:1])
		rest = rest[len(before)+1:]
	}
	out.WriteString(rest)
	return out.String()
}

// nextMacro finds the first $(name) in s: the first ")" ends it, whatever is inside.
func nextMacro(s string) (before, name, after string, found bool) {
	before, rest, found := strings.Cut(s, macroPrefix)
	if !found {
		return "", "", "", false
	}
	name, after, found = strings.Cut(rest, macroSuffix)
	return before, name, after, found
}

// Recalculate expands the variables in each other's values; the agent does so at
// the start of every step. Nested values are followed to any depth below 50. A
// value that reaches a cycle, or is too deep or too long, stays as it was set, and
// a warning says so. A value that took in a secret becomes secret.
func (s *Store) Recalculate() (warnings []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := expansion{vars: s.vars, done: make(map[string]*result)}
	for _, k := range s.order {
		e := s.vars[k]
		r := x.of(k)
		e.expanded = e.raw
		if r.problem != "" {
			warnings = append(warnings, fmt.Sprintf("Unable to expand variable '%s'. %s", e.raw.Name, r.problem))
		} else if r.value != e.raw.Value {
			e.expanded.Value, e.expanded.Secret = r.value, r.secret
			s.learn(e.expanded)
		}
		s.vars[k] = e
	}
	return warnings
}

const (
	problemCycle = "A cyclical reference was detected."
	problemLong  = "The value is too long."
)

var problemDepth = fmt.Sprintf("The max expansion depth (%d) was exceeded.", maxDepth)

// expansion works out each variable once, so that the time it takes does not
// double with each level of nesting.
type expansion struct {
	vars  map[string]entry
	done  map[string]*result // a nil result is being worked out
	total int
}

// result is the expanded value of one variable. depth is the longest chain of
// variables below it.
type result struct {
	value   string
	secret  bool
	depth   int
	problem string
}

func (x *expansion) of(k string) *result {
	if r, seen := x.done[k]; seen {
		if r == nil {
			return &result{problem: problemCycle}
		}
		return r
	}
	x.done[k] = nil
	r := &result{secret: x.vars[k].raw.Secret}
	r.value = ExpandEnv(x.vars[k].raw.Value, func(name string) (string, bool) { return x.nested(r, name) })
	if r.problem == "" && r.value != x.vars[k].raw.Value {
		if x.total += len(r.value); len(r.value) > maxValue || x.total > maxTotal {
			r.problem = problemLong
		}
	}
	if r.problem != "" {
		r.value = ""
	}
	x.done[k] = r
	return r
}

// nested expands name inside the value that r is made from.
func (x *expansion) nested(r *result, name string) (string, bool) {
	if _, known := x.vars[key(name)]; !known {
		return "", false
	}
	if r.problem != "" {
		return "", true
	}
	inner := x.of(key(name))
	r.secret = r.secret || inner.secret
	r.depth = max(r.depth, inner.depth+1)
	r.problem = inner.problem
	if r.problem == "" && r.depth >= maxDepth {
		r.problem = problemDepth
	}
	return inner.value, true
}

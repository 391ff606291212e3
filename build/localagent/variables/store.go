// Package variables is the agent's variable store: names without case, values that
// may hold $(other) variables, secrets and read-only names that stay what they are.
//
// It is written from Variables.cs (Agent.Worker) and Util/VarUtil.cs of
// microsoft/azure-pipelines-agent. It knows nothing of tasks and reads no environment.
package variables

import (
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// Options say how a variable is set.
type Options struct {
	Secret, ReadOnly, PreserveCase bool
}

// Variable is one variable with its value as the current step sees it.
type Variable struct {
	Name, Value string
	Options
}

// EnvName is the name of the variable in a task's environment.
func (v Variable) EnvName() string {
	if v.PreserveCase {
		return envCharacters.Replace(v.Name)
	}
	return EnvName(v.Name)
}

// Store holds the variables of a job, or the task variables of a step. The zero
// value is ready; all methods may be called at the same time.
type Store struct {
	// OnSecret, when set, is called with the name and value of each secret the store learns, before
	// anyone can read it: the place to register it for masking. It is called with
	// the store locked and must not use it.
	OnSecret func(name, value string)

	mu    sync.Mutex
	order []string // keys, in the order they were first set
	vars  map[string]entry
}

// entry keeps the value as it was set beside the one the step sees: the first is
// expanded anew at each step.
type entry struct {
	raw, expanded Variable
}

func key(name string) string { return ordinal.Upper(name) }

// Set stores value, as it is, under name; $(x) in it is expanded by the next
// Recalculate. A name that was secret or read-only stays so. The result reports
// whether name was read-only before: the agent warns, and writes nevertheless
// (unless agent.readOnlyVariables is true; ask ReadOnly first). A blank name is
// ignored.
func (s *Store) Set(name, value string, o Options) (wasReadOnly bool) {
	if strings.TrimSpace(name) == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	wasReadOnly = s.readOnly(name)
	old, exists := s.vars[key(name)]
	if !exists {
		s.order = append(s.order, key(name))
	}
	o.Secret = o.Secret || old.expanded.Secret
	o.ReadOnly = o.ReadOnly || old.expanded.ReadOnly
	v := Variable{Name: name, Value: value, Options: o}
	s.learn(v)
	if s.vars == nil {
		s.vars = make(map[string]entry)
	}
	s.vars[key(name)] = entry{raw: v, expanded: v}
	return wasReadOnly
}

// learn passes a secret on; s.mu is held.
func (s *Store) learn(v Variable) {
	if v.Secret && v.Value != "" && s.OnSecret != nil {
		s.OnSecret(v.Name, v.Value)
	}
}

// Unset removes the variable name, if there is one, and what was sticky about it.
func (s *Store) Unset(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.vars, key(name))
	s.order = slices.DeleteFunc(s.order, func(k string) bool { return k == key(name) })
}

// Get returns the value of name and whether it is secret.
func (s *Store) Get(name string) (value string, secret, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.vars[key(name)]
	return e.expanded.Value, e.expanded.Secret, ok
}

// ReadOnly reports whether name exists and is read-only: it was set so, or it is
// one of the agent's own variables.
func (s *Store) ReadOnly(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readOnly(name)
}

func (s *Store) readOnly(name string) bool {
	e, exists := s.vars[key(name)]
	return exists && (e.expanded.ReadOnly || systemVariables[key(name)])
}

// Public returns the variables that are not secret, in the order they were first set.
func (s *Store) Public() []Variable {
	return s.list(func(v Variable) bool { return !v.Secret })
}

// Secrets returns the secret variables, in the order they were first set.
func (s *Store) Secrets() []Variable {
	return s.list(func(v Variable) bool { return v.Secret })
}

func (s *Store) list(want func(Variable) bool) []Variable {
	s.mu.Lock()
	defer s.mu.Unlock()
	var vars []Variable
	for _, k := range s.order {
		if v := s.vars[k].expanded; want(v) {
			vars = append(vars, v)
		}
	}
	return vars
}

// Package mapping reads which secrets of a vault a step wants, and under which names.
//
// A line of the input "secrets" is
//
//	NAME=secret-name[@version][#json.path][|decode][?]
//
// and an item of SecretsFilter the name of a secret, name/version, or a pattern (api-*).
//
// What it promises: what it returns is well-formed, and no two secrets become the same
// variable; nothing becomes a variable that is the agent's own or steers programs, such as
// PATH; all that is wrong is said at once; and errors never quote what is not a good name,
// because it may be a secret that someone has written into the wrong place.
package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Decode is what is done to a value before it is used.
type Decode string

// The decodings.
const (
	None    Decode = "none"
	Base64  Decode = "base64"
	PFX2PEM Decode = "pfx2pem"
)

// Want is one secret that a step wants.
type Want struct {
	// Names are the variables it becomes, at least one: one that the step has chosen, or the
	// secret's own name and its UPPER_SNAKE form, which may differ in case only, and then are
	// one variable. See EnvNames.
	Names    []string
	Secret   string // name in the vault
	Version  string // "" for the current one
	Path     string // of a value inside a JSON secret, dotted; "" for all of it; see Steps
	Decode   Decode // "" for the step's own; done to what Path has found
	Optional bool   // may be missing
	Origin   string // how messages call it: `secrets, line 2` or `SecretsFilter "api-*"`
}

// isFiltered reports whether it is from the filter, and not a line of the input secrets.
func (w Want) isFiltered() bool { return strings.HasPrefix(w.Origin, filterOrigin) }

const filterOrigin = "SecretsFilter"

// EnvNames are those of the names that a program can have in its environment, in every shell.
func (w Want) EnvNames() []string {
	var names []string
	for _, name := range w.Names {
		if envName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// Plan is what to ask of a vault.
type Plan struct {
	Wants    []Want
	Patterns []string // to be held against the vault's list of names by Select; "*" is all
}

// Parse reads the inputs secrets (its lines) and SecretsFilter. No filter means all secrets
// if there are no lines either. The error joins all that is wrong, one line each.
func Parse(lines []string, filter string) (Plan, error) {
	var plan Plan
	var errs []error
	for i, line := range lines {
		where := fmt.Sprintf("secrets, line %d", i+1)
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue // a comment
		}
		want, err := parseLine(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
			continue
		}
		want.Origin = where
		plan.Wants = append(plan.Wants, want)
	}
	chosen := len(plan.Wants)
	errs = append(errs, plan.filter(filter)...)
	if chosen == 0 && len(plan.Wants) == 0 && len(plan.Patterns) == 0 && len(errs) == 0 {
		plan.Patterns = []string{"*"}
	}
	errs = append(errs, settle(plan.Wants, chosen)...)
	if len(errs) > 0 {
		return Plan{}, errors.Join(errs...)
	}
	return plan, nil
}

// filter adds the items of SecretsFilter.
func (p *Plan) filter(filter string) []error {
	var errs []error
	items := strings.FieldsFunc(filter, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	for i, item := range items {
		item = strings.TrimSpace(item)
		name, version, hasVersion := strings.Cut(item, "/")
		where := fmt.Sprintf("%s, item %d", filterOrigin, i+1)
		switch {
		case item == "":
		case patternName.MatchString(item):
			if !slices.ContainsFunc(p.Patterns, func(have string) bool { return strings.EqualFold(have, item) }) {
				p.Patterns = append(p.Patterns, item)
			}
		case !secretName.MatchString(name):
			errs = append(errs, fmt.Errorf("%s: %s; to give it another name use the input secrets", where, badName))
		case hasVersion && !secretVersion.MatchString(version):
			errs = append(errs, fmt.Errorf("%s: %s", where, badVersion))
		case reserved(name):
			errs = append(errs, fmt.Errorf("%s: a variable %s would change how programs and the agent work; "+
				"give it another name in the input secrets: MY_NAME=%s", where, name, name))
		case !p.has(name, version):
			p.Wants = append(p.Wants, byItself(name, version, fmt.Sprintf("%s %q", filterOrigin, item)))
		}
	}
	return errs
}

// has reports whether the filter has named the secret before.
func (p *Plan) has(name, version string) bool {
	return slices.ContainsFunc(p.Wants, func(w Want) bool {
		return w.isFiltered() &&
			strings.EqualFold(w.Secret, name) && strings.EqualFold(w.Version, version)
	})
}

// byItself is a secret under its own name and its UPPER_SNAKE form. With a version there is
// also name/version, as AzureKeyVault@2 sets it.
func byItself(name, version, origin string) Want {
	want := Want{Names: []string{name}, Secret: name, Version: version, Origin: origin}
	if upper := UpperSnake(name); upper != name && !reserved(upper) {
		want.Names = append(want.Names, upper)
	}
	if version != "" {
		want.Names = append(want.Names, name+"/"+version)
	}
	return want
}

// settle sees to it that no two of wants become the same variable. The first chosen ones have
// the names that the step gave them; from the others, an UPPER_SNAKE form that another secret
// has a better claim to is taken away.
func settle(wants []Want, chosen int) []error {
	var errs []error
	owner := map[string]string{} // variable, in lower case, to where it comes from
	claim := func(name, where string) {
		key := strings.ToLower(name)
		if other, taken := owner[key]; taken {
			errs = append(errs, fmt.Errorf("%s: the variable %s is that of %s, too (case does not count); "+
				"give one of them another name in the input secrets", where, name, other))
			return
		}
		owner[key] = where
	}
	for _, w := range wants {
		claim(w.Names[0], w.Origin)
	}
	for i := chosen; i < len(wants); i++ {
		w := &wants[i]
		kept := []string{w.Names[0]} // not in place: a Plan may be selected from twice
		for _, name := range w.Names[1:] {
			if strings.EqualFold(name, w.Names[0]) {
				kept = append(kept, name)
			} else if _, taken := owner[strings.ToLower(name)]; !taken {
				owner[strings.ToLower(name)] = w.Origin
				kept = append(kept, name)
			}
		}
		w.Names = kept
	}
	return errs
}

// Selection is what the patterns of a Plan find in a vault.
type Selection struct {
	Wants    []Want   // those of the Plan, and those that the patterns add
	Nothing  []string // patterns that no name matches
	Reserved []string // secrets that match, but whose names no variable may have: left out
}

// Select holds the patterns against the names of a vault's secrets.
func (p Plan) Select(names []string) (Selection, error) {
	found := Selection{}
	chosen := 0
	for _, w := range p.Wants {
		found.Wants = append(found.Wants, w)
		if !w.isFiltered() {
			chosen++
		}
	}
	for _, pattern := range p.Patterns {
		if !slices.ContainsFunc(names, func(name string) bool { return matches(pattern, name) }) {
			found.Nothing = append(found.Nothing, pattern)
		}
	}
	seen := map[string]bool{}
	for _, name := range names {
		at := slices.IndexFunc(p.Patterns, func(pattern string) bool { return matches(pattern, name) })
		key := strings.ToLower(name)
		switch {
		case at < 0 || seen[key] || p.has(name, ""):
			continue
		case reserved(name) || !secretName.MatchString(name):
			found.Reserved = append(found.Reserved, name)
		default:
			origin := fmt.Sprintf("%s %q", filterOrigin, p.Patterns[at])
			if p.Patterns[at] != name {
				origin += ": " + name
			}
			found.Wants = append(found.Wants, byItself(name, "", origin))
		}
		seen[key] = true
	}
	if errs := settle(found.Wants, chosen); len(errs) > 0 {
		return Selection{}, errors.Join(errs...)
	}
	return found, nil
}

// matches reports whether a name matches a pattern, in which * is any text. Names of secrets
// do not differ by case.
func matches(pattern, name string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(name), parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, rest, ok = strings.Cut(rest, part)
		if !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

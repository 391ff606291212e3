package drift

import (
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// forced looks whether what the manifest forces on packages is locked.
func forced(f Facts) []Finding {
	r := &report{Facts: f}
	as := Finding{Check: Drift, Rule: "drift/override", Severity: Fail}
	for _, e := range f.Lock.Entries {
		wanted := f.Overrides[e.Name]
		if wanted == "" || e.Source != lockfile.Registry || e.Version == "" || strings.HasPrefix(wanted, "npm:") {
			continue
		}
		if ok, err := versions.Satisfies(f.Lock.Ecosystem(), e.Version, wanted); err == nil && !ok {
			as.Fix = r.relock(e.Name)
			r.entry(as, e, "the manifest forces %s to be %s, and the lock file has %s",
				cut(e.Name), cut(wanted), cut(e.Version))
		}
	}
	return r.found
}

// within is what is forced on a package where one other, in a version of this range,
// requires it.
type within struct{ version, wanted string }

// forcedWithin looks at what npm forces on packages within one other: what that one itself
// requires must be so. What is deeper within it can be there for others, too.
func forcedWithin(f Facts) []Finding {
	if f.Lock.Format != lockfile.NPM {
		return nil
	}
	rules := withinOf(f.Overrides)
	if len(rules) == 0 {
		return nil
	}
	r := &report{Facts: f}
	as := Finding{Check: Drift, Rule: "drift/override", Severity: Fail}
	for _, e := range f.Lock.Entries {
		for _, require := range e.Requires {
			if e.Source == lockfile.Project || e.Ghost || require.To < 0 || isPeer(require.Kind) {
				continue
			}
			to := f.Lock.Entries[require.To]
			wanted := broken(rules[e.Name+">"+require.Name], e, to)
			if wanted != "" && to.Source == lockfile.Registry {
				as.Fix = r.relock(to.Name)
				r.entry(as, to, "the manifest forces %s within %s to be %s, and the lock file has %s",
					cut(require.Name), spec(e.Name, e.Version), cut(wanted), cut(to.Version))
			}
		}
	}
	return r.found
}

// withinOf returns the overrides within one package, by parent>name.
func withinOf(overrides map[string]string) map[string][]within {
	rules := map[string][]within{}
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		wanted, at := overrides[key], strings.LastIndex(key, ">")
		if at < 0 || wanted == "" || strings.HasPrefix(wanted, "npm:") {
			continue
		}
		parent, name := key[:at], key[at:]
		rule := within{wanted: wanted}
		if at := strings.LastIndex(parent, "@"); at > 0 {
			parent, rule.version = parent[:at], parent[at+1:]
		}
		rules[parent+name] = append(rules[parent+name], rule)
	}
	return rules
}

// broken returns what is forced on a package that another one requires, and not so. Where
// there are several rules, it is enough that one is kept: which one counts is npm's affair.
func broken(rules []within, parent, to lockfile.Entry) (wanted string) {
	for _, rule := range rules {
		if rule.version != "" {
			if is, err := versions.Satisfies("npm", parent.Version, rule.version); err != nil || !is {
				continue
			}
		}
		if ok, err := versions.Satisfies("npm", to.Version, rule.wanted); err != nil || ok {
			return ""
		}
		wanted = rule.wanted
	}
	return wanted
}

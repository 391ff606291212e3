package drift

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// manifest looks whether the lock file was made for the manifests beside it.
func manifest(f Facts) []Finding {
	if f.Stale == nil {
		return nil
	}
	found := Finding{Check: Drift, Rule: "drift/manifest", Severity: Fail, Path: f.Lock.Path}
	var stale *lockfile.StaleError
	var format *lockfile.FormatError
	switch {
	case errors.As(f.Stale, &stale):
		if f.keeps(stale.Changed) {
			found.Severity = Warn
		}
		all := make([]Finding, 0, len(stale.Differences))
		for _, text := range stale.Differences {
			found.Message, found.Fix = cut(text)+" ("+stale.Manifest+" and "+stale.Path+")", stale.Fix
			all = append(all, found)
		}
		return all
	case errors.As(f.Stale, &format):
		found.Path, found.Message = format.Path, format.Path+": "+cut(format.Reason)
	default:
		found.Message = "it cannot be told whether the lock file belongs to the manifests beside it"
	}
	return []Finding{found}
}

// keeps reports whether nothing is different but these ranges, and what is locked is in
// each of them. Then npm and pnpm keep it, if they go on at all: it is what is installed,
// and it is looked at as what it is.
func (f Facts) keeps(changed []lockfile.Require) bool {
	r := report{Facts: f}
	for _, require := range changed {
		to := f.Lock.Entries[require.To]
		_, forced := f.Overrides[require.Name]
		if forced || claimsLess(to, require.Kind) || to.Source != lockfile.Registry || to.Version == "" ||
			!isRange(require.Range) || r.judge(to.Name, to.Version, to.Source, require) != fits {
			return false
		}
	}
	return len(changed) > 0
}

// claimsLess reports whether a project requires a package in another way than the lock file
// has it: then more depends on it than it says.
func claimsLess(e lockfile.Entry, kind lockfile.Kind) bool {
	return (e.Dev || e.DevOptional) && kind != lockfile.Dev ||
		(e.Optional || e.DevOptional) && kind != lockfile.Optional || e.Peer && !isPeer(kind)
}

// ranges looks whether what the projects ask for is what is locked. For Go both are in
// go.mod, whose replacements may be older on purpose.
func ranges(f Facts) []Finding {
	if f.Lock.Format == lockfile.Go {
		return nil
	}
	r := &report{Facts: f}
	as := Finding{Check: Drift, Rule: "drift/range", Severity: Fail}
	for _, project := range f.Lock.Entries {
		if project.Source != lockfile.Project {
			continue
		}
		for _, require := range project.Requires {
			if _, forced := f.Overrides[require.Name]; forced || require.To < 0 || isPeer(require.Kind) {
				continue // what is forced has a rule of its own
			}
			to := f.Lock.Entries[require.To]
			as.Fix = r.relock(require.Name)
			switch r.judge(to.Name, to.Version, to.Source, require) {
			case otherPackage:
				r.entry(as, to, "%s asks for %s@%s, and the lock file answers with another package, %s",
					manifestOf(project), cut(require.Name), cut(require.Range), spec(to.Name, to.Version))
			case otherVersion:
				r.entry(as, to, "%s asks for %s@%s, and the lock file has %s", manifestOf(project),
					cut(require.Name), cut(require.Range), cut(to.Version))
			case unclear:
				weak := as
				weak.Severity = Warn
				r.entry(weak, to, "%s asks for %s@%s: it cannot be told whether %s is such a version",
					manifestOf(project), cut(require.Name), cut(require.Range), cut(to.Version))
			}
		}
	}
	return r.found
}

// manifestOf names a project.
func manifestOf(project lockfile.Entry) string {
	if project.Location == "" || project.Location == "." {
		return "the project"
	}
	return "the project in " + cut(project.Location)
}

// verdict is how a package answers what is asked for.
type verdict int

const (
	fits verdict = iota
	otherPackage
	otherVersion
	unclear
)

// judge says whether a package is what is asked for. What is asked for by address or by
// tag can be any version. What is forced on a package is not what the range says.
func (r *report) judge(name, version string, source lockfile.Source, wanted lockfile.Require) verdict {
	if forced, ok := r.Overrides[wanted.Name]; ok {
		wanted.Range = forced
	}
	if source == lockfile.Project || version == "" || wanted.Range == "" {
		return fits
	}
	ecosystem := r.Lock.Ecosystem()
	ok, err := versions.Satisfies(ecosystem, version, wanted.Range)
	switch {
	case errors.Is(err, versions.ErrNoRange):
		return fits
	case ecosystem == "npm" && name != target(wanted):
		return otherPackage
	case source != lockfile.Registry && source != lockfile.Bundled:
		return fits // the rules for addresses say whether that was asked for
	case err != nil:
		return unclear
	case !ok:
		return otherVersion
	}
	return fits
}

// target returns the name of the package that is asked for: "npm:name@range" is an alias.
func target(wanted lockfile.Require) string {
	alias, ok := strings.CutPrefix(wanted.Range, "npm:")
	if !ok {
		return wanted.Name
	}
	if at := strings.LastIndex(alias, "@"); at > 0 {
		return alias[:at]
	}
	if _, err := versions.Satisfies("npm", "1.0.0", alias); err == nil {
		return wanted.Name // npm:^1.0.0, as Yarn writes it
	}
	return alias
}

// contradictions are what the lock file says twice and differently.
func contradictions(f Facts) []Finding {
	var found []Finding
	for _, c := range f.Lock.Contradictions {
		found = append(found, Finding{
			Check: Lint, Rule: "lint/contradiction", Severity: Fail, Path: f.Lock.Path, Line: c.Line,
			Message: cut(c.Text) + ": which of the two counts depends on who reads it",
			Fix:     "make " + path.Base(f.Lock.Path) + " anew and look at what changes",
		})
	}
	return found
}

// proofless are formats that have no hashes at all, or need not have any. Without one in
// go.sum, the go command does not build with a module.
var proofless = map[lockfile.Format]bool{lockfile.Maven: true, lockfile.Gradle: true, lockfile.Go: true}

// integrity looks for packages that nothing could verify.
func integrity(f Facts) []Finding {
	if proofless[f.Lock.Format] {
		return nil
	}
	r := &report{Facts: f}
	var without, weak []lockfile.Entry
	proven := 0
	for _, e := range f.Lock.Entries {
		switch {
		case !downloaded(e) || e.Version == "" || e.Ghost || e.Optional && f.Lock.Format == lockfile.Berry:
			// Yarn has no hashes of what is for other systems.
		case len(e.Integrity) == 0:
			without = append(without, e)
		case isWeak(e.Integrity):
			weak = append(weak, e)
		default:
			proven++
		}
	}
	missing := Finding{Check: Lint, Rule: "lint/integrity-missing", Severity: Fail}
	if proven+len(weak) == 0 && slices.Contains([]lockfile.Format{lockfile.Pip, lockfile.Yarn1}, f.Lock.Format) {
		missing.Severity = Warn // of old files, and of those that are written by hand
	}
	r.each(missing, without, "has no hash: whatever the registry answers is installed")
	r.each(Finding{Check: Lint, Rule: "lint/integrity-weak", Severity: Warn}, weak,
		"has only a hash of a kind that can be forged (SHA-1 or MD5)")
	return r.found
}

// downloaded reports whether an entry's address is what is installed. Within a package
// there is none; but npm takes the flag only for what really is within one.
func downloaded(e lockfile.Entry) bool {
	within := strings.Count("/"+e.Location, "/"+nodeModules+"/") > 1
	return e.Source == lockfile.Registry || e.Source == lockfile.Remote ||
		e.Source == lockfile.Bundled && (e.URL != "" || !within)
}

// each adds a finding for each entry, or one for all if there are many.
func (r *report) each(as Finding, entries []lockfile.Entry, what string) {
	const many = 10
	if len(entries) <= many {
		for _, e := range entries {
			as.Fix = r.relock(e.Name)
			r.entry(as, e, "%s %s", spec(e.Name, e.Version), what)
		}
		return
	}
	var names []string
	for _, e := range entries {
		names = append(names, spec(e.Name, e.Version))
	}
	as.Fix = "make " + path.Base(r.Lock.Path) + " anew with a current version of the package manager"
	r.entry(as, lockfile.Entry{Line: entries[0].Line}, "each of %d packages %s: %s", len(names), what, some(names))
}

func isWeak(hashes []string) bool {
	for _, hash := range hashes {
		kind, _, _ := strings.Cut(strings.ReplaceAll(hash, ":", "-"), "-")
		if kind != "sha1" && kind != "md5" {
			return false
		}
	}
	return true
}

// isRange reports whether a text is a range of versions for npm.
func isRange(text string) bool {
	_, err := versions.Satisfies("npm", "1.0.0", text)
	return !errors.Is(err, versions.ErrNoRange)
}

package drift

import (
	"net"
	"net/url"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// addresses looks where packages come from.
func addresses(f Facts) []Finding {
	r := &report{Facts: f}
	allowed := places(f)
	asked, plain := askedFor(f)
	foreign := map[string][]lockfile.Entry{}
	for i, e := range f.Lock.Entries {
		switch {
		case e.Source == lockfile.Project || e.Ghost || e.Source == lockfile.Remote && asked[i]:
		case downloaded(e):
			if host := r.address(e, allowed); host != "" {
				foreign[host] = append(foreign[host], e)
			}
		case f.Lock.Ecosystem() == "npm" && e.Source != lockfile.Bundled && plain[i] && !asked[i]:
			as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail}
			r.entry(as, e, "%s comes from %s, although nothing asks for more than a version of it",
				spec(e.Name, e.Version), described(e))
		}
	}
	for host, entries := range foreign {
		r.foreign(host, entries)
	}
	return r.found
}

// mostOfHost is how many packages from a host that is not allowed are named one by one:
// of a registry of one's own that nobody has told about, one finding says enough.
const mostOfHost = 5

// foreign adds findings about packages from a host that is not allowed.
func (r *report) foreign(host string, entries []lockfile.Entry) {
	as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail}
	if e := entries[0]; len(entries) > mostOfHost {
		as.Fix = "add " + cut(host) + " to allowedRegistries, if it is yours; " +
			"else renew the lock file from a registry that is"
		r.entry(as, e, "%d packages, the first of them %s, come from %s, which is none of the registries that "+
			"packages may come from", len(entries), spec(e.Name, e.Version), cut(host))
		return
	}
	for _, e := range entries {
		as.Fix = r.relock(e.Name) + "; or add " + cut(host) + " to allowedRegistries"
		r.entry(as, e, "%s comes from %s, which is none of the registries that packages may come from",
			spec(e.Name, e.Version), cut(host))
	}
}

func described(e lockfile.Entry) string {
	switch {
	case e.Source == lockfile.Git:
		return "a git repository (" + cut(e.URL) + ")"
	case e.URL != "":
		return "a folder or archive (" + cut(e.URL) + ")"
	}
	return "a folder or archive"
}

// askedFor tells of which entries an address, a path or the like is asked for, or may be:
// they are not from a registry, and that is known to who wrote the manifest. Of plain ones
// a version is asked for.
func askedFor(f Facts) (asked, plain []bool) {
	asked, plain = make([]bool, len(f.Lock.Entries)), make([]bool, len(f.Lock.Entries))
	for _, e := range f.Lock.Entries {
		for _, require := range e.Requires {
			if require.To < 0 || f.Lock.Entries[require.To].Source == lockfile.Registry {
				continue
			}
			_, forced := f.Overrides[require.Name]
			_, err := versions.Satisfies(f.Lock.Ecosystem(), "1.0.0", require.Range)
			builtin := strings.Contains(f.Lock.Entries[require.To].URL, "builtin<") // Yarn's own patch
			if forced || builtin || require.Range == "" || err != nil {
				asked[require.To] = true
			} else {
				plain[require.To] = true
			}
		}
	}
	return asked, plain
}

// address looks at where one package is from, and returns the host if that is not allowed.
func (r *report) address(e lockfile.Entry, allowed []place) (foreign string) {
	if e.URL == "" {
		return ""
	}
	u, err := url.Parse(strings.TrimPrefix(strings.TrimPrefix(e.URL, "registry+"), "sparse+"))
	as := Finding{Check: Lint, Severity: Fail}
	if err != nil || u.Host == "" {
		as.Rule = "lint/host"
		r.entry(as, e, "%s comes from %s, which is no address", spec(e.Name, e.Version), cut(e.URL))
		return ""
	}
	loopback := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme != "https" && !loopback {
		as.Rule = "lint/scheme"
		r.entry(as, e, "%s is downloaded without encryption, from %s", spec(e.Name, e.Version), cut(e.URL))
	}
	if r.Lock.Ecosystem() == "npm" {
		r.npmAddress(e, u)
	}
	if !isAllowed(u, allowed) {
		foreign = u.Host
	}
	return foreign
}

// npmAddress compares a package with its address, which in most registries is
// .../name/-/name-version.tgz. It is the address that is downloaded, and the label that
// is audited.
func (r *report) npmAddress(e lockfile.Entry, u *url.URL) {
	as := Finding{Check: Lint, Rule: "lint/address", Severity: Fail}
	segments := strings.Split(strings.Trim(u.Path, "/"), "/")
	dash := -1
	for i, s := range segments {
		if s == "-" {
			dash = i
		}
	}
	_, base, scoped := strings.Cut(e.Name, "/")
	if !scoped {
		base = e.Name
	}
	if dash < 1 || dash == len(segments)-1 {
		switch u.Hostname() {
		case "registry.npmjs.org", "registry.yarnpkg.com":
			r.entry(as, e, "%s is downloaded from %s, which is no address of that registry's packages",
				spec(e.Name, e.Version), cut(e.URL))
		}
		return
	}
	name := segments[dash-1]
	if dash > 1 && strings.HasPrefix(segments[dash-2], "@") {
		name = segments[dash-2] + "/" + name
	}
	file := strings.TrimSuffix(strings.TrimSuffix(segments[len(segments)-1], ".tgz"), ".tar.gz")
	version, _, _ := strings.Cut(e.Version, "+")
	switch {
	case name != e.Name:
		r.entry(as, e, "%s is downloaded from the address of another package, %s: %s",
			spec(e.Name, e.Version), cut(name), cut(e.URL))
	case e.Version != "" && file != base+"-"+version && file != base+"-"+e.Version:
		r.entry(as, e, "%s is downloaded from the address of another version: %s", spec(e.Name, e.Version), cut(e.URL))
	}
}

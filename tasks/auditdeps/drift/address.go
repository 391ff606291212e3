package drift

import (
	"net"
	"net/url"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// addresses looks where packages come from.
func addresses(f Facts) []Finding {
	r := &report{Facts: f}
	allowed := places(f)
	from := originsOf(f)
	foreign := map[string][]lockfile.Entry{}
	for i, e := range f.Lock.Entries {
		switch {
		case e.Ghost || from.known[i]:
		case e.Source == lockfile.Project || e.Source == lockfile.Folder || e.Source == lockfile.Git:
			if f.Lock.Ecosystem() == "npm" && from.wanted[i] {
				r.unknown(e, from.plain[i], allowed)
			}
		case downloaded(e):
			if host := r.address(e, allowed); host != "" {
				foreign[host] = append(foreign[host], e)
			}
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

// unknown adds findings about a package that is from git or a folder, which no manifest of
// the project asks for. What packages ask for may come from where packages come from.
func (r *report) unknown(e lockfile.Entry, plain bool, allowed []place) {
	as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail}
	why, from := "only what the lock file says of other packages asks for that", "a folder or archive"
	if plain {
		why = "although nothing asks for more than a version of it"
	}
	if e.URL != "" {
		from += " (" + cut(e.URL) + ")"
	}
	if e.Source == lockfile.Git {
		host, dir := repository(e.URL)
		scheme, _, _ := strings.Cut(strings.TrimPrefix(e.URL, "git+"), ":")
		if (scheme == "http" || scheme == "git") && !isLoopback(host) {
			r.unencrypted(e)
		}
		if !plain && isAllowed(&url.URL{Scheme: scheme, Host: host, Path: dir}, allowed) {
			return
		}
		from = "a git repository (" + cut(e.URL) + ")"
		if !plain {
			as.Fix = r.relock(e.Name) + "; or add " + cut(host) + " to allowedRegistries"
		}
	}
	r.entry(as, e, "%s comes from %s, %s", spec(e.Name, e.Version), from, why)
}

func (r *report) unencrypted(e lockfile.Entry) {
	r.entry(Finding{Check: Lint, Rule: "lint/scheme", Severity: Fail}, e,
		"%s is downloaded without encryption, from %s", spec(e.Name, e.Version), cut(e.URL))
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

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
	if u.Scheme != "https" && !isLoopback(u.Hostname()) {
		r.unencrypted(e)
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

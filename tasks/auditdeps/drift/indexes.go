package drift

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// mostIndexes bounds how many findings there are about indexes: of more than that nobody
// needs to know which they are.
const mostIndexes = 50

// indexes looks where packages are looked for. Where they are from, Python's lock files
// seldom say; and whoever answers first, or has the higher version, is believed.
func indexes(f Facts) []Finding {
	r := &report{Facts: f}
	allowed := places(f)
	alone := false
	for _, index := range f.Lock.Indexes {
		alone = alone || index.Option == "--no-index"
	}
	for i, index := range f.Lock.Indexes {
		if len(r.found) >= mostIndexes {
			as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail, Fix: "take them out of it"}
			r.index(as, index, "%d more indexes", len(f.Lock.Indexes)-i)
			break
		}
		switch index.Option {
		case "--no-index":
		case "--trusted-host", "verify_ssl":
			r.unchecked(index)
		default:
			r.indexPlace(index, allowed, alone)
		}
	}
	return r.found
}

func (r *report) index(as Finding, index lockfile.Index, format string, args ...any) {
	as.Path, as.Line = index.Path, index.Line
	as.Message = index.Option + " in " + path.Base(index.Path) + ": " + fmt.Sprintf(format, args...)
	r.found = append(r.found, as)
}

// unchecked is a host whose certificate is not looked at: anybody on the way can be it.
func (r *report) unchecked(index lockfile.Index) {
	name := index.URL
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name, _, _ = strings.Cut(rest, "/")
	}
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	if !isLoopback(name) {
		as := Finding{Check: Lint, Rule: "lint/scheme", Severity: Fail,
			Fix: "take it out, and have the machine trust the certificate of that host"}
		r.index(as, index, "nothing proves that who answers is %s", cut(index.URL))
	}
}

// indexPlace looks at an address, or at a folder of archives.
func (r *report) indexPlace(index lockfile.Index, allowed []place, alone bool) {
	as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail}
	u, err := url.Parse(index.URL)
	switch {
	case strings.Contains(index.URL, "${"):
		as.Severity, as.Fix = Warn, "write the address, and only user and password as variables"
		r.index(as, index, "where %s is, only the environment says", cut(index.URL))
	case !strings.Contains(index.URL, "://") || err == nil && u.Scheme == "file":
		if r.isUnproven() {
			as.Severity, as.Fix = Warn, "pin the packages with their hashes: pip-compile --generate-hashes"
			r.index(as, index, "packages may come from %s, and not all have a hash that would prove them",
				cut(index.URL))
		}
	case err != nil || u.Host == "":
		as.Fix = "write the address in full"
		r.index(as, index, "%s is no address", cut(index.URL))
	default:
		r.indexHost(index, u, allowed, alone)
	}
}

func (r *report) indexHost(index lockfile.Index, u *url.URL, allowed []place, alone bool) {
	as := Finding{Check: Lint, Rule: "lint/scheme", Severity: Fail, Fix: "use https"}
	if u.Scheme != "https" && !isLoopback(u.Hostname()) {
		r.index(as, index, "packages are looked for without encryption, at %s", cut(index.URL))
	}
	as.Rule = "lint/host"
	switch {
	case !isAllowed(u, allowed):
		as.Fix = "take it out of " + path.Base(index.Path) + "; or add " + cut(u.Host) +
			" to allowedRegistries, if it is yours"
		r.index(as, index, "packages are looked for at %s, which is none of the registries that packages may come from",
			cut(u.Host))
	case index.Option == "--extra-index-url" && !alone && len(r.Registries) == 0 && r.isUnproven() && !isPublic(u):
		as.Severity = Warn
		as.Fix = "give one --index-url that has all packages, or pin them with their hashes; " +
			"or add " + cut(u.Host) + " to allowedRegistries"
		r.index(as, index, "of a package that both %s and the public index have, the higher version is installed, "+
			"whoever made it, and not all packages have a hash", cut(u.Host))
	}
}

// isPublic reports whether an address is of the ecosystem's public registry.
func isPublic(u *url.URL) bool { return isAllowed(u, places(Facts{Registries: registries["PyPI"]})) }

// isUnproven reports whether there is a package that could be any.
func (r *report) isUnproven() bool {
	for _, e := range r.Lock.Entries {
		if e.Source == lockfile.Registry && len(e.Integrity) == 0 {
			return true
		}
	}
	return false
}

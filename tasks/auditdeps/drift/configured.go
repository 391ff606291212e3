package drift

import (
	"net/url"
	"path"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// configured looks at the registries that are configured beside a lock file: of packages
// whose address it does not have, nothing else tells where they are from. What only the
// environment says cannot be looked at.
func configured(f Facts) []Finding {
	r := &report{Facts: f}
	allowed := places(f)
	for i, index := range f.Lock.Indexes {
		if len(r.found) >= mostIndexes {
			as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail, Fix: "take them out of it"}
			r.index(as, index, "%d more registries", len(f.Lock.Indexes)-i)
			break
		}
		if address, ok := told(index.URL); ok {
			r.registry(index, address, allowed)
		}
	}
	return r.found
}

// told takes user and password from an address, and reports whether the rest of its host
// can be told without the environment: "https://${TOKEN}@host/path", but not "${REGISTRY}".
func told(address string) (string, bool) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || strings.Contains(scheme, "${") {
		return address, !strings.Contains(address, "${")
	}
	host, dir, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	return scheme + "://" + host + "/" + dir, !strings.Contains(host, "${")
}

func (r *report) registry(index lockfile.Index, address string, allowed []place) {
	as := Finding{Check: Lint, Rule: "lint/host", Severity: Fail, Fix: "write the address in full"}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		r.index(as, index, "packages are looked for at what is no address")
		return
	}
	if !isAllowed(u, allowed) {
		as.Fix = "take it out of " + path.Base(index.Path) + "; or add " + cut(u.Host) +
			" to allowedRegistries, if it is yours"
		r.index(as, index, "packages are looked for at %s, which is none of the registries that packages may come from",
			cut(u.Host))
	}
	if u.Scheme != "https" && !isLoopback(u.Hostname()) {
		as.Rule, as.Fix = "lint/scheme", "use https"
		r.index(as, index, "packages are looked for without encryption, at %s", cut(u.Host))
	}
}

package drift

import (
	"net/url"
	"path"
	"strings"
)

// registries are where an ecosystem's packages are from if nobody says otherwise.
var registries = map[string][]string{
	"npm":       {"registry.npmjs.org", "registry.yarnpkg.com"},
	"PyPI":      {"pypi.org", "files.pythonhosted.org"},
	"Go":        {"proxy.golang.org"},
	"crates.io": {"index.crates.io", "static.crates.io", "crates.io", "https://github.com/rust-lang/crates.io-index"},
	"NuGet":     {"api.nuget.org", "www.nuget.org"},
	"Maven": {
		"repo.maven.apache.org", "repo1.maven.org", "maven.google.com", "dl.google.com", "plugins.gradle.org",
	},
}

// azureArtifacts are Azure Artifacts' feeds, which every Azure pipeline can use.
var azureArtifacts = []string{"pkgs.dev.azure.com", "*.pkgs.visualstudio.com"}

// place is where packages may come from: a host ("*." is any below), or addresses that
// begin in one way.
type place struct {
	prefix *url.URL // nil for a host
	base   string   // of prefix, the path
	host   string
}

// places are those of a lock file.
func places(f Facts) []place {
	allowed := f.Registries
	if len(allowed) == 0 {
		allowed = append(append([]string{}, registries[f.Lock.Ecosystem()]...), azureArtifacts...)
	}
	all := make([]place, 0, len(allowed))
	for _, a := range allowed {
		p := place{host: strings.ToLower(a)}
		if prefix, err := url.Parse(a); err == nil && prefix.Host != "" {
			p.prefix, p.base = prefix, strings.TrimSuffix(path.Clean("/"+prefix.Path), "/")
		}
		all = append(all, p)
	}
	return all
}

// isAllowed reports whether an address is in one of the places.
func isAllowed(u *url.URL, allowed []place) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Host, ":443"))
	for _, p := range allowed {
		if p.has(u, host) {
			return true
		}
	}
	return false
}

func (p place) has(u *url.URL, host string) bool {
	if p.prefix != nil {
		at := path.Clean("/" + u.Path)
		return u.Scheme == p.prefix.Scheme && strings.EqualFold(u.Host, p.prefix.Host) &&
			(at == p.base || strings.HasPrefix(at, p.base+"/"))
	}
	if below, ok := strings.CutPrefix(p.host, "*"); ok && strings.HasPrefix(below, ".") {
		return strings.HasSuffix(host, below)
	}
	return host == p.host
}

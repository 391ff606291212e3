package drift

import (
	"io/fs"
	"net/url"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/versions"
)

// origins tell of each entry that is from no registry who wants that.
type origins struct {
	// known is what the manifests ask for, by its address or path: who wrote them knows.
	known []bool
	// wanted is what something asks for at all, and plain what is asked for by version. What
	// packages ask for stands only in the lock file's own copy, which anybody can write.
	wanted, plain []bool
}

func originsOf(f Facts) origins {
	count := len(f.Lock.Entries)
	o := origins{make([]bool, count), make([]bool, count), make([]bool, count)}
	for _, e := range f.Lock.Entries {
		for _, require := range e.Requires {
			if require.To >= 0 {
				o.edge(f, e, require)
			}
		}
	}
	if f.Lock.Ecosystem() == "npm" {
		o.folders(f.Lock.Entries)
	}
	return o
}

func (o origins) edge(f Facts, e lockfile.Entry, require lockfile.Require) {
	to := f.Lock.Entries[require.To]
	switch to.Source {
	case lockfile.Registry, lockfile.Bundled:
		return
	}
	_, err := versions.Satisfies(f.Lock.Ecosystem(), "1.0.0", require.Range)
	isPlain := require.Range == "" || err == nil
	switch {
	case f.Lock.Ecosystem() != "npm":
		if isCompared(e) && (require.Range == "" || !isPlain) {
			o.known[require.To] = true
		}
	case isKnown(f, e, require):
		o.known[require.To] = true
	case to.Source == lockfile.Project:
		o.wanted[require.To] = o.wanted[require.To] || isPathOf(e, require, to)
	default:
		o.wanted[require.To], o.plain[require.To] = true, o.plain[require.To] || isPlain
	}
}

// isPathOf reports whether a package asks for a folder of the project by its path, and did
// not bring it along.
func isPathOf(e lockfile.Entry, require lockfile.Require, to lockfile.Entry) bool {
	return e.Source != lockfile.Project && require.Range != "" && isLocal(require.Range) &&
		(e.Location == "" || !strings.HasPrefix(to.URL, e.Location+"/"))
}

// isKnown reports whether a manifest asks for what answers a requirement, or forces it, or
// Yarn itself brings it along.
func isKnown(f Facts, e lockfile.Entry, require lockfile.Require) bool {
	to := f.Lock.Entries[require.To]
	forced, isForced := f.Overrides[require.Name]
	return isForced && (forced == "" || asksFor(forced, to)) ||
		isCompared(e) && asksFor(require.Range, to) || isOfYarn(f, to)
}

// folders are known that folders of the project ask for: their manifests are the project's.
func (o origins) folders(entries []lockfile.Entry) {
	var queue []int
	for i, e := range entries {
		if o.known[i] && e.Source == lockfile.Folder {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		e := entries[queue[0]]
		queue = queue[1:]
		for _, r := range e.Requires {
			if r.To >= 0 && !o.known[r.To] && entries[r.To].Source == lockfile.Folder &&
				(r.Range == "" || isLocal(r.Range)) {
				o.known[r.To] = true
				queue = append(queue, r.To)
			}
		}
	}
}

// isCompared reports whether an entry is a project whose requirements the lock file's
// comparison with the manifests holds against its own: none that is elsewhere, or linked.
func isCompared(e lockfile.Entry) bool {
	return e.Source == lockfile.Project && e.URL == "" &&
		(e.Location == "" || fs.ValidPath(e.Location) && !strings.Contains(e.Location, nodeModules+"/"))
}

// isOfYarn reports whether an entry is a package with a patch that Yarn brings along, see
// https://yarnpkg.com/features/patching.
func isOfYarn(f Facts, e lockfile.Entry) bool {
	inner, ok := strings.CutPrefix(e.URL, "patch:"+e.Name+"@")
	base, patch, hash := strings.Cut(inner, "#")
	patch, _, _ = strings.Cut(patch, "::")
	patch = patch[strings.LastIndexAny(patch, "!~")+1:]
	protocol, _, _ := strings.Cut(strings.ReplaceAll(base, "%3A", ":"), ":")
	return f.Lock.Format == lockfile.Berry && ok && hash && patch == "builtin<compat/"+e.Name+">" &&
		(protocol == "npm" || protocol == base)
}

// isLocal reports whether a range is a path.
func isLocal(wanted string) bool {
	scheme, _, ok := strings.Cut(wanted, ":")
	switch scheme {
	case "file", "link", "portal", "patch", "exec":
		return ok
	}
	return strings.HasPrefix(wanted, ".") || strings.HasPrefix(wanted, "/") || strings.HasPrefix(wanted, "~/") ||
		!ok && (strings.Contains(wanted, "/") || strings.HasSuffix(wanted, ".tgz"))
}

// asksFor reports whether what is asked for is what an entry is: a folder, or an address of
// the same host and, of git, repository.
func asksFor(wanted string, to lockfile.Entry) bool {
	if to.Source == lockfile.Project || to.Source == lockfile.Folder {
		return isLocal(wanted)
	}
	host, dir := repository(wanted)
	realHost, realDir := repository(to.URL)
	switch {
	case host == "" || host != realHost:
		return wanted == to.URL && strings.Contains(wanted, ":")
	case forges[host]:
		parts := append(strings.Split(strings.ToLower(dir), "/"), "")
		dir, realDir = parts[0]+"/"+parts[1], strings.TrimPrefix(strings.ToLower(realDir), "api/v4/projects/")
	case to.Source == lockfile.Remote || host == "gist.github.com":
		return true
	}
	return realDir == dir || strings.HasPrefix(realDir, dir+"/")
}

// forges are hosts of many people's repositories, whose paths begin with owner and name.
var forges = map[string]bool{"github.com": true, "gitlab.com": true, "bitbucket.org": true}

// shorthands are what package managers have for these, see
// https://docs.npmjs.com/cli/v11/using-npm/package-spec.
var shorthands = map[string]string{
	"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org", "gist": "gist.github.com",
}

// repository returns the host and the path of an address of git or of an archive, in any
// of the forms that npm knows; "" if it is none.
func repository(address string) (host, dir string) {
	address, _, _ = strings.Cut(strings.TrimPrefix(address, "git+"), "#")
	_, rest, ok := strings.Cut(address, "://")
	short, behind, colon := strings.Cut(address, ":")
	switch {
	case ok:
		host, dir, _ = strings.Cut(rest, "/")
	case shorthands[short] != "":
		host, dir = shorthands[short], behind
	case colon && strings.Contains(short, "@"): // git@host:path
		host, dir = short, behind
	case !colon && strings.Count(address, "/") == 1 && address[0] != '.' && address[0] != '~':
		host, dir = "github.com", address
	}
	host = strings.ToLower(host[strings.LastIndex(host, "@")+1:])
	host, port, _ := strings.Cut(host, ":")
	if strings.Trim(port, "0123456789") != "" { // ssh://git@host:path
		dir = port + "/" + dir
	}
	if host == "codeload.github.com" || host == "www.github.com" {
		host = "github.com"
	}
	dir, _, _ = strings.Cut(dir, "?")
	if plain, err := url.PathUnescape(dir); err == nil {
		dir = plain
	}
	return host, strings.TrimSuffix(strings.Trim(dir, "/"), ".git")
}

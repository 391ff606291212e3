package drift

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

func from(name string, urls ...string) []lockfile.Entry {
	var entries []lockfile.Entry
	for _, url := range urls {
		entries = append(entries, lockfile.Entry{
			Name: name, Version: "1.0.0", Source: lockfile.Registry, URL: url, Integrity: []string{"sha512-x"},
		})
	}
	return entries
}

func TestAddressesOfNPM(t *testing.T) {
	t.Parallel()
	const a, bad = "https://registry.npmjs.org/a/-/a-1.0.0.tgz", "https://npm.example/a/-/a-1.0.0.tgz"
	for name, tc := range map[string]struct {
		entries []lockfile.Entry
		allowed []string
		want    []string
	}{
		"public":              {entries: from("a", a, "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz#hash")},
		"no address":          {entries: from("a", "")},
		"Azure Artifacts":     {entries: from("a", "https://pkgs.dev.azure.com/o/p/_packaging/f/npm/registry/a/-/a-1.0.0.tgz")},
		"Azure, old":          {entries: from("a", "https://o.pkgs.visualstudio.com/_packaging/f/npm/registry/a/-/a-1.0.0.tgz")},
		"looks like Azure":    {entries: from("a", "https://evilpkgs.visualstudio.com/a/-/a-1.0.0.tgz"), want: []string{"fail lint/host a@1.0.0"}},
		"scope":               {entries: from("@s/a", "https://registry.npmjs.org/@s/a/-/a-1.0.0.tgz")},
		"scope, escaped":      {entries: from("@s/a", "https://registry.npmjs.org/@s%2fa/-/a-1.0.0.tgz")},
		"another scope":       {entries: from("@s/a", "https://registry.npmjs.org/@t/a/-/a-1.0.0.tgz"), want: []string{"fail lint/address @s/a@1.0.0"}},
		"no scope":            {entries: from("@s/a", a), want: []string{"fail lint/address @s/a@1.0.0"}},
		"foreign":             {entries: from("a", bad), want: []string{"fail lint/host a@1.0.0"}},
		"allowed":             {entries: from("a", bad), allowed: []string{"npm.example"}},
		"another port":        {entries: from("a", "https://npm.example:8443/a/-/a-1.0.0.tgz"), allowed: []string{"npm.example"}, want: []string{"fail lint/host a@1.0.0"}},
		"allowed by address":  {entries: from("a", "https://npm.example/feed/a/-/a-1.0.0.tgz"), allowed: []string{"https://npm.example/feed"}},
		"beside that":         {entries: from("a", "https://npm.example/feed-2/a/-/a-1.0.0.tgz"), allowed: []string{"https://npm.example/feed/"}, want: []string{"fail lint/host a@1.0.0"}},
		"out of that":         {entries: from("a", "https://npm.example/feed/../other/a/-/a-1.0.0.tgz"), allowed: []string{"https://npm.example/feed/"}, want: []string{"fail lint/host a@1.0.0"}},
		"only what is listed": {entries: from("a", a), allowed: []string{"npm.example"}, want: []string{"fail lint/host a@1.0.0"}},
		"most of the file":    {entries: from("a", bad, bad, bad, a), want: []string{"fail lint/host a@1.0.0"}},
		"loopback":            {entries: from("a", "http://127.0.0.1:4873/a/-/a-1.0.0.tgz"), allowed: []string{"127.0.0.1:4873"}},
		"no address at all":   {entries: from("a", "registry.npmjs.org"), want: []string{"fail lint/host a@1.0.0"}},
		"no address of the registry's": {
			entries: from("a", "https://registry.npmjs.org/evil.tgz"), want: []string{"fail lint/address a@1.0.0"},
		},
		"of another form":  {entries: from("a", "https://npm.pkg.github.com/download/a/1.0.0/abc"), allowed: []string{"npm.pkg.github.com"}},
		"of another build": {entries: []lockfile.Entry{{Name: "a", Version: "1.0.0+b", Source: lockfile.Registry, URL: a, Integrity: []string{"sha512-x"}}}},
		"remote, and nothing asks for it": {
			entries: []lockfile.Entry{{Name: "a", Version: "1.0.0", Source: lockfile.Remote, URL: bad, Integrity: []string{"sha512-x"}}},
			want:    []string{"fail lint/host a@1.0.0"},
		},
		"remote, as asked for": {
			entries: []lockfile.Entry{
				{Name: "a", Version: "1.0.0", Source: lockfile.Remote, URL: bad, Integrity: []string{"sha512-x"}},
				{Source: lockfile.Project, Requires: []lockfile.Require{{Name: "a", Range: bad, Kind: lockfile.Prod, To: 0}}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := said(addresses(Facts{
				Lock:       lockfile.Lock{Path: lock, Format: lockfile.NPM, Entries: tc.entries},
				Registries: tc.allowed,
			}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("addresses(%+v, allowed %q) (-want +got):\n%s", tc.entries, tc.allowed, diff)
			}
		})
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	many := make([]lockfile.Entry, 11)
	for i := range many {
		many[i] = lockfile.Entry{Name: "a", Version: "1.0.0", Source: lockfile.Registry}
	}
	proven := lockfile.Entry{Name: "p", Version: "1.0.0", Source: lockfile.Registry, Integrity: []string{"sha256:ab"}}
	for name, tc := range map[string]struct {
		format  lockfile.Format
		entries []lockfile.Entry
		want    []string
	}{
		"one for many":               {lockfile.NPM, many, []string{"fail lint/integrity-missing "}},
		"requirements without":       {lockfile.Pip, many, []string{"warn lint/integrity-missing "}},
		"requirements, some without": {lockfile.Pip, append([]lockfile.Entry{proven}, many[:1]...), []string{"fail lint/integrity-missing a@1.0.0"}},
		"Maven has none":             {lockfile.Maven, many, nil},
		"Berry, for another system": {
			lockfile.Berry, []lockfile.Entry{proven, {Name: "f", Version: "1.0.0", Source: lockfile.Registry, Optional: true}}, nil,
		},
		"git": {lockfile.NPM, []lockfile.Entry{{Name: "g", Version: "1.0.0", Source: lockfile.Git}}, nil},
		"one of two is strong": {
			lockfile.NPM, []lockfile.Entry{{Name: "g", Version: "1", Source: lockfile.Registry, Integrity: []string{"sha1-x", "sha512-x"}}}, nil,
		},
	} {
		got := said(integrity(Facts{Lock: lockfile.Lock{Path: lock, Format: tc.format, Entries: tc.entries}}))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: integrity (-want +got):\n%s", name, diff)
		}
	}
}

// A lock file that cannot be compared must not look like one that fits.
func TestManifest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stale error
		want  []string
	}{
		"fresh": {nil, nil},
		"stale": {
			&lockfile.StaleError{Path: lock, Manifest: "package.json", Differences: []string{"a: x", "b: y"}, Fix: "npm install"},
			[]string{"a: x (package.json and package-lock.json)", "b: y (package.json and package-lock.json)"},
		},
		"unreadable manifest": {&lockfile.FormatError{Path: "package.json", Reason: "it is not JSON"}, []string{"package.json: it is not JSON"}},
		"unknown":             {errors.New("secret"), []string{"it cannot be told whether the lock file belongs to the manifests beside it"}},
	} {
		var got []string
		for _, f := range Find(Facts{Lock: lockfile.Lock{Path: lock, Format: lockfile.NPM}, Stale: tc.stale}) {
			if f.Severity == Fail && f.Rule == "drift/manifest" {
				got = append(got, f.Message)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: Find with Stale %v (-want +got):\n%s", name, tc.stale, diff)
		}
	}
}

// The project now asks for a otherwise, of which 1.0.0 is locked.
func TestManifestThatChangesNothing(t *testing.T) {
	t.Parallel()
	ask := func(span string, kind lockfile.Kind) lockfile.Require {
		return lockfile.Require{Name: "a", Range: span, Kind: kind}
	}
	entry := lockfile.Entry{Name: "a", Version: "1.0.0", Source: lockfile.Registry}
	dev, optional, both, peer, git, other, unknown := entry, entry, entry, entry, entry, entry, entry
	dev.Dev, optional.Optional, both.DevOptional, peer.Peer = true, true, true, true
	git.Source, other.Name, unknown.Version = lockfile.Git, "b", ""
	for name, tc := range map[string]struct {
		entry     lockfile.Entry
		changed   []lockfile.Require
		overrides map[string]string
		want      Severity
	}{
		"in the range":           {entry, []lockfile.Require{ask("~1.0.0", lockfile.Prod)}, nil, Warn},
		"not in it":              {entry, []lockfile.Require{ask("~1.1.0", lockfile.Prod)}, nil, Fail},
		"only one of two is":     {entry, []lockfile.Require{ask("1", lockfile.Prod), ask("2", lockfile.Prod)}, nil, Fail},
		"something else":         {entry, nil, nil, Fail},
		"a tag":                  {entry, []lockfile.Require{ask("latest", lockfile.Prod)}, nil, Fail},
		"no range that is known": {entry, []lockfile.Require{ask("1 or so", lockfile.Prod)}, nil, Fail},
		"an alias of it":         {entry, []lockfile.Require{ask("npm:a@1", lockfile.Prod)}, nil, Warn},
		"an alias of another":    {entry, []lockfile.Require{ask("npm:b@1", lockfile.Prod)}, nil, Fail},
		"another is locked":      {other, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
		"from elsewhere":         {git, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
		"of no version":          {unknown, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
		"forced to be one":       {entry, []lockfile.Require{ask("1", lockfile.Prod)}, map[string]string{"a": "1.0.0"}, Fail},
		"still for development":  {dev, []lockfile.Require{ask("1", lockfile.Dev)}, nil, Warn},
		"not only for that":      {dev, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
		"still optional":         {optional, []lockfile.Require{ask("1", lockfile.Optional)}, nil, Warn},
		"not optional any more":  {optional, []lockfile.Require{ask("1", lockfile.Dev)}, nil, Fail},
		"more than dev optional": {both, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
		"still a peer":           {peer, []lockfile.Require{ask("1", lockfile.Peer)}, nil, Warn},
		"not only a peer":        {peer, []lockfile.Require{ask("1", lockfile.Prod)}, nil, Fail},
	} {
		f := Facts{
			Lock:      lockfile.Lock{Path: lock, Format: lockfile.NPM, Entries: []lockfile.Entry{tc.entry}},
			Stale:     &lockfile.StaleError{Path: lock, Differences: []string{"a: x"}, Changed: tc.changed},
			Overrides: tc.overrides,
		}
		if got := manifest(f); len(got) != 1 || got[0].Severity != tc.want {
			t.Errorf("%s: manifest with %+v changed: got %+v, want one %s", name, tc.changed, got, tc.want)
		}
	}
}

// What could not be read is a reason not to trust the audit, and no finding of it.
func TestUnreadIsNoFinding(t *testing.T) {
	t.Parallel()
	f := Facts{
		Lock: lockfile.Lock{Path: "app/package-lock.json", Format: lockfile.NPM},
		Trees: []installed.Tree{{Kind: installed.NodeModules, Problems: []installed.Problem{
			{Path: "app/node_modules/a/package.json", Text: "cannot be read", Unread: true},
			{Path: "app/node_modules/b/package.json", Text: "names no version"},
		}}},
	}
	found := Find(f)
	if len(found) != 1 || found[0].Path != "app/node_modules/b/package.json" || found[0].Rule != "installed/changed" {
		t.Errorf("Find: got %+v, want one finding, about b", found)
	}
	// A package that cannot be read is not missing.
	f.Lock.Entries = []lockfile.Entry{
		{Source: lockfile.Project, Requires: []lockfile.Require{{Name: "a", Range: "1", Kind: lockfile.Prod, To: 1}}},
		{Name: "a", Version: "1.0.0", Source: lockfile.Registry, Location: "node_modules/a", Integrity: []string{"sha512-x"}},
	}
	if again := Find(f); len(again) != 1 {
		t.Errorf("Find, with an entry for a: got %+v, want one finding, about b", again)
	}
}

func TestFindingsAreInOrder(t *testing.T) {
	t.Parallel()
	f := Facts{Lock: lockfile.Lock{Path: lock, Format: lockfile.NPM, Contradictions: []lockfile.Contradiction{
		{Line: 9, Text: "b"}, {Line: 2, Text: "a"}, {Line: 9, Text: "b"},
	}}}
	f.Lock.Entries = from("a", "")
	f.Lock.Entries[0].Integrity = []string{"md5-x"}
	var got []int
	for _, finding := range Find(f) {
		got = append(got, finding.Line)
	}
	if diff := cmp.Diff([]int{2, 9, 0}, got); diff != "" {
		t.Errorf("lines of Find (-want +got):\n%s", diff)
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[string]string{
		"^1.0.0": "a", "npm:b@^1": "b", "npm:@s/b@1": "@s/b", "npm:^1.0.0": "a", "npm:@s/b": "@s/b", "npm:b": "b",
	} {
		if got := target(lockfile.Require{Name: "a", Range: wanted}); got != want {
			t.Errorf("target(a@%s) = %q, want %q", wanted, got, want)
		}
	}
}

// A registry of one's own that nobody has told about is one finding, not a thousand.
func TestManyPackagesOfOneHost(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{mostOfHost: mostOfHost, mostOfHost + 1: 1} {
		var entries []lockfile.Entry
		for i := range n {
			name := fmt.Sprintf("p%d", i)
			entries = append(entries, lockfile.Entry{
				Name: name, Version: "1.0.0", Source: lockfile.Registry, Integrity: []string{"sha512-x"},
				URL: "https://npm.example/" + name + "/-/" + name + "-1.0.0.tgz",
			})
		}
		got := addresses(Facts{Lock: lockfile.Lock{Format: lockfile.NPM, Entries: entries}})
		if len(got) != want || got[0].Rule != "lint/host" {
			t.Errorf("%d packages of a foreign host: got %d findings %v, want %d of lint/host", n, len(got), got, want)
		}
	}
}

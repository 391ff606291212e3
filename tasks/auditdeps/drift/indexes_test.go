package drift

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestIndexes(t *testing.T) {
	t.Parallel()
	const azure = "https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple"
	for name, tc := range map[string]struct {
		option, url string
		unproven    bool
		allowed     []string
		want        string
	}{
		"the public one":              {option: "--index-url", url: "https://pypi.org/simple", unproven: true},
		"the public one once more":    {option: "--extra-index-url", url: "https://pypi.org/simple", unproven: true},
		"a foreign one":               {option: "--extra-index-url", url: "https://evil.test/simple", want: "fail lint/host"},
		"a foreign one instead":       {option: "--index-url", url: "https://evil.test/simple", want: "fail lint/host"},
		"a foreign page of links":     {option: "--find-links", url: "https://evil.test/", want: "fail lint/host"},
		"of a manifest":               {option: "tool.uv.index", url: "https://evil.test/", want: "fail lint/host"},
		"one that is allowed":         {option: "--extra-index-url", url: "https://mine.test/simple", unproven: true, allowed: []string{"mine.test"}},
		"not one of those":            {option: "--index-url", url: "https://pypi.org/simple", allowed: []string{"mine.test"}, want: "fail lint/host"},
		"without encryption":          {option: "--index-url", url: "http://pypi.org/simple", want: "fail lint/scheme"},
		"on this machine":             {option: "--index-url", url: "http://127.0.0.1/simple", allowed: []string{"127.0.0.1"}},
		"a feed alone":                {option: "--index-url", url: azure, unproven: true},
		"a feed beside the public":    {option: "--extra-index-url", url: azure, unproven: true, want: "warn lint/host"},
		"a feed, with hashes":         {option: "--extra-index-url", url: azure},
		"a feed that is allowed":      {option: "--extra-index-url", url: azure, unproven: true, allowed: []string{"pkgs.dev.azure.com"}},
		"a user before the host":      {option: "--index-url", url: "https://evil.test?@pypi.org/simple", want: "fail lint/host"},
		"no address":                  {option: "--index-url", url: "https://", want: "fail lint/host"},
		"of the environment":          {option: "--index-url", url: "https://${HOST}/simple", want: "warn lint/host"},
		"a folder, with hashes":       {option: "--find-links", url: "./wheels"},
		"a folder":                    {option: "--find-links", url: "file:///wheels", unproven: true, want: "warn lint/host"},
		"a host without certificate":  {option: "--trusted-host", url: "pypi.org", want: "fail lint/scheme"},
		"a port without certificate":  {option: "--trusted-host", url: "localhost:8080"},
		"an index without one":        {option: "verify_ssl", url: "https://pypi.org/simple", want: "fail lint/scheme"},
		"an index here without one":   {option: "verify_ssl", url: "https://localhost:8080/simple"},
		"nothing but what is listed":  {option: "--no-index", unproven: true},
		"of another scheme":           {option: "--find-links", url: "ftp://pypi.org/x", want: "fail lint/scheme"},
		"on this machine, not listed": {option: "--index-url", url: "http://localhost/simple", want: "fail lint/host"},
	} {
		entry := lockfile.Entry{Name: "a", Version: "1.0", Source: lockfile.Registry, Integrity: []string{"sha256:ab"}}
		if tc.unproven {
			entry.Integrity = nil
		}
		f := Facts{Registries: tc.allowed, Lock: lockfile.Lock{Path: "requirements.txt", Format: lockfile.Pip,
			Entries: []lockfile.Entry{entry}, Indexes: []lockfile.Index{{Path: "more.txt", Line: 3, Option: tc.option, URL: tc.url}}}}
		got := ""
		for _, found := range indexes(f) {
			got = string(found.Severity) + " " + found.Rule
			if found.Path != "more.txt" || found.Line != 3 || found.Fix == "" || found.Check != Lint {
				t.Errorf("%s: got %+v, want line 3 of more.txt, and what to do", name, found)
			}
		}
		if got != tc.want {
			t.Errorf("%s: indexes of %s %s: got %q, want %q", name, tc.option, tc.url, got, tc.want)
		}
	}
}

func TestIndexesAreBounded(t *testing.T) {
	t.Parallel()
	lock := lockfile.Lock{Path: "requirements.txt", Format: lockfile.Pip}
	for i := range 1000 {
		lock.Indexes = append(lock.Indexes, lockfile.Index{Option: "-i", URL: fmt.Sprintf("https://x%d.test", i)})
	}
	got := Find(Facts{Lock: lock})
	if diff := cmp.Diff(mostIndexes+1, len(got)); diff != "" {
		t.Errorf("Find with 1000 indexes: number of findings (-want +got):\n%s", diff)
	}
}

package drift

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestConfiguredRegistries(t *testing.T) {
	t.Parallel()
	host, scheme := "fail lint/host", "fail lint/scheme"
	for _, tc := range []struct {
		url     string
		allowed []string
		want    []string
	}{
		{"https://registry.npmjs.org/", nil, nil},
		{"https://registry.yarnpkg.com", nil, nil},
		{"https://pkgs.dev.azure.com/o/p/_packaging/f/npm/registry/", nil, nil},
		{"https://npm.example/", nil, []string{host}},
		{"https://npm.example/", []string{"npm.example"}, nil},
		{"https://registry.npmjs.org/", []string{"npm.example"}, []string{host}},
		{"https://npm.example/feed/", []string{"https://npm.example/feed"}, nil},
		{"https://npm.example/other/", []string{"https://npm.example/feed"}, []string{host}},
		{"http://registry.npmjs.org/", nil, []string{scheme}},
		{"http://npm.example/", nil, []string{host, scheme}},
		{"http://127.0.0.1:4873/", []string{"127.0.0.1:4873"}, nil},
		{"npm.example", nil, []string{host}},
		{"", nil, []string{host}},
		{"${REGISTRY}", nil, nil},
		{"${SCHEME}://npm.example/", nil, nil},
		{"https://${HOST}/", nil, nil},
		{"https://npm.example/${PATH}", nil, []string{host}},
		{"https://${USER}:secret@npm.example/", nil, []string{host}},
	} {
		var got []string
		f := Facts{Registries: tc.allowed, Lock: lockfile.Lock{Path: lock, Format: lockfile.NPM,
			Indexes: []lockfile.Index{{Path: "app/.npmrc", Line: 3, Option: "registry", URL: tc.url}}}}
		for _, found := range Find(f) {
			got = append(got, string(found.Severity)+" "+found.Rule)
			if found.Path != "app/.npmrc" || found.Line != 3 || found.Fix == "" || strings.Contains(fmt.Sprint(found), "secret") {
				t.Errorf("registry %s, allowed %q: got %+v, want its place, a fix, and no password", tc.url, tc.allowed, found)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Find with registry %s, allowed %q (-want +got):\n%s", tc.url, tc.allowed, diff)
		}
	}
	many := lockfile.Lock{Path: lock, Format: lockfile.NPM}
	for i := range 1000 {
		many.Indexes = append(many.Indexes, lockfile.Index{URL: fmt.Sprintf("https://x%d.example", i)})
	}
	if got := len(Find(Facts{Lock: many})); got != mostIndexes+1 {
		t.Errorf("Find with 1000 registries: got %d findings, want %d", got, mostIndexes+1)
	}
}

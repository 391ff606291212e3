package guardedpush

import (
	"strings"
	"testing"
)

// A commit that is no deployment carries one token that the server honours, whatever its
// message says; a deployment carries none.
func TestSkipTokens(t *testing.T) {
	t.Parallel()
	const cloud, server = "Hosted", "OnPremises"
	for name, tc := range map[string]struct {
		kind, server, message string
		want                  map[string]int // how often a token is there
	}{
		"other":              {"other", cloud, "", map[string]int{"[skip ci]": 1, "NO_CI": 0}},
		"by default":         {"", cloud, "", map[string]int{"[skip ci]": 1}},
		"has it already":     {"other", cloud, "Update [skip ci]", map[string]int{"[skip ci]": 1}},
		"has another one":    {"other", cloud, "Update [ci skip]", map[string]int{"[skip ci]": 0, "[ci skip]": 1}},
		"has a weaker one":   {"other", cloud, "Update [skip azp]", map[string]int{"[skip ci]": 1}},
		"in another case":    {"other", cloud, "Update [Skip CI]", map[string]int{"[skip ci]": 1}},
		"on a server":        {"other", server, "", map[string]int{"***NO_CI***": 1, "[skip ci]": 0}},
		"on a server, twice": {"other", server, "Update ***NO_CI***", map[string]int{"***NO_CI***": 1}},
		"on a server, else":  {"other", server, "Update [skip ci]", map[string]int{"***NO_CI***": 1, "[skip ci]": 1}},
		"a deployment":       {"deployment", cloud, "", map[string]int{"skip": 0, "NO_CI": 0}},
		"a deployment, with": {"deployment", cloud, "Deploy [skip ci]", map[string]int{"[skip ci]": 1}},
		"forged: no trailer": {"other", cloud, "Update\n\nSigned-off-by: me", map[string]int{"[skip ci]": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).set("SYSTEM_SERVERTYPE", tc.server).input("commitKind", tc.kind, "message", tc.message)
			result := "Succeeded"
			if name == "a deployment, with" {
				result = "SucceededWithIssues"
			}
			j.want(result, "pushed")
			text := j.newest("main")
			if result != "Succeeded" {
				j.says("this deployment starts no pipeline")
			}
			for token, want := range tc.want {
				if got := strings.Count(text, token); got != want {
					t.Errorf("%q is there %d times, want %d:\n%s", token, got, want, text)
				}
			}
			if !strings.HasPrefix(text, strings.TrimSpace(strings.Split(tc.message, "\n")[0])) {
				t.Errorf("message:\n%s", text)
			}
		})
	}
	// Elsewhere it is [skip ci], whatever the server of the run is.
	j := fresh(t).elsewhere("gitConnection", `{"parameters":{"apitoken":"`+jobToken+`"}}`).set("SYSTEM_SERVERTYPE", server)
	j.want("Succeeded", "pushed")
	if text, err := j.git.Git(elsewhereRepo, "log", "-1", "--format=%B"); err != nil || !strings.Contains(text, "[skip ci]") {
		t.Errorf("message: %q, %v", text, err)
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("commitKind", "deployment", "application", "shop/web", "environment", "the\tmoon", "version", "1.0 ##vso[x]",
		"authorName", "Zoë", "authorEmail", "zoe@example.com")
	j.want("Succeeded", "pushed")
	for _, want := range []string{
		"Deploy shop/web 1.0 ##vso[x] to the", "\nPipeline-Guardrails-Run: local/Shop/12/100\n", "\nPipeline-Guardrails-Kind: deployment\n",
		"\nPipeline-Guardrails-Fingerprint: ", "\nPipeline-Guardrails-Application: shop/web\n",
		"\nPipeline-Guardrails-Environment: the%09moon\n", "\nPipeline-Guardrails-Version: 1.0",
	} {
		if text := j.newest("main") + "\n"; !strings.Contains(text, want) {
			t.Errorf("the message has no %q:\n%s", want, text)
		}
	}
	same(t, "author and committer", "Zoë <zoe@example.com> Zoë <zoe@example.com> 2026-11-23T12:00:00Z",
		j.remote("log", "-1", "--format=%an <%ae> %cn <%ce> %cd", "--date=format:%Y-%m-%dT%H:%M:%SZ", "main"))
	j.silent("1.0 ##vso[x]")
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, says string }{
		"a trailer of ours": {"Update\n\nPipeline-Guardrails-Run: local/Shop/99/1", "message"},
		"in another case":   {"Update\n\npipeline-guardrails-kind: deployment", "message"},
		"control signs":     {"\x01\x02", "message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("message", tc.text)
			j.untouched(func() { j.want("Failed", "push/input") })
			j.oneError(tc.says)
		})
	}
}

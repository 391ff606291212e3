package masking_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
)

// TestLinesAreTheValue: of a value of several lines the agent sees only lines, so that
// one without room is as bad as a value without room.
func TestLinesAreTheValue(t *testing.T) {
	t.Parallel()
	var pem, env, document []string
	for i := range 20 {
		pem = append(pem, fmt.Sprintf("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC%02d", i))
		env = append(env, fmt.Sprintf("NAME_%02d=v4lue-%02d", i, i))
		document = append(document, fmt.Sprintf(`"name%02d": "v4lue-%02d"`, i, i))
	}
	for name, tc := range map[string]struct {
		text  string
		needs int // registrations
	}{
		"key":                    {"-----BEGIN PRIVATE KEY-----\n" + strings.Join(pem, "\n") + "\n-----END PRIVATE KEY-----", 21},
		"environment file":       {strings.Join(env, "\n"), 20},
		"environment file, CRLF": {strings.Join(env, "\r\n"), 20},
		"list":                   {strings.Join(pem, "\n"), 20},
		"JSON":                   {"{\n" + strings.Join(document, ",\n") + "\n}", 20},
		"in quotes":              {"'" + strings.Join(pem, "\n") + "'", 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := []masking.Value{{"long", tc.text}, {"short", "hunter-2"}}
			for room, want := range map[int][]string{tc.needs + 1: nil, tc.needs: {"long"}, 1: {"long"}, 0: {"short", "long"}} {
				plan := masking.Decide(values, nil, masking.Limits{Most: 400, Used: 400 - room})
				if diff := cmp.Diff(want, plan.Unmasked); diff != "" {
					t.Errorf("Decide(%q) with room for %d: unmasked (-want +got):\n%s", tc.text, room, diff)
				}
				if room > 0 && !slices.Contains(plan.Register, "hunter-2") {
					t.Errorf("Decide with room for %d does not register the value of one line: %q", room, plan.Register)
				}
			}
		})
	}
}

// TestEveryLineIsHidden: no first character of a line makes it harmless.
func TestEveryLineIsHidden(t *testing.T) {
	t.Parallel()
	for _, start := range []string{
		"#", "# ", ";", "!", "[", "//", "-----", "-----BEGIN", "- ", "{", "}", "<", "export ", "\t", "'", "=", ":", "x=", "x: ", "--",
	} {
		for _, others := range []string{"first-line-1\n%s\nthird-line-3", "A_KEY=first-1\n%s\nB_KEY=third-3\nC=d"} {
			for _, end := range []string{"", "=", "==", ":", "]", ";", " x"} {
				line := start + "s3cr3tAbCdEfGh1jKlMn" + end
				text := fmt.Sprintf(others, line)
				plan := decide(text)
				if got := agent(t, plan.Register).Mask(strings.TrimSpace(line)); strings.Contains(got, "s3cr3tAbCdEf") {
					t.Errorf("with Decide(%q) the agent masks the line %q as %q; registered: %q", text, line, got, plan.Register)
				}
			}
		}
	}
}

// TestLeavesAreHidden: the name of a string in a document makes it public only if it
// says so.
func TestLeavesAreHidden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"id", "name", "login", "access_token_id", "apiKeyName", "secretUrl", "clientId", "tenantId", "account", "role",
		"uid", "app", "service", "scope", "email", "token_type", "passwordType", "secretHost", "note", "x", "sid", "cluster",
	} {
		for _, text := range []string{`{"a":{"` + name + `":"hunter-2-x"}}`, "{\n\"" + name + "\": [\"hunter-2-x\"]}", "A=b\n" + name + "=hunter-2-x"} {
			plan := decide(text)
			if got := agent(t, plan.Register).Mask("<hunter-2-x>"); strings.Contains(got, "hunter") {
				t.Errorf("with Decide(%q) the agent shows %q; registered: %q", text, got, plan.Register)
			}
		}
	}
	const same = `{"accessTokenId":"hunter-2-x","user":"hunter-2-x"}`
	want := []masking.Short{{"s", "its field ($.accessTokenId): it is also a name that logs must show"}}
	if diff := cmp.Diff(want, decide(same).Open); diff != "" {
		t.Errorf("Decide(%q).Open (-want +got):\n%s", same, diff)
	}
}

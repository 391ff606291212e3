package platformbuild

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// BuildKit's checks of the Dockerfile, before anything is built.
func TestLint(t *testing.T) {
	t.Parallel()
	const sloppy = "from {base}\nRUN echo a\n"
	for name, tc := range map[string]struct {
		dockerfile string
		inputs     []string
		result     string
		says       string
	}{
		"fine":          {"FROM {base}\n", nil, "Succeeded", ""},
		"sloppy":        {sloppy, nil, "Succeeded", "type=warning;sourcepath=Dockerfile;linenumber=1;code=image/lint;]ConsistentInstructionCasing"},
		"sloppy, error": {sloppy, []string{"lint", "error"}, "Failed", "type=error;sourcepath=Dockerfile;linenumber=1;code=image/lint;]ConsistentInstructionCasing"},
		"sloppy, only warned of": {
			sloppy, []string{"lint", "error", "enforcement", "warn"}, "SucceededWithIssues", "the step goes on",
		},
		"sloppy, off": {sloppy, []string{"lint", "off"}, "Succeeded", ""},
		"a platform in FROM": {
			"FROM --platform=linux/arm64 {base}\n", nil, "Failed",
			"type=error;sourcepath=Dockerfile;linenumber=1;code=image/platform;]FromPlatformFlagConstDisallowed",
		},
		"a platform in FROM, off": {
			"FROM --platform=linux/arm64 {base}\n", []string{"lint", "off"}, "Failed", "code=platform/machine",
		},
		"the build's platform in FROM": {
			"FROM --platform=$BUILDPLATFORM {base} AS a\nRUN echo a >/a\nFROM {base}\nCOPY --from=a /a /a\n", nil, "Succeeded", "",
		},
		"broken":        {"FROM {base}\nCOPY nowhere /\n", nil, "Failed", "nowhere"},
		"no such stage": {"FROM {base}\n", []string{"target", "nowhere"}, "Failed", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := realJob(t, map[string]string{"Dockerfile": tc.dockerfile}).input(tc.inputs...)
			j.want(tc.result)
			j.says(tc.says)
			if built := len(j.tags()) > 0; built != (tc.result != "Failed") {
				t.Errorf("tags %q", j.tags())
			}
			if strings.Contains(tc.says, "type=error") && strings.Contains(j.log, "exporting") {
				t.Errorf("it was built:\n%s", j.log)
			}
		})
	}
}

// A finding is told once, although the build tells it again.
func TestLintFindingsAreToldOnce(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "from {base}\nRUN echo a\n"})
	j.want("Succeeded")
	if n := strings.Count(j.log, "type=warning;sourcepath=Dockerfile;linenumber=1;code=image/lint"); n != 1 {
		t.Errorf("told %d times:\n%s", n, j.log)
	}
}

// A builder without checks.
func TestNoLint(t *testing.T) {
	t.Parallel()
	warning := fmt.Sprintf(`{"warnings": [{"short": %q, "sourceInfo": {"filename": "Dockerfile"}, "range": `+
		`[{"start": {"line": 2}}]}]}`+"\n", base64.StdEncoding.EncodeToString([]byte("a warning of the build")))
	for name, tc := range map[string]struct {
		version string
		lint    string
		result  string
		says    string
		without string
	}{
		"an old one":            {"v0.12.5", "warn", "Succeeded", "has no checks of Dockerfiles", ""},
		"it warns later":        {"v0.12.5", "warn", "Succeeded", "sourcepath=Dockerfile;linenumber=2;code=image/lint", ""},
		"off":                   {"v0.12.5", "off", "Succeeded", "", "a warning of the build"},
		"error":                 {"v0.12.5", "error", "Failed", "cannot check a Dockerfile", ""},
		"a new one":             {"v0.14.0", "error", "Succeeded", "", "has no checks"},
		"it has said so before": {"v0.14.0", "warn", "Succeeded", "", "a warning of the build"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, fake{Version: tc.version, Says: warning}).input("lint", tc.lint)
			j.want(tc.result)
			j.says(tc.says)
			if tc.without != "" {
				j.silent(tc.without)
			}
			if built := len(j.built()) > 0; built != (tc.result != "Failed") {
				t.Errorf("built %q", j.built())
			}
		})
	}
}

package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	t.Parallel()
	const sha = "0123456789abcdef0123456789abcdef01234567"
	built := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	for name, tc := range map[string]struct {
		number, commit string
		info           *debug.BuildInfo
		want           string
	}{
		"nothing known":          {"", "", nil, "0.0.0-dev"},
		"linker":                 {"1.2.3", sha, nil, "1.2.3 (0123456)"},
		"linker, v and no sha":   {"v1.2.3", "", nil, "1.2.3"},
		"linker before go":       {"1.2.3", sha, built("v9.9.9", "vcs.revision", "fff"), "1.2.3 (0123456)"},
		"go run":                 {"", "", built("(devel)"), "0.0.0-dev"},
		"go install":             {"", "", built("v1.4.0"), "1.4.0"},
		"go build":               {"", "", built("(devel)", "vcs.revision", sha), "0.0.0-dev (0123456)"},
		"go build, changed tree": {"", "", built("", "vcs.revision", sha, "vcs.modified", "true"), "0.0.0-dev (0123456+dirty)"},
		"modified but no commit": {"", "", built("", "vcs.modified", "true"), "0.0.0-dev"},
		"short commit":           {"1.0.0", "abc", nil, "1.0.0 (abc)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := format(resolve(tc.number, tc.commit, tc.info)); got != tc.want {
				t.Errorf("number %q, commit %q: got %q, want %q", tc.number, tc.commit, got, tc.want)
			}
		})
	}
}

func TestOwnBuild(t *testing.T) {
	t.Parallel()
	if Number() == "" || String() == "" {
		t.Errorf("Number() = %q, String() = %q: want something from any build", Number(), String())
	}
	if got := String(); got != Number() && !strings.HasPrefix(got, Number()+" (") {
		t.Errorf("String() = %q, want it to begin with %q", got, Number())
	}
}
